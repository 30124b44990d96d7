"""How the parts of a request are read: what pyrs._bridge calls on demand.

The bridge hands over str and bytes as they came; what a query, a cookie, a charset or a
JSON body means is decided here.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy

from pyrs._plain_parts import (
    declared_charset,
    read_cookie_lines,
    read_query_pairs,
)
from pyrs.errors import HTTPError
from pyrs.forwarded import Origin, TrustedProxies

if TYPE_CHECKING:
    from pyrs.form import FormLimits

# Charsets a body may declare: those of the WHATWG's Encoding Standard that Python has,
# UTF-32, and no others. Python itself would also try codecs that are no charsets, some
# of them slow on purpose-made input (punycode), and would remember every name a client
# invents.
# fmt: off
CHARSETS = frozenset((
    "utf-8", "utf8", "us-ascii", "ascii", "latin1", "utf-16", "utf-16le",
    "utf-16be", "utf-32", "utf-32le", "utf-32be", "iso-8859-1", "iso-8859-2",
    "iso-8859-3", "iso-8859-4", "iso-8859-5", "iso-8859-6", "iso-8859-7",
    "iso-8859-8", "iso-8859-9", "iso-8859-10", "iso-8859-13", "iso-8859-14",
    "iso-8859-15", "iso-8859-16", "windows-874", "windows-1250", "windows-1251",
    "windows-1252", "windows-1253", "windows-1254", "windows-1255", "windows-1256",
    "windows-1257", "windows-1258", "koi8-r", "koi8-u", "ibm866", "macintosh",
    "gb2312", "gbk", "gb18030", "big5", "big5-hkscs", "euc-jp", "euc-kr",
    "iso-2022-jp", "shift_jis",
))
# fmt: on
# Python's names for the two that it knows by another one.
_CODECS = {"windows-874": "cp874", "macintosh": "mac-roman"}


def read_query(query_string: str) -> "MultiDictProxy[str]":
    return MultiDictProxy(MultiDict(read_query_pairs(query_string)))


def read_headers(pairs: list[tuple[str, str]]) -> "CIMultiDictProxy[str]":
    return CIMultiDictProxy(CIMultiDict(pairs))


def read_cookies(headers: "CIMultiDictProxy[str]") -> Mapping[str, str]:
    return MappingProxyType(read_cookie_lines(headers.getall("Cookie", ())))


def read_text(body: bytes, media_type: str) -> str:
    return decode_text(body, declared_charset(media_type), "the body")


def decode_text(body: bytes, charset: str, what: str) -> str:
    """HTTPError 415 for a charset that is not known, 400 for bytes that are not of it;
    `what` begins the message."""
    charset = charset.lower()
    if charset not in CHARSETS:
        raise HTTPError(415, f"{what} has a charset that is not known here")
    try:
        return body.decode(_CODECS.get(charset, charset))
    except UnicodeError:
        raise HTTPError(400, f"{what} is not in {charset}") from None


@lru_cache(maxsize=256)
def _decoder(type_: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(type_)


def read_json(body: bytes, type_: Any = Any) -> Any:
    try:
        if type_ is Any:
            return msgspec.json.decode(body)
        return _decoder(type_).decode(body)
    except msgspec.ValidationError as error:
        raise HTTPError(422, str(error)) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise HTTPError(400, f"the body is not JSON: {error}") from None
    except RecursionError:
        raise HTTPError(400, "the body's JSON is nested too deeply") from None


class RequestSettings(NamedTuple):
    """What the bridge has to know of a server's settings to read its requests."""

    trusted_proxies: TrustedProxies
    form_limits: "FormLimits"


def read_origin(
    proxies: TrustedProxies,
    client: tuple[str, int],
    host: str,
    headers: "CIMultiDictProxy[str]",
) -> Origin:
    """Client, scheme and host of a request; what no trusted proxy tells is that of the
    connection: `client`, "http" and the Host header."""
    told = proxies.origin(client, headers)
    if told is None:
        return Origin(client, "http", host)
    return Origin(told.client, told.scheme or "http", told.host or host)


def build_url(
    scheme: str, host: str, server: tuple[str, int], raw_path: str, query_string: str
) -> str:
    if not host:  # HTTP/1.0
        address, port = server
        host = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    path = "" if raw_path == "*" else raw_path
    query = f"?{query_string}" if query_string else ""
    return f"{scheme}://{host}{path}{query}"
