"""Forms: both kinds of body, however they are cut, and every limit."""

import gc
import io
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pyrs import Form, HTTPError, Upload
from pyrs.form import FormLimits, read_form

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=XX"


def part(headers: str, body: bytes) -> bytes:
    return f"--XX\r\nContent-Disposition: form-data; {headers}\r\n\r\n".encode() + body


def multipart(*parts: bytes) -> bytes:
    return b"".join(one + b"\r\n" for one in parts) + b"--XX--\r\n"


def refusal(
    content_type: str, body: bytes | Iterable[bytes], limits: FormLimits | None = None
) -> HTTPError:
    with pytest.raises(HTTPError) as raised:
        read_form(content_type, [body] if isinstance(body, bytes) else body, limits)
    return raised.value


def upload(form: Form, name: str) -> Upload:
    value = form[name]
    assert isinstance(value, Upload)
    return value


# ---- application/x-www-form-urlencoded ----


@pytest.mark.parametrize(
    ("body", "pairs"),
    [
        (b"", []),
        (b"a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        (b"a=x+y%20z%2B%26%3D", [("a", "x y z+&=")]),
        (b"a=b=c", [("a", "b=c")]),
        (b"a&b=&=c", [("a", ""), ("b", ""), ("", "c")]),
        (b"&&a=1&", [("a", "1")]),
        (b"a%20b=%", [("a b", "%")]),
        ("ä=%E2%82%AC".encode(), [("ä", "€")]),
    ],
)
def test_a_urlencoded_form(body: bytes, pairs: list[tuple[str, str]]) -> None:
    assert list(read_form(URLENCODED, [body]).items()) == pairs
    pieces = [body[at : at + 1] for at in range(len(body))]
    assert list(read_form(URLENCODED, pieces).items()) == pairs


def test_a_urlencoded_form_in_a_declared_charset() -> None:
    form = read_form(f"{URLENCODED}; charset=ISO-8859-1", [b"a=%e4"])
    assert form["a"] == "ä"
    assert refusal(f"{URLENCODED}; charset=punycode", b"a=b").status == 415
    assert refusal(URLENCODED, b"a=%e4").status == 400
    assert refusal(URLENCODED, b"%e4=a").status == 400


def test_several_values_to_a_name() -> None:
    form = read_form(URLENCODED, [b"a=1&a=2"])
    assert (form["a"], form.getall("a"), form.get("b")) == ("1", ["1", "2"], None)


# ---- multipart/form-data ----

BODY = multipart(
    part('name="text"', "grüße\r\n--X".encode()),
    part('name="photo"; filename="me.png"\r\nContent-Type: image/png', b"\x89PNG\r\n"),
    part('name="text"', b""),
)


def check_form(form: Form) -> None:
    with form:
        assert form.getall("text") == ["grüße\r\n--X", ""]
        photo = upload(form, "photo")
        assert (photo.filename, photo.name) == ("me.png", "me.png")
        assert (photo.content_type, photo.size) == ("image/png", 6)
        assert photo.headers["content-disposition"].startswith("form-data")
        assert photo.file.read() == photo.read() == b"\x89PNG\r\n"


def test_a_multipart_form() -> None:
    check_form(read_form(MULTIPART, [BODY]))
    check_form(read_form('Multipart/Form-Data; charset=x; boundary="XX"', [BODY]))


def test_a_multipart_form_byte_by_byte() -> None:
    check_form(read_form(MULTIPART, [BODY[at : at + 1] for at in range(len(BODY))]))


def test_a_multipart_form_cut_anywhere() -> None:
    for at in range(len(BODY)):
        check_form(read_form(MULTIPART, [BODY[:at], b"", BODY[at:]]))


@given(st.binary(max_size=200), st.lists(st.integers(0, 400), max_size=4))
def test_a_file_s_bytes_come_as_they_were_sent(data: bytes, cuts: list[int]) -> None:
    assume(b"\r\n--XX" not in b"\r\n" + data)
    body = multipart(part('name="a"; filename="b"', data))
    chunks = [body[a:b] for a, b in pairwise([0, *sorted(cuts), len(body)])]
    with read_form(MULTIPART, chunks) as form:
        assert upload(form, "a").read() == data


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--XX",
        b"no boundary",
        BODY[:-4],
        BODY.replace(b"--XX--", b"--XX\r\n"),
        part('name="a"', b"b"),
        multipart(part("nome=a", b"b")),
        multipart(part('name=""', b"b")),
        multipart(b"--XX\r\n\r\nb"),
        multipart(b"--XX\r\nContent-Disposition: attachment; name=a\r\n\r\nb"),
        multipart(b"--XX\r\nno header\r\n\r\nb"),
        multipart(part('name="a"', b"\xff")),
        multipart(part('name="a"\r\nContent-Type: text/plain; charset=ascii', b"\xe4")),
        multipart(b'--XX\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nb'),
    ],
)
def test_a_malformed_form_is_a_400(body: bytes) -> None:
    assert refusal(MULTIPART, body).status == 400


def test_the_client_is_told_what_is_malformed_and_not_how_python_says_it() -> None:
    body = multipart(b'--XX\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nb')
    error = refusal(MULTIPART, body)
    assert error.body == "the form is malformed: Segment header failed to decode"


def test_a_form_without_parts_is_empty() -> None:
    assert len(read_form(MULTIPART, [b"--XX--"])) == 0


