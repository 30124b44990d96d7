"""The log: what is in it, what is escaped, that nothing is lost."""

import re
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.kit import RunningServer, Serve, get, post, wait_until

CODE = """
import pyrs

def hello(request):
    return "world"

def echo(request):
    return request

def failing(request):
    raise RuntimeError("on purpose")

def forging(request):
    raise ValueError(request.headers["X-Text"])

def error(request):
    raise pyrs.HTTPError(404, "no such thing")

def prints(request):
    print("to standard output")
    return None
"""
ROUTES = {
    "/hello": "hello",
    "POST /echo": "echo",
    "/failing": "failing",
    "/forging": "forging",
    "/error": "error",
    "/prints": "prints",
    "/native": "native:native_hello",
}
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
PEER = r"127\.0\.0\.1:\d+"


def access_lines(server: RunningServer, text: str | None = None) -> list[str]:
    """What follows the peer in each line, all of which must have the same form."""
    lines = (server.log_text() if text is None else text).splitlines()
    matches = [re.fullmatch(f"{TIME} INFO {PEER} - (.*)", line) for line in lines]
    assert all(matches), lines
    return [match[1] for match in matches if match]


def test_the_access_log_has_a_line_for_each_request(serve: Serve) -> None:
    server = serve(CODE, ROUTES, access_log=True)
    with server.connect() as client:
        client.ask(get("/hello?a=b"))
        client.ask(get("/native", method="HEAD"))
        client.ask(post("/echo", b"12345"))
        client.ask(get("/nowhere", version="1.0"))
    server.ask(b"nonsense\r\n\r\n")
    server.ask(get("/hello", "Content-Length: x"))
    server.allow_log(f"INFO {PEER}")
    server.stop()
    assert access_lines(server) == [
        '"OPTIONS * HTTP/1.1" 204 No Content 0',
        '"GET /hello?a=b HTTP/1.1" 200 OK 5',
        '"HEAD /native HTTP/1.1" 200 OK 0',
        '"POST /echo HTTP/1.1" 200 OK 5',
        '"GET /nowhere HTTP/1.0" 404 Not Found 14',
        '"-" 400 Bad Request 16',
        '"-" 400 Bad Request 16',
    ]


def test_short_records_have_no_time_and_lines_for_requests_no_length(
    serve: Serve,
) -> None:
    server = serve(CODE, ROUTES, access_log=True, log_style="short")
    server.ask(get("/hello"))
    server.ask(get("/failing"))
    server.expect_log("^ERROR: .*on purpose")
    server.allow_log(f"^INFO: {PEER}")
    server.stop()
    lines = [line for line in server.log_text().splitlines() if "INFO" in line]
    assert re.fullmatch(f'INFO: {PEER} - "GET /hello HTTP/1.1" 200 OK', lines[1])


def test_the_access_log_of_a_unix_socket_names_no_address(serve: Serve) -> None:
    server = serve(CODE, ROUTES, access_log=True, http_listen_address="unix:here.sock")
    server.ask(get("/hello"))
    server.allow_log("INFO unix:0")
    server.stop()
    assert 'INFO unix:0 - "GET /hello HTTP/1.1" 200 OK 5\n' in server.log_text()


@pytest.mark.parametrize("threads", [1, 4])
def test_no_line_is_dropped_on_a_clean_stop(serve: Serve, threads: int) -> None:
    server = serve(CODE, ROUTES, access_log=True, thread_count=threads)
    clients = [server.connect() for _ in range(10)]
    for _ in range(5):
        for client in clients:
            client.send(get("/hello") * 300 + get("/native") * 100)
        for client in clients:
            client.responses(400)
    server.allow_log(f"INFO {PEER}")
    server.stop()
    lines = access_lines(server)
    assert lines.count('"GET /hello HTTP/1.1" 200 OK 5') == 15_000
    assert lines.count('"GET /native HTTP/1.1" 200 OK 12') == 5_000
    assert len(lines) == 20_001


