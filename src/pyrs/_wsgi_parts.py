"""What pyrs._bridge asks for when it calls a WSGI application (PEP 3333)."""

from __future__ import annotations

import io
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from typing import Any, TextIO, cast

from pyrs._bridge import FileWrapper, call_after_step
from pyrs._core import ffi, lib

__all__ = ["ErrorStream", "environ_template", "find_file"]


def environ_template(
    errors: TextIO, *, multithread: bool, multiprocess: bool
) -> dict[str, Any]:
    """What stands in every environ; requests change their own parts of a copy.

    All keys are here that a request may set, headers aside, so that setting them
    does not make the copy grow. The ends are what a unix socket leaves.
    """
    template = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "",
        "QUERY_STRING": "",
        "RAW_URI": "",
        "REQUEST_URI": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_SOFTWARE": f"pyrs/{ffi.string(lib.pyrs_version()).decode()}",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REMOTE_ADDR": "",
        "REMOTE_PORT": "0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": None,
        "wsgi.errors": errors,
        "wsgi.multithread": multithread,
        "wsgi.multiprocess": multiprocess,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": FileWrapper,
    }
    return {sys.intern(key): value for key, value in template.items()}


LINE_MAX = 8192  # characters that wait for the end of their line


class ErrorStream:
    """wsgi.errors: each line, or what is flushed before its end, is a log record.

    Threads do not mix: what one writes is put together apart from others. Requests
    neither: a line without an end is flushed when the application's step is over, at
    the end of its body at the latest.
    """

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._begun = threading.local()

    def write(self, text: str) -> int:
        """Raises TypeError for anything but a str."""
        if not isinstance(text, str):
            kind = type(text).__name__
            raise TypeError(f"wsgi.errors takes str, not {kind}")
        whole = getattr(self._begun, "text", "") + text
        if whole.endswith("\n") or len(whole) > LINE_MAX:
            self._begun.text = ""
            self._say(whole)
        else:
            self._begun.text = whole
            call_after_step(self.flush)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        text = getattr(self._begun, "text", "")
        self._begun.text = ""
        self._say(text)

    def _say(self, text: str) -> None:
        if text := text.rstrip("\n"):
            self._log(text)


def find_file(file: object) -> tuple[int, int] | None:
    """Descriptor and position of what the system can send in the place of Python code
    that reads it; None if the two may differ.

    A descriptor alone does not tell: that of a gzip.GzipFile is the compressed file's.
    """
    if isinstance(file, tempfile._TemporaryFileWrapper):
        file = file.file
    if type(file) not in (io.BufferedReader, io.BufferedRandom, io.FileIO):
        return None
    opened = cast(io.BufferedRandom, file)
    if type(getattr(opened, "raw", opened)) is not io.FileIO:
        return None
    try:
        if opened.writable():
            opened.flush()
        return opened.fileno(), opened.tell()
    except (OSError, ValueError):  # no seeking in it, or it is closed
        return None
