"""The page of a folder, as it is served and as a person sees it.

What is in it is tested in tests/unit/test_listing.py.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.examples.browser import opened
from tests.kit import RunningServer, get, running_server
from tests.kit.folder_page import FolderPage, read_folder_page

LONG = "a-name-without-any-place-to-break-it-" * 6
NAMES = {
    b"a.txt": 34,
    b"film 9.webm": 734_003,
    b"film 10.webm": 2_738_252,
    b"b.txt": 955,
    LONG.encode(): 1,
    b"two\nlines": 2,
    b"latin-\xe9\xff\"'<&>?#%41.txt": 3,
    "\u05e9\u05dc\u05d5\u05dd gr\u00fc\u00df.txt".encode(): 4,
    b" ": 5,
    b"\\": 6,
}
WIDTHS = [360, 1280]
SCHEMES = ["light", "dark"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders with an index and without, links that stay and that lead out."""
    folder = tmp_path_factory.mktemp("listing")
    root = folder / "root"
    (root / "mixed" / "inner" / "most").mkdir(parents=True)
    (root / "indexed").mkdir()
    (root / "empty").mkdir()
    (root / "favicon.ico").touch()  # asked for beside a file that is looked at
    (root / "indexed/index.html").write_text("an index")
    for at, (name, size) in enumerate(NAMES.items()):
        path = root / "mixed" / os.fsdecode(name)
        path.write_bytes(bytes([65 + at]) * size)
        os.utime(path, (0, 1_700_000_000 + 86_400 * at))
    (folder / "outside").write_text("secret")
    (root / "links").mkdir()
    (root / "links/stays").symlink_to("../mixed/a.txt")
    (root / "links/stays too").symlink_to("../mixed")
    (root / "links/leaves").symlink_to("../../outside")
    (root / "links/leaves too").symlink_to("/etc")
    (root / "links/broken").symlink_to("nothing")
    (root / "links/.hidden").write_text("secret")
    return folder


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[RunningServer]:
    entry: dict[str, Any] = {"static": "root", "listing": True}
    routes: dict[str, Any] = {
        "/": entry,
        "/files": entry,
        "/following": {**entry, "follow_symlinks": True},
        "/silent": {"static": "root"},
    }
    with running_server(root, "", routes) as running:
        yield running


def listing(server: RunningServer, path: str) -> FolderPage:
    answer = server.ask(get(path))
    assert answer.status == 200
    return read_folder_page(answer.body)


# ---- served ----


