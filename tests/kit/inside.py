"""`pyrs`, with a door for the tests: the command itself, run in this process.

    python inside.py DOOR OPEN_FILES ARGUMENT...

DOOR is the descriptor of a socket over which the test sends Python expressions, one to
a line, and gets their values as JSON. Names are those of loaded modules; `server` is
the pyrs.Server of the project. OPEN_FILES limits descriptors, 0 leaves the limit alone.
The questions are answered on a thread of their own, so they neither are requests nor
wait for any.
"""

from __future__ import annotations

import gc
import json
import resource
import socket
import sys
import threading
import traceback
import weakref
from typing import Any, cast


class _Names:
    def __getitem__(self, name: str) -> Any:
        if name == "server":
            return _server()
        if name in sys.modules:
            return sys.modules[name]
        raise KeyError(name)


_found: weakref.ref[Any] | None = None


def _server() -> Any:
    """The only one there is. Found once: to look through all objects takes long."""
    global _found
    server = _found and _found()
    if server is None:
        kind = sys.modules["pyrs.server"].Server
        (server,) = (found for found in gc.get_objects() if type(found) is kind)
        _found = weakref.ref(server)
    return server


# What was asked is answered before the process ends, even if the question ends it.
_answering = threading.Lock()


def _answer_questions(door: socket.socket) -> None:
    for line in door.makefile("r", encoding="utf-8"):
        with _answering:
            try:
                answer = {"value": eval(json.loads(line), {}, cast(Any, _Names()))}
                text = json.dumps(answer)
            except Exception:
                text = json.dumps({"error": traceback.format_exc()})
            door.sendall(text.encode() + b"\n")


def main() -> int:
    door, open_files = int(sys.argv[1]), int(sys.argv[2])
    del sys.path[0]  # this folder: the command would not have it there
    if open_files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
    questions = socket.socket(fileno=door)
    threading.Thread(target=_answer_questions, args=[questions], daemon=True).start()
    import pyrs.cli

    try:
        return pyrs.cli.main(sys.argv[3:])
    finally:
        _answering.acquire()


if __name__ == "__main__":
    sys.exit(main())
