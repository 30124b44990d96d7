"""What is no program, and programs that answer as they should not."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import RunningServer, get, post

from .cgi_kit import cgi_server

PROGRAMS = {
    "hello": """
        echo "Content-Type: text/plain"
        echo
        echo "Hello, World!"
    """,
    "folder/inside": "exit 1",
    ".hidden": "exit 1",
    ".folder/inside": "exit 1",
    "plain.txt": "exit 1",
    "nothing": "exit 3",
    "nonsense": "echo what is this",
    "no-end": "printf 'Content-Type: text/plain\\n'",
    "no-fields": "echo",
    "folded": "printf 'Content-Type: text/plain\\n; charset=utf-8\\n\\n'",
    "codes": "printf 'Content-Type: a/b\\nTransfer-Encoding: chunked\\n\\n0'",
    "large-head": """
        printf 'Content-Type: a/b\\nX: '
        head -c 100000 /dev/zero | tr '\\0' x
        echo
        echo
    """,
    "endless-head": "yes 'X: y'",
    "too-long": "printf 'Content-Type: a/b\\nContent-Length: 5\\n\\nhello and more'",
    "too-short": "printf 'Content-Type: a/b\\nContent-Length: 50\\n\\nhello'",
    "crashes": "printf 'Content-Type: a/b\\n\\nhello'; kill -SEGV $$",
    "crashes-at-once": "kill -SEGV $$",
    "no-interpreter": "#!/not/there\n",
    "complains": """
        printf 'first\\nsecond \\033[31m\\nlast' >&2
        printf 'Content-Type: a/b\\n\\nhello'
    """,
    "complains-emptily": """
        yes '' >&2 &
        printf 'Content-Type: a/b\\n\\nhello'
    """,
    "complains-much": """
        yes 'much ado' | head -c 200000 >&2
        printf 'Content-Type: a/b\\n\\nhello'
    """,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("faults")
    with cgi_server(folder, PROGRAMS) as server:
        programs = folder / "cgi-bin"
        (programs / "plain.txt").chmod(0o644)
        (folder / "outside").write_text("#!/bin/sh\nexit 1\n")
        (folder / "outside").chmod(0o755)
        (programs / "out").symlink_to("../outside")
        (programs / "out-folder").symlink_to("..")
        (programs / "absolute").symlink_to(programs / "hello")
        (programs / "inside-link").symlink_to("hello")
        os.mkfifo(programs / "fifo", 0o777)
        yield server


@pytest.mark.parametrize(
    "path",
    [
        "/cgi-bin",
        "/cgi-bin/",
        "/cgi-bin/none",
        "/cgi-bin/folder",
        "/cgi-bin/folder/",
        "/cgi-bin/.hidden",
        "/cgi-bin/.folder/inside",
        "/cgi-bin/fifo",
        "/cgi-bin/out",
        "/cgi-bin/out-folder/outside",
        "/cgi-bin/out-folder/cgi-bin/hello",
        "/cgi-bin/absolute",
        "/cgi-bin/../outside",
        "/cgi-bin/%2e%2e/outside",
        "/cgi-bin/..%2foutside",
        "/cgi-bin/folder/..%2finside",
        "/cgi-bin/folder%2finside",
        "/cgi-bin/hello%2f",
        "/cgi-bin/hello/..%2f..%2fetc",
        "/cgi-bin/hello%0a",
        "/cgi-bin/hello%20",
        "/cgi-bin/" + "a" * 300,
        "/cgi-bin/" + "a/" * 2000,
    ],
)
def test_what_is_no_program_is_not_found(server: RunningServer, path: str) -> None:
    before = server.counter("programs")
    assert server.ask(get(path)).status == 404
    assert server.counter("programs") == before


def test_a_link_that_stays_inside_is_followed(server: RunningServer) -> None:
    assert server.ask(get("/cgi-bin/inside-link")).body == b"Hello, World!\n"


@pytest.mark.parametrize("path", ["/cgi-bin/plain.txt", "/cgi-bin/plain.txt/more"])
def test_what_cannot_be_executed_is_forbidden(server: RunningServer, path: str) -> None:
    assert server.ask(get(path)).status == 403


def test_what_may_be_executed_need_not_be_readable(tmp_path: Path) -> None:
    """A binary, since an interpreter has to read its script."""
    bound = {"heeds_permissions": True}
    with cgi_server(tmp_path, {"unused": "exit 1"}, settings=bound) as server:
        cat = Path(shutil.copy("/bin/cat", tmp_path / "cgi-bin" / "echo"))
        document = b"Content-Type: text/plain\n\nHello, World!\n"
        for mode, status in {0o111: 200, 0o711: 200, 0o644: 403, 0o011: 403}.items():
            cat.chmod(mode)
            answer = server.ask(post("/cgi-bin/echo", document))
            assert answer.status == status, oct(mode)
            assert (answer.body == b"Hello, World!\n") == (status == 200)
        server.expect_log("ERROR .*/echo: cannot be run: Permission denied")


def test_what_cannot_be_run_is_an_error(server: RunningServer) -> None:
    assert server.ask(get("/cgi-bin/no-interpreter")).status == 500
    server.expect_log("ERROR .*/no-interpreter: cannot be run: No such file")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("nothing", "no whole head"),
        ("nonsense", "no whole head"),
        ("no-end", "no whole head"),
        ("no-fields", "neither Content-Type nor Location nor Status"),
        ("folded", "a field without a colon"),
        ("codes", "a Transfer-Encoding"),
        ("large-head", "its head is too large"),
        ("endless-head", "its head is too large"),
    ],
)
def test_malformed_output_is_a_bad_gateway(
    server: RunningServer, name: str, fault: str
) -> None:
    with server.connect() as client:
        assert client.ask(get(f"/cgi-bin/{name}")).status == 502
        assert client.ask(get("/cgi-bin/hello")).status == 200
    server.expect_log(f"ERROR .*/{name}: malformed output: {fault}")


def test_a_body_that_is_left_does_not_hide_a_fault(server: RunningServer) -> None:
    with server.connect() as client:
        client.send_while_it_lasts([post("/cgi-bin/no-fields", bytes(1 << 20))])
        assert client.response().status == 502
    server.expect_log("ERROR .*/no-fields: malformed output: ")


def test_what_is_longer_than_was_said_is_cut(server: RunningServer) -> None:
    with server.connect() as client:
        assert client.ask(get("/cgi-bin/too-long")).body == b"hello"
        assert client.ask(get("/cgi-bin/hello")).status == 200
    server.expect_log("WARNING .*/too-long: writes more than the length it has said")


def test_what_is_shorter_than_was_said_is_cut_off(server: RunningServer) -> None:
    with server.connect() as client:
        client.send(get("/cgi-bin/too-short"))
        assert client.is_cut()
    server.expect_log("WARNING .*/too-short: wrote less than the length it has said")


def test_a_client_can_tell_that_a_program_crashed(server: RunningServer) -> None:
    with server.connect() as client:
        client.send(get("/cgi-bin/crashes"))
        while b"hello" not in client.unread:
            client.receive()
        assert b"\r\n0\r\n" not in client.unread
        assert client.is_cut()
        client.unread = b""
    server.expect_log("WARNING .*/crashes: ended by signal 11")


def test_a_program_that_crashes_at_once(server: RunningServer) -> None:
    assert server.ask(get("/cgi-bin/crashes-at-once")).status == 502
    server.expect_log(
        "ERROR .*/crashes-at-once: malformed output: no whole head",
        "WARNING .*/crashes-at-once: ended by signal 11",
    )


def test_what_a_program_complains_of_is_logged(server: RunningServer) -> None:
    assert server.ask(get("/cgi-bin/complains")).body == b"hello"
    server.expect_log(
        "WARNING .*/complains: first$",
        r"WARNING .*/complains: second \\x1b\[31m$",
        "WARNING .*/complains: last$",
    )


def test_what_is_logged_of_it_is_bounded(server: RunningServer) -> None:
    assert server.ask(get("/cgi-bin/complains-much")).body == b"hello"
    server.expect_log("WARNING .*/complains-much: writes too much to its standard")
    server.expect_log("WARNING .*/complains-much: much ado$")
    assert server.log_text().count("much ado") == 64 * 1024 // len("much ado\n")


def test_empty_lines_without_end_hold_up_nobody(server: RunningServer) -> None:
    assert server.ask(get("/cgi-bin/complains-emptily")).body == b"hello"
    server.allow_log("WARNING .*/complains-emptily: writes too much to its standard")
    assert server.ask(get("/cgi-bin/hello")).body == b"Hello, World!\n"
