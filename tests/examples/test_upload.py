"""examples/upload: files that go up while the page shows how far they are."""

import http.client
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.kit import wait_until

from .browser import PHONE, opened
from .example_kit import TIMEOUT, Serving, example, follow_readme, shell

MB = 1_000_000


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the files get to."""
    folder = tmp_path / "uploads"
    monkeypatch.setenv("UPLOADS", str(folder))
    return folder


@pytest.fixture
def server(uploads: Path, tmp_path: Path) -> Iterator[Serving]:
    with example("upload", tmp_path) as server:
        yield server


def url(server: Serving) -> str:
    return f"http://127.0.0.1:{server.port}/"


def ask(
    server: Serving, method: str, path: str, body: Any = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
    connection.request(method, path, body)
    response = connection.getresponse()
    answer = response.status, response.headers, response.read()
    connection.close()
    return answer


def listed(server: Serving) -> list[str]:
    _, _, body = ask(server, "GET", "/files")
    return [file["name"] for file in json.loads(body)["files"]]


def choose(page: Page, folder: Path, files: dict[str, bytes]) -> None:
    """In the page's file dialog; the files are made in the folder."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    paths = [folder / name for name in files]
    page.get_by_label("Choose files").set_input_files(paths)


def test_the_readme_shows_what_happens(server: Serving, tmp_path: Path) -> None:
    follow_readme("upload", server, tmp_path)


# ---- by itself ----


def test_what_curl_sends_is_what_curl_gets(server: Serving, tmp_path: Path) -> None:
    (tmp_path / "sent").write_bytes(os.urandom(5 * MB))
    place = f"127.0.0.1:{server.port}/files/a%20file.bin"
    shell(
        f"curl -sf -T sent {place} && curl -sfO --remote-header-name {place}", tmp_path
    )
    assert (tmp_path / "a file.bin").read_bytes() == (tmp_path / "sent").read_bytes()


def test_a_file_in_chunks_of_unknown_number_arrives_whole(server: Serving) -> None:
    pieces = [os.urandom(size) for size in (1, 70_000, 300_000, 10)]
    status, headers, body = ask(server, "PUT", "/files/pieces", iter(pieces))
    assert (status, headers["Location"]) == (201, "/files/pieces")
    assert json.loads(body)["size"] == 370_011
    assert ask(server, "GET", "/files/pieces")[2] == b"".join(pieces)


def test_a_name_that_is_taken_gets_a_number(server: Serving, uploads: Path) -> None:
    for text in (b"one", b"two", b"three"):
        ask(server, "PUT", "/files/a.tar.gz", text)
    for at, name in enumerate(("a.tar.gz", "a.tar (2).gz", "a.tar (3).gz")):
        os.utime(uploads / name, (at, at))  # as later ones have later times
    assert listed(server) == ["a.tar (3).gz", "a.tar (2).gz", "a.tar.gz"]
    assert ask(server, "GET", "/files/a.tar%20(2).gz")[2] == b"two"


@pytest.mark.parametrize(
    "name", ["gr\u00fc\u00df dich.txt", "100%.txt", "a;b,c'd\"e", "\U0001f600"]
)
def test_names_are_kept_as_they_are(server: Serving, uploads: Path, name: str) -> None:
    place = "/files/" + "".join(f"%{byte:02x}" for byte in name.encode())
    assert ask(server, "PUT", place, b"x")[0] == 201
    assert listed(server) == [name]
    assert (uploads / name).read_bytes() == b"x"
    assert ask(server, "DELETE", place)[0] == 204
    assert listed(server) == []


ESCAPES = [
    "..%2fescaped",
    "%2e%2e%2fescaped",
    "..%5cescaped",
    "a%2f..%2f..%2fescaped",
    "%2fetc%2fpasswd",
    ".hidden",
    "a%0ab",
    "%e2%80%a8",
    "x" * 201,
]


def test_no_name_leads_out_of_the_folder(server: Serving, uploads: Path) -> None:
    (uploads.parent / "escaped").write_bytes(b"not to be seen")
    for name in ESCAPES:
        for method in ("PUT", "GET", "DELETE"):
            status, _, body = ask(server, method, f"/files/{name}", b"overwritten")
            assert (status, body[:7]) == (400, b"a name "), (method, name)
    assert (uploads.parent / "escaped").read_bytes() == b"not to be seen"
    assert not uploads.exists()


def test_what_is_not_there_is_not_found(server: Serving) -> None:
    assert ask(server, "GET", "/files/nothing")[0] == 404
    assert ask(server, "DELETE", "/files/nothing")[0] == 404


