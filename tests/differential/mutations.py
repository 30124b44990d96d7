"""Requests that are almost like those of the corpus: seeded, the same in every run."""

import random
from collections.abc import Callable, Iterator

from tests.corpus import load_reject, load_valid

# Long ones are about limits, which the judges do not share.
SEED_BYTES_MAX = 1500

PIECES = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b" ",
        b"\t",
        b"\0",
        b"\x0b",
        b"\x7f",
        b"\xa0",
    ),
    *(
        b":",
        b";",
        b",",
        b"=",
        b'"',
        b"\\",
        b"/",
        b"?",
        b"#",
        b"%",
        b"%00",
        b"%2e",
        b"@",
    ),
    *(
        b"0",
        b"1",
        b"5",
        b"a",
        b"F",
        b"+",
        b"-",
        b"_",
        b"0x",
        b"chunked",
        b"gzip",
        b"..",
    ),
    *(b"Host: a\r\n", b"Host: example.com\r\n", b"Connection: close\r\n"),
    *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"content-length: +5\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n"),
    *(b"Transfer-Encoding:\r\n chunked\r\n", b"transfer-encoding: ,chunked\r\n"),
    *(b"Expect: 100-continue\r\n", b"Upgrade: x\r\n", b"Connection: upgrade\r\n"),
    *(
        b"GET / HTTP/1.1\r\n",
        b"HTTP/1.0",
        b"HTTP/1.1",
        b"hello",
        b"0\r\n\r\n",
        b"5\r\n",
    ),
    *(b"http://example.com", b";a=b", b';a="b"', b"X: y\r\n", b" HTTP/1.1\r\n"),
]


def _insert(choice: random.Random, wire: bytes, others: list[bytes]) -> bytes:
    at = choice.randrange(len(wire) + 1)
    return wire[:at] + choice.choice(PIECES) + wire[at:]


def _replace(choice: random.Random, wire: bytes, others: list[bytes]) -> bytes:
    at = choice.randrange(len(wire) + 1)
    return wire[:at] + choice.choice(PIECES) + wire[at + choice.randrange(1, 4) :]


def _change_byte(choice: random.Random, wire: bytes, others: list[bytes]) -> bytes:
    at = choice.randrange(len(wire) + 1)
    return wire[:at] + bytes([choice.randrange(256)]) + wire[at + 1 :]


def _delete(choice: random.Random, wire: bytes, others: list[bytes]) -> bytes:
    at = choice.randrange(len(wire) + 1)
    return wire[:at] + wire[at + choice.randrange(1, 6) :]


def _repeat(choice: random.Random, wire: bytes, others: list[bytes]) -> bytes:
    at = choice.randrange(len(wire) + 1)
    end = at + choice.randrange(1, 40)
    return wire[:end] + wire[at:end] + wire[end:]


def _repeat_line(choice: random.Random, wire: bytes, others: list[bytes]) -> bytes:
    lines = wire.splitlines(keepends=True)
    line = choice.choice(lines)
    lines.insert(choice.randrange(len(lines) + 1), line)
    return b"".join(lines)


def _take_line_of_another(
    choice: random.Random, wire: bytes, others: list[bytes]
) -> bytes:
    lines = wire.splitlines(keepends=True)
    other = choice.choice(others).splitlines(keepends=True)
    lines.insert(choice.randrange(len(lines) + 1), choice.choice(other))
    return b"".join(lines)


def _splice(choice: random.Random, wire: bytes, others: list[bytes]) -> bytes:
    other = choice.choice(others)
    return (
        wire[: choice.randrange(len(wire) + 1)] + other[choice.randrange(len(other)) :]
    )


def _change_case(choice: random.Random, wire: bytes, others: list[bytes]) -> bytes:
    at = choice.randrange(len(wire) + 1)
    return wire[:at] + wire[at : at + 12].swapcase() + wire[at + 12 :]


CHANGES: list[Callable[[random.Random, bytes, list[bytes]], bytes]] = [
    *(_insert, _insert, _replace, _change_byte, _delete, _repeat, _repeat_line),
    *(_take_line_of_another, _splice, _change_case),
]


def mutations(count: int, seed: int) -> Iterator[bytes]:
    """One to three changes each, three times in four of a legal file."""
    choice = random.Random(seed)
    valid = [case.wire for case in load_valid() if len(case.wire) <= SEED_BYTES_MAX]
    reject = [case.wire for case in load_reject() if len(case.wire) <= SEED_BYTES_MAX]
    for _ in range(count):
        wire = choice.choice(choice.choice([valid, valid, valid, reject]))
        for _ in range(choice.choice((1, 1, 2, 3))):
            wire = choice.choice(CHANGES)(choice, wire, valid) or wire
        yield wire