def test_a_page_allows_no_script_and_is_asked_for_again(server: RunningServer) -> None:
    answer = server.ask(get("/mixed/"))
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert answer["Cache-Control"] == "no-cache"
    policy = dict(
        rule.split(" ", 1) for rule in answer["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", policy["style-src"])


def test_head_tells_how_long_the_page_is(server: RunningServer) -> None:
    page = server.ask(get("/mixed/?sort=size"))
    head = server.ask(get("/mixed/?sort=size", method="HEAD"))
    assert (head.status, head.body) == (200, b"")
    assert head["Content-Length"] == str(len(page.body))


@pytest.mark.parametrize("mount", ["", "/files"])
def test_every_link_leads_to_what_it_names(server: RunningServer, mount: str) -> None:
    page = listing(server, f"{mount}/mixed/")
    assert sorted(page.names) == sorted([*NAMES, b"inner"])
    for row in page.rows:
        answer = server.ask(get(f"{mount}/mixed/{row.link}"))
        assert answer.status == 200
        if not row.is_folder:
            assert len(answer.body) == row.size == NAMES[row.name]


def test_the_way_up_ends_where_the_folder_is_mounted(server: RunningServer) -> None:
    page = listing(server, "/files/mixed/inner/")
    assert page.crumbs == [
        ("/files/", "../../"),
        ("mixed/", "../"),
        ("inner/", None),
    ]
    assert page.parent == "../"
    top = listing(server, "/files/")
    assert (top.crumbs, top.parent) == ([("/files/", None)], None)


def test_the_order_is_as_asked(server: RunningServer) -> None:
    sizes = [row.size for row in listing(server, "/mixed/?sort=size&order=desc").rows]
    assert sizes[1:] == sorted(NAMES.values(), reverse=True)
    page = listing(server, "/mixed/?sort=date&order=asc")
    assert page.names == [b"inner", *NAMES]


def test_a_folder_asked_for_without_its_slash_keeps_its_order(
    server: RunningServer,
) -> None:
    answer = server.ask(get("/files/mixed?sort=size"))
    assert (answer.status, answer["Location"]) == (301, "/files/mixed/?sort=size")


def test_an_index_stands_above_the_listing(server: RunningServer) -> None:
    assert server.ask(get("/indexed/")).body == b"an index"


def test_without_the_key_there_is_no_listing(server: RunningServer) -> None:
    assert server.ask(get("/silent/mixed/")).status == 404
    assert server.ask(get("/silent/mixed/a.txt")).status == 200


@pytest.mark.parametrize("path", ["/missing/", "/mixed/a.txt/", "/.git/", "/mixed/.x/"])
def test_what_is_no_folder_has_no_listing(server: RunningServer, path: str) -> None:
    assert server.ask(get(path)).status == 404


def test_links_that_lead_out_are_shown_only_where_they_are_followed(
    server: RunningServer,
) -> None:
    page = listing(server, "/links/")
    assert page.names == [b"stays too", b"stays"]
    assert page.rows[1].size == NAMES[b"a.txt"]
    followed = listing(server, "/following/links/")
    assert followed.names == [b"leaves too", b"stays too", b"leaves", b"stays"]
    for row in page.rows:
        assert server.ask(get(f"/links/{row.link}")).status == 200
    for row in followed.rows:
        assert server.ask(get(f"/following/links/{row.link}")).status == 200


def test_a_name_that_comes_and_goes_is_listed_and_is_not(
    server: RunningServer, root: Path
) -> None:
    file = root / "root/empty/file"
    assert listing(server, "/empty/").names == []
    file.touch()
    assert listing(server, "/empty/").names == [b"file"]
    file.unlink()
    assert listing(server, "/empty/").names == []


def test_a_large_folder_is_shown_in_part_while_others_are_served(
    tmp_path: Path,
) -> None:
    (tmp_path / "root/many").mkdir(parents=True)
    (tmp_path / "root/file").write_bytes(b"x")
    for at in range(10_050):  # hard links: what is made quickest
        (tmp_path / f"root/many/{at}").hardlink_to(tmp_path / "root/file")
    entry = {"static": "root", "listing": True}
    with (
        running_server(tmp_path, "", {"/": entry}) as server,
        server.connect() as first,
        server.connect() as second,
    ):
        first.send(get("/many/?sort=size"))
        assert second.ask(get("/file")).body == b"x"
        page = first.response().body
    assert page.count(b'<data value="1">') == 10_000
    assert b"more than 10000 entries" in page


# ---- seen ----


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_page_fits_its_screen_and_can_be_read(
    server: RunningServer, browser: Browser, width: int, scheme: Any
) -> None:
    with folder_page(server, browser, width=width, scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        for row in page.locator("tbody tr").all():
            box = row.bounding_box()
            assert box is not None
            assert box["height"] >= 40  # a finger's
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
        for selector in ("h1", "h1 a", "p", "th a", "td a", "td time", "td data"):
            assert contrast(page, selector) >= 4.5, selector


def test_dark_is_dark_and_light_is_light(
    server: RunningServer, browser: Browser
) -> None:
    grounds = []
    for scheme in SCHEMES:
        with folder_page(server, browser, scheme=scheme) as page:
            grounds.append(luminance(colour(page, "body", "backgroundColor")))
    light, dark = grounds
    assert light > 0.9
    assert dark < 0.02


def test_on_a_phone_size_and_date_stand_below_the_name(
    server: RunningServer, browser: Browser
) -> None:
    for width, is_below in ((360, True), (1280, False)):
        with folder_page(server, browser, width=width) as page:
            row = page.locator("tbody tr", has_text="b.txt")
            name, date = (
                row.locator("a").bounding_box(),
                row.locator("time").bounding_box(),
            )
            assert name is not None
            assert date is not None
            assert (date["y"] >= name["y"] + name["height"]) == is_below
            if is_below:  # and the whole row is the link
                with page.expect_response("**/b.txt") as seen:
                    page.mouse.click(date["x"] + 1, date["y"] + 1)
                assert seen.value.status == 200


def test_columns_sort_and_turn_without_a_script(
    server: RunningServer, browser: Browser
) -> None:
    with folder_page(server, browser) as page:
        page.get_by_role("link", name="Size").click()
        expect(page.locator("th[aria-sort=descending]")).to_have_text("Size")
        assert shown(page)[:3] == ["inner", "film 10.webm", "film 9.webm"]
        page.get_by_role("link", name="Size").click()
        expect(page.locator("th[aria-sort=ascending]")).to_have_text("Size")
        assert shown(page)[-1] == "film 10.webm"
        page.get_by_role("link", name="Modified").click()
        expect(page.locator("th[aria-sort=descending]")).to_have_text("Modified (UTC)")
        page.get_by_role("link", name="Name", exact=True).click()
        expect(page.locator("th[aria-sort=ascending]")).to_have_text("Name")
        names = shown(page)
        assert names.index("film 9.webm") < names.index("film 10.webm")


def test_one_goes_down_and_up_again_by_links(
    server: RunningServer, browser: Browser
) -> None:
    with folder_page(server, browser) as page:
        page.get_by_role("link", name="inner").click()
        page.get_by_role("link", name="most").click()
        expect(page).to_have_title("/files/mixed/inner/most/")
        page.get_by_role("link", name="Parent folder").click()
        expect(page).to_have_title("/files/mixed/inner/")
        page.get_by_role("heading").get_by_role("link", name="/files/").click()
        expect(page).to_have_title("/files/")
        expect(page.get_by_role("link", name="Parent folder")).to_have_count(0)


def test_a_file_of_any_name_opens_with_a_click(
    server: RunningServer, browser: Browser
) -> None:
    for name in (b"two\nlines", b"latin-\xe9\xff\"'<&>?#%41.txt"):
        with folder_page(server, browser) as page:
            link = page.locator(f'td a[href="{quote_from_bytes(name, safe="")}"]')
            with page.expect_response(re.compile("/files/mixed/.")) as seen:
                link.click()
            assert seen.value.status == 200
            assert seen.value.headers["content-length"] == str(NAMES[name])


def folder_page(
    server: RunningServer, browser: Browser, *, width: int = 1280, scheme: Any = "light"
) -> Any:
    """The page of the folder with everything in it, in a browser without scripts."""
    return opened(
        browser,
        f"{server.url}/files/mixed/",
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        java_script_enabled=False,
    )


def shown(page: Page) -> list[str]:
    """The names from the top down, the way up left out."""
    return page.locator("tbody tr:not(.up) a").all_inner_texts()


# ---- colours ----


def colour(page: Page, selector: str, part: str) -> tuple[float, float, float]:
    text = page.locator(selector).first.evaluate(
        "(element, part) => getComputedStyle(element)[part]", part
    )
    red, green, blue = re.findall(r"\d+", text)[:3]
    return int(red) / 255, int(green) / 255, int(blue) / 255


def luminance(parts: tuple[float, float, float]) -> float:
    """WCAG 2.2, relative luminance."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(page: Page, selector: str) -> float:
    """Of a text with the ground of the page."""
    text = luminance(colour(page, selector, "color"))
    ground = luminance(colour(page, "body", "backgroundColor"))
    return (max(text, ground) + 0.05) / (min(text, ground) + 0.05)
