"""Who really asked, behind proxies: Forwarded (RFC 7239) and X-Forwarded-*.

Anybody can send these headers, so they count only as far as a trusted proxy wrote them.
Each proxy adds the address it was asked from at the right end; the list is therefore
read from the right, one hop at a time, as long as the address found is a trusted
proxy's. The first one that is not is the client, and whatever stands further left is
what that client claims: it is not even parsed.

    proxies = TrustedProxies(["10.0.0.0/8", "unix"])
    proxies.origin(("10.0.0.7", 50000), headers)

The proxies must write or remove these headers themselves: one that lets a client's own
X-Forwarded-Host through, say, makes it count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, NamedTuple, TypeAlias

from multidict import CIMultiDictProxy

__all__ = ["Origin", "TrustedProxies", "network_fault"]

UNIX: Final = "unix"
UNKNOWN: Final = "unknown"
HOPS_MAX: Final = 64  # proxies on the way; each takes 10 to 30 µs, and none has so many

Address: TypeAlias = "tuple[str, int]"
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# No parameter that is read here has a use for backslashes in its quotes.
_PAIR = re.compile(rf'[ \t]*(?:({_TOKEN})=(?:({_TOKEN})|"([^"\\]*)"))?[ \t]*(?:;|\Z)')
_NODE = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[^:]+))?")
_OBFUSCATED = re.compile(r"_[A-Za-z0-9._-]+")  # RFC 7239, 6.3
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")


class Origin(NamedTuple):
    """Where a request came from, as its proxies tell it.

    An address that is not told is "unknown", or a name it made up that
    begins with "_" (RFC 7239, 6.2 and 6.3), and a port that is not told is 0. `scheme`
    and `host` are "" where no proxy told them.
    """

    client: Address
    scheme: str
    host: str


class _Malformed(Exception):
    pass


NOBODY: Final = Origin((UNKNOWN, 0), "", "")


class TrustedProxies:
    """Proxies whose headers are believed: addresses, networks, "unix".

    "unix" is any peer on a unix socket. Everybody would be "0.0.0.0/0" and "::/0":
    there is no shorter way to say it, since then every client can choose its address.
    Falsy without any. ValueError for another text.
    """

    def __init__(self, proxies: Iterable[str] = ()) -> None:
        self._networks: list[IPv4Network | IPv6Network] = []
        self._trusts_unix = False
        for proxy in proxies:
            if fault := network_fault(proxy):
                raise ValueError(fault)
            if proxy == UNIX:
                self._trusts_unix = True
            else:
                self._networks.append(ip_network(proxy))

    def __bool__(self) -> bool:
        return self._trusts_unix or bool(self._networks)

    def origin(self, peer: Address, headers: CIMultiDictProxy[str]) -> Origin | None:
        """None if the peer is no trusted proxy, or tells nothing. Never raises.

        Forwarded goes before X-Forwarded-For. What cannot be read was not written by a
        proxy, so it is left aside; if nothing about the client is left then, or the two
        headers disagree about it, the client is "unknown", with no scheme and host. It
        is not the proxy: a client must not be able to borrow a trusted address.
        """
        if not self._trusts(peer[0]):
            return None
        standard = self._walk(_forwarded(headers))
        common = self._walk(_x_forwarded(headers))
        if standard and common:
            is_same = standard.client[0] == common.client[0]
            return standard if is_same else NOBODY
        if standard or common:
            return standard or common
        if "Forwarded" in headers or "X-Forwarded-For" in headers:
            return NOBODY
        scheme = _x_scheme(_listed(headers, "X-Forwarded-Proto"), 0)
        host = _x_host(_listed(headers, "X-Forwarded-Host"), 0)
        return Origin(peer, scheme, host) if scheme or host else None

    def _walk(self, hops: Iterator[Origin]) -> Origin | None:
        """The first whose client is no trusted proxy; the outermost if all are. None if
        there is none, one on the way cannot be read, or they are too many.
        """
        hop = None
        try:
            for count, hop in enumerate(hops, 1):
                if not self._trusts(hop.client[0]):
                    break
                if count > HOPS_MAX:
                    return None
        except _Malformed:
            return None
        return hop

    def _trusts(self, host: str) -> bool:
        if not host:
            return self._trusts_unix
        try:
            address = _bare(ip_address(host))
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def network_fault(text: str) -> str:
    """What is wrong with an item of trusted_proxies; "" if nothing is."""
    if text == UNIX:
        return ""
    expected = 'expected an address, a network ("10.0.0.0/8") or "unix"'
    if text == "*":
        return f'found "*", {expected}; everybody would be "0.0.0.0/0" and "::/0"'
    try:
        ip_network(text)
    except ValueError:
        try:
            hint = f'; did you mean "{ip_network(text, strict=False)}"?'
        except ValueError:
            hint = ""
        return f'found "{text}", {expected}{hint}'
    return ""


def _bare(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 socket gives as ::ffff:192.0.2.1."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


# ---- Forwarded ----


def _forwarded(headers: CIMultiDictProxy[str]) -> Iterator[Origin]:
    """From the nearest proxy on. Raises _Malformed."""
    for element in _elements_from_right(", ".join(headers.getall("Forwarded", ()))):
        pairs = _pairs(element)
        yield Origin(
            _node(pairs.get("for", UNKNOWN)),
            _scheme(pairs.get("proto", "")),
            _host(pairs.get("host", "")),
        )


def _elements_from_right(text: str) -> Iterator[str]:
    """What commas outside quotes separate. From the right, so that a quote left open by
    a client does not swallow what proxies added."""
    end = len(text)
    is_quoted = False
    for at in range(len(text) - 1, -1, -1):
        if text[at] == '"':
            is_quoted = not is_quoted
        elif text[at] == "," and not is_quoted:
            if text[at + 1 : end].strip(" \t"):
                yield text[at + 1 : end]
            end = at
    if text[:end].strip(" \t"):
        yield text[:end]


def _pairs(element: str) -> Mapping[str, str]:
    pairs: dict[str, str] = {}
    at = 0
    while at < len(element):
        match = _PAIR.match(element, at)
        if not match or (match[1] or "").lower() in pairs:
            raise _Malformed
        if match[1]:
            pairs[match[1].lower()] = match[2] or match[3] or ""
        at = match.end()
    return pairs


# ---- X-Forwarded-For, -Proto, -Host ----


def _x_forwarded(headers: CIMultiDictProxy[str]) -> Iterator[Origin]:
    """From the nearest proxy on. Raises _Malformed."""
    addresses = _listed(headers, "X-Forwarded-For")
    schemes = _listed(headers, "X-Forwarded-Proto")
    hosts = _listed(headers, "X-Forwarded-Host")
    for index, address in enumerate(reversed(addresses)):
        yield Origin(_node(address), _x_scheme(schemes, index), _x_host(hosts, index))


def _x_scheme(schemes: list[str], index: int) -> str:
    try:
        return _scheme(_nth(schemes, index))
    except _Malformed:
        return ""


def _x_host(hosts: list[str], index: int) -> str:
    try:
        return _host(_nth(hosts, index))
    except _Malformed:
        return ""


def _listed(headers: CIMultiDictProxy[str], name: str) -> list[str]:
    items = ",".join(headers.getall(name, ())).split(",")
    return [item.strip(" \t") for item in items if item.strip(" \t")]


def _nth(items: list[str], index: int) -> str:
    """What the n-th proxy from the right told. Most replace the value instead of adding
    theirs, so a single one stands for all; several, but too few, are malformed."""
    if len(items) <= 1:
        return items[0] if items else ""
    if index >= len(items):
        raise _Malformed
    return items[-1 - index]


# ---- values ----


def _node(text: str) -> Address:
    """ "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80", "unknown",
    "_hidden" (RFC 7239, 6); and an IPv6 address without brackets, as X-Forwarded-For
    has it."""
    if text.count(":") > 1 and not text.startswith("["):
        return _address(text, IPv6Address), 0
    match = _NODE.fullmatch(text)
    if not match:
        raise _Malformed
    port = _port(match["port"])
    if match["v6"]:
        return _address(match["v6"], IPv6Address), port
    name = match["name"]
    if name.lower() == UNKNOWN:
        return UNKNOWN, port
    if _OBFUSCATED.fullmatch(name):
        return name, port
    return _address(name, IPv4Address), port


def _address(text: str, kind: type[IPv4Address] | type[IPv6Address]) -> str:
    try:
        if "%" in text:  # a zone means something on another machine only
            raise _Malformed
        return str(_bare(kind(text)))
    except ValueError:
        raise _Malformed from None


def _port(text: str | None) -> int:
    if text is None or _OBFUSCATED.fullmatch(text):
        return 0
    if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65_535:
        return int(text)
    raise _Malformed


def _scheme(text: str) -> str:
    if text.lower() not in ("", "http", "https"):
        raise _Malformed
    return text.lower()


def _host(text: str) -> str:
    if not text:
        return ""
    match = _HOST.fullmatch(text)
    if not match:
        raise _Malformed
    if match[1]:
        _address(match[1], IPv6Address)
    _port(match[2])
    return text
