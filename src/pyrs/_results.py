"""What pyrs._bridge asks for when a handler returned or raised something."""

from traceback import format_exception
from types import MappingProxyType
from typing import Any

import msgspec

# A traceback repeats itself in a deep recursion: what matters is at its ends, and the
# log takes 64 KiB.
_LINES_MAX = 400


def _plain(value: Any) -> Any:
    """What JSON has for a subclass of str, int or float, and for a read-only dict."""
    if isinstance(value, str):  # a header's name is a str of multidict's own
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, MappingProxyType):
        return value.copy()
    raise TypeError(f"JSON has nothing for a value of type {type(value).__name__}")


encode_json = msgspec.json.Encoder(enc_hook=_plain).encode


def describe_exception(handler: str, what: str, exception: BaseException) -> str:
    """ "api.Api.hello raised:" with the traceback below; one line if there is none, or
    none of the user's."""
    traceback = exception.__traceback__
    if traceback is None or traceback.tb_frame.f_code is _plain.__code__:
        return f"{handler} {what}: {type(exception).__name__}: {exception}"
    lines = "".join(format_exception(exception)).splitlines()
    if len(lines) > _LINES_MAX:
        half = _LINES_MAX // 2
        lines[half:-half] = [f"  ... {len(lines) - _LINES_MAX} lines ..."]
    return "\n".join([f"{handler} {what}:", *lines]).replace("\0", "\\x00")
