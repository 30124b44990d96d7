"""Standard output as a CGI response: the head goes out before the first byte.

    print, sys.stdout.write > TextIOWrapper > BufferedWriter > Output > descriptor 1
                    sys.stdout.buffer.write ----^

The layers are those of Python's own standard output, the last one apart, so whatever a
script does with it works. What fits into the buffer waits there until the script ends:
until then headers and status may be set, and an exception gets a page of its own. More
than that is streamed.
"""

from __future__ import annotations

import atexit
import codecs
import io
import os
import sys

from pyrs._plain_parts import declared_charset

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import TypeAlias

    from _typeshed import ReadableBuffer

    from pyrs._cgi_request import Head
    from pyrs.errors import HTTPError

    ExceptHook: TypeAlias = Callable[
        [type[BaseException], BaseException, TracebackType | None], object
    ]

__all__ = ["answer_with_output"]

BUFFER_BYTES = 64 * 1024  # what a pipe of Linux takes at once
ENCODING_ERRORS = "xmlcharrefreplace"
PAGE_500 = b"500 Internal Server Error\n"  # as the server's own


def answer_with_output(head: Head) -> None:
    """From now on what is printed is the body of a response with this head.

    Does nothing outside a CGI request.
    """
    if "REQUEST_METHOD" not in os.environ or not sys.stdout:
        return
    sys.stdout.flush()
    response = _Response(head, Output(head, sys.stdout.fileno()))
    sys.stdout = response.text
    sys.excepthook = response.hook(sys.excepthook)
    head.on_content_type = response.set_content_type
    atexit.register(response.finish)


class Output(io.RawIOBase):
    """A descriptor that is written the head of a response first."""

    name = "<stdout>"
    mode = "wb"

    def __init__(self, head: Head, descriptor: int) -> None:
        self._head = head
        self._descriptor = descriptor
        self._written = 0
        self.head_sent = False
        self.drops = False  # what is written to it

    def fileno(self) -> int:
        return self._descriptor

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        """How much of the body was written."""
        return self._written

    def write(self, data: ReadableBuffer, /) -> int:
        data = memoryview(data)
        if self.drops:
            return len(data)
        if self.head_sent:
            count = os.write(self._descriptor, data)
        else:
            self._send_head(data)
            count = len(data)
        self._written += count
        return count

    def finish(self) -> None:
        """A body without a byte has a head as well."""
        if not self.head_sent:
            self._send_head(memoryview(b""))

    def _send_head(self, data: memoryview) -> None:
        self.head_sent = True
        rest = memoryview(b"".join((bytes(self._head), data)))
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]


class ResponseText(io.TextIOWrapper):
    """Text on its way to an Output."""

    def __init__(self, output: Output) -> None:
        self._buffered = io.BufferedWriter(output, BUFFER_BYTES)
        super().__init__(
            self._buffered,
            encoding="utf-8",
            errors=ENCODING_ERRORS,
            newline="\n",
            write_through=True,  # so that bytes written to its buffer come in order
        )
        self.is_over = False  # whether the script has ended

    def has_begun(self) -> bool:
        return self._buffered.tell() > 0

    def flush(self) -> None:
        """Not when Python calls it because the script has ended, perhaps by an
        exception that is to have a page of its own: then there is no frame above."""
        if not self.is_over:
            try:
                sys._getframe(1)
            except ValueError:
                return
        super().flush()


class _Response:
    """The streams of a response, and what becomes of it at the end."""

    def __init__(self, head: Head, output: Output) -> None:
        self._head = head
        self._output = output
        self.text = ResponseText(output)

    def set_content_type(self, content_type: str) -> None:
        """From now on text is written in the charset that the script has declared."""
        charset = declared_charset(content_type)
        try:
            codec = codecs.lookup(charset).name
        except LookupError:
            raise ValueError(f"Content-Type: Python has no charset {charset}") from None
        if codec == codecs.lookup(self.text.encoding).name:
            return
        if self.text.has_begun():
            message = f"Content-Type: text was printed in {self.text.encoding} already"
            raise ValueError(f"{message}; declare {charset} before that")
        self.text.reconfigure(encoding=charset, errors=ENCODING_ERRORS)

    def finish(self) -> None:
        """Sends what the script has left to be sent."""
        self.text.is_over = True
        try:
            self.text.flush()
            self._output.finish()
        except BrokenPipeError:  # the client has left
            self._output.drops = True

    def hook(self, before: ExceptHook) -> ExceptHook:
        """What is to be sys.excepthook instead of the one before."""

        def answer(
            kind: type[BaseException],
            error: BaseException,
            traceback: TracebackType | None,
        ) -> None:
            errors = sys.modules.get("pyrs.errors")
            if errors and isinstance(error, errors.HTTPError):
                self._answer_error(error)
                return
            before(kind, error, traceback)
            self._answer(500, "text/plain; charset=utf-8", PAGE_500)

        return answer

    def _answer_error(self, error: HTTPError) -> None:
        """As a handler's HTTPError is answered."""
        body = error.body
        if isinstance(body, str):
            kind, data = "text/plain; charset=utf-8", body.encode()
        elif isinstance(body, bytes):
            kind, data = "application/octet-stream", body
        else:
            from pyrs._results import encode_json

            kind, data = "application/json", encode_json(body)
        fields = {name: error.headers.getall(name) for name in error.headers}
        self._answer(error.status, kind, data, fields)

    def _answer(
        self,
        status: int,
        content_type: str,
        body: bytes,
        fields: Mapping[str, list[str]] | None = None,
    ) -> None:
        """In the place of all that was printed, if none of it was sent."""
        if self._output.head_sent:
            return
        self._output.drops = True
        self.text.flush()
        self._output.drops = False
        self._head.status = status
        self._head.clear()
        self._head["Content-Type"] = content_type
        for name, values in (fields or {}).items():
            self._head[name] = values
        self.text.buffer.write(body)
