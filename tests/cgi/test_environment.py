"""What a program is told: RFC 3875, 4."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import RunningServer, Serve, get, post

from .cgi_kit import cgi_server, write_programs

PROGRAMS = {
    "tell": """
        #!/usr/bin/perl
        print "Content-Type: text/plain\\n\\n";
        print "$_=$ENV{$_}\\0" for sort keys %ENV;
    """,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    os.environ["PYRS_TEST_PASSED"] = "from the server"
    folder = tmp_path_factory.mktemp("environment")
    try:
        with cgi_server(
            folder, PROGRAMS, env=["OWN=a=b", "PYRS_TEST_PASSED", "NOT_THERE"]
        ) as server:
            yield server
    finally:
        del os.environ["PYRS_TEST_PASSED"]


def told(server: RunningServer, request: bytes) -> dict[str, str]:
    entries = server.ask(request).body.decode("latin-1").split("\0")
    return dict(entry.split("=", 1) for entry in entries if entry)


def test_a_plain_request(server: RunningServer) -> None:
    environment = told(server, get("/cgi-bin/tell"))
    folder = server.folder / "cgi-bin"
    own = Path(sys.executable).parent  # so that "env python3" finds pyrs
    assert environment.pop("PATH") == f"{own}{os.pathsep}{os.environ['PATH']}"
    assert environment.pop("SERVER_SOFTWARE").startswith("pyrs/")
    assert 0 < int(environment.pop("REMOTE_PORT")) < 65536
    assert environment == {
        "DOCUMENT_ROOT": str(folder),
        "GATEWAY_INTERFACE": "CGI/1.1",
        "HTTP_HOST": "example.com",
        "OWN": "a=b",
        "PYRS_TEST_PASSED": "from the server",
        "QUERY_STRING": "",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_HOST": "127.0.0.1",
        "REQUEST_METHOD": "GET",
        "REQUEST_SCHEME": "http",
        "REQUEST_URI": "/cgi-bin/tell",
        "SCRIPT_FILENAME": str(folder / "tell"),
        "SCRIPT_NAME": "/cgi-bin/tell",
        "SERVER_NAME": "example.com",
        "SERVER_PORT": server.url.rpartition(":")[2],
        "SERVER_PROTOCOL": "HTTP/1.1",
    }


def test_a_request_with_all_its_parts(server: RunningServer) -> None:
    request = post(
        "/cgi-bin//tell/more/of%20it/?a=b&c=%20d",
        b"1234",
        "Content-Type: text/plain; charset=utf-8",
    )
    environment = told(server, request)
    folder = server.folder / "cgi-bin"
    expected = {
        "CONTENT_LENGTH": "4",
        "CONTENT_TYPE": "text/plain; charset=utf-8",
        "PATH_INFO": "/more/of it/",
        "PATH_TRANSLATED": f"{folder}/more/of it/",
        "QUERY_STRING": "a=b&c=%20d",
        "REQUEST_METHOD": "POST",
        "REQUEST_URI": "/cgi-bin//tell/more/of%20it/?a=b&c=%20d",
        "SCRIPT_NAME": "/cgi-bin/tell",
    }
    assert {name: environment.get(name) for name in expected} == expected
    assert "HTTP_CONTENT_TYPE" not in environment
    assert "HTTP_CONTENT_LENGTH" not in environment


def test_headers_become_variables(server: RunningServer) -> None:
    environment = told(
        server,
        get(
            "/cgi-bin/tell",
            "Accept: a/b",
            "X-One: 1",
            "accept: c/d",
            "Cookie: a=1",
            "cookie: b=2",
            "X-Latin: \xe9",
            "X-Empty:",
        ),
    )
    assert environment["HTTP_ACCEPT"] == "a/b, c/d"
    assert environment["HTTP_X_ONE"] == "1"
    assert environment["HTTP_COOKIE"] == "a=1; b=2"
    assert environment["HTTP_X_LATIN"] == "\xe9"
    assert environment["HTTP_X_EMPTY"] == ""


def test_headers_that_programs_are_not_told(server: RunningServer) -> None:
    environment = told(
        server,
        get(
            "/cgi-bin/tell",
            "Proxy: http://evil.example",
            "Authorization: Basic c2VjcmV0",
            "Proxy-Authorization: Basic c2VjcmV0",
            "X_One: taken for X-One",
            "X.Two: dotted",
            "Connection: x",
            "Keep-Alive: 5",
            "TE: trailers",
            "Upgrade: h2c",
        ),
    )
    headers = {name for name in environment if name.startswith("HTTP_")}
    assert headers == {"HTTP_HOST"}
    assert "AUTH_TYPE" not in environment


@pytest.mark.parametrize(
    ("target", "host", "name"),
    [
        ("/cgi-bin/tell", "a.example:8080", "a.example"),
        ("/cgi-bin/tell", "[::1]:80", "[::1]"),
        ("http://b.example:1/cgi-bin/tell", "b.example:1", "b.example"),
    ],
)
def test_the_server_is_called_as_the_client_calls_it(
    server: RunningServer, target: str, host: str, name: str
) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    assert told(server, request)["SERVER_NAME"] == name


def test_a_client_of_http_1_0_that_names_no_host(server: RunningServer) -> None:
    with server.connect() as client:
        client.send(b"GET /cgi-bin/tell HTTP/1.0\r\n\r\n")
        while client.receive():
            pass
        text, client.unread = client.unread, b""
    assert b"\0SERVER_NAME=127.0.0.1\0" in text
    assert b"\0SERVER_PROTOCOL=HTTP/1.0\0" in text


def test_a_client_over_a_unix_socket(serve: Serve, tmp_path: Path) -> None:
    write_programs(tmp_path / "cgi-bin", PROGRAMS)
    server = serve(
        "",
        {"/cgi-bin": {"cgi": str(tmp_path / "cgi-bin"), "pass_authorization": True}},
        http_listen_address="unix:socket",
    )
    environment = told(server, get("/cgi-bin/tell", "Authorization: Basic YQ=="))
    assert environment["REMOTE_ADDR"] == ""
    assert environment["REMOTE_PORT"] == "0"
    assert environment["SERVER_PORT"] == "80"
    assert environment["HTTP_AUTHORIZATION"] == "Basic YQ=="


def test_a_program_has_three_descriptors_and_plain_signals(
    serve: Serve, tmp_path: Path
) -> None:
    write_programs(
        tmp_path / "cgi-bin",
        {
            "tell": """
                #!/usr/bin/perl
                opendir(my $folder, "/proc/self/fd");
                my @open = sort grep { /^[0-9]+$/ } readdir $folder;
                open(my $status, "<", "/proc/self/status");
                my @lines = grep { /^Sig(Blk|Ign)/ } <$status>;
                my $leads = getpgrp() == $$;
                print "Content-Type: text/plain\\n\\n@open\\n$leads\\n@lines";
            """
        },
    )
    # What somebody forgot to close, and what Python sets, are not inherited.
    code = """
        import os, signal
        os.dup2(1, 77, inheritable=True)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
        def page(request):
            return ""
    """
    server = serve(
        code, {"/page": "page", "/cgi-bin": {"cgi": str(tmp_path / "cgi-bin")}}
    )
    lines = server.ask(get("/cgi-bin/tell")).body.decode().splitlines()
    descriptors, leads_its_group, blocked, ignored = lines
    assert len(descriptors.split()) == 4  # one is the folder that is being read
    assert set(descriptors.split()) >= {"0", "1", "2"}
    assert leads_its_group == "1"
    for number in (signal.SIGUSR2, signal.SIGPIPE, signal.SIGALRM):
        assert not int(blocked.split()[1], 16) >> number - 1 & 1
        assert not int(ignored.split()[1], 16) >> number - 1 & 1
