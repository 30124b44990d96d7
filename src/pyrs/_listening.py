"""What servers and the supervisor of several share when they bind an address."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from pyrs._core import ffi, lib
from pyrs.errors import PyrsError

if TYPE_CHECKING:
    from pyrs._core import Error

__all__ = ["BoundSockets", "address_bytes", "check_port", "listen_message"]


def check_port(port: int) -> None:
    """Raises PyrsError for what is no port."""
    if not 0 <= port <= 65_535:
        raise PyrsError(f"port: found {port}, expected 0 to 65535")


def address_bytes(host: str) -> bytes:
    """As the core takes it: an IPv6 address without its brackets."""
    inside = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    return os.fsencode(inside)


def listen_message(host: str, port: int, error: Error) -> str:
    """For a person: what failed, why, and what to do."""
    is_unix = host.startswith("unix:")
    place = host if is_unix else f"{f'[{host}]' if ':' in host else host}:{port}"
    hints = {
        errno.EADDRINUSE: "another program listens there; choose another port",
        errno.EADDRNOTAVAIL: "this machine has no such address; 0.0.0.0 means all",
    }
    if not is_unix and port < 1024:
        hints[errno.EACCES] = hints[errno.EPERM] = (
            "ports below 1024 need rights that this user lacks; choose another port"
        )
    hint = "" if is_unix else hints.get(error.code, "")
    text = ffi.string(error.message).decode(errors="replace")
    reason = os.strerror(error.code).lower() if error.code else text
    return f"cannot listen on {place}: {reason}" + (f" ({hint})" if hint else "")


class BoundSockets:
    """Sockets that listen at one address, for the servers of several processes."""

    def __init__(self, host: str, port: int, backlog: int, count: int) -> None:
        """Raises PyrsError."""
        check_port(port)
        self._address = address_bytes(host)
        self._sockets = ffi.new("int[]", count)
        real = ffi.new("uint16_t *", port)
        error = ffi.new("struct pyrs_error *")
        if not lib.pyrs_bind(self._address, real, backlog, self._sockets, count, error):
            raise PyrsError(listen_message(host, port, error))
        self.port: int = real[0]

    def keep(self, first: int, count: int) -> list[int]:
        """In a process that accepts from some of them: closes the others."""
        everything = list(self._sockets)
        kept = everything[first : first + count]
        for descriptor in everything:
            if descriptor not in kept:
                os.close(descriptor)
        return kept

    def stop_listening(self) -> None:
        """In the process that has bound them."""
        for descriptor in self._sockets:
            os.close(descriptor)
        self._sockets = ffi.new("int[]", 0)

    def close(self) -> None:
        """Likewise, when nobody listens any more: removes a unix socket's file too."""
        lib.pyrs_unbind(self._address, self._sockets, len(self._sockets))