def test_what_a_client_sends_cannot_forge_a_line(serve: Serve) -> None:
    server = serve(CODE, ROUTES, access_log=True, log_level="info")
    server.ask(get('/a"b\\c'))
    server.ask(get("/%0d%0aforged"))
    server.ask(b"GET /x\x1b[31m HTTP/1.1\r\nHost: a\r\n\r\n")
    server.ask(b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n")
    server.ask(b"GET / HTTP/1.1\r\nHost: a\r\nX: \x07\r\n\r\n")
    server.ask(get("/forging", "X-Text: tab\there"))
    server.allow_log("INFO", r"ERROR .*forging")
    server.stop()
    text = server.log_file.read_bytes()
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", text)
    assert b'"GET /a\\x22b\\x5cc HTTP/1.1" 404' in text
    assert b"/%0d%0aforged" in text
    for line in text.splitlines():
        assert re.match(TIME.encode() + rb" (INFO|ERROR) |    ", line)


def test_a_traceback_is_one_record_with_the_request_line(serve: Serve) -> None:
    server = serve(CODE, ROUTES, log_level="error")
    answer = server.ask(get("/failing?x=1"))
    assert answer.status == 500
    server.expect_log(
        rf'^{TIME} ERROR "GET /failing\?x=1 HTTP/1\.1" main\.failing raised:\n'
        r"    Traceback \(most recent call last\):\n"
        r'.*main\.py", line \d+, in failing\n'
        r".*\n    RuntimeError: on purpose$"
    )
    (record,) = server.records()
    assert "\n" in record


def test_an_http_error_is_an_answer_and_no_record(serve: Serve) -> None:
    server = serve(CODE, ROUTES, log_level="debug")
    answer = server.ask(get("/error"))
    assert (answer.status, answer.body) == (404, b"no such thing")


def test_a_refused_request_is_told_at_level_info(serve: Serve) -> None:
    server = serve(CODE, ROUTES, log_level="info")
    server.ask(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n")
    server.expect_log(rf"^{TIME} INFO .*400: blank before the colon of a header")


@pytest.mark.parametrize("level", ["warning", "error"])
def test_levels_above_info_say_nothing_of_a_refused_request(
    serve: Serve, level: str
) -> None:
    server = serve(CODE, ROUTES, log_level=level)
    assert server.ask(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n").status == 400
    server.stop()
    assert server.log_text() == ""


def test_what_a_handler_prints_goes_to_standard_output(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    assert server.ask(get("/prints")).status == 204
    server.stop()
    assert "to standard output" in server.printed
    assert server.log_text() == ""


def contains(path: Path, text: str) -> bool:
    return text in path.read_text()


def test_a_log_file_is_reopened_on_sigusr1_and_loses_nothing(serve: Serve) -> None:
    server = serve(CODE, ROUTES, access_log=True, log="access.log")
    path = server.folder / "access.log"
    with server.connect() as client:
        for round_ in range(5):
            for i in range(20):
                client.ask(get(f"/hello?{round_}-{i}"))
            old = path.rename(server.folder / f"access.log.{round_}")
            server.signal(signal.SIGUSR1)
            wait_until(path.exists)
            client.ask(get(f"/hello?after-{round_}"))
            wait_until(partial(contains, path, f"after-{round_} "))
            assert f"after-{round_}" not in old.read_text()
    server.stop()
    files = [*sorted(server.folder.glob("access.log.*")), path]
    lines = access_lines(server, "".join(file.read_text() for file in files))
    expected = ['"OPTIONS * HTTP/1.1" 204 No Content 0']
    for round_ in range(5):
        expected += [f'"GET /hello?{round_}-{i} HTTP/1.1" 200 OK 5' for i in range(20)]
        expected.append(f'"GET /hello?after-{round_} HTTP/1.1" 200 OK 5')
    assert lines == expected


def test_sigusr1_without_a_log_file_changes_nothing(serve: Serve) -> None:
    server = serve(CODE, ROUTES)
    server.signal(signal.SIGUSR1)
    assert server.ask(get("/hello")).body == b"world"


def test_reopening_and_stopping_at_once_is_no_deadlock(serve: Serve) -> None:
    for _ in range(10):
        server = serve(CODE, ROUTES, log="access.log")
        server.signal(signal.SIGUSR1)
        server.signal(signal.SIGTERM)
        server.check_end()


def test_a_full_disk_does_not_end_the_server(serve: Serve) -> None:
    server = serve(CODE, ROUTES, access_log=True, log="/dev/full")
    with server.connect() as client:
        for _ in range(20):
            client.send(get("/hello") * 200)
            client.responses(200)
