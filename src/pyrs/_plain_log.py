"""The log of a process that may have no threads: the supervisor's, since it forks."""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress
from typing import Final

from pyrs.config import LogLevel, Settings
from pyrs.errors import PyrsError, reason_of

__all__ = ["PlainLog"]

LEVELS: Final[tuple[LogLevel, ...]] = ("debug", "info", "warning", "error")
PATIENCE_MS: Final = 1000  # for whoever reads it through a pipe


class PlainLog:
    """Records as a server's log has them.

    What cannot be written ends nothing, nor does who does not read.
    """

    def __init__(self, settings: Settings) -> None:
        """Raises PyrsError if its file cannot be opened."""
        self._path = settings.log
        self._is_short = settings.log_style == "short"
        self._levels = LEVELS[LEVELS.index(settings.log_level) :]
        self._file: int | None = self._opened() if self._path else None

    def _opened(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(self._path, flags, 0o644)
        except OSError as error:
            message = f"cannot open the log {self._path}: {reason_of(error)}"
            raise PyrsError(message) from None

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def reopen(self) -> None:
        """It goes on where it is if that fails, as a server's does."""
        if self._path:
            with suppress(PyrsError):
                file = self._opened()
                self.close()
                self._file = file

    def write(self, level: LogLevel, message: str) -> None:
        if level not in self._levels:
            return
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        start = f"{level.upper()}:" if self._is_short else f"{moment} {level.upper()}"
        file = 2 if self._file is None else self._file
        room = select.poll()
        room.register(file, select.POLLOUT)
        with suppress(OSError):
            if room.poll(PATIENCE_MS):
                os.write(file, f"{start} {message}\n".encode())
