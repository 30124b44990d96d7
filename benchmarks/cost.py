"""What one request costs a server, in µs of its processor time."""

import tempfile
from pathlib import Path

from measure import Failed, Load, await_answer, run_wrk, tree_cpu_seconds
from run import free_port
from servers import Server, running

WARM_UP_SECONDS = 1


def cost(server: Server, path: str, body_bytes: int, seconds: int) -> float:
    """µs of CPU per request. Failed if there was an answer other than 200."""
    port, load = free_port(), Load(path, path, 1, body_bytes)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(server, port, body_bytes, Path(folder) / "log") as process,
    ):
        await_answer(process, port, load)
        run_wrk(port, load, WARM_UP_SECONDS)
        before = tree_cpu_seconds(process.pid)
        result = run_wrk(port, load, seconds)
        cpu = tree_cpu_seconds(process.pid) - before
    if any(result["errors"].values()) or not result["requests"]:
        raise Failed(f"{server.label}: {result['errors']}")
    return float(cpu / result["requests"] * 1e6)
