"""Bottle, Falcon and Pyramid: the same pages in each, asked for by curl."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import RunningServer

from .application_kit import APPLICATIONS, application, curl

FRAMEWORKS = {
    "bottle": "bottle_app:site.app",
    "falcon": "falcon_app:create_app()",
    "pyramid": "pyramid_app:main({}, word='Hello')",
}
LARGE = bytes(range(256)) * 4096  # more than is kept in memory


@pytest.fixture(scope="module", params=list(FRAMEWORKS))
def framework(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def site(
    framework: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp(framework)
    name = f"{framework}_app.py"
    with application(name, FRAMEWORKS[framework], folder) as site:
        site.allow_log("pkg_resources")  # Pyramid's import is frowned upon
        yield site


@pytest.fixture
def large_file(tmp_path: Path) -> Path:
    path = tmp_path / "größe 1.bin"
    path.write_bytes(LARGE)
    return path


def test_a_part_of_the_path_reaches_the_page(site: RunningServer) -> None:
    assert curl(f"{site.url}/hello/Ada%20Byron") == "Hello, Ada Byron!"


def test_text_outside_ascii_in_the_path_is_utf_8(site: RunningServer) -> None:
    assert curl(f"{site.url}/hello/Zo%C3%AB") == "Hello, Zoë!"


def test_json_is_taken_and_given(site: RunningServer) -> None:
    body = json.dumps({"numbers": [1, 2, 3]})
    header = "Content-Type: application/json"
    answer = curl(f"{site.url}/sum", "--header", header, "--data", body)
    assert json.loads(answer) == {"sum": 6}


def test_a_form_with_a_large_file_comes_whole(
    site: RunningServer, large_file: Path
) -> None:
    answer = curl(f"{site.url}/upload", "--form", f"file=@{large_file}")
    assert json.loads(answer) == {
        "name": "größe 1.bin",
        "digest": hashlib.sha256(LARGE).hexdigest(),
    }


@pytest.mark.parametrize("framing", ["Content-Length", "Transfer-Encoding: chunked"])
def test_a_body_is_read_to_its_end(
    site: RunningServer, framing: str, large_file: Path
) -> None:
    headers = [] if framing == "Content-Length" else ["--header", framing]
    answer = curl(f"{site.url}/digest", "--upload-file", str(large_file), *headers)
    assert answer == hashlib.sha256(LARGE).hexdigest()


def test_an_iterable_is_streamed(site: RunningServer) -> None:
    answer = curl(f"{site.url}/stream", "--include")
    head, _, body = answer.partition("\n\n")
    assert "transfer-encoding: chunked" in head.lower()
    assert body == "piece 0\npiece 1\npiece 2\n"


def test_a_file_is_sent_and_head_tells_its_length(
    site: RunningServer, framework: str
) -> None:
    source = (APPLICATIONS / f"{framework}_app.py").read_text()
    assert curl(f"{site.url}/file") == source
    head = curl(f"{site.url}/file", "--head")
    assert f"content-length: {len(source.encode())}" in head.lower()


def test_what_is_not_there_is_the_framework_s_404(site: RunningServer) -> None:
    status = ("--output", "-", "--write-out", "%{http_code}")
    assert curl(f"{site.url}/nowhere", *status).endswith("404")
    assert curl(f"{site.url}/sum", *status).endswith(("404", "405"))


def test_a_page_that_fails_is_a_500_and_the_next_one_is_served(
    site: RunningServer, framework: str
) -> None:
    status = ("--output", "-", "--write-out", "%{http_code}")
    assert curl(f"{site.url}/failure", *status).endswith("500")
    site.expect_log("LookupError: no such luck")
    if framework == "bottle":  # writes the traceback to wsgi.errors itself
        site.allow_log("Traceback", "LookupError")
    assert curl(f"{site.url}/hello/you") == "Hello, you!"
