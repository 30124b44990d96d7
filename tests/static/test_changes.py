"""Files that change: between requests, and while they are sent."""

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.kit import Client, RunningServer, Serve, get, measures_memory, wait_until

MIB = 1 << 20


@pytest.fixture
def server(serve: Serve) -> RunningServer:
    running = serve("", {"/": {"static": "."}})
    (running.folder / "small").write_bytes(b"first")
    (running.folder / "large").write_bytes(b"first" * 20_000)
    return running


def content(name: str, text: bytes) -> bytes:
    return text * (20_000 if name == "large" else 1)


def rewrite(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def replace(path: Path, data: bytes) -> None:
    other = path.with_name("other")
    other.write_bytes(data)
    other.replace(path)


def rewrite_in_the_past(path: Path, data: bytes) -> None:
    """As cp -p and rsync do: its time tells nothing."""
    facts = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


CHANGES = [rewrite, replace, rewrite_in_the_past]


def wait_for_the_clock_of(path: Path) -> None:
    """Until the file system gives other times than the file's, which the server can
    tell a change by; its clock goes on a few times in a hundredth of a second."""
    other = path.with_name("clock")

    def has_gone_on() -> bool:
        other.write_bytes(b"")
        return other.stat().st_ctime_ns > path.stat().st_ctime_ns

    wait_until(has_gone_on)
    other.unlink()


@pytest.mark.parametrize("name", ["small", "large"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_is_noticed_within_a_second(
    server: RunningServer, name: str, change: Callable[[Path, bytes], None]
) -> None:
    with server.connect() as client:

        def body() -> bytes:
            return client.ask(get(f"/{name}")).body

        def is_body(expected: bytes) -> bool:
            return body() == expected

        assert body() == body() == content(name, b"first")
        for text in (b"other", b"third"):
            new = content(name, text)
            change(server.folder / name, new)
            changed = time.monotonic()
            wait_until(partial(is_body, new))
            # The second is the server's; the rest is this machine's.
            assert time.monotonic() - changed < 20


@pytest.mark.parametrize("name", ["small", "large"])
def test_a_tag_is_of_one_content_whatever_its_time(
    server: RunningServer, name: str
) -> None:
    path = server.folder / name
    with server.connect() as client:
        tag = client.ask(get(f"/{name}"))["ETag"]
        kept, part = f"If-None-Match: {tag}", "Range: bytes=2-"
        assert client.ask(get(f"/{name}", kept)).status == 304
        assert client.ask(get(f"/{name}", part, f"If-Range: {tag}")).status == 206
        modified = path.stat().st_mtime_ns
        wait_for_the_clock_of(path)
        rewrite_in_the_past(path, content(name, b"other"))
        assert path.stat().st_mtime_ns == modified
        wait_until(lambda: client.ask(get(f"/{name}", kept)).status == 200)
        answer = client.ask(get(f"/{name}", part, f"If-Range: {tag}"))
        assert (answer.status, answer.body) == (200, content(name, b"other"))
        assert answer["ETag"] != tag


@pytest.mark.parametrize("name", ["small", "large"])
def test_a_file_that_is_gone_is_not_there(server: RunningServer, name: str) -> None:
    with server.connect() as client:
        assert client.ask(get(f"/{name}")).status == 200
        (server.folder / name).unlink()
        wait_until(lambda: client.ask(get(f"/{name}")).status == 404)
        (server.folder / name).write_bytes(b"again")
        assert client.ask(get(f"/{name}")).body == b"again"


def test_a_sibling_that_comes_and_goes_is_noticed(server: RunningServer) -> None:
    sibling = server.folder / "small.gz"

    def coding() -> list[str]:
        answer = client.ask(get("/small", "Accept-Encoding: gzip"))
        assert answer.all("Vary") == ["Accept-Encoding"] * (answer.body != b"first")
        return answer.all("Content-Encoding")

    with server.connect() as client:
        assert coding() == []
        sibling.write_bytes(b"in gzip")
        wait_until(lambda: coding() == ["gzip"])
        sibling.unlink()
        wait_until(lambda: coding() == [])


def test_a_new_file_is_there_at_once(server: RunningServer) -> None:
    with server.connect() as client:
        assert client.ask(get("/new")).status == 404
        (server.folder / "new").write_bytes(b"new")
        assert client.ask(get("/new")).body == b"new"


# ---- while they are sent ----


@pytest.fixture(params=[True, False], ids=["sendfile", "copied"])
def sending(serve: Serve, request: pytest.FixtureRequest) -> RunningServer:
    return serve("", {"/": {"static": "."}}, sendfile=request.param)


@pytest.fixture
def large(sending: RunningServer) -> Path:
    path = sending.folder / "huge"
    path.write_bytes(b"a" * (30 * MIB))
    return path


def begin(server: RunningServer) -> Client:
    client = server.connect(small_window=True)
    client.send(get("/huge"))
    assert b"Content-Length: 31457280\r\n" in client.receive()
    return client


def truncate(path: Path) -> None:
    os.truncate(path, 10 * MIB)


def truncate_and_grow(path: Path) -> None:
    os.truncate(path, 10 * MIB)
    os.truncate(path, 30 * MIB)


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(20 * MIB)
        file.write(b"b" * MIB)


def rewrite_larger(path: Path) -> None:
    path.write_bytes(b"b" * (31 * MIB))


def rewrite_as_large_in_the_past(path: Path) -> None:
    rewrite_in_the_past(path, b"b" * (30 * MIB))


@pytest.mark.parametrize(
    "change",
    [
        truncate,
        truncate_and_grow,
        overwrite,
        rewrite_larger,
        rewrite_as_large_in_the_past,
    ],
)
def test_a_file_that_is_written_to_meanwhile_cuts_the_connection(
    sending: RunningServer, large: Path, change: Callable[[Path], None]
) -> None:
    with begin(sending) as client:
        change(large)
        received = len(client.unread.partition(b"\r\n\r\n")[2])  # of the body
        try:
            while data := client.socket.recv(MIB):
                received += len(data)
        except ConnectionError:
            pass
        assert received < 30 * MIB
    sending.expect_log("a file changed or could not be read while it was being sent")
    answer = sending.ask(get("/huge"))
    assert answer.body == large.read_bytes()


def put_another_there(path: Path) -> None:
    replace(path, b"b" * 100)


def remove(path: Path) -> None:
    path.unlink()


def link(path: Path) -> None:
    path.with_name("another name").hardlink_to(path)


def change_mode(path: Path) -> None:
    path.chmod(0o604)


def change_group(path: Path) -> None:
    """The owner is root's to change, the group that of a user who has several."""
    facts = path.stat()
    others = [group for group in os.getgroups() if group != facts.st_gid]
    if os.geteuid() == 0:
        os.chown(path, facts.st_uid, facts.st_gid + 1)
    elif others:
        os.chown(path, facts.st_uid, others[0])
    else:
        pytest.skip("a user of one group can give a file to no other")


@pytest.mark.parametrize(
    "change", [put_another_there, remove, link, change_mode, change_group]
)
def test_a_file_that_is_not_written_to_meanwhile_is_sent_as_it_was(
    sending: RunningServer, large: Path, change: Callable[[Path], None]
) -> None:
    before = large.stat().st_ctime_ns
    with begin(sending) as client, large.open("rb") as file:
        wait_for_the_clock_of(large)
        change(large)
        assert os.fstat(file.fileno()).st_ctime_ns > before
        assert client.response().body == b"a" * (30 * MIB)


@measures_memory
def test_many_large_files_leave_few_descriptors(server: RunningServer) -> None:
    names = [f"many-{number}" for number in range(200)]
    for name in names:
        (server.folder / name).write_bytes(b"x" * 20_000)
    with server.connect() as client:
        for name in names:
            assert client.ask(get(f"/{name}")).status == 200
        assert len(server.descriptors()) < len(server.descriptors_at_start) + 100
        # Those that nobody asks for are closed; the connection stays.
        wait_until(
            lambda: len(server.descriptors()) == len(server.descriptors_at_start) + 1
        )


def test_what_is_held_ready_costs_no_allocation_and_keeps_its_order(
    server: RunningServer,
) -> None:
    batch = [get("/small"), get("/large"), get("/small", "If-None-Match: *")] * 16
    bodies = [b"first", b"first" * 20_000, b""] * 16
    with server.connect() as client:
        for _ in range(3):
            client.send(b"".join(batch))
            assert [answer.body for answer in client.responses(48)] == bodies
        before = server.counter("allocations")
        client.send(get("/small") * 16)
        assert [answer.body for answer in client.responses(16)] == [b"first"] * 16
        assert server.counter("allocations") - before <= 4  # a second may have passed
