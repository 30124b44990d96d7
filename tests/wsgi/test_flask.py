"""The Flask example of Pegasus's README, line for line, and what else views do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import RunningServer, get, wait_until

from .application_kit import APPLICATIONS, application, curl


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("flask")
    with application("flask_app.py", "flask_app:app", folder) as site:
        yield site


def test_a_start_prints_where_it_listens_and_how_many_threads(
    site: RunningServer,
) -> None:
    place = site.url.removeprefix("http://")
    assert site.printed == [f'INFO: Listen at "{place}"', "INFO: Threads: 64"]


def test_the_first_page(site: RunningServer) -> None:
    assert curl(f"{site.url}/") == "Blazingly Fast!\n"
    site.expect_log(r'^INFO: 127\.0\.0\.1:\d+ - "GET / HTTP/1\.1" 200 OK$')


def test_the_echo_with_a_path_a_query_and_a_body(site: RunningServer) -> None:
    url = f"{site.url}/echo/a/b/c?foo=echo&bar=69"
    answer = curl(url, "--request", "POST", "--data-raw", "Some data")
    assert json.loads(answer) == {
        "body": "Some data",
        "query_params": {"bar": "69", "foo": "echo"},
        "url_params": ["a", "b", "c"],
    }
    site.expect_log('"POST /echo/a/b/c\\?foo=echo&bar=69 HTTP/1.1" 200 OK$')


def test_the_access_line_has_the_real_status(site: RunningServer) -> None:
    assert "Not Found" in curl(f"{site.url}/nowhere")
    site.expect_log('"GET /nowhere HTTP/1.1" 404 Not Found$')
    assert "Method Not Allowed" in curl(f"{site.url}/", "--request", "DELETE")
    site.expect_log('"DELETE / HTTP/1.1" 405 Method Not Allowed$')


def test_a_session_outlives_a_redirect(site: RunningServer, tmp_path: Path) -> None:
    cookies = str(tmp_path / "cookies")
    answer = curl(
        f"{site.url}/login",
        *("--data", "name=Ada", "--location", "--cookie-jar", cookies),
        *("--cookie", cookies),
    )
    assert answer == "Ada"


def test_a_generator_is_streamed(site: RunningServer) -> None:
    lines = curl(f"{site.url}/count/20000").splitlines()
    assert lines == [str(number) for number in range(20000)]


def test_a_file_is_sent_in_parts_and_not_sent_again(site: RunningServer) -> None:
    source = (APPLICATIONS / "flask_app.py").read_bytes()
    whole = site.ask(get("/source"))
    assert whole.body == source
    part = site.ask(get("/source", "Range: bytes=10-19"))
    assert (part.status, part.body) == (206, source[10:20])
    tag = f"If-None-Match: {whole['ETag']}"
    assert site.ask(get("/source", tag)).status == 304


def test_a_view_that_raises_is_flask_s_500_and_its_traceback_is_in_the_log(
    site: RunningServer,
) -> None:
    assert "Internal Server Error" in curl(f"{site.url}/failure")
    site.expect_log("Exception on /failure", "LookupError: no such luck")
    site.allow_log("Traceback", "^  ")
    site.expect_log('"GET /failure HTTP/1.1" 500 Internal Server Error$')


def test_slow_views_do_not_keep_quick_ones_waiting(site: RunningServer) -> None:
    with site.connect() as first, site.connect() as second:
        first.send(get("/slow/1"))
        wait_until(lambda: site.counter("threads_busy") == 1, "the first one is inside")
        second.send(get("/slow/2"))
        wait_until(lambda: site.counter("threads_busy") == 2, "both are inside")
        for _ in range(20):
            assert site.ask(get("/whoami/else")).status == 404
            assert site.ask(get("/")).status == 200
        site.ask(get("/go-on"))
        assert first.response().body == b"slow 1"
        assert second.response().body == b"slow 2"
