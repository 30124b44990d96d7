"""Programs that answer as they should: RFC 3875, 6."""

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
    "echo": """
        echo "Content-Type: $CONTENT_TYPE"
        echo
        cat
    """,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp("documents")
    with cgi_server(folder, PROGRAMS) as server:
        yield server


def test_a_shell_script_answers(server: RunningServer) -> None:
    response = server.ask(get("/cgi-bin/hello"))
    assert response.status == 200
    assert response["Content-Type"] == "text/plain"
    assert response.body == b"Hello, World!\n"


def test_a_program_reads_the_body(server: RunningServer) -> None:
    response = server.ask(post("/cgi-bin/echo", b"a body", "Content-Type: a/b"))
    assert response["Content-Type"] == "a/b"
    assert response.body == b"a body"
