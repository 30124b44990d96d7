"""csrc/http/media_type.h."""

import pytest

from .http_kit import media_type, media_type_parameter


@pytest.mark.parametrize(
    ("value", "essence", "parameters"),
    [
        (b"text/html", b"text/html", b""),
        (b" Text/HTML ", b"Text/HTML", b""),
        (b"text/html;charset=utf-8", b"text/html", b";charset=utf-8"),
        (b"text/html ; charset=utf-8", b"text/html", b"; charset=utf-8"),
        (b"application/vnd.a+json;", b"application/vnd.a+json", b";"),
        (b"*/*", b"*/*", b""),
    ],
)
def test_a_media_type_is_taken_apart(
    value: bytes, essence: bytes, parameters: bytes
) -> None:
    assert media_type(value) == (essence, parameters)


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b" ", b"text", b"text/", b"/html", b"/", b"text /html", b"text/ html"),
        *(b";a=b", b"te(xt/html", b"a/b/c", b"text/html,text/plain"),
        b"text/html charset=utf-8",
    ],
)
def test_anything_else_is_no_media_type(value: bytes) -> None:
    assert media_type(value) is None


@pytest.mark.parametrize(
    ("value", "name", "parameter"),
    [
        (b"a/b;charset=utf-8", b"charset", b"utf-8"),
        (b"a/b; CHARSET=utf-8", b"charset", b"utf-8"),
        (b'a/b;charset="utf-8"', b"charset", b"utf-8"),
        (b"a/b ; x=y ; charset=utf-8 ", b"charset", b"utf-8"),
        (b'a/b;x="; charset=latin-1";charset=utf-8', b"charset", b"utf-8"),
        (b'a/b;x="\\"; charset=latin-1";charset=utf-8', b"charset", b"utf-8"),
        (b'a/b;boundary="a;b \\"c"', b"boundary", b'a;b \\"c'),
        (b"a/b;charset=utf-8;charset=latin-1", b"charset", b"utf-8"),
        (b"a/b;;charset=utf-8", b"charset", b"utf-8"),
        (b"a/b;charset=", b"charset", b""),
        (b'a/b;charset=""', b"charset", b""),
        (b'a/b;charset="utf-8', b"charset", b'"utf-8'),
        (b'a/b;charset="utf-8\\"', b"charset", b'"utf-8\\"'),
        (b"a/b;charset", b"charset", None),
        (b"a/b;charset =utf-8", b"charset", None),
        (b"a/b;xcharset=utf-8", b"charset", None),
        (b"a/b;charsetx=utf-8", b"charset", None),
        (b"a/b", b"charset", None),
        (b"a/b;", b"charset", None),
    ],
)
def test_parameters_are_found(
    value: bytes, name: bytes, parameter: bytes | None
) -> None:
    assert media_type_parameter(value, name) == parameter
