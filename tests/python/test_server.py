"""pyrs.Server and pyrs.serve, as Python code uses them."""

import http.client
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest

import pyrs
from pyrs import project
from pyrs._core import ffi, lib
from pyrs.config import Limits, Settings, Timeouts
from pyrs.server import Counters, RouteError

TIMEOUT = 20


def hello(request: pyrs.Request) -> str:
    return "world"


@contextmanager
def running(server: pyrs.Server) -> Iterator[None]:
    outcome: list[bool] = []
    thread = threading.Thread(target=lambda: outcome.append(server.run()))
    thread.start()
    try:
        yield
    finally:
        server.stop()
        thread.join(TIMEOUT)
    assert outcome == [True]


@dataclass
class Answer:
    status: int
    headers: Message
    body: bytes


def get(port: int, path: str, host: str = "127.0.0.1") -> Answer:
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    connection.request("GET", path)
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer


def test_a_server_answers_on_every_address_it_listens_on() -> None:
    with pyrs.Server() as server:
        server.add_route("/hello", hello, ["GET"])
        first = server.listen("127.0.0.1")
        second = server.listen("[::1]", 0)
        with running(server):
            assert get(first, "/hello").body == b"world"
            assert get(second, "/hello", "::1").body == b"world"
            assert get(first, "/nothing").status == 404


def test_counters_tell_what_was_done() -> None:
    with pyrs.Server() as server:
        server.add_route("/hello", hello)
        port = server.listen()
        with running(server):
            assert get(port, "/hello").status == 200
            assert get(port, "/nothing").status == 404
            assert get(port, "no-slash").status == 400
        counters = server.counters()
    assert counters.connections_accepted == 3
    assert counters.requests == 2
    assert counters.responses[2] == 1
    assert counters.responses[4] == 2
    assert counters.rejections == sum(counters.rejected.values()) == 1
    assert counters.connections_open == counters.exchanges_open == 0


def test_counters_have_every_field_of_the_core() -> None:
    core = {name for name, _ in ffi.typeof("struct pyrs_counters").fields}
    assert {*Counters.__struct_fields__} == core | {"rejected"}


@pytest.mark.parametrize("path", ["no-slash", "/{", "/{id:float}", "/taken"])
def test_a_route_that_cannot_be_added(path: str) -> None:
    with pyrs.Server() as server:
        server.add_route("/taken", hello)
        with pytest.raises(RouteError):
            server.add_route(path, hello)
        server.add_route("/free", hello)


def test_a_handler_has_to_be_callable() -> None:
    with pyrs.Server() as server, pytest.raises(TypeError):
        server.add_route("/", "hello")  # type: ignore[arg-type]


def test_methods_are_a_list() -> None:
    with pyrs.Server() as server, pytest.raises(TypeError, match="list"):
        server.add_route("/", hello, "GET")


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        ("127.0.0.1", -1, "expected 0 to 65535"),
        ("127.0.0.1", 65_536, "expected 0 to 65535"),
        ("192.0.2.1", 0, "this machine has no such address"),
        ("no.such.host.invalid", 0, "cannot listen on no.such.host.invalid:0"),
        ("unix:/no/such/folder/a.sock", 0, "no such file or directory"),
        ("unix:" + "x" * 200, 0, "unix:x"),
    ],
)
def test_an_address_that_cannot_be_listened_on(
    host: str, port: int, message: str
) -> None:
    with (
        pyrs.Server() as server,
        pytest.raises(pyrs.PyrsError, match=message),
    ):
        server.listen(host, port)


def test_a_taken_port_is_refused() -> None:
    with pyrs.Server() as first, pyrs.Server() as second:
        port = first.listen()
        with pytest.raises(pyrs.PyrsError, match="address already in use"):
            second.listen("127.0.0.1", port)


def test_a_server_takes_as_many_sockets_as_it_has_threads() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with (
            pyrs.Server(Settings(thread_count=2)) as server,
            pytest.raises(pyrs.PyrsError, match="found 1, expected 2"),
        ):
            server.listen_on([listening.fileno()], "127.0.0.1", port)
        with pyrs.Server(Settings(thread_count=1)) as server:
            server.add_route("/hello", hello)
            server.listen_on([os.dup(listening.fileno())], "127.0.0.1", port)
            with running(server):
                assert get(port, "/hello").status == 200


def test_a_stop_before_run_is_not_forgotten() -> None:
    with pyrs.Server() as server:
        server.listen()
        server.stop()
        assert server.run()


def test_a_closed_server_refuses_everything_but_stop_and_close() -> None:
    server = pyrs.Server()
    server.close()
    server.close()
    server.stop()
    calls: list[Callable[[], object]] = [
        server.run,
        server.counters,
        server.listen,
        lambda: server.add_route("/", hello),
    ]
    for call in calls:
        with pytest.raises(pyrs.PyrsError, match="the server is closed"):
            call()


