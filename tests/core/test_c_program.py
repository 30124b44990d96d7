"""The core without Python: a C program links the installed one and serves a page."""

import http.client
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyrs

from .c_program import compile_program, environment

PACKAGE = Path(pyrs.__file__).parent
SOURCE = Path(__file__).with_name("serve_page.c")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("core") / "serve_page"
    compile_program(
        built,
        f"-I{PACKAGE}/include",
        SOURCE,
        *(f"-L{PACKAGE}", "-lpyrs", f"-Wl,-rpath,{PACKAGE}"),
    )
    return built


@pytest.fixture
def server(program: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    with subprocess.Popen(
        [program], stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def test_a_c_program_serves_a_page(
    server: tuple[subprocess.Popen[str], int],
) -> None:
    process, port = server
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/page")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"a page from C\n")
    assert response.headers["Content-Type"] == "text/plain"
    connection.close()

    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_no_python_is_mapped_into_it(
    server: tuple[subprocess.Popen[str], int],
) -> None:
    process, _ = server
    maps = Path(f"/proc/{process.pid}/maps")
    if not maps.exists():
        pytest.skip("this system does not show what a process has mapped")
    files = {Path(line.split()[-1]).name for line in maps.read_text().splitlines()}
    assert "libpyrs.so" in files
    assert not [name for name in files if "libpython" in name or "cpython" in name]
