"""examples/chat: people who talk to each other, in browsers and by curl."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from .browser import PHONE, opened
from .example_kit import TIMEOUT, Serving, example, follow_readme

Event = tuple[str, str, object]  # type, id, data


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    with example("chat", tmp_path) as server:
        yield server


def url(server: Serving) -> str:
    return f"http://127.0.0.1:{server.port}/"


def say(
    server: Serving, name: str, text: str, media_type: str = "application/json"
) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
    body = json.dumps({"name": name, "text": text})
    connection.request("POST", "/messages", body, {"Content-Type": media_type})
    status = connection.getresponse().status
    connection.close()
    return status


class Listener:
    """Reads events as an EventSource does."""

    def __init__(self, server: Serving, name: str, last_id: str) -> None:
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", server.port, timeout=TIMEOUT
        )
        headers = {"Last-Event-ID": last_id} if last_id else {}
        self.connection.request("GET", f"/events?name={name}", headers=headers)
        self.response = self.connection.getresponse()
        assert self.response.headers["Content-Type"] == "text/event-stream"

    def next(self) -> Event:
        fields: dict[str, str] = {}
        while line := self.response.readline().decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
        return fields["event"], fields.get("id", ""), json.loads(fields["data"])

    def next_texts(self, count: int) -> list[str]:
        """Of the next messages, whoever comes and goes."""
        texts: list[str] = []
        while len(texts) < count:
            kind, _, data = self.next()
            if kind == "message":
                assert isinstance(data, dict)
                texts.append(data["text"])
        return texts


@contextmanager
def listening(server: Serving, name: str, last_id: str = "") -> Iterator[Listener]:
    listener = Listener(server, name, last_id)
    with closing(listener.connection), listener.response:
        yield listener


def join(page: Page, name: str) -> None:
    page.get_by_role("textbox", name="What do we call you?").fill(name)
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_text("Connected")).to_be_visible()


def write(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Message").fill(text)
    page.get_by_role("button", name="Send").click()


def test_the_readme_shows_what_happens(server: Serving, tmp_path: Path) -> None:
    follow_readme("chat", server, tmp_path)


# ---- by itself ----


def test_a_newcomer_gets_what_was_said_and_then_what_is_said(server: Serving) -> None:
    assert say(server, "Ada", "before") == 204
    with listening(server, "Bob") as bob:
        assert bob.next_texts(1) == ["before"]
        say(server, "Ada", "after")
        assert bob.next_texts(1) == ["after"]


def test_who_comes_back_gets_what_was_missed_and_no_more(server: Serving) -> None:
    for text in ("one", "two", "three"):
        say(server, "Ada", text)
    with listening(server, "Bob") as bob:
        _, (_, second, _), _ = bob.next(), bob.next(), bob.next()
    with listening(server, "Bob", second) as bob:
        say(server, "Ada", "four")
        assert bob.next_texts(2) == ["three", "four"]


@pytest.mark.parametrize("last_id", ["other-2", "-2", "nonsense", "x-\u00b2", "0"])
def test_an_id_of_another_run_means_nothing(server: Serving, last_id: str) -> None:
    say(server, "Ada", "one")
    with listening(server, "Bob", last_id) as bob:
        assert bob.next_texts(1) == ["one"]


def test_everybody_sees_who_is_here(server: Serving) -> None:
    with listening(server, "Ada") as ada:
        assert ada.next() == ("people", "", ["Ada"])
        with listening(server, "Bob"):
            assert ada.next() == ("people", "", ["Ada", "Bob"])
        assert ada.next() == ("people", "", ["Ada"])


def test_what_is_no_message_is_refused(server: Serving) -> None:
    assert say(server, "", "text") == 422
    assert say(server, "Ada", "") == 422
    assert say(server, "Ada", "x" * 2001) == 422
    assert say(server, "Ada", "x" * 20_000) == 413
    assert say(server, "Ada", "by a form of another site", "text/plain") == 415
    with listening(server, "Bob") as bob:
        say(server, "Ada", "a message")
        assert bob.next_texts(1) == ["a message"]


# ---- in browsers ----


def test_two_people_talk_to_each_other(server: Serving, browser: Browser) -> None:
    with opened(browser, url(server)) as ada, opened(browser, url(server)) as bob:
        join(ada, "Ada")
        join(bob, "Bob")
        expect(ada.get_by_label("Who is here")).to_have_text("AdaBob")
        write(ada, "Hello")
        expect(bob.get_by_text("Hello")).to_be_visible()
        write(bob, "Good to see you")
        expect(ada.get_by_text("Good to see you")).to_be_visible()
        for page in (ada, bob):
            texts = page.get_by_label("Messages").locator(".text")
            expect(texts).to_have_text(["Hello", "Good to see you"])


def test_what_looks_like_html_stays_text(server: Serving, browser: Browser) -> None:
    evil = "<img src=x onerror=\"document.title='taken'\"><script>1</script>"
    name = "<b>Eve</b>"
    with opened(browser, url(server)) as ada, opened(browser, url(server)) as eve:
        join(ada, "Ada")
        join(eve, name)
        write(eve, evil)
        expect(ada.get_by_label("Messages").locator(".text")).to_have_text(evil)
        expect(ada.get_by_label("Messages").locator(".name")).to_have_text(name)
        expect(ada.get_by_label("Who is here")).to_have_text(name + "Ada")
        assert ada.locator("main img, main script, main b, header b").count() == 0
        assert ada.title() == "Chat"


def test_a_page_that_was_cut_off_comes_back_and_misses_nothing(
    tmp_path: Path, browser: Browser
) -> None:
    """The server is restarted, on the port it had. It cannot wait for answers that
    never end, and says so."""
    told = ".*requests that were still running have been cut off\n"
    with example("chat", tmp_path / "first", told=told) as server:
        context = browser.new_context()
        page = context.new_page()
        page.goto(url(server))
        join(page, "Ada")
        write(page, "before")
        expect(page.get_by_text("before")).to_be_visible()
        port = server.port
    expect(page.get_by_text("Connecting again")).to_be_visible()
    write(page, "between")
    expect(page.get_by_role("alert")).to_contain_text("Not sent")
    expect(page.get_by_role("textbox", name="Message")).to_have_value("between")
    with example("chat", tmp_path / "second", port=port) as server:
        say(server, "Bob", "after")
        expect(page.get_by_text("after")).to_be_visible(timeout=15_000)
        expect(page.get_by_text("Connected")).to_be_visible()
        page.get_by_role("button", name="Send").click()
        texts = page.get_by_label("Messages").locator(".text")
        expect(texts).to_have_text(["before", "after", "between"])
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_in_both_schemes(
    server: Serving, browser: Browser, scheme: str
) -> None:
    say(server, "Ada", "w" * 500)
    with opened(
        browser, url(server), viewport=PHONE, color_scheme=scheme, is_mobile=True
    ) as page:
        join(page, "a name of 24 characters.")
        expect(page.get_by_text("w" * 500)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        send = page.get_by_role("button", name="Send").bounding_box()
        assert send
        assert send["y"] + send["height"] <= PHONE["height"]
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (
            ground == {"light": "rgb(244, 242, 238)", "dark": "rgb(22, 24, 29)"}[scheme]
        )
