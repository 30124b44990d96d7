"""examples/cgi: programs in a folder, as their users run them."""

import re
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.kit import wait_until

from .browser import opened
from .example_kit import TIMEOUT, Serving, example, follow_readme


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    with example("cgi", tmp_path) as server:
        yield server


def test_the_readme_is_right(server: Serving, tmp_path: Path) -> None:
    follow_readme("cgi", server, tmp_path)


def test_a_script_answers_the_same_when_it_is_warm(server: Serving) -> None:
    """As it is after a while, whenever that is."""
    for _ in range(20):
        assert server.get("/hello.py?name=Meir") == "Hi! ['Meir']\n"


def test_the_guest_book_is_signed_in_a_browser(
    server: Serving, browser: Browser
) -> None:
    with opened(browser, f"http://127.0.0.1:{server.port}/guestbook.py") as page:
        page.get_by_placeholder("Name").fill("Grace")
        page.locator("textarea").fill("<b>not bold</b>")
        page.get_by_role("button", name="Sign").click()
        expect(page.get_by_text("<b>not bold</b>")).to_be_visible()
        expect(page.get_by_text("Thank you for signing.")).to_be_visible()
        expect(page.locator("small")).to_have_text(re.compile("^Grace, "))


def test_a_guest_book_is_not_signed_with_nothing(server: Serving) -> None:
    status, body = server.ask("POST", "/guestbook.py", "name=&text=")
    assert (status, "signed" in body) == (200, False)  # without the type of a form


def test_no_entry_is_lost_when_many_sign_at_once(
    server: Serving, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{server.port}/guestbook.py"

    def sign(number: int) -> None:
        body = f"name=guest&text=entry{number}".encode()
        urllib.request.urlopen(url, body, timeout=TIMEOUT).close()

    threads = [threading.Thread(target=sign, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    book = tmp_path / "cgi" / "programs" / "guestbook.jsonl"
    wait_until(book.exists)
    entries = re.findall(r"entry(\d+)", book.read_text())
    assert sorted(map(int, entries)) == list(range(12))
