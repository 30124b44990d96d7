"""The limits of an entry: what they are if nobody sets them, and what is past them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from pyrs._core import ffi, lib
from pyrs.config import CgiOptions
from tests.kit import get, wait_until

from .cgi_kit import cgi_server

PROGRAMS = {
    "hello": "printf 'Content-Type: a/b\\n\\nhello'",
    "never-ends": "exec sleep 1000",
    "pads-its-head": """
        printf 'Content-Type: a/b\\nX-Padding: '
        head -c $QUERY_STRING /dev/zero | tr '\\0' x
        printf '\\n\\nhello'
    """,
}
UNPADDED = len("Content-Type: a/b\nX-Padding: \n\n")

# ---- defaults ----


def test_the_defaults_are_those_of_the_core() -> None:
    core = ffi.new("struct pyrs_cgi_settings *")
    lib.pyrs_cgi_settings_init(core)
    of_core = CgiOptions(
        timeout=core.timeout_ms / 1000,
        waiting=core.waiting_max,
        output_head=core.head_bytes_max,
        memory=core.memory_bytes_max,
        cpu=core.cpu_seconds_max,
        follow_symlinks=core.follow_symlinks,
        pass_authorization=core.pass_authorization,
        warm=core.template_file != ffi.NULL,
    )
    assert of_core == CgiOptions()
    assert (of_core.timeout, of_core.waiting, of_core.output_head) == (60, 256, 32768)


def test_four_programs_run_at_once_for_each_processor() -> None:
    """The default, 0, as its documentation says; of those that the process may use."""
    code = """
        import os
        from pyrs._core import ffi, lib
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
        core = ffi.new("struct pyrs_cgi_settings *")
        lib.pyrs_cgi_settings_init(core)
        print(core.processes_max)
    """
    command = [sys.executable, "-c", dedent(code)]
    assert subprocess.check_output(command, text=True) == "4\n"


# ---- past them ----


def test_who_waits_too_long_is_refused(tmp_path: Path) -> None:
    """Three programs that never end, one at a time, come to the same moment: the first
    has used its time, and one of the others may begin. The last could only when that
    has used its own, which is later than it may wait."""
    with cgi_server(tmp_path, PROGRAMS, processes=1, timeout=1) as server:
        server.allow_log("ERROR .*/never-ends: ended: its time is up")

        def statuses() -> list[int]:
            clients = [server.connect() for _ in range(3)]
            before = server.counter("programs")
            for client in clients:
                client.send(get("/cgi-bin/never-ends"))
            found = [client.response().status for client in clients]
            started = server.counter("programs") - before
            assert found.count(504) == started
            assert set(found) <= {503, 504}
            return found

        # On a busy machine the last one may come when the first has ended already.
        wait_until(lambda: 503 in statuses())
        assert server.counter("programs_waiting") == 0


def test_nobody_may_have_to_wait(tmp_path: Path) -> None:
    with (
        cgi_server(tmp_path, PROGRAMS, processes=1, waiting=0) as server,
        server.connect() as client,
    ):
        client.send(get("/cgi-bin/never-ends"))
        wait_until(lambda: server.counter("programs_running") == 1)
        assert server.ask(get("/cgi-bin/hello")).status == 503
        client.abort()
        wait_until(lambda: server.counter("programs_running") == 0)
        assert server.ask(get("/cgi-bin/hello")).body == b"hello"


@pytest.mark.parametrize("most", [256, 100_000, 1 << 20])
def test_the_head_of_a_program_may_be_so_large(tmp_path: Path, most: int) -> None:
    """Smaller than the default, larger than a pipe, and the largest."""
    with cgi_server(tmp_path, PROGRAMS, output_head=most) as server:
        path = "/cgi-bin/pads-its-head?{}"
        largest = server.ask(get(path.format(most - UNPADDED)))
        assert largest["X-Padding"] == "x" * (most - UNPADDED)
        assert largest.body == b"hello"
        assert server.ask(get(path.format(most - UNPADDED + 1))).status == 502
        server.expect_log(
            "ERROR .*/pads-its-head: malformed output: its head is too large"
        )
