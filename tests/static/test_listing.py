"""The page of a folder, as it is served and as a person sees it.

What is in it is tested in tests/unit/test_listing.py.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import av
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.examples.browser import PHONE, opened
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
# Of a folder as there are many, for pictures. The time is that of a release.
RELEASE = {
    "documentation": None,
    "wheels": None,
    "CHANGELOG.md": 11_480,
    "LICENSE": 1_071,
    "pyrs-1.2.0-linux-x86_64.tar.gz": 2_738_252,
    "pyrs-1.2.0-linux-aarch64.tar.gz": 2_690_113,
    "pyrs-1.2.0.tar.gz": 734_003,
    "introduction.webm": 48_120_000,
    "SHA256SUMS": 290,
}
RELEASED = 1_726_480_800
WIDTHS = [360, 1280]
SCHEMES = ["light", "dark"]
SCREENS = {
    "desktop-light": ({"width": 960, "height": 640}, "light"),
    "desktop-dark": ({"width": 960, "height": 640}, "dark"),
    "phone": (PHONE, "light"),
}


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
    (root / "pyrs-1.2.0").mkdir()
    for at, (shown_name, shown_size) in enumerate(RELEASE.items()):
        path = root / "pyrs-1.2.0" / shown_name
        if shown_size is None:
            path.mkdir()
        else:
            with path.open("wb") as file:
                file.truncate(shown_size)
        os.utime(path, (0, RELEASED - 3_700 * at))
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


@pytest.mark.parametrize("folder", ["mixed", "pyrs-1.2.0"])
@pytest.mark.parametrize("screen", SCREENS)
def test_a_screenshot_shows_every_row_on_the_ground_of_its_scheme(
    server: RunningServer, browser: Browser, folder: str, screen: str
) -> None:
    """`make screenshots` keeps the pictures, so that a person can look at them."""
    size, scheme = SCREENS[screen]
    with opened_folder(
        server, browser, folder, viewport=size, color_scheme=scheme
    ) as page:
        png = page.screenshot(full_page=True)
        if kept := os.environ.get("PYRS_SCREENSHOTS"):
            Path(kept).mkdir(parents=True, exist_ok=True)
            Path(kept, f"{folder}-{screen}.png").write_bytes(png)
        assert faults_of(page, Picture(png), size["width"], scheme) == []


@pytest.mark.parametrize(
    ("style", "fault"),
    [
        ("body{visibility:hidden}", "no text"),
        ("td a{color:transparent!important}", "no text"),
        ("td a{color:var(--ground)!important}", "no text"),
        ("tbody tr{background:var(--text)!important}", "the ground is not that"),
        ("td a{white-space:nowrap!important}", "too wide"),
    ],
)
def test_a_screenshot_of_a_broken_page_is_seen_to_be_one(
    server: RunningServer, browser: Browser, style: str, fault: str
) -> None:
    size, scheme = SCREENS["phone"]
    with opened_folder(
        server, browser, "mixed", viewport=size, color_scheme=scheme, bypass_csp=True
    ) as page:
        picture = Picture(page.screenshot(full_page=True, style=style))
        faults = faults_of(page, picture, size["width"], scheme)
    assert fault in " ".join(faults)


def faults_of(page: Page, picture: "Picture", width: int, scheme: str) -> list[str]:
    """What is wrong in a picture of the whole page."""
    faults = []
    ground = rgb(page, "body", "backgroundColor")
    pixels = picture.part(0, 0, picture.width, picture.height)
    if (luminance(scaled(ground)) > 0.5) != (scheme == "light"):
        faults.append(f"the ground is not {scheme}")
    if pixels.count(ground) < 0.8 * len(pixels):
        faults.append("the ground is not that of the page")
    links = page.locator("tbody td a").all()
    if not links:
        faults.append("no rows")
    for element in (*links, page.locator("h1"), *page.locator("th a").all()):
        box = element.bounding_box()
        name = element.inner_text().strip()
        if not box or not name:
            continue
        icon = 40 if element in links else 0  # stands before the name
        text = picture.part(
            box["x"] + icon, box["y"], box["width"] - icon, box["height"]
        )
        # Letters are thin, and have spaces between them.
        ink = sum(ratio(pixel, ground) >= 3 for pixel in text)
        if not 8 <= ink < 0.35 * len(text):
            faults.append(f"no text where {name!r} should be: {ink} of {len(text)}")
    # What does not fit makes the page wider, or goes on to its edge.
    edge = picture.part(picture.width - 4, 0, 4, picture.height)
    if picture.width != width or set(edge) != {ground}:
        faults.append("too wide")
    return faults


def folder_page(
    server: RunningServer, browser: Browser, *, width: int = 1280, scheme: Any = "light"
) -> Any:
    """The page of the folder with everything in it."""
    size = {"width": width, "height": 800}
    return opened_folder(server, browser, "mixed", viewport=size, color_scheme=scheme)


def opened_folder(
    server: RunningServer,
    browser: Browser,
    folder: str,
    *,
    viewport: Any,
    **options: Any,
) -> Any:
    """In a browser without scripts."""
    return opened(
        browser,
        f"{server.url}/files/{folder}/",
        viewport=viewport,
        java_script_enabled=False,
        **options,
    )


def shown(page: Page) -> list[str]:
    """The names from the top down, the way up left out."""
    return page.locator("tbody tr:not(.up) a").all_inner_texts()


# ---- colours ----


Pixel = tuple[int, int, int]


class Picture:
    """The pixels of a PNG."""

    def __init__(self, png: bytes) -> None:
        with av.open(BytesIO(png)) as container:
            frame = next(container.decode(video=0)).reformat(format="rgb24")
        self.width, self.height = frame.width, frame.height
        self._bytes, self._line = bytes(frame.planes[0]), frame.planes[0].line_size

    def part(self, x: float, y: float, width: float, height: float) -> list[Pixel]:
        pixels: list[Pixel] = []
        for line in range(int(y), int(y + height)):
            begin = line * self._line + 3 * int(x)
            values = iter(self._bytes[begin : begin + 3 * int(width)])
            pixels += zip(values, values, values, strict=True)
        return pixels


def rgb(page: Page, selector: str, part: str) -> Pixel:
    text = page.locator(selector).first.evaluate(
        "(element, part) => getComputedStyle(element)[part]", part
    )
    red, green, blue = re.findall(r"\d+", text)[:3]
    return int(red), int(green), int(blue)


def scaled(pixel: Pixel) -> tuple[float, float, float]:
    red, green, blue = pixel
    return red / 255, green / 255, blue / 255


def colour(page: Page, selector: str, part: str) -> tuple[float, float, float]:
    return scaled(rgb(page, selector, part))


def luminance(parts: tuple[float, float, float]) -> float:
    """WCAG 2.2, relative luminance."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(page: Page, selector: str) -> float:
    """Of a text with the ground of the page."""
    return ratio(rgb(page, selector, "color"), rgb(page, "body", "backgroundColor"))


@cache
def ratio(one: Pixel, other: Pixel) -> float:
    """WCAG 2.2, contrast ratio."""
    low, high = sorted((luminance(scaled(one)), luminance(scaled(other))))
    return (high + 0.05) / (low + 0.05)
