"""The page of a folder, as a browser reads it: parsed by the rules of HTML, and none
of them may have been broken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_to_bytes

import html5lib

__all__ = ["FolderPage", "Row", "read_folder_page"]


@dataclass(frozen=True)
class Row:
    text: str  # as it is shown
    link: str
    is_folder: bool
    size: int | None = None
    size_text: str = ""
    modified: datetime | None = None

    @property
    def name(self) -> bytes:
        """What the link leads to."""
        assert self.link.endswith("/") == self.is_folder
        return unquote_to_bytes(self.link.rstrip("/"))


@dataclass(frozen=True)
class FolderPage:
    title: str
    style: str
    crumbs: list[tuple[str, str | None]]  # text and link, the page's own without
    notes: list[str]
    columns: list[tuple[str, str, str | None]]  # title, link, aria-sort
    parent: str | None
    rows: list[Row]

    @property
    def names(self) -> list[bytes]:
        return [row.name for row in self.rows]


def read_folder_page(page: bytes) -> FolderPage:
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    html = parser.parse(page)
    assert parser.documentEncoding == "utf-8"
    assert not [part for part in html.iter() if part.tag in ("script", "img", "base")]
    assert all(part.get("href").startswith("data:") for part in html.iter("link"))
    rows = html.findall("body/table/tbody/tr")
    up = [row for row in rows if row.get("class") == "up"]
    return FolderPage(
        title=_text(html.find("head/title")),
        style=_text(html.find("head/style")),
        crumbs=_crumbs(html.find("body/h1")),
        notes=[_text(note) for note in html.findall("body/p")],
        columns=[
            (_text(column), column.find("a").get("href"), column.get("aria-sort"))
            for column in html.findall("body/table/thead/tr/th")
        ],
        parent=up[0].find("td/a").get("href") if up else None,
        rows=[_row(row) for row in rows if row not in up],
    )


def _text(element: Any) -> str:
    return "".join(element.itertext())


def _crumbs(heading: Any) -> list[tuple[str, str | None]]:
    """The last has no link, so it stands behind an element or at the beginning."""
    crumbs: list[tuple[str, str | None]] = []
    crumbs += [(heading.text, None)] if heading.text else []
    for part in heading:
        crumbs += [(_text(part), part.get("href"))] if part.tag == "a" else []
        crumbs += [(part.tail, None)] if part.tail else []
    return crumbs


def _row(row: Any) -> Row:
    name, size, date = row.findall("td")
    link, data, time = name.find("a"), size.find("data"), date.find("time")
    modified = None
    if time is not None:
        modified = datetime.fromisoformat(time.get("datetime").replace("Z", "+00:00"))
        assert _text(time) == f"{modified:%Y-%m-%d %H:%M}"
    return Row(
        text=_text(link),
        link=link.get("href"),
        is_folder=row.get("class") == "folder",
        size=None if data is None else int(data.get("value")),
        size_text="" if data is None else _text(data),
        modified=modified,
    )
