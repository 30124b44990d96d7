"""csrc/http as Python values: bytes in, dataclasses out.

Input always ends at a guard page, so a parser that reads past it crashes the test.
"""

from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .c_core import ffi, lib

VARIANTS = ("portable", "sse42", "avx2")
FRAMINGS = ("none", "length", "chunked")
FORMS = ("origin", "absolute", "asterisk")
GUARDED_BYTES = 1 << 20

_guarded = ffi.gc(lib.guarded_new(GUARDED_BYTES), lib.guarded_free)


def slice_(data: bytes) -> Any:
    """A slice whose end is the guard page; valid until the next one is made."""
    return ffi.new("slice *", (lib.guarded_put(_guarded, data, len(data)), len(data)))[
        0
    ]


_kept: deque[Any] = deque(maxlen=1000)


def kept_slice(data: bytes) -> Any:
    """A slice beside others, in memory that stays."""
    memory = ffi.new("char[]", data)
    _kept.append(memory)
    return ffi.new("slice *", (memory, len(data)))[0]


def bytes_of(piece: Any) -> bytes:
    return bytes(ffi.buffer(piece.bytes, piece.length)) if piece.length else b""


def available_variants() -> list[str]:
    return [
        name for number, name in enumerate(VARIANTS) if lib.scan_is_available(number)
    ]


@contextmanager
def scanning_with(variant: str) -> Iterator[None]:
    assert lib.scan_use(VARIANTS.index(variant))
    try:
        yield
    finally:
        lib.scan_use(VARIANTS.index(available_variants()[-1]))


# ---- rejections ----


def _reason_names() -> list[str]:
    reasons = ffi.typeof("enum reject_reason").elements
    return [reasons[number] for number in range(lib.REJECT_REASON_COUNT)]


REASONS = _reason_names()


@dataclass(frozen=True)
class Rejected:
    reason: str  # "REJECT_HEADER_FOLDED"
    offset: int

    @property
    def status(self) -> int:
        return int(lib.reject_status(REASONS.index(self.reason)))

    @property
    def text(self) -> str:
        text: bytes = ffi.string(lib.reject_text(REASONS.index(self.reason)))
        return text.decode()


def rejected(reject: Any) -> Rejected:
    return Rejected(REASONS[reject.reason], reject.offset)


# ---- heads ----


@dataclass(frozen=True)
class Limits:
    line: int = 8192
    head: int = 32768
    headers: int = 100
    body: int = 16 << 20


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class More:
    """A legal beginning."""


@dataclass(frozen=True)
class Head:
    size: int  # head.bytes
    method: str
    raw_target: bytes
    form: str
    path: bytes
    query: bytes
    authority: bytes
    path_is_resolved: bool
    version_minor: int
    keep_alive: bool
    expect_continue: bool
    framing: str
    content_length: int
    host: bytes
    headers: tuple[tuple[bytes, bytes], ...]

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


def _head(head: Any, data: bytes) -> Head:
    def part(span: Any) -> bytes:
        assert span.offset + span.length <= len(data)
        return data[span.offset : span.offset + span.length]

    name = part(head.method_name)
    known = bytes_of(lib.method_name(head.method))
    assert known in (name, b"")
    assert head.method == lib.method_from_name(kept_slice(name))
    return Head(
        size=head.bytes,
        method=name.decode(),
        raw_target=part(head.raw_target),
        form=FORMS[head.target.form],
        path=part(head.target.path),
        query=part(head.target.query),
        authority=part(head.target.authority),
        path_is_resolved=head.target.path_is_resolved,
        version_minor=head.version_minor,
        keep_alive=head.keep_alive,
        expect_continue=head.expect_continue,
        framing=FRAMINGS[head.framing],
        content_length=head.content_length,
        host=part(head.host),
        headers=tuple(
            (part(head.headers[i].name), part(head.headers[i].value))
            for i in range(head.header_count)
        ),
    )


class HeadParser:
    """A head that comes piece by piece, in a buffer that moves each time."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = ffi.new(
            "struct head_limits *", (limits.line, limits.head, limits.headers)
        )
        self._progress = ffi.new("struct head_progress *")
        self._headers = ffi.new("struct header[]", limits.headers)
        self._head = ffi.new("struct request_head *", {"headers": self._headers})
        self._reject = ffi.new("struct reject *")

    def give(self, data: bytes) -> Head | More | Rejected:
        """`data` is everything from the head's first byte on."""
        result = lib.request_head_parse(
            slice_(data), self._limits, self._progress, self._head, self._reject
        )
        if result == lib.HEAD_MORE:
            return More()
        if result == lib.HEAD_REJECTED:
            return rejected(self._reject)
        return _head(self._head, data)

    def find(self, data: bytes, name: bytes) -> bytes | None:
        """The value request_head_find gives, after a Head."""
        found = lib.request_head_find(
            self._head, ffi.from_buffer(data), kept_slice(name)
        )
        if found == ffi.NULL:
            return None
        return data[found.value.offset : found.value.offset + found.value.length]