def test_a_field_s_charset_may_be_declared() -> None:
    body = multipart(part('name="a"\r\nContent-Type: text/plain; charset=L1', b"b"))
    assert refusal(MULTIPART, body).status == 415
    body = body.replace(b"L1", b"latin1").replace(b"\r\nb\r\n", b"\r\n\xe4\r\n")
    assert read_form(MULTIPART, [body])["a"] == "ä"


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=" + "a" * 300])
def test_a_boundary_that_cannot_be_used_is_a_400(boundary: str) -> None:
    assert refusal(f"multipart/form-data{boundary}", BODY).status == 400


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/json", "multipart/mixed; boundary=X"],
)
def test_another_content_type_is_a_415(content_type: str) -> None:
    error = refusal(content_type, b"a=b")
    assert error.status == 415
    assert "multipart/form-data" in str(error)


def test_a_file_input_left_empty_is_not_in_the_form() -> None:
    body = multipart(
        part('name="a"; filename=""', b""), part('name="b"; filename="c"', b"")
    )
    with read_form(MULTIPART, [body]) as form:
        assert "a" not in form
        assert upload(form, "b").size == 0


# ---- limits ----

LIMITS = FormLimits(fields=2, files=1, field_bytes=10, memory_bytes=100)
FILE = part('name="f"; filename="f"', b"x" * 1000)
FIELD = part('name="a"', b"b" * 10)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (URLENCODED, b"a=1&b=2"),
        (URLENCODED, b"a=123456789"),
        (URLENCODED, b"a=" + b"%31" * 9),
        (MULTIPART, multipart(FIELD, FILE, FIELD)),
    ],
)
def test_a_form_within_its_limits(content_type: str, body: bytes) -> None:
    read_form(content_type, [body], LIMITS).close()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (URLENCODED, b"a=1&b=2&c=3"),
        (URLENCODED, b"&&&&"),
        (URLENCODED, b"a=1234567890"),
        (URLENCODED, b"a=" + b"%31" * 10),
        (MULTIPART, multipart(FIELD, FIELD, FIELD)),
        (MULTIPART, multipart(FILE, FILE)),
        (MULTIPART, multipart(part('name="a"', b"b" * 11))),
        (MULTIPART, multipart(part('name="a"\r\nX-A: ' + "b" * 5000, b""))),
        (MULTIPART, multipart(part('name="a"' + "\r\nX-A: b" * 8, b""))),
        (MULTIPART, b"--XX\r\n" + b"a" * 5000),
    ],
)
def test_a_form_past_a_limit_is_a_413(content_type: str, body: bytes) -> None:
    assert refusal(content_type, body, LIMITS).status == 413


@pytest.mark.parametrize(
    ("content_type", "begin"),
    [
        (URLENCODED, b"a="),
        (MULTIPART, b'--XX\r\nContent-Disposition: form-data; name="'),
        (MULTIPART, part('name="a"', b"")),
    ],
)
def test_a_field_without_end_is_not_read_to_its_end(
    content_type: str, begin: bytes
) -> None:
    def chunks() -> Iterable[bytes]:
        yield begin
        for _ in range(1000):
            yield b"a" * 1000
        pytest.fail("read on, far past the limit")

    assert refusal(content_type, chunks(), LIMITS).status == 413


def test_files_past_the_memory_of_a_form_are_on_disk() -> None:
    """The second does not fit beside the first, the third does."""
    body = multipart(
        part('name="a"; filename="a"', b"a" * 60),
        part('name="b"; filename="b"', b"b" * 60),
        part('name="c"; filename="c"', b"c" * 40),
    )
    with read_form(MULTIPART, [body], LIMITS._replace(files=3)) as form:
        in_memory = [
            isinstance(upload(form, name).file, io.BytesIO) for name in ("a", "b", "c")
        ]
        assert in_memory == [True, False, True]
        assert upload(form, "b").read() == b"b" * 60


# ---- uploads ----


def test_a_file_larger_than_memory_arrives_whole_and_is_saved(tmp_path: Path) -> None:
    data = bytes(range(256)) * 8000
    body = multipart(part('name="f"; filename="f"', data))
    chunks = [body[at : at + 5000] for at in range(0, len(body), 5000)]
    with read_form(MULTIPART, chunks) as form:
        file = upload(form, "f")
        assert (file.size, file.file.read(3)) == (len(data), b"\0\1\2")
        file.save(tmp_path / "saved")
        assert file.file.seekable()
    assert (tmp_path / "saved").read_bytes() == data
    assert file.file.closed


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\folder\\a.txt", "a.txt"),
        ("folder/", "upload"),
        ("..", "upload"),
        (".htaccess", "htaccess"),
        (" a\0b\x1f.txt ", "ab.txt"),
        ("ü.txt", "ü.txt"),
        ("ü" * 200 + ".txt", "ü" * 125 + ".txt"),
        ("a." + "b" * 300, "b" * 255),
    ],
)
def test_an_upload_s_name_is_safe(filename: str, name: str, tmp_path: Path) -> None:
    headers: Any = {}
    file = Upload(filename, headers, io.BytesIO(b"data"), 4)
    assert (file.filename, file.name) == (filename, name)
    file.save(tmp_path / file.name)
    assert (tmp_path / name).read_bytes() == b"data"


def descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_file_stays_while_something_refers_to_it() -> None:
    before = descriptors()
    file = upload(read_form(MULTIPART, [multipart(FILE)], LIMITS), "f").file
    assert descriptors() == before + 1
    assert file.read() == b"x" * 1000
    del file
    assert descriptors() == before


@pytest.mark.parametrize("end", [b"\r\n" + FILE, b"", b"\r\n--XX\r\nbad\r\n"])
def test_files_of_a_form_that_is_refused_are_closed(end: bytes) -> None:
    before = descriptors()
    refusal(MULTIPART, FILE + end, LIMITS)
    assert descriptors() == before
