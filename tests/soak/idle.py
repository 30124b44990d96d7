"""What an idle keep-alive connection costs, measured on many."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit import Client, RunningServer, get, running_server, wait_until

CODE = """
def hello(request):
    return "world"
"""


@dataclass(frozen=True)
class IdleCost:
    connections: int
    bytes_before: int
    bytes_with: int

    @property
    def bytes_each(self) -> float:
        return (self.bytes_with - self.bytes_before) / self.connections


def allow_descriptors(count: int) -> bool:
    """Raises this process's limit of open files; false if the system says no."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count:
        return True
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(hard, count)))
    except (ValueError, OSError):
        return False
    return True


def measure_idle(folder: Path, connections: int) -> IdleCost:
    """Each connection asked something once, and waits. allow_descriptors comes first;
    the server inherits the limit."""
    settings: dict[str, Any] = {
        "thread_count": 1,
        "timeouts": {"idle": 600},
        "limits": {"connections": connections + 1},
    }
    with running_server(folder, CODE, **settings) as server:
        _ask_each(_connect(server, 10))
        server.wait_until_quiet()
        before = server.resident_bytes()
        clients = _connect(server, connections)
        _ask_each(clients)
        wait_until(lambda: server.counter("connections_open") == connections)
        cost = IdleCost(connections, before, server.resident_bytes())
        with server.connect() as one_more:
            assert one_more.ask(get("/hello")).body == b"world"
        for client in clients:
            client.close()
        server.wait_until_quiet()
    return cost


def _connect(server: RunningServer, count: int) -> list[Client]:
    return [server.connect() for _ in range(count)]


def _ask_each(clients: list[Client]) -> None:
    for start in range(0, len(clients), 100):
        some = clients[start : start + 100]
        for client in some:
            client.send(get("/hello"))
        for client in some:
            assert client.response().body == b"world"
    if len(clients) < 100:
        for client in clients:
            client.close()
