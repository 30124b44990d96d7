"""Where a request came from, when a proxy stands before the server."""

from operator import attrgetter
from typing import Any

import pytest

from pyrs._request_parts import RequestSettings
from pyrs.form import FormLimits
from pyrs.forwarded import TrustedProxies

from .bridge_kit import ask, seen_by

HEADERS = [
    ("Host", "inside:8080"),
    ("X-Forwarded-For", "198.51.100.9"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "example.com"),
]


def read(request: Any) -> list[Any]:
    return [request.client, request.scheme, request.host, request.url]


def behind(*proxies: str) -> dict[str, Any]:
    settings = RequestSettings(TrustedProxies(proxies), FormLimits())
    return {"settings": settings, "path": "/x", "raw_path": "/x", "headers": HEADERS}


def test_a_trusted_proxy_tells_client_scheme_and_host() -> None:
    assert seen_by(read, **behind("192.0.2.0/24")) == [
        ("198.51.100.9", 0),
        "https",
        "example.com",
        "https://example.com/x",
    ]


@pytest.mark.parametrize("parts", [behind(), behind("203.0.113.1"), {}])
def test_without_one_they_are_what_the_connection_tells(parts: dict[str, Any]) -> None:
    parts = {**behind(), **parts}
    assert seen_by(read, **parts) == [
        ("192.0.2.7", 50000),
        "http",
        "inside:8080",
        "http://inside:8080/x",
    ]


def test_each_may_be_asked_for_alone() -> None:
    all_of_them = seen_by(read, **behind("192.0.2.7"))
    for at, name in enumerate(["client", "scheme", "host", "url"]):
        assert seen_by(attrgetter(name), **behind("192.0.2.7")) == all_of_them[at]


def test_settings_that_cannot_be_read_are_told() -> None:
    answer = ask(lambda request: request.scheme, settings=object())
    assert "trusted_proxies" in answer.log
