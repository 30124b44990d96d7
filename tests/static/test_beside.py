"""Files that are opened on a thread beside the loop, as those of a slow disk are once
that is known: answered as any others, by mail, and nothing of them is held ready."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pyrs
from pyrs._core import ffi, lib
from pyrs.config import Settings
from tests.kit import Client, get

if TYPE_CHECKING:
    from pyrs._core import CData, EndpointPointer

FILES = {
    "small": b"small",
    "large": b"large" * 100_000,
    "coded": b"coded",
    "coded.gz": b"in gzip",
    "folder/index.html": b"index",
}


class Beside(pyrs.Server):
    """All of its endpoints run beside the loop."""

    def _add(
        self,
        path: str,
        methods: Iterable[str] | None,
        endpoint: "EndpointPointer",
        options: "CData",
    ) -> None:
        options = ffi.new("struct pyrs_route_options *")
        options.run = lib.PYRS_RUN_THREAD
        super()._add(path, methods, endpoint, options)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with Beside(Settings(thread_count=1)) as server:
        server.add_static("/", tmp_path)
        port = server.listen()
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            with Client(("127.0.0.1", port)) as client:
                yield client
        finally:
            server.stop()
            thread.join()
        assert server.counters().late_responses == 0


def test_what_another_thread_opens_is_answered_alike(client: Client) -> None:
    for _ in range(3):
        for name in ("small", "large", "coded"):
            answer = client.ask(get(f"/{name}"))
            assert (answer.status, answer.body) == (200, FILES[name])
            again = get(f"/{name}", f"If-None-Match: {answer['ETag']}")
            assert client.ask(again).status == 304
            part = client.ask(get(f"/{name}", "Range: bytes=1-3"))
            assert (part.status, part.body) == (206, FILES[name][1:4])
        coded = client.ask(get("/coded", "Accept-Encoding: gzip"))
        assert (coded.body, coded["Content-Encoding"]) == (b"in gzip", "gzip")
        assert coded["ETag"] != client.ask(get("/coded"))["ETag"]
        assert client.ask(get("/folder/")).body == b"index"
        assert client.ask(get("/folder")).status == 301
        assert client.ask(get("/none")).status == 404
        assert client.ask(get("/coded", "Accept-Encoding: *;q=0")).status == 406
