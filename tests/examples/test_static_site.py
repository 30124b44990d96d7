"""examples/static_site: a film that is sought in, a download that is resumed."""

import http.client
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.cli.command_kit import run
from tests.kit import wait_until

from .browser import PHONE, opened
from .example_kit import EXAMPLES, TIMEOUT, Serving, example, follow_readme, shell

SECONDS = 30  # of the film


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made as the README says."""
    copy = tmp_path_factory.mktemp("film")
    (copy / "downloads").mkdir()
    script = copy / "make_film.py"
    script.write_bytes((EXAMPLES / "static_site/make_film.py").read_bytes())
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("film.webm: ")
    return copy / "downloads/film.webm"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("example")


@pytest.fixture(scope="module")
def server(film: Path, folder: Path) -> Iterator[Serving]:
    with example("static_site", folder) as server:
        downloads = folder / "static_site/downloads"
        (downloads / "film.webm").write_bytes(film.read_bytes())
        yield server


def url(server: Serving, path: str = "/") -> str:
    return f"http://127.0.0.1:{server.port}{path}"


def test_the_readme_shows_what_happens(
    server: Serving, folder: Path, tmp_path: Path
) -> None:
    follow_readme("static_site", server, tmp_path)


def test_curl_resumes_a_download(server: Serving, film: Path, tmp_path: Path) -> None:
    whole = film.read_bytes()
    (tmp_path / "film.webm").write_bytes(whole[:1_000_000])
    address = url(server, "/downloads/film.webm")
    options = "-sSf -C - -w '%{http_code} %{size_download}'"
    told = shell(f"curl {options} -o film.webm {address}", tmp_path)
    assert told == f"206 {len(whole) - 1_000_000}"
    assert (tmp_path / "film.webm").read_bytes() == whole


def test_a_film_is_sought_in_without_what_lies_before(
    server: Serving, browser: Browser, film: Path
) -> None:
    ranges: list[str] = []

    def note(request: Request) -> None:
        if request.url.endswith("film.webm"):
            ranges.append(request.all_headers().get("range", ""))

    with opened(browser, url(server)) as page:
        # At this rate the whole film would take a minute and a half: what is shown at
        # its end can only have been asked for.
        slow_down(page, film.stat().st_size // 90)
        page.on("request", note)
        page.reload()
        for second in (SECONDS - 3, SECONDS // 2):
            assert seek(page, second) == pytest.approx(second, abs=0.2)
            assert sky(page) == pytest.approx(brightness(second), abs=12)
    starts = [int(re.fullmatch(r"bytes=(\d+)-\d*", text)[1]) for text in ranges]  # type: ignore[index]
    assert max(starts) > film.stat().st_size // 2


def slow_down(page: Page, bytes_per_second: int) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 0,
            "downloadThroughput": bytes_per_second,
            "uploadThroughput": -1,
        },
    )


def seek(page: Page, second: int) -> float:
    """Gives the time of the picture that is there then."""
    return float(
        page.locator("video").evaluate(
            """async (video, second) => {
                if (video.readyState < HTMLMediaElement.HAVE_METADATA)
                    await new Promise(done => video.onloadedmetadata = done);
                video.currentTime = second;
                await new Promise(done => video.onseeked = done);
                return video.currentTime;
            }""",
            second,
        )
    )


def sky(page: Page) -> float:
    """How bright the upper edge of the picture is, from 0 to 255."""
    return float(
        page.locator("video").evaluate(
            """video => {
                const canvas = document.createElement("canvas");
                canvas.width = video.videoWidth, canvas.height = 8;
                const drawing = canvas.getContext("2d");
                drawing.drawImage(video, 0, 0);
                const pixels = drawing.getImageData(0, 0, canvas.width, 8).data;
                let sum = 0;
                for (let i = 0; i < pixels.length; i += 4)
                    sum += .299 * pixels[i] + .587 * pixels[i+1] + .114 * pixels[i+2];
                return sum / (pixels.length / 4);
            }"""
        )
    )


def brightness(second: int) -> float:
    """What make_film.py draws there, in the range of a screen."""
    drawn = 20 + 150 * second / SECONDS + 3
    return (drawn - 16) * 255 / 219


def test_pages_are_asked_for_again_and_assets_are_not(
    server: Serving, browser: Browser
) -> None:
    with opened(browser, url(server)) as page:
        page.get_by_role("link", name="How it is served").click()
        page.get_by_role("link", name="Back to the film").click()
        expect(page.get_by_role("heading")).to_have_text("From night to noon")
        page.wait_for_load_state()
        received = page.evaluate(
            """() => Object.fromEntries(performance.getEntries()
                .filter(entry => "transferSize" in entry)
                .map(entry => [new URL(entry.name).pathname, entry.transferSize]))"""
        )
    assert received["/"] > 0
    assert received["/assets/site.1.css"] == 0
    assert received["/assets/sun.1.svg"] == 0


def test_compressed_siblings_are_sent_to_who_takes_them(
    server: Serving, folder: Path
) -> None:
    done = run("compress", "static_site", cwd=folder)
    assert done.returncode == 0
    style = (EXAMPLES / "static_site/assets/site.1.css").read_bytes()
    sizes = {}

    def is_sent(coding: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, TIMEOUT)
        with closing(connection):
            connection.request(
                "GET", "/assets/site.1.css", None, {"Accept-Encoding": coding}
            )
            answer = connection.getresponse()
            sizes[coding] = len(answer.read())
        assert answer.headers["Content-Type"] == "text/css"
        return answer.headers.get("Content-Encoding", "identity") == coding

    for coding in ("identity", "gzip", "zstd", "br"):  # what was there is kept a second
        wait_until(partial(is_sent, coding), f"the stylesheet in {coding}")
    assert sizes["identity"] == len(style)
    assert max(sizes["gzip"], sizes["zstd"], sizes["br"]) < len(style) / 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_fit_a_phone(server: Serving, browser: Browser, scheme: Any) -> None:
    for path in ("/", "/about/", "/downloads/"):
        with opened(
            browser, url(server, path), viewport=PHONE, color_scheme=scheme
        ) as page:
            assert (
                page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
            )
