"""What a program is told: RFC 3875, 4."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyrs
from pyrs.config import Settings
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
    own_folder = Path(sys.executable).parent  # where env finds the Python with pyrs
    assert environment.pop("PATH") == f"{own_folder}:{os.environ['PATH']}"
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


ENDS = [
    *["HTTPS", "HTTP_HOST", "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT"],
    *["REQUEST_SCHEME", "SERVER_NAME"],
]


def ends(server: RunningServer, *fields: str, version: str = "1.1") -> list[str | None]:
    environment = told(server, get("/cgi-bin/tell", *fields, version=version))
    return [environment.get(name) for name in ENDS]


def test_the_client_is_told_behind_trusted_proxies(tmp_path: Path) -> None:
    proxies = {"trusted_proxies": ["127.0.0.1", "10.0.0.0/8"]}
    with cgi_server(tmp_path, PROGRAMS, settings=proxies) as server:
        found = ends(
            server,
            "X-Forwarded-For: 192.0.2.1:4000, 10.0.0.7",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: shop.example:8443",
        )
        assert found == [
            *["on", "shop.example:8443", "192.0.2.1", "192.0.2.1", "4000", "https"],
            "shop.example",
        ]
        assert ends(server, 'Forwarded: for="[2001:db8::1]";host="[::1]:80"') == [
            *[None, "[::1]:80", *["2001:db8::1"] * 2, "0", "http", "[::1]"]
        ]
        nobody = [None, "example.com", "unknown", "unknown", "0", "http", "example.com"]
        assert ends(server, "X-Forwarded-For: nonsense") == nobody
        plain = ends(server)
        plain[4] = None  # the port
        assert plain == [
            *[None, "example.com", *["127.0.0.1"] * 2, None, "http", "example.com"]
        ]


def test_who_is_no_trusted_proxy_is_not_believed(
    tmp_path: Path, server: RunningServer
) -> None:
    fields = ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"]
    proxies = {"trusted_proxies": ["192.0.2.99"]}
    with cgi_server(tmp_path, PROGRAMS, settings=proxies) as other:
        for asked in (server, other):
            found = ends(asked, *fields, "X-Forwarded-Host: elsewhere")
            assert found[:4] == [None, "example.com", *["127.0.0.1"] * 2]
            assert found[5:] == ["http", "example.com"]


def test_without_the_client_no_program_is_run(tmp_path: Path) -> None:
    """Memory may be out when proxies are asked for it."""
    proxies = {"trusted_proxies": ["127.0.0.1"]}
    with cgi_server(tmp_path, PROGRAMS, settings=proxies) as server:
        kind = "pyrs.forwarded.TrustedProxies"
        server.inside(f"setattr(pyrs, 'kept', {kind}.origin)")
        raises = "lambda *_: (_ for _ in ()).throw(MemoryError())"
        server.inside(f"setattr({kind}, 'origin', {raises})")
        with server.connect() as client:
            for _ in range(3):
                response = client.ask(get("/cgi-bin/tell"))
                assert response.status == 503
                assert response.body == b"503 Service Unavailable\n"
            assert server.counter("programs") == 0
            server.inside(f"setattr({kind}, 'origin', pyrs.kept)")
            assert client.ask(get("/cgi-bin/tell")).status == 200
        server.expect_log("ERROR .*trusted_proxies could not be asked.*MemoryError")


def test_programs_run_while_a_handler_computes(tmp_path: Path) -> None:
    """Though the interpreter has to be asked for the client."""
    code = """
    import time
    go = False
    def compute(request):
        while not go:
            pass
        return "done"
    """
    with (
        cgi_server(
            tmp_path,
            PROGRAMS,
            code=code,
            routes={"/compute": "compute"},
            settings={"trusted_proxies": ["127.0.0.1"]},
        ) as server,
        server.connect() as client,
    ):
        client.send(get("/compute"))
        for _ in range(3):
            found = ends(server, "X-Forwarded-For: 192.0.2.1")
            assert found[2] == "192.0.2.1"
        server.inside("setattr(main, 'go', True)")
        assert client.response().body == b"done"


@pytest.mark.parametrize("folder", ["nowhere", "cgi-bin/tell"])
def test_an_endpoint_that_is_refused_forgets_its_proxies(
    tmp_path: Path, folder: str
) -> None:
    write_programs(tmp_path / "cgi-bin", PROGRAMS)
    server = pyrs.Server(Settings(trusted_proxies=["127.0.0.1"]))
    with pytest.raises(pyrs.PyrsError, match="cannot open the folder"):
        server.add_cgi("/cgi-bin", tmp_path / folder)
    server.close()