def test_a_running_server_cannot_be_closed() -> None:
    entered, left = threading.Event(), threading.Event()

    def wait(request: pyrs.Request) -> str:
        entered.set()
        left.wait(TIMEOUT)
        return "done"

    with pyrs.Server() as server:
        server.add_route("/", wait)
        port = server.listen()
        with running(server):
            asking = threading.Thread(target=get, args=(port, "/"))
            asking.start()
            assert entered.wait(TIMEOUT)
            with pytest.raises(pyrs.PyrsError, match="the server is running"):
                server.close()
            left.set()
            asking.join(TIMEOUT)


def test_the_defaults_are_those_of_the_core() -> None:
    core = ffi.new("struct pyrs_settings *")
    lib.pyrs_settings_init(core)
    levels = {10: "debug", 20: "info", 30: "warning", 40: "error"}
    assert (
        Settings(
            thread_count=core.thread_count,
            listen_backlog=core.listen_backlog,
            tcp_nodelay=core.tcp_nodelay,
            sendfile=core.sendfile,
            server_name=ffi.string(core.server_name).decode(),
            access_log=core.access_log,
            log="" if core.log_path == ffi.NULL else "set",
            log_level=levels[core.log_level],  # type: ignore[arg-type]
            limits=Limits(
                request_line=core.request_line_bytes_max,
                head=core.head_bytes_max,
                headers=core.headers_max,
                body=core.body_bytes_max,
                body_memory=core.body_memory_bytes_max,
                body_rate=core.body_rate_min,
                connections=core.connections_max,
            ),
            timeouts=Timeouts(
                head=core.head_timeout_ms / 1000,
                body=core.body_timeout_ms / 1000,
                idle=core.idle_timeout_ms / 1000,
                send=core.send_timeout_ms / 1000,
                stop=core.stop_timeout_ms / 1000,
            ),
        )
        == Settings()
    )


def test_settings_reach_the_core(tmp_path: Path) -> None:
    settings = Settings(
        server_name="",
        access_log=True,
        log=str(tmp_path / "a.log"),
        limits=Limits(request_line=64, head=256),
    )
    with pyrs.Server(settings) as server:
        server.add_route("/hello", hello)
        port = server.listen()
        with running(server):
            assert "Server" not in get(port, "/hello").headers
            assert get(port, "/" + "a" * 60).status == 414
    assert "GET /hello" in (tmp_path / "a.log").read_text()


def test_every_setting_is_within_what_the_core_takes() -> None:
    least = Settings(
        thread_count=1,
        listen_backlog=1,
        limits=Limits(
            request_line=64,
            head=256,
            headers=1,
            body=0,
            body_memory=0,
            body_rate=0,
            connections=1,
        ),
        timeouts=Timeouts(head=0, body=0, idle=0, send=0, stop=0),
    )
    most = Settings(
        thread_count=1024,
        listen_backlog=65_535,
        server_name="x" * 127,
        limits=Limits(
            request_line=2**20,
            head=2**20,
            headers=4096,
            body=2**53 - 1,
            body_memory=2**53 - 1,
            body_rate=2**32 - 1,
        ),
        timeouts=Timeouts(
            head=86_400, body=86_400, idle=86_400, send=86_400, stop=86_400
        ),
    )
    for settings in (least, most):
        pyrs.Server(settings).close()


def test_serve_takes_a_mapping_and_says_where_it_listens() -> None:
    """In the main thread a signal stops it, and the signal's handling is put back."""
    lines: list[str] = []
    before = signal.getsignal(signal.SIGTERM)
    answers: list[bytes] = []

    def ask(port: int) -> None:
        answers.append(get(port, "/hello").body)
        os.kill(os.getpid(), signal.SIGTERM)

    def say(line: str) -> None:
        lines.append(line)
        if line.startswith("Port: "):
            port = int(line.removeprefix("Port: "))
            threading.Thread(target=ask, args=(port,)).start()

    assert pyrs.serve({"/hello": hello}, port=0, thread_count=1, say=say)
    assert answers == [b"world"]
    assert lines[:3] == [
        "Starting pyrs server...",
        "Added route /hello",
        "Address: 127.0.0.1",
    ]
    assert lines[-1] == "Listening..."
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_serve_refuses_a_port_for_a_unix_socket(tmp_path: Path) -> None:
    with pytest.raises(pyrs.PyrsError, match="is a unix socket"):
        pyrs.serve({"/": hello}, f"unix:{tmp_path}/a", 80, say=lambda line: None)


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="thread_cout"):
        project.load_project({}, thread_cout=1)
