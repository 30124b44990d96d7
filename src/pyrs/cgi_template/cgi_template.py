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

# In C, as far as there is a choice: each page of memory that a module is in costs every
# child, and these bring enumerations, regular expressions and the like with them.
import _signal
import _socket
import gc
import os
import select
import struct

from cgi_child import FOLDER_FIRST, Child
from cgi_kept import KeptModules, KeptScripts

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NoReturn

MESSAGE = struct.Struct("=iiQ")  # kind, value, id
READY, STARTED, ENDED, RUN, RELEASE = range(1, 6)
MESSAGE_BYTES_MAX = MESSAGE.size + 4096  # PATH_MAX
DESCRIPTORS = 4
INT_BYTES = struct.calcsize("i")
STATUS_UNKNOWN = -1000  # CGI_STATUS_UNKNOWN
TASKS = "/proc/self/task"  # the threads of this process, where the system has it


def wake_up(number: int, frame: object) -> None:
    """What matters of a signal is its byte in the pipe."""


class Template:
    """The processes that run, and the socket to the server."""

    def __init__(self, control: _socket.socket, modules: KeptModules) -> None:
        self._control = control
        self._modules = modules
        self._scripts = KeptScripts(modules)
        self._running: dict[int, int] = {}  # id: pid
        self._ended: dict[int, int] = {}
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)

    def serve(self) -> NoReturn:
        """Until the socket is closed; in a child until the script has ended."""
        _signal.set_wakeup_fd(self._woken)
        _signal.signal(_signal.SIGCHLD, wake_up)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        self._send(READY)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self._wake:
                    os.read(self._wake, 4096)
                    self._look_for_ends()
                else:
                    self._receive()

    def _send(self, kind: int, value: int = 0, id: int = 0) -> None:
        try:
            self._control.send(MESSAGE.pack(kind, value, id))
        except OSError:
            self._end()

    def _receive(self) -> None:
        try:
            message, control, _, _ = self._control.recvmsg(
                MESSAGE_BYTES_MAX, _socket.CMSG_SPACE(DESCRIPTORS * INT_BYTES)
            )
        except OSError:
            message, control = b"", []
        if not message:
            self._end()
        kind, _, id = MESSAGE.unpack_from(message)
        if kind == RUN:
            descriptors = memoryview(control[0][2]).cast("i").tolist()
            self._run(id, os.fsdecode(message[MESSAGE.size :]), descriptors)
            return
        assert kind == RELEASE
        if pid := self._ended.pop(id, 0):
            os.waitpid(pid, 0)

    def _run(self, id: int, path: str, descriptors: list[int]) -> None:
        try:
            script = self._scripts.get(path)
            gc.freeze()  # a child's collector would copy what it looks at
            pid = os.fork()
        except OSError as error:
            sys.excepthook(type(error), error, None)
            self._send(ENDED, STATUS_UNKNOWN, id)
            pid = -1
        if pid == 0:
            _signal.set_wakeup_fd(-1)
            _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
            self._control.detach()  # the child's standard input takes its place
            os.close(self._wake)
            os.close(self._woken)
            # Not to return spares it the end of what is here.
            Child(script, descriptors, self._modules).live()
        for descriptor in descriptors:
            os.close(descriptor)
        if pid > 0:
            self._running[id] = pid
            try:
                os.setpgid(pid, pid)  # as the child does: whoever comes first
            except OSError:
                pass  # it has ended
            self._send(STARTED, pid, id)

    def _look_for_ends(self) -> None:
        for id, pid in [*self._running.items()]:
            end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if end:
                self._ended[id] = self._running.pop(id)
                is_exit = end.si_code == os.CLD_EXITED
                self._send(ENDED, end.si_status if is_exit else -end.si_status, id)

    def _end(self) -> None:
        for pid in (*self._running.values(), *self._ended.values()):
            try:
                os.killpg(pid, _signal.SIGKILL)
            except OSError:
                pass  # nobody is left of it
        os._exit(0)


def refuse_threads(modules: list[str]) -> None:
    """Of a process that is forked only the thread goes on that has forked it."""
    if os.path.isdir(TASKS) and len(os.listdir(TASKS)) > 1:
        told = f"importing {', '.join(modules)} has left threads running"
        raise RuntimeError(f"{told}; a process with threads must not be forked")


def main() -> NoReturn:
    if FOLDER_FIRST:
        del sys.path[0]  # this folder, which is none of a script's
    modules = KeptModules(AT_FIRST)
    modules.load(sys.argv[1:])
    refuse_threads(sys.argv[1:])
    gc.disable()
    Template(_socket.socket(fileno=0), modules).serve()


if __name__ == "__main__":
    main()
