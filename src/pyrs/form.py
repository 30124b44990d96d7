"""Forms: what request.form() gives, fields as str and files as file objects.

    with request.form() as form:
        name = form["name"]
        form["photo"].save(folder / form["photo"].name)

Both kinds of body that an HTML form sends are read (WHATWG URL, 5.1; RFC 7578), as the
chunks arrive, and every count and size has a limit. The parser of multipart bodies is
`multipart`: it takes bytes and gives events, knows limits, and supports every Python
that pyrs does, which the current python-multipart does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes

from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy
from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from pyrs._plain_parts import MULTIPART, URLENCODED
from pyrs._request_parts import decode_text
from pyrs.errors import HTTPError
from pyrs.upload import MemoryBudget, Upload, UploadWriter

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Form", "FormLimits", "Upload", "read_form"]

# RFC 7578 knows three headers of a part, one of them with a file's name in it; together
# they have at most 8 lines of 4 KiB.
PART_HEADERS_MAX: Final = 8
PART_HEADER_BYTES_MAX: Final = 4096
BOUNDARY_BYTES_MAX: Final = 256  # RFC 2046, 5.1.1, allows 70

Pairs: TypeAlias = "Iterator[tuple[str, str | Upload]]"


class FormLimits(NamedTuple):
    """What a form may have; past a limit it is answered 413.

    The body as a whole has a limit of its own, limits.body, which the core holds.
    """

    fields: int = 1000
    files: int = 100
    field_bytes: int = 1024 * 1024  # of one field's value
    memory_bytes: int = 512 * 1024  # of all files together; the rest goes to disk


class Form(MultiDictProxy["str | Upload"]):
    """The fields and files of a form: a read-only mapping, several values to a name.

    Closing it, or leaving its `with`, closes the files.
    """

    def close(self) -> None:
        """Closes the files that came with the form."""
        for value in self.values():
            if isinstance(value, Upload):
                value.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def read_form(
    content_type: str, chunks: Iterable[bytes], limits: FormLimits | None = None
) -> Form:
    """Reads a form to its end.

    HTTPError 415 if the content type is none of a form, or a charset is not known; 400
    if the body is malformed or not in its charset; 413 past a limit. A file input that
    was left empty is not in the form.
    """
    limits = limits or FormLimits()
    media_type, parameters = parse_options_header(content_type)
    if media_type == URLENCODED:
        pairs = _urlencoded(chunks, parameters.get("charset", "utf-8"), limits)
    elif media_type == MULTIPART:
        pairs = _multipart(chunks, parameters.get("boundary", ""), limits)
    else:
        raise HTTPError(415, f"expected a form: {URLENCODED} or {MULTIPART}")
    return Form(MultiDict(pairs))


# ---- application/x-www-form-urlencoded ----


def _urlencoded(chunks: Iterable[bytes], charset: str, limits: FormLimits) -> Pairs:
    for pair in _split(chunks, limits):
        name, _, value = pair.replace(b"+", b" ").partition(b"=")
        name, value = unquote_to_bytes(name), unquote_to_bytes(value)
        if len(name) + len(value) > limits.field_bytes:
            raise _too_large(limits)
        yield (
            decode_text(name, charset, "the name of a field"),
            decode_text(value, charset, "a field of the form"),
        )


def _split(chunks: Iterable[bytes], limits: FormLimits) -> Iterator[bytes]:
    """The pairs between ampersands, without empty ones; but those count too, since
    each costs time. No more of a pair is held than one within the limits can have."""
    raw_bytes_max = 3 * limits.field_bytes + 1  # all of it percent-encoded
    ampersands = 0
    begun = bytearray()
    for chunk in chunks:
        ampersands += chunk.count(b"&")
        if ampersands >= limits.fields:
            raise _too_many("fields", limits.fields)
        *ended, rest = bytes(chunk).split(b"&")
        for piece in ended:
            begun += piece
            if begun:
                yield bytes(begun)
            begun.clear()
        begun += rest
        if len(begun) > raw_bytes_max:
            raise _too_large(limits)
    if begun:
        yield bytes(begun)


# ---- multipart/form-data ----


def _multipart(chunks: Iterable[bytes], boundary: str, limits: FormLimits) -> Pairs:
    if not 0 < len(boundary) <= BOUNDARY_BYTES_MAX:
        raise HTTPError(400, "the form has no boundary that can be used")
    parser = PushMultipartParser(
        boundary,
        max_header_count=PART_HEADERS_MAX,
        max_header_size=PART_HEADER_BYTES_MAX,
        max_segment_count=limits.fields + limits.files + 1,
    )
    try:
        with parser, closing(_Parts(limits)) as parts:
            for chunk in chunks:
                if chunk:
                    yield from parts.take_all(parser.parse(bytes(chunk)))
    except ParserLimitReached as error:
        raise HTTPError(413, f"the form is too large: {error.args[0]}") from None
    except MultipartError as error:  # some have what caused them behind the text
        raise HTTPError(400, f"the form is malformed: {error.args[0]}") from None


class _Parts:
    """What the parser tells of a form, put together part by part."""

    def __init__(self, limits: FormLimits) -> None:
        self._limits = limits
        self._budget = MemoryBudget(limits.memory_bytes)
        self._fields = self._files = 0
        self._segment: MultipartSegment | None = None
        self._text = bytearray()  # of the field that arrives
        self._writer: UploadWriter | None = None  # of the file that arrives

    def take_all(self, events: Iterable[MultipartSegment | bytes | None]) -> Pairs:
        for event in events:
            if event is None:
                yield from self._end()
            elif isinstance(event, MultipartSegment):
                self._begin(event)
            elif self._writer:
                self._writer.write(event)
            else:
                self._text += event
                if len(self._text) > self._limits.field_bytes:
                    raise _too_large(self._limits)

    def _begin(self, segment: MultipartSegment) -> None:
        if not segment.name:
            raise HTTPError(400, "the form is malformed: a part has no name")
        self._segment = segment
        if segment.filename is None:
            self._fields += 1
            if self._fields > self._limits.fields:
                raise _too_many("fields", self._limits.fields)
            return
        self._files += 1
        if self._files > self._limits.files:
            raise _too_many("files", self._limits.files)
        headers = CIMultiDictProxy(CIMultiDict(segment.headerlist))
        self._writer = UploadWriter(segment.filename, headers, self._budget)

    def _end(self) -> Pairs:
        segment, writer, text = self._segment, self._writer, bytes(self._text)
        assert segment is not None
        assert segment.name
        self._writer = None
        self._text.clear()
        if writer is None:
            charset = segment.charset or "utf-8"
            yield segment.name, decode_text(text, charset, "a field of the form")
        elif writer.size or segment.filename:
            yield segment.name, writer.finish()
        # else: a file input in which no file was chosen

    def close(self) -> None:
        if self._writer:
            self._writer.close()


def _too_many(what: str, count: int) -> HTTPError:
    return HTTPError(413, f"the form has more than {count} {what}")


def _too_large(limits: FormLimits) -> HTTPError:
    return HTTPError(413, f"a field has more than {limits.field_bytes} bytes")
