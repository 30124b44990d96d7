"""The text of a Set-Cookie header, with every part of it checked.

What a browser would drop or misread without a word is refused here with one: RFC 6265,
4.1.1, and of the newer draft (RFC 6265bis) the name prefixes, SameSite and the sizes.
"""

import re
from datetime import datetime, timedelta, timezone
from typing import Final

__all__ = ["cookie_text"]

# Browsers drop a cookie whose name and value are longer together, and ignore an
# attribute that is longer (RFC 6265bis, 5.6).
PAIR_BYTES_MAX: Final = 4096
ATTRIBUTE_BYTES_MAX: Final = 1024
YEAR_MIN: Final = 1601  # an earlier one is no date to browsers (RFC 6265, 5.1.1)

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Visible ASCII without the quote, comma, semicolon and backslash; quotes may surround.
_VALUE = re.compile(r'("?)[!#-+\--:<-\[\]-~]*\1')
_DOMAIN = re.compile(r"(?!-)[A-Za-z0-9-]+(?<!-)(\.(?!-)[A-Za-z0-9-]+(?<!-))*")
_PATH = re.compile(r"/[ -:<-~]*")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# fmt: off
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun",
           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# fmt: on
_SAME_SITE = {"strict": "Strict", "lax": "Lax", "none": "None"}


def cookie_text(
    name: str,
    value: str,
    *,
    max_age: int | timedelta | None,
    expires: datetime | None,
    path: str | None,
    domain: str | None,
    secure: bool,
    httponly: bool,
    samesite: str | None,
    partitioned: bool,
) -> str:
    """Raises ValueError or TypeError that says which part is wrong, and why."""
    _check_pair(name, value)
    same_site = _same_site(samesite)
    _check_prefix(name, path, domain, secure)
    if same_site == "None" and not secure:
        raise ValueError(
            f"cookie {name!r}: browsers refuse SameSite=None unless secure"
        )
    if partitioned and not secure:
        raise ValueError(f"cookie {name!r}: browsers refuse partitioned unless secure")
    parts = [f"{name}={value}"]
    if expires is not None:
        parts.append(f"Expires={_date(expires)}")
    if max_age is not None:
        parts.append(f"Max-Age={_seconds(max_age)}")
    if domain is not None:
        parts.append(f"Domain={_attribute('domain', domain, _DOMAIN)}")
    if path is not None:
        parts.append(f"Path={_attribute('path', path, _PATH)}")
    if same_site:
        parts.append(f"SameSite={same_site}")
    flags = {"Secure": secure, "HttpOnly": httponly, "Partitioned": partitioned}
    parts += [flag for flag, is_set in flags.items() if is_set]
    return "; ".join(parts)


def _check_pair(name: str, value: str) -> None:
    for what, text in (("name", name), ("value", value)):
        if not isinstance(text, str):
            kind = type(text).__name__
            raise TypeError(f"a cookie's {what} is a str, not of type {kind}")
    if not _TOKEN.fullmatch(name):
        raise ValueError(
            f"cookie name {name!r}: found a character other than letters, digits and "
            "!#$%&'*+-.^_`|~, or none at all"
        )
    if not _VALUE.fullmatch(value):
        raise ValueError(
            f"cookie {name!r}: its value has a blank, a control character, one outside "
            'ASCII or one of ",;\\ - encode it, for example with urllib.parse.quote'
        )
    if (size := len(name) + len(value)) > PAIR_BYTES_MAX:
        raise ValueError(
            f"cookie {name!r}: name and value have {size} bytes; browsers drop a "
            f"cookie of more than {PAIR_BYTES_MAX}"
        )


def _check_prefix(
    name: str, path: str | None, domain: str | None, secure: bool
) -> None:
    """RFC 6265bis, 4.1.3; browsers look at the prefix in any case."""
    prefix = name.lower()
    if prefix.startswith(("__secure-", "__host-")) and not secure:
        raise ValueError(f"cookie {name!r}: a cookie of this name must be secure")
    if prefix.startswith("__host-") and (path != "/" or domain is not None):
        raise ValueError(
            f'cookie {name!r}: a cookie of this name has path "/" and no domain'
        )


def _same_site(text: str | None) -> str:
    if text is None:
        return ""
    try:
        return _SAME_SITE[text.lower()]
    except (KeyError, AttributeError):
        raise ValueError(
            f'samesite: found {text!r}, expected "Strict", "Lax", "None" (the text) or '
            "None for no such attribute"
        ) from None


def _attribute(what: str, text: str, pattern: "re.Pattern[str]") -> str:
    expected = {
        "domain": "a host name in ASCII, without port or leading dot",
        "path": 'ASCII text that begins with "/", without ";" or control characters',
    }
    if not isinstance(text, str):
        raise TypeError(
            f"a cookie's {what} is a str, not of type {type(text).__name__}"
        )
    if not pattern.fullmatch(text):
        raise ValueError(
            f"a cookie's {what}: found {text!r}, expected {expected[what]}"
        )
    if len(text) > ATTRIBUTE_BYTES_MAX:
        raise ValueError(
            f"a cookie's {what}: found {len(text)} bytes; browsers ignore one of more "
            f"than {ATTRIBUTE_BYTES_MAX}"
        )
    return text


def _seconds(max_age: int | timedelta) -> int:
    if isinstance(max_age, timedelta):
        max_age = int(max_age.total_seconds())
    if not isinstance(max_age, int) or isinstance(max_age, bool):
        kind = type(max_age).__name__
        raise TypeError(f"max_age is seconds or a timedelta, not of type {kind}")
    if max_age < 0:
        raise ValueError(f"max_age: found {max_age}, expected 0 (at once) or more")
    return max_age


def _date(expires: datetime) -> str:
    """RFC 9110, 5.6.7. email.utils has this too, but takes 5 ms to import."""
    if not isinstance(expires, datetime):
        kind = type(expires).__name__
        raise TypeError(f"expires is a datetime, not of type {kind}")
    if expires.tzinfo is None:
        raise ValueError(
            "expires: a datetime without a time zone could mean any moment"
        )
    if expires.year < YEAR_MIN:
        raise ValueError(f"expires: browsers know no year before {YEAR_MIN}")
    time = expires.astimezone(timezone.utc)
    day, month = _DAYS[time.weekday()], _MONTHS[time.month - 1]
    return f"{day}, {time:%d} {month} {time:%Y %H:%M:%S} GMT"
