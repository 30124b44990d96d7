"""The template of warm CGI scripts: an interpreter that is forked for each request.

Started by csrc/serve/cgi_warm.c as a script's first line says, with this file in the
place of the script, and with what else is to be imported:

    /usr/bin/env python3 .../cgi_template.py [MODULE ...]

Its standard input is a socket on which whole messages come and go (SOCK_SEQPACKET):

    to the template   RUN id, and the script's path; with four descriptors: standard
                      input, output and error of the script, and a file that says the
                      rest
                      RELEASE id: nobody signals the script's process group any more
    to the server     READY
                      STARTED id pid
                      ENDED id status, negative for a signal

The file is read by the child (cgi_child.py) and never by the template: what one request
has brought is not there for the next one to find.

A process that has ended stays a zombie until RELEASE: the server may signal its group
for as long, and will not meet somebody else's. When the server closes the socket, or is
gone, everything that still runs is killed.

Needs nothing but the standard library, and loads pyrs if it is there: the files of this
folder are run by whichever Python a script asks for.
"""

from __future__ import annotations

import sys

AT_FIRST = frozenset(sys.modules)  # what a fresh process has

import gc
import os
import select
import signal
import socket
import struct
import traceback
from contextlib import suppress
from importlib import import_module

from cgi_child import FOLDER_FIRST, Child
from cgi_kept import KeptCode, KeptModules

MESSAGE = struct.Struct("=iiQ")  # kind, value, id
READY, STARTED, ENDED, RUN, RELEASE = range(1, 6)
MESSAGE_BYTES_MAX = MESSAGE.size + 4096  # PATH_MAX
DESCRIPTORS = 4
STATUS_UNKNOWN = -1000  # CGI_STATUS_UNKNOWN
TASKS = "/proc/self/task"  # the threads of this process, where the system has it

# What scripts are likely to use.
LIKELY = ("pyrs._cgi_output", "pyrs._pyserve_request", "pyrs.form", "http")
# To import these has an effect, which must come when a script does it.
WITH_EFFECT = ("pyrs.cgi", "pyserve")


class Template:
    """The processes that run, and the socket to the server."""

    def __init__(self, control: socket.socket, modules: KeptModules) -> None:
        self._control = control
        self._modules = modules
        self._code = KeptCode()
        self._running: dict[int, int] = {}  # id: pid
        self._ended: dict[int, int] = {}
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)

    def serve(self) -> Child:
        """Returns in a child only; the template ends with the socket."""
        signal.set_wakeup_fd(self._woken)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        self._send(READY)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self._wake:
                    os.read(self._wake, 4096)
                    self._look_for_ends()
                elif child := self._receive():
                    return child

    def _send(self, kind: int, value: int = 0, id: int = 0) -> None:
        try:
            self._control.send(MESSAGE.pack(kind, value, id))
        except OSError:
            self._end()

    def _receive(self) -> Child | None:
        try:
            message, descriptors, _, _ = socket.recv_fds(
                self._control, MESSAGE_BYTES_MAX, DESCRIPTORS
            )
        except OSError:
            message = b""
        if not message:
            self._end()
        kind, _, id = MESSAGE.unpack_from(message)
        if kind == RUN:
            return self._run(id, os.fsdecode(message[MESSAGE.size :]), descriptors)
        assert kind == RELEASE
        if pid := self._ended.pop(id, 0):
            os.waitpid(pid, 0)
        return None

    def _run(self, id: int, script: str, descriptors: list[int]) -> Child | None:
        code = self._code.get(script)
        try:
            pid = os.fork()
        except OSError:
            traceback.print_exc()
            self._send(ENDED, STATUS_UNKNOWN, id)
            pid = -1
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.detach()  # the child's standard input takes its place
            os.close(self._wake)
            os.close(self._woken)
            return Child(script, code, descriptors, self._modules)
        for descriptor in descriptors:
            os.close(descriptor)
        if pid > 0:
            self._running[id] = pid
            with suppress(OSError):  # it has ended
                os.setpgid(pid, pid)  # as the child does: whoever comes first
            self._send(STARTED, pid, id)
        return None

    def _look_for_ends(self) -> None:
        for id, pid in [*self._running.items()]:
            end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if end:
                self._ended[id] = self._running.pop(id)
                is_exit = end.si_code == os.CLD_EXITED
                self._send(ENDED, end.si_status if is_exit else -end.si_status, id)

    def _end(self) -> None:
        for pid in (*self._running.values(), *self._ended.values()):
            with suppress(OSError):  # nobody is left of it
                os.killpg(pid, signal.SIGKILL)
        os._exit(0)


def load(names: list[str]) -> KeptModules:
    """Imports what scripts may want."""
    for name in names:
        import_module(name)
    for name in LIKELY:
        with suppress(ImportError):  # this Python has no pyrs
            import_module(name)
    modules = KeptModules(AT_FIRST)
    for name in WITH_EFFECT:
        modules.keep(name)
    if os.path.isdir(TASKS) and len(os.listdir(TASKS)) > 1:
        told = f"importing {', '.join(names)} has left threads running"
        raise RuntimeError(f"{told}; a process with threads must not be forked")
    return modules


def main() -> Child:
    if FOLDER_FIRST:
        del sys.path[0]  # this folder, which is none of a script's
    template = Template(socket.socket(fileno=0), load(sys.argv[1:]))
    # Memory that nobody writes to is shared with the children.
    gc.collect()
    gc.freeze()
    gc.disable()
    return template.serve()


if __name__ == "__main__":
    main().live()
