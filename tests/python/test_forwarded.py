"""Whose word counts behind proxies, and what becomes of everybody else's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from pyrs._request_parts import build_url, read_origin
from pyrs.forwarded import HOPS_MAX, Origin, TrustedProxies

PROXIES = TrustedProxies(["127.0.0.1", "10.0.0.0/8", "2001:db8:1::/48"])
PEER = ("127.0.0.1", 40_000)
UNKNOWN = Origin(("unknown", 0), "", "")
FORWARDED = ("Forwarded", "for=")


def headers(*lines: str) -> "CIMultiDictProxy[str]":
    pairs = [
        (name, value) for name, _, value in (line.partition(": ") for line in lines)
    ]
    return CIMultiDictProxy(CIMultiDict(pairs))


def origin(*lines: str) -> Origin | None:
    return PROXIES.origin(PEER, headers(*lines))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("for=192.0.2.1", Origin(("192.0.2.1", 0), "", "")),
        (
            'for="192.0.2.1:47011";proto=https;host=example.com',
            Origin(("192.0.2.1", 47011), "https", "example.com"),
        ),
        (
            'For="[2001:db8:cafe::17]:4711";PROTO=HTTP;Host="example.com:8080"',
            Origin(("2001:db8:cafe::17", 4711), "http", "example.com:8080"),
        ),
        ('for="[2001:DB8::1]"', Origin(("2001:db8::1", 0), "", "")),
        ('for="[::ffff:192.0.2.1]"', Origin(("192.0.2.1", 0), "", "")),
        ("for=unknown;proto=https", Origin(("unknown", 0), "https", "")),
        ('for="_hidden:_port"', Origin(("_hidden", 0), "", "")),
        ("for=_gazonk", Origin(("_gazonk", 0), "", "")),
        ("proto=https", Origin(("unknown", 0), "https", "")),
        ("for=192.0.2.1;by=10.0.0.1;secret=x", Origin(("192.0.2.1", 0), "", "")),
        (";for=192.0.2.1; proto=http;", Origin(("192.0.2.1", 0), "http", "")),
        ('for=192.0.2.1;host="[::1]:80"', Origin(("192.0.2.1", 0), "", "[::1]:80")),
    ],
)
def test_what_forwarded_tells(line: str, told: Origin) -> None:
    assert origin(f"Forwarded: {line}") == told


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", ("192.0.2.1", 0)),
        ("192.0.2.1:80", ("192.0.2.1", 80)),
        ("2001:db8::1", ("2001:db8::1", 0)),
        ("[2001:db8::1]:80", ("2001:db8::1", 80)),
        ("unknown", ("unknown", 0)),
    ],
)
def test_what_x_forwarded_for_tells(address: str, client: tuple[str, int]) -> None:
    told = origin(
        f"X-Forwarded-For: {address}",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: example.com:81",
    )
    assert told == Origin(client, "https", "example.com:81")


def test_a_peer_that_is_not_trusted_is_not_believed() -> None:
    lines = headers("Forwarded: for=192.0.2.1", "X-Forwarded-For: 192.0.2.1")
    for host in ("192.0.2.7", "128.0.0.1", "2001:db8:2::1", "", "no address"):
        assert PROXIES.origin((host, 1), lines) is None
    for host in ("10.200.0.1", "::ffff:10.0.0.1", "2001:db8:1:2::3"):
        assert PROXIES.origin((host, 1), lines)


def test_peers_on_a_unix_socket_are_trusted_by_name() -> None:
    lines = headers("X-Forwarded-For: 192.0.2.1")
    assert TrustedProxies(["unix"]).origin(("", 0), lines)
    assert TrustedProxies(["0.0.0.0/0"]).origin(("", 0), lines) is None


@pytest.mark.parametrize("form", ["Forwarded: {}", "X-Forwarded-For: {}"])
def test_the_client_is_the_first_from_the_right_that_is_no_proxy(form: str) -> None:
    prefix = "for=" if form.startswith("F") else ""
    addresses = ["203.0.113.9", "192.0.2.1", "10.0.0.2", "10.0.0.1"]
    line = form.format(", ".join(prefix + address for address in addresses))
    told = origin(line)
    assert told
    assert told.client == ("192.0.2.1", 0)
    several = [form.format(prefix + address) for address in addresses]
    assert origin(*several) == told


def test_if_all_are_proxies_the_outermost_is_the_client() -> None:
    told = origin("X-Forwarded-For: 10.0.0.3, 10.0.0.2")
    assert told == Origin(("10.0.0.3", 0), "", "")


@pytest.mark.parametrize(("header", "node"), [("X-Forwarded-For", ""), FORWARDED])
def test_more_proxies_than_there_can_be_are_not_followed(
    header: str, node: str
) -> None:
    def chain(proxies: int) -> Origin | None:
        nodes = [node + "192.0.2.1", *[node + "10.0.0.1"] * proxies]
        return origin(f"{header}: {','.join(nodes)}")

    assert chain(HOPS_MAX) == Origin(("192.0.2.1", 0), "", "")
    assert chain(HOPS_MAX + 1) == UNKNOWN


def test_scheme_and_host_are_those_that_the_client_s_proxy_told() -> None:
    assert origin(
        "Forwarded: for=192.0.2.1;proto=https;host=example.com",
        "Forwarded: for=10.0.0.2;proto=http;host=inside",
    ) == Origin(("192.0.2.1", 0), "https", "example.com")
    assert origin(
        "X-Forwarded-For: 192.0.2.1, 10.0.0.2",
        "X-Forwarded-Proto: ftp, https, http",
        "X-Forwarded-Host: evil, example.com, inside",
    ) == Origin(("192.0.2.1", 0), "https", "example.com")


def test_one_scheme_stands_for_all_proxies_but_two_for_three_for_none() -> None:
    addresses = "X-Forwarded-For: 192.0.2.1, 10.0.0.3, 10.0.0.2"
    one = origin(addresses, "X-Forwarded-Proto: https")
    two = origin(addresses, "X-Forwarded-Proto: https, http")
    assert one == Origin(("192.0.2.1", 0), "https", "")
    assert two == Origin(("192.0.2.1", 0), "", "")


@pytest.mark.parametrize(
    "claim",
    [
        "for=10.9.9.9",
        'for="',
        'for="192.0.2.66',
        'a="b", c="',
        "garbage",
        'for="\\"',
        ",,;=,",
        'host="x;for=10.9.9.9',
    ],
)
def test_what_a_client_claims_does_not_hide_it(claim: str) -> None:
    added = 'for=192.0.2.1;host="example.com:80"'
    told = Origin(("192.0.2.1", 0), "", "example.com:80")
    assert origin(f"Forwarded: {claim}, {added}") == told
    assert origin(f"Forwarded: {claim}", f"Forwarded: {added}") == told


@pytest.mark.parametrize(
    "line",
    [
        "Forwarded: for",
        "Forwarded: for=",
        "Forwarded: for=192.0.2.1:80",
        'Forwarded: for="192.0.2.1',
        "Forwarded: for=192.0.2.1;for=192.0.2.2",
        "Forwarded: for=192.0.2.1;proto=ftp",
        'Forwarded: for=192.0.2.1;host="a b"',
        'Forwarded: for=192.0.2.1;host="a/b"',
        'Forwarded: for=192.0.2.1;host="[a]"',
        'Forwarded: for=192.0.2.1;host="a:70000"',
        "Forwarded: for=192.0.2.256",
        "Forwarded: for=example.com",
        'Forwarded: for="[192.0.2.1]"',
        'Forwarded: for="[fe80::1%eth0]"',
        'Forwarded: for="192.0.2.1:65536"',
        "Forwarded: ",
        "X-Forwarded-For: example.com",
        "X-Forwarded-For: 192.0.2.1, nobody",
        "X-Forwarded-For: ",
    ],
)
def test_what_cannot_be_read_makes_the_client_unknown_and_not_the_proxy(
    line: str,
) -> None:
    assert origin(line) == UNKNOWN


def test_what_cannot_be_read_in_one_header_leaves_the_others() -> None:
    told = Origin(("192.0.2.1", 0), "", "")
    for line in (
        "Forwarded: garbage",
        "X-Forwarded-Proto: gopher",
        "X-Forwarded-Host: a b",
    ):
        assert origin("X-Forwarded-For: 192.0.2.1", line) == told
    assert origin("Forwarded: for=192.0.2.1", "X-Forwarded-For: garbage") == told


def test_headers_that_disagree_make_the_client_unknown() -> None:
    assert origin("Forwarded: for=192.0.2.1", "X-Forwarded-For: 192.0.2.2") == UNKNOWN
    agreed = origin(
        'Forwarded: for="192.0.2.1:80";proto=https',
        "X-Forwarded-For: 192.0.2.1",
        "X-Forwarded-Proto: http",
    )
    assert agreed == Origin(("192.0.2.1", 80), "https", "")


def test_a_proxy_may_tell_the_scheme_and_not_the_client() -> None:
    assert origin("X-Forwarded-Proto: https") == Origin(PEER, "https", "")
    assert origin("X-Forwarded-Proto: gopher") is None
    assert origin("X-Other: a") is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Forwarded", "X-Forwarded-For", "X-Forwarded-Host"]),
            st.text('for=;,"\\[]: 10.hostproto_unknown'),
        )
    )
)
def test_no_header_raises(pairs: list[tuple[str, str]]) -> None:
    PROXIES.origin(PEER, CIMultiDictProxy(CIMultiDict(pairs)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("*", r'everybody would be "0.0.0.0/0" and "::/0"'),
        ("10.0.0.1/8", r'did you mean "10.0.0.0/8"\?'),
        ("proxy.example", "expected an address"),
        ("", "expected an address"),
        ("10.0.0.0/33", "expected an address"),
    ],
)
def test_what_is_no_proxy_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrustedProxies(["10.0.0.1", text])


def test_no_proxies_are_false() -> None:
    assert not TrustedProxies()
    assert TrustedProxies(["unix"])
    assert TrustedProxies(["::1"])


def test_a_request_s_parts_are_those_of_its_origin() -> None:
    lines = headers(
        "Host: inside:8094", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"
    )
    told = read_origin(PROXIES, PEER, "inside:8094", lines)
    assert told == Origin(("192.0.2.1", 0), "https", "inside:8094")
    url = build_url(told.scheme, told.host, ("127.0.0.1", 8094), "/a", "b")
    assert url == "https://inside:8094/a?b"
    assert read_origin(TrustedProxies(), PEER, "inside:8094", lines) == Origin(
        PEER, "http", "inside:8094"
    )
