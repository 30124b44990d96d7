"""Does the log keep its contract (csrc/serve/log.h)? What records look like.

That no record is lost and that a file is opened again is tested with the server, in
tests/http/test_logs.py.
"""

import errno
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .c_core import ffi, lib
from .http_kit import slice_

DEBUG, INFO, WARNING, ERROR = 10, 20, 30, 40
TIME = rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "


def escaped(data: bytes, room: int = 1000) -> bytes:
    out = ffi.new("char[]", b"\xa5" * (room + 8))
    end = lib.log_escape(out, room, slice_(data))
    length = int(end - out)
    assert length <= room
    assert bytes(ffi.buffer(out + room, 8)) == b"\xa5" * 8
    return bytes(ffi.buffer(out, length))


Write = Callable[..., bytes]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """What a log holds after these messages, at this level each."""

    def write(
        *messages: bytes,
        level: int = INFO,
        least: int = DEBUG,
        style: int = lib.LOG_DATED,
    ) -> bytes:
        path = tmp_path / "log"
        path.unlink(missing_ok=True)
        log = lib.log_open(str(path).encode(), least, style)
        assert log != ffi.NULL
        for message in messages:
            lib.log_write(log, level, slice_(message))
        lib.log_close(log)
        return path.read_bytes()

    return write


# ---- escaping ----


def test_control_characters_the_quote_and_the_backslash_are_escaped() -> None:
    for value in range(256):
        byte = bytes([value])
        special = value < 0x20 or byte in b'\x7f"\\'
        assert escaped(byte) == (b"\\x%02x" % value if special else byte)


def test_escaped_bytes_can_be_told_from_bytes_that_look_so() -> None:
    assert escaped(b"\r\n\\x0d\\x0a") == rb"\x0d\x0a\x5cx0d\x5cx0a"


def test_text_outside_ascii_stays_as_it_is() -> None:
    assert escaped("größe ☃".encode()) == "größe ☃".encode()


def test_an_escape_is_never_cut() -> None:
    for room in range(20):
        assert re.fullmatch(rb"(\\x0a)*", escaped(b"\n" * 10, room))


@given(st.binary(max_size=50), st.integers(0, 60))
def test_what_is_escaped_is_the_beginning_of_it_all(data: bytes, room: int) -> None:
    assert escaped(data).startswith(escaped(data, room))


# ---- records ----


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, b"1970-01-01 00:00:00 "), (1795241640, b"2026-11-21 06:14:00 ")],
)
def test_the_time_is_utc_without_an_end(seconds: int, text: bytes) -> None:
    out = ffi.new("char[]", b"\xa5" * 30)
    assert lib.log_write_time(out, seconds) - out == lib.LOG_TIME_BYTES == len(text)
    assert bytes(ffi.buffer(out, 30)) == text + b"\xa5" * (30 - len(text))


@pytest.mark.parametrize(
    ("level", "name"),
    [(DEBUG, b"DEBUG"), (INFO, b"INFO"), (WARNING, b"WARNING"), (ERROR, b"ERROR")],
)
def test_a_record_is_time_level_and_message(
    written: Write, level: int, name: bytes
) -> None:
    assert re.fullmatch(TIME + name + b" hello\n", written(b"hello", level=level))


@pytest.mark.parametrize(
    ("level", "name"),
    [(DEBUG, b"DEBUG"), (INFO, b"INFO"), (WARNING, b"WARNING"), (ERROR, b"ERROR")],
)
def test_a_short_record_is_level_and_message(
    written: Write, level: int, name: bytes
) -> None:
    text = written(b"hello\nworld", level=level, style=lib.LOG_SHORT)
    assert text == name + b": hello\n    world\n"


@pytest.mark.parametrize("level", [DEBUG, INFO, WARNING, ERROR])
def test_a_record_below_the_log_s_level_is_not_written(
    written: Write, level: int
) -> None:
    assert (written(b"hello", level=level, least=WARNING) != b"") == (level >= WARNING)


def test_records_are_in_the_order_in_which_they_were_written(written: Write) -> None:
    lines = written(*(b"%d" % at for at in range(1000))).splitlines()
    assert [int(line.split()[-1]) for line in lines] == list(range(1000))


def test_further_lines_of_a_message_are_indented(written: Write) -> None:
    text = written(b"one\n  two\n\nthree", b"next")
    assert re.fullmatch(
        TIME + b"INFO one\n      two\n    \n    three\n" + TIME + b"INFO next\n", text
    )


@pytest.mark.parametrize("message", [b"", b"\n", b"\n\n\n"])
def test_a_message_without_text_is_a_line_of_its_own(
    written: Write, message: bytes
) -> None:
    record = TIME + b"INFO \n"
    assert re.fullmatch(record + TIME + b"INFO next\n", written(message, b"next"))


def test_line_feeds_at_the_end_of_a_message_are_not_lines(written: Write) -> None:
    assert re.fullmatch(TIME + b"INFO hello\n", written(b"hello\n\n\n"))


def test_a_message_keeps_quotes_and_tabs_and_no_control_character(
    written: Write,
) -> None:
    text = written(b'say "a\\b"\t\r\x1b[31m\0\x7f')
    assert text.endswith(b'INFO say "a\\b"\t\\x0d\\x1b[31m\\x00\\x7f\n')


def test_a_message_that_is_too_long_is_cut(written: Write) -> None:
    most = lib.LOG_MESSAGE_BYTES_MAX
    for byte, shown in ((b"x", b"x"), (b"\r", rb"\x0d")):
        text = written(byte * (most + 100))
        assert text[lib.LOG_TIME_BYTES :] == b"INFO " + shown * most + b"\n"


def test_a_path_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere" / "log").encode()
    assert lib.log_open(path, INFO, lib.LOG_DATED) == ffi.NULL
    assert ffi.errno == errno.ENOENT