def parse_head(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Head | More | Rejected:
    """The whole at once."""
    return HeadParser(limits).give(data)


def parse_head_in_cuts(
    data: bytes, cuts: list[int], limits: Limits = DEFAULT_LIMITS
) -> Head | More | Rejected:
    """The bytes up to each cut, then all; ends with the first outcome that is final."""
    parser = HeadParser(limits)
    outcome: Head | More | Rejected = More()
    for cut in [*cuts, len(data)]:
        outcome = parser.give(data[:cut])
        if not isinstance(outcome, More):
            break
    return outcome


# ---- requests ----


@dataclass(frozen=True)
class Request:
    head: Head
    body: bytes
    size: int  # of head and body on the wire


class RequestReader:
    """Requests with their bodies. One object serves many inputs."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._body_max = limits.body
        self._limits = ffi.new(
            "struct head_limits *", (limits.line, limits.head, limits.headers)
        )
        self._headers = ffi.new("struct header[]", limits.headers)
        self._body = ffi.new("char[]", GUARDED_BYTES)
        self._request = ffi.new("struct kit_request *", {"body": self._body})
        self._request.head.headers = self._headers

    def read(self, data: bytes, step: int = GUARDED_BYTES) -> Request | More | Rejected:
        """The first request in `data`, given to the parsers `step` bytes at a time."""
        request = self._request
        lib.kit_read_request(slice_(data), step, self._limits, self._body_max, request)
        if request.head_result == lib.HEAD_REJECTED:
            return rejected(request.reject)
        if not request.complete:
            return More()
        body = bytes(ffi.buffer(self._body, request.body_length))
        return Request(_head(request.head, data), body, request.bytes)

    def read_all(
        self, data: bytes, step: int = GUARDED_BYTES
    ) -> list[Request | More | Rejected]:
        """Pipelined requests, up to the first that is not whole."""
        outcomes: list[Request | More | Rejected] = []
        while data:
            outcome = self.read(data, step)
            outcomes.append(outcome)
            if not isinstance(outcome, Request):
                break
            data = data[outcome.size :]
        return outcomes


# ---- bodies ----


@dataclass(frozen=True)
class Chunked:
    """A whole body."""

    body: bytes
    size: int  # on the wire


def decode_chunked(
    data: bytes, step: int = GUARDED_BYTES, body_max: int = 0
) -> Chunked | More | Rejected:
    """Gives the decoder `step` bytes at a time."""
    decoder = ffi.new("struct chunked_decoder *")
    consumed = ffi.new("size_t *")
    piece, reject = ffi.new("slice *"), ffi.new("struct reject *")
    lib.chunked_init(decoder, body_max)
    body, at = b"", 0
    while at < len(data):
        given = slice_(data[at : at + step])
        result = lib.chunked_next(decoder, given, consumed, piece, reject)
        if result == lib.CHUNKED_REJECTED:
            return rejected(reject)
        assert 0 < consumed[0] <= given.length
        if result == lib.CHUNKED_DATA:
            assert given.bytes <= piece.bytes
            assert piece.bytes + piece.length == given.bytes + consumed[0]
            body += bytes_of(piece)
        at += consumed[0]
        if result == lib.CHUNKED_DONE:
            assert decoder.total == len(body)
            return Chunked(body, at)
    return More()


# ---- targets ----


@dataclass(frozen=True)
class Target:
    form: str
    path: bytes
    query: bytes
    authority: bytes
    path_is_resolved: bool


def parse_target(raw: bytes, before: bytes = b"") -> Target | Rejected:
    """`before` stands in front of the target in the buffer."""
    buffer = slice_(before + raw).bytes
    target = ffi.new("struct target *")
    untouched = bytes(ffi.buffer(target))
    reject = ffi.new("struct reject *")
    span = ffi.new("span *", (len(before), len(raw)))[0]
    if not lib.target_parse(buffer, span, target, reject):
        assert bytes(ffi.buffer(target)) == untouched
        return rejected(reject)

    def part(span: Any) -> bytes:
        assert span.offset >= len(before)
        return (before + raw)[span.offset : span.offset + span.length]

    return Target(
        FORMS[target.form],
        part(target.path),
        part(target.query),
        part(target.authority),
        target.path_is_resolved,
    )


def resolve_path(path: bytes) -> bytes | Rejected:
    room = ffi.new("char[]", b"\xa5" * (len(path) + 1) + b"\x5a")
    length, reject = ffi.new("size_t *"), ffi.new("struct reject *")
    if not lib.target_resolve_path(slice_(path), room, length, reject):
        return rejected(reject)
    assert length[0] <= len(path) + 1
    assert room[len(path) + 1] == b"\x5a"
    return bytes(ffi.buffer(room, length[0]))


def authority_is_valid(authority: bytes) -> bool:
    return bool(lib.target_authority_is_valid(slice_(authority)))


def authorities_equal(a: bytes, b: bytes, default_port: int) -> bool:
    return bool(lib.target_authority_equal(kept_slice(a), kept_slice(b), default_port))


# ---- the rest ----


def to_int64(digits: bytes) -> int | None:
    value = ffi.new("int64_t *", -1)
    if lib.slice_to_int64(slice_(digits), value):
        return int(value[0])
    assert value[0] == -1
    return None


def http_date(seconds: int) -> bytes:
    out = ffi.new("char[]", b"\x5a" * (lib.HTTP_DATE_BYTES + 1))
    lib.http_date_write(seconds, out)
    assert out[lib.HTTP_DATE_BYTES] == b"\x5a"
    return bytes(ffi.buffer(out, lib.HTTP_DATE_BYTES))


def read_http_date(text: bytes, now: int) -> int | None:
    seconds = ffi.new("int64_t *", -77)
    if lib.http_date_read(slice_(text), now, seconds):
        return int(seconds[0])
    assert seconds[0] == -77
    return None


def media_type(value: bytes) -> tuple[bytes, bytes] | None:
    """Essence and parameters."""
    type_ = ffi.new("struct media_type *")
    if not lib.media_type_parse(slice_(value), type_):
        assert type_.essence.bytes == ffi.NULL
        return None
    return bytes_of(type_.essence), bytes_of(type_.parameters)


def media_type_parameter(value: bytes, name: bytes) -> bytes | None:
    type_ = ffi.new("struct media_type *")
    assert lib.media_type_parse(slice_(value), type_)
    found = lib.media_type_parameter(type_, kept_slice(name))
    return None if found.bytes == ffi.NULL else bytes_of(found)


def write_response_head(
    status: int,
    server_and_date: bytes = b"",
    content_type: bytes = b"",
    fields: bytes = b"",
    content_length: int = -1,
    connection: int = 0,
) -> bytes:
    head = ffi.new(
        "struct response_head *",
        {
            "status": status,
            "server_and_date": kept_slice(server_and_date),
            "content_type": kept_slice(content_type),
            "fields": kept_slice(fields),
            "content_length": content_length,
            "connection": connection,
        },
    )
    room = slice_(bytes(lib.response_head_size_max(head)))
    out = ffi.cast("char *", room.bytes)
    end = lib.response_head_write(out, head)
    return bytes(ffi.buffer(out, end - out))


def field_is_valid(name: bytes, value: bytes) -> bool:
    return bool(lib.field_is_valid(kept_slice(name), slice_(value)))


# ---- entity tags, conditions, ranges ----


def write_entity_tag(
    size: int, modified_ns: int, changed_ns: int, inode: int, coding: bytes = b""
) -> bytes:
    state = ffi.new("struct file_state *", (size, modified_ns, changed_ns, inode))
    out = ffi.new("char[]", b"\x5a" * (lib.ENTITY_TAG_BYTES_MAX + 1))
    length = lib.entity_tag_write(state, slice_(coding), out)
    assert out[lib.ENTITY_TAG_BYTES_MAX] == b"\x5a"
    return bytes(ffi.buffer(out, length))


def entity_tag_is_valid(tag: bytes) -> bool:
    return bool(lib.entity_tag_is_valid(slice_(tag)))


def entity_tags_equal(a: bytes, b: bytes, comparison: str) -> bool:
    how = getattr(lib, f"COMPARE_{comparison.upper()}")
    return bool(lib.entity_tag_equal(kept_slice(a), slice_(b), how))


def entity_tag_in_list(tags: bytes, tag: bytes, comparison: str) -> bool:
    how = getattr(lib, f"COMPARE_{comparison.upper()}")
    return bool(lib.entity_tag_in_list(slice_(tags), kept_slice(tag), how))


OUTCOMES = ("proceed", "not modified", "failed")


@dataclass(frozen=True)
class Current:
    """What is there now."""

    entity_tag: bytes = b""
    last_modified: int = -(2**63)
    now: int = 0


@dataclass(frozen=True)
class Judged:
    outcome: str
    range: bytes


def _whole_head(request: bytes) -> tuple[Any, Any]:
    """A struct request_head and the buffer that it refers to."""
    limits = ffi.new("struct head_limits *", (8192, 32768, 100))
    headers = ffi.new("struct header[]", 100)
    head = ffi.new("struct request_head *", {"headers": headers})
    _kept.append(headers)
    buffer = slice_(request)
    progress, reject = ffi.new("struct head_progress *"), ffi.new("struct reject *")
    result = lib.request_head_parse(buffer, limits, progress, head, reject)
    assert result == lib.HEAD_DONE
    return head, buffer.bytes


def judge_conditions(request: bytes, current: Current) -> Judged:
    """What the conditional headers of a whole head come to."""
    head, buffer = _whole_head(request)
    conditions = ffi.new("struct conditions *")
    lib.conditions_read(head, buffer, conditions)
    validators = ffi.new(
        "struct validators *",
        (kept_slice(current.entity_tag), current.last_modified, current.now),
    )
    return Judged(
        OUTCOMES[lib.conditions_evaluate(conditions, validators)],
        bytes_of(lib.conditions_range(conditions, validators)),
    )


CODINGS = ("br", "zstd", "gzip", "identity")


def choose_coding(fields: list[str], available: Collection[str]) -> str | None:
    """What a client with those Accept-Encoding lines gets; None: nothing it takes."""
    lines = "".join(f"Accept-Encoding: {field}\r\n" for field in fields)
    request = f"GET / HTTP/1.1\r\nHost: a\r\n{lines}Accept: gzip\r\n\r\n"
    head, buffer = _whole_head(request.encode())
    bits = sum(1 << CODINGS.index(name) for name in available)
    chosen = lib.accept_encoding_choose(head, buffer, bits)
    return None if chosen == lib.CODING_COUNT else CODINGS[chosen]


def parse_range(value: bytes, length: int) -> list[tuple[int, int]] | None:
    """First and length of each range; none at all if unsatisfiable, None if ignored."""
    found = ffi.new("struct range_set *")
    result = lib.range_parse(slice_(value), length, found)
    if result == lib.RANGE_SATISFIABLE:
        ranges = found.ranges[0 : found.count]
        return [(range_.first, range_.length) for range_ in ranges]
    assert found.count == 0
    return [] if result == lib.RANGE_UNSATISFIABLE else None


def write_content_range(range_: tuple[int, int] | None, length: int) -> bytes:
    out = ffi.new("char[]", b"\x5a" * (lib.CONTENT_RANGE_BYTES_MAX + 1))
    given = ffi.NULL if range_ is None else ffi.new("struct byte_range *", range_)
    written = lib.content_range_write(given, length, out)
    assert out[lib.CONTENT_RANGE_BYTES_MAX] == b"\x5a"
    return bytes(ffi.buffer(out, written))


# ---- what files are written with ----


def write_decimal(number: int) -> bytes:
    return _written(lib.write_decimal, number, lib.DECIMAL_DIGITS_MAX)


def write_hex(number: int) -> bytes:
    return _written(lib.write_hex, number, lib.HEX_DIGITS_MAX)


def _written(write: Any, number: int, most: int) -> bytes:
    room = slice_(bytes(most))
    out = ffi.cast("char *", room.bytes)
    return bytes(ffi.buffer(out, write(out, number) - out))


def field_lines(lines: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Line, name and value of each."""
    rest, field = ffi.new("slice *", slice_(lines)), ffi.new("struct field_line *")
    found = []
    while lib.field_line_next(rest, field):
        parts = bytes_of(field.line), bytes_of(field.name), bytes_of(field.value)
        found.append(parts)
    assert rest.length == 0
    return found


def write_byteranges(
    content: bytes, ranges: list[tuple[int, int]], boundary: bytes, content_type: bytes
) -> bytes:
    """A whole body."""
    body = ffi.new(
        "struct byteranges *",
        (kept_slice(boundary), kept_slice(content_type), len(content)),
    )
    set_ = ffi.new("struct range_set *", {"count": len(ranges)})
    set_.ranges[0 : len(ranges)] = ranges
    parts: list[tuple[Any, bytes]] = [
        (ffi.addressof(set_.ranges[at]), content[first : first + length])
        for at, (first, length) in enumerate(ranges)
    ]
    whole = b""
    for range_, data in [*parts, (ffi.NULL, b"")]:
        size = lib.byteranges_head_size(body, range_)
        out = ffi.cast("char *", slice_(bytes(size)).bytes)
        assert lib.byteranges_write_head(body, range_, out) == out + size
        whole += bytes(ffi.buffer(out, size)) + data
    assert lib.byteranges_size(body, set_) == len(whole)
    return whole