def test_an_uploaded_page_is_saved_and_not_shown(server: Serving) -> None:
    ask(server, "PUT", "/files/page.html", b"<script>alert(1)</script>")
    _, headers, _ = ask(server, "GET", "/files/page.html")
    assert headers["Content-Disposition"] == 'attachment; filename="page.html"'
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(
    server: Serving, uploads: Path
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
        head = (
            "PUT /files/large HTTP/1.1\r\nHost: a\r\nContent-Length: 1073741825\r\n\r\n"
        )
        client.sendall(head.encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert listed(server) == []


def test_half_a_file_is_not_seen_and_goes_with_its_client(
    server: Serving, uploads: Path
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
        head = "PUT /files/half HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n"
        client.sendall(head.encode() + bytes(MB))

        def has_arrived() -> bool:
            sizes = [path.stat().st_size for path in uploads.glob(".arriving-*")]
            return bool(sizes) and sizes[0] >= MB // 2

        wait_until(has_arrived, "half of the file")
        assert listed(server) == []
    wait_until(lambda: not list(uploads.iterdir()), "an empty folder")


# ---- in the browser ----


def test_the_page_shows_how_far_a_file_is_and_it_arrives_whole(
    server: Serving, uploads: Path, browser: Browser, tmp_path: Path
) -> None:
    data = os.urandom(6 * MB)
    with opened(browser, url(server)) as page:
        slow_down(page, 2 * MB)
        page.evaluate(WATCH_PROGRESS)
        choose(page, tmp_path, {"film.mp4": data})
        expect(page.get_by_role("link", name="film.mp4")).to_be_visible()
        bar = page.get_by_role("progressbar", name="film.mp4")
        expect(bar).to_have_count(0)
        seen = page.evaluate("seen")
    values = [value for value, _ in seen]
    assert values == sorted(values)
    assert len({*values}) > 3  # it moved, and did not only jump
    assert max(values) >= 0.8
    assert any("MB of 6.0 MB" in text for _, text in seen)
    assert (uploads / "film.mp4").read_bytes() == data


# What the bar of film.mp4 shows, with the text beside it, from beginning to end.
WATCH_PROGRESS = """() => {
    window.seen = [];
    new MutationObserver(() => {
        const bar = document.querySelector("progress[aria-label='film.mp4']");
        if (bar) window.seen.push([bar.value, bar.parentElement.innerText]);
    }).observe(document.body, {subtree: true, childList: true, attributes: true});
}"""


def slow_down(page: Page, bytes_per_second: int) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": bytes_per_second,
        },
    )


def test_files_that_are_dropped_are_uploaded(
    server: Serving, uploads: Path, browser: Browser
) -> None:
    with opened(browser, url(server)) as page:
        dropped = page.evaluate_handle(
            """() => {
                const dropped = new DataTransfer();
                for (const name of ["one.txt", "two.txt"])
                    dropped.items.add(new File(["text of " + name], name));
                return dropped;
            }"""
        )
        page.locator("#drop").dispatch_event("drop", {"dataTransfer": dropped})
        links = page.get_by_role("list", name="Uploaded", exact=True).get_by_role(
            "link"
        )
        expect(links).to_have_text(["two.txt", "one.txt"])
    assert (uploads / "one.txt").read_text() == "text of one.txt"
    assert (uploads / "two.txt").read_text() == "text of two.txt"


def test_a_link_of_the_list_downloads_the_file(
    server: Serving, browser: Browser, tmp_path: Path
) -> None:
    name, data = "<b>100% gr\u00fc\u00df.bin", os.urandom(MB)
    with opened(browser, url(server)) as page:
        choose(page, tmp_path, {name: data})
        with page.expect_download() as download:
            page.get_by_role("link", name="100%").click()
        download.value.save_as(tmp_path / "saved")
        assert page.locator("main b").count() == 0
    assert (tmp_path / "saved").read_bytes() == data


def test_a_file_can_be_cancelled_and_the_next_one_goes_on(
    server: Serving, uploads: Path, browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, url(server)) as page:
        slow_down(page, MB)
        choose(page, tmp_path, {"long.bin": bytes(20 * MB), "short.txt": b"text"})
        expect(page.get_by_text("of 20.0 MB")).to_be_visible()
        page.get_by_role("button", name="Cancel").first.click()
        expect(page.get_by_role("link")).to_have_text(["short.txt"])
    wait_until(
        lambda: [path.name for path in uploads.iterdir()] == ["short.txt"],
        "only the file that was not cancelled",
    )


def test_a_file_is_deleted_when_asked_and_confirmed(
    server: Serving, browser: Browser
) -> None:
    ask(server, "PUT", "/files/a.txt", b"text")
    with opened(browser, url(server)) as page:
        page.once("dialog", lambda dialog: dialog.dismiss())
        page.get_by_role("button", name="Delete a.txt").click()
        assert listed(server) == ["a.txt"]
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Delete a.txt").click()
        expect(page.get_by_text("Nothing yet.")).to_be_visible()
    assert listed(server) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_in_both_schemes(
    server: Serving, browser: Browser, scheme: Any
) -> None:
    ask(server, "PUT", "/files/" + "x" * 200, b"text")
    with opened(
        browser, url(server), viewport=PHONE, color_scheme=scheme, is_mobile=True
    ) as page:
        expect(page.get_by_role("link")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (
            ground == {"light": "rgb(243, 245, 248)", "dark": "rgb(20, 23, 28)"}[scheme]
        )
