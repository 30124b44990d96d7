"""What a server has counted, as Python code sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from pyrs._core import ffi, lib

if TYPE_CHECKING:
    from pyrs._core import ServerPointer

__all__ = ["Counters", "read_counters"]


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """What a server has done so far, summed over its loops."""

    connections_accepted: int
    connections_open: int  # now
    accept_pauses: int
    requests: int
    exchanges_open: int  # now
    responses: tuple[int, ...]  # by status class, 1xx at index 1; 0: cut off
    rejections: int
    timeouts: int
    bytes_received: int
    bytes_sent: int
    handler_runs: int
    handler_time_ns: int
    hand_overs: int  # a loop went to another thread: a handler blocked it
    marks: int  # routes, or paths of one, now known to block
    threads: int  # now: loops, handlers beside them and standbys
    threads_busy: int  # now: inside handlers beside the loops
    thread_waits: int  # requests that had to wait for one of handler_threads
    programs: int  # CGI programs started
    programs_running: int  # now
    programs_waiting: int  # now: requests that wait for one of them to end
    programs_killed: int  # out of time, without a client, or malformed
    late_responses: int  # dropped: their time was up, or the client gone
    turns: int
    allocations: int
    rejected: dict[str, int]  # what was wrong with requests, and how often


def read_counters(pointer: ServerPointer) -> Counters:
    """Of a server, from any thread."""
    core = ffi.new("struct pyrs_counters *")
    lib.pyrs_server_counters(pointer, core)
    names = [name for name, _ in ffi.typeof("struct pyrs_counters").fields]
    values: dict[str, Any] = {name: getattr(core, name) for name in names}
    values["responses"] = tuple(values["responses"])
    rejected = {
        ffi.string(lib.pyrs_rejection_text(kind)).decode(): count
        for kind in range(lib.pyrs_rejection_count())
        if (count := lib.pyrs_server_rejections(pointer, kind))
    }
    return Counters(**values, rejected=rejected)
