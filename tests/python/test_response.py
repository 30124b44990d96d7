"""pyrs.Response: what its constructors make, and what they refuse."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pyrs import Response


def test_json_takes_any_value() -> None:
    response = Response.json("text", 201, {"X-A": "b"})
    assert (response.body, response.status) == (b'"text"', 201)
    assert (response.content_type, response.headers["X-A"]) == ("application/json", "b")
    assert Response.json(None).body == b"null"
    assert Response.json([1], content_type="application/problem+json").content_type == (
        "application/problem+json"
    )


def test_json_refuses_what_json_has_nothing_for() -> None:
    with pytest.raises(TypeError, match="object"):
        Response.json(object())


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("/next?a=b&c=%20#top", "/next?a=b&c=%20#top"),
        ("https://example.com/", "https://example.com/"),
        ("/a b\"<>'^", "/a%20b%22%3C%3E'%5E"),
        ("/\\evil.example", "/%5Cevil.example"),
        ("/größe?ö=ü", "/gr%C3%B6%C3%9Fe?%C3%B6=%C3%BC"),
        ("http://bücher.example:80/ö", "http://xn--bcher-kva.example:80/%C3%B6"),
        ("http://me@bücher.example/", "http://me@xn--bcher-kva.example/"),
        ("http://[::1]/ö", "http://[::1]/%C3%B6"),
    ],
)
def test_a_redirect_s_url_is_written_as_a_header_can_have_it(
    url: str, location: str
) -> None:
    response = Response.redirect(url)
    assert (response.status, response.body) == (302, None)
    assert response.headers["Location"] == location


@pytest.mark.parametrize("url", ["", "/a\r\nSet-Cookie: a=b", "/a\n", "/\0", "/\x7f"])
def test_a_redirect_refuses_control_characters(url: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        Response.redirect(url)


def test_a_redirect_has_a_status_of_redirects() -> None:
    for status in (301, 302, 303, 307, 308):
        assert Response.redirect("/", status).status == status
    for status in (200, 300, 304, 305, 306, 404):
        with pytest.raises(ValueError, match=str(status)):
            Response.redirect("/", status)


def test_a_stream_s_body_is_an_iterator() -> None:
    response = Response.stream(["a", b"b"], 202, content_type="text/plain")
    assert isinstance(response.body, Iterator)
    assert list(response.body) == ["a", b"b"]
    assert (response.status, response.content_type) == (202, "text/plain")


def test_an_async_stream_s_body_is_an_async_iterator() -> None:
    async def pieces() -> AsyncIterator[str]:
        yield "a"

    assert isinstance(Response.stream(pieces()).body, AsyncIterator)


@pytest.mark.parametrize("iterable", ["text", b"bytes", bytearray(b"more"), 5])
def test_a_stream_is_no_text_and_no_bytes(iterable: Any) -> None:
    with pytest.raises(TypeError):
        Response.stream(iterable)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("page.html", "text/html"),
        ("PAGE.HTML", "text/html"),
        ("style.css", "text/css"),
        ("code.js", "text/javascript"),
        ("data.json", "application/json"),
        ("font.woff2", "font/woff2"),
        ("all.tar.gz", "application/gzip"),
        ("all.tgz", "application/gzip"),
        ("all.tar.Z", "application/x-compress"),
        ("page.html.br", "application/octet-stream"),
        ("name.unheardof", "application/octet-stream"),
        ("Makefile", "application/octet-stream"),
        (".html", "application/octet-stream"),
        ("folder.html/Makefile", "application/octet-stream"),
    ],
)
def test_a_file_s_media_type_is_that_of_its_extension(
    name: str, media_type: str
) -> None:
    response = Response.file(name)
    assert response.body.path == name
    assert response.content_type == media_type


@pytest.mark.parametrize(
    ("extensions", "media_type"),
    [  # on whichever version of Python
        ("json map", "application/json"),
        ("geojson", "application/geo+json"),
        ("md markdown", "text/markdown"),
        ("toml", "application/toml"),
        ("yaml yml", "application/yaml"),
        ("txt log srt", "text/plain"),
        ("vtt", "text/vtt"),
        ("ics", "text/calendar"),
        ("rtf", "text/rtf"),
        ("xhtml", "application/xhtml+xml"),
        ("atom", "application/atom+xml"),
        ("js mjs", "text/javascript"),
        ("wasm", "application/wasm"),
        ("webmanifest", "application/manifest+json"),
        ("avif", "image/avif"),
        ("webp", "image/webp"),
        ("bmp", "image/bmp"),
        ("apng", "image/apng"),
        ("jxl", "image/jxl"),
        ("ogg oga opus", "audio/ogg"),
        ("ogv", "video/ogg"),
        ("flac", "audio/flac"),
        ("m4a", "audio/mp4"),
        ("m4v mp4", "video/mp4"),
        ("mka", "audio/matroska"),
        ("mkv", "video/matroska"),
        ("weba", "audio/webm"),
        ("webm", "video/webm"),
        ("m3u8", "application/vnd.apple.mpegurl"),
        ("mpd", "application/dash+xml"),
        ("ts", "video/mp2t"),
        ("m4s", "video/iso.segment"),
        ("woff", "font/woff"),
        ("woff2", "font/woff2"),
        ("otf", "font/otf"),
        ("ttf", "font/ttf"),
        ("7z", "application/x-7z-compressed"),
        ("rar", "application/vnd.rar"),
        ("zst", "application/zstd"),
        ("epub", "application/epub+zip"),
        ("odt", "application/vnd.oasis.opendocument.text"),
        (
            "docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        (
            "xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        ("glb", "model/gltf-binary"),
        ("sqlite", "application/vnd.sqlite3"),
        ("nt", "application/n-triples"),
        ("nq", "application/n-quads"),
        ("trig", "application/trig"),
        ("ttl", "text/turtle"),
        ("n3", "text/n3"),
        ("rst", "text/x-rst"),
    ],
)
def test_common_extensions_have_the_same_type_everywhere(
    extensions: str, media_type: str
) -> None:
    for extension in extensions.split():
        assert Response.file(f"name.{extension}").content_type == media_type


def test_a_file_is_named_by_any_path_and_not_opened() -> None:
    assert Response.file(Path("/no/such/file.txt")).body.path == "/no/such/file.txt"


def test_a_file_s_media_type_and_status_can_be_chosen() -> None:
    response = Response.file("a.txt", status=404, content_type="text/x-b")
    assert (response.status, response.content_type) == (404, "text/x-b")
    response = Response.file("a.txt", headers={"content-type": "text/x-c"})
    assert response.content_type is None


def test_a_file_s_path_is_checked() -> None:
    with pytest.raises(TypeError):
        Response.file(5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="NUL"):
        Response.file("a\0b")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("plain name.txt", 'attachment; filename="plain name.txt"'),
        (
            'a"b\\c%41.txt',
            'attachment; filename="a_b_c_41.txt"; '
            "filename*=UTF-8''a%22b%5Cc%2541.txt",
        ),
        (
            "naïve €.pdf",
            'attachment; filename="na_ve _.pdf"; '
            "filename*=UTF-8''na%C3%AFve%20%E2%82%AC.pdf",
        ),
    ],
)
def test_a_download_is_named_for_every_browser(name: str, value: str) -> None:
    response = Response.file("a.bin", download_name=name)
    assert response.headers["Content-Disposition"] == value


@pytest.mark.parametrize("name", ["", "a\r\nb", "a/b", "\x7f"])
def test_a_download_s_name_is_checked(name: str) -> None:
    with pytest.raises(ValueError, match="download_name"):
        Response.file("a.bin", download_name=name)


def cookie(*arguments: Any, **attributes: Any) -> str:
    response = Response()
    response.set_cookie(*arguments, **attributes)
    return response.headers["Set-Cookie"]


def test_a_cookie_with_every_attribute() -> None:
    assert cookie("a", "b") == "a=b; Path=/; SameSite=Lax"
    assert cookie("a", path=None, samesite=None) == "a="
    assert cookie(
        "a",
        '"b"',
        max_age=timedelta(hours=1),
        expires=datetime(2031, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1))),
        path="/p",
        domain="example.com",
        secure=True,
        httponly=True,
        samesite="none",
        partitioned=True,
    ) == (
        'a="b"; Expires=Thu, 02 Jan 2031 02:04:05 GMT; Max-Age=3600; '
        "Domain=example.com; Path=/p; SameSite=None; Secure; HttpOnly; Partitioned"
    )


def test_cookies_add_up() -> None:
    response = Response()
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    assert len(response.headers.getall("Set-Cookie")) == 2


@pytest.mark.parametrize(
    "attributes",
    [
        {"name": ""},
        {"name": "a b"},
        {"name": "a=b"},
        {"name": "ä"},
        {"name": "a\n"},
        {"value": "a b"},
        {"value": "a;b"},
        {"value": "a,b"},
        {"value": "a\\b"},
        {"value": 'a"b'},
        {"value": '"a'},
        {"value": "ä"},
        {"value": "a\r\nSet-Cookie: c=d"},
        {"value": "a\n"},
        {"max_age": -1},
        {"expires": datetime(2030, 1, 1)},
        {"expires": datetime(1600, 12, 1, tzinfo=timezone.utc)},
        {"path": "a"},
        {"path": "/a;b"},
        {"path": "/a\r\nb"},
        {"path": "/ä"},
        {"domain": ""},
        {"domain": ".example.com"},
        {"domain": "example.com:80"},
        {"domain": "example..com"},
        {"domain": "bücher.example"},
        {"domain": "example.com\n"},
        {"samesite": "maybe"},
        {"samesite": "none"},
        {"partitioned": True},
        {"name": "__Secure-a"},
        {"name": "__secure-a"},
        {"name": "__Host-a"},
        {"name": "__Host-a", "secure": True, "path": "/a"},
        {"name": "__Host-a", "secure": True, "domain": "example.com"},
        {"path": "/" + "a" * 1024},
    ],
)
def test_a_cookie_that_browsers_would_drop_is_refused(attributes: Any) -> None:
    with pytest.raises(ValueError, match=r"cookie|samesite|max_age|expires"):
        cookie(**{"name": "a", "value": "b"} | attributes)


@pytest.mark.parametrize(
    "attributes",
    [{"value": 5}, {"name": b"a"}, {"max_age": "1"}, {"expires": 5}, {"path": 5}],
)
def test_a_cookie_s_parts_have_types(attributes: Any) -> None:
    with pytest.raises(TypeError):
        cookie(**{"name": "a", "value": "b"} | attributes)


def test_a_cookie_s_size_is_limited() -> None:
    cookie("a" * 96, "b" * 4000)
    with pytest.raises(ValueError, match="have 4097 bytes"):
        cookie("a" * 96, "b" * 4001)


def test_a_cookie_is_deleted() -> None:
    response = Response()
    response.delete_cookie("__Host-a")
    assert response.headers["Set-Cookie"] == (
        "__Host-a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; "
        "SameSite=Lax; Secure"
    )


def test_headers_of_every_constructor_are_checked() -> None:
    bad = {"X-A": "a\r\nb"}
    makes: list[Callable[[], Response]] = [
        lambda: Response.json(1, headers=bad),
        lambda: Response.redirect("/", headers=bad),
        lambda: Response.stream([], headers=bad),
        lambda: Response.events([], headers=bad),
        lambda: Response.file("a", headers=bad),
        lambda: Response.file("a", content_type="a\r\nb"),
    ]
    for make in makes:
        with pytest.raises(ValueError, match="control character"):
            make()
