"""What files as answers need from Python: their media types; for Response.file also the
file's name for the bridge, and the name under which a browser is to save it.

Nothing is opened here; that is done in C, as are the answers to conditional and range
requests.
"""

import os
from collections.abc import Mapping
from functools import cache
from mimetypes import MimeTypes
from pathlib import PurePath
from typing import Final
from urllib.parse import quote

__all__ = ["File", "attachment", "media_type", "media_types"]

UNKNOWN: Final = "application/octet-stream"

# What Python's table lacks in some version from 3.10 to 3.13, or has otherwise in
# another: with these, all of them answer alike. Types are registered with IANA, save a
# few that everybody says (.7z, .jsonl, .rss, .rst, .weba).
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_MORE_TYPES: Final = {
    ".3mf": "model/3mf",
    ".7z": "application/x-7z-compressed",
    ".apng": "image/apng",
    ".arrow": "application/vnd.apache.arrow.file",
    ".atom": "application/atom+xml",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".cbor": "application/cbor",
    ".cer": "application/pkix-cert",
    ".deb": "application/vnd.debian.binary-package",
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".dtd": "application/xml-dtd",
    ".eot": "application/vnd.ms-fontobject",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".geojson": "application/geo+json",
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".gml": "application/gml+xml",
    ".ics": "text/calendar",
    ".jp2": "image/jp2",
    ".js": "text/javascript",
    ".jsonl": "application/jsonl",
    ".jsonld": "application/ld+json",
    ".jxl": "image/jxl",
    ".kml": "application/vnd.google-earth.kml+xml",
    ".kmz": "application/vnd.google-earth.kmz",
    ".log": "text/plain",
    ".m4a": "audio/mp4",
    ".m4s": "video/iso.segment",
    ".m4v": "video/mp4",
    ".map": "application/json",
    ".markdown": "text/markdown",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".mka": "audio/matroska",
    ".mkv": "video/matroska",
    ".mpd": "application/dash+xml",
    ".n3": "text/n3",
    ".nq": "application/n-quads",
    ".nt": "application/n-triples",
    ".odg": "application/vnd.oasis.opendocument.graphics",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".ogx": "application/ogg",
    ".opus": "audio/ogg",
    ".otf": "font/otf",
    ".parquet": "application/vnd.apache.parquet",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".psd": "image/vnd.adobe.photoshop",
    ".rar": "application/vnd.rar",
    ".rss": "application/rss+xml",
    ".rst": "text/x-rst",
    ".rtf": "text/rtf",
    ".sql": "application/sql",
    ".sqlite": "application/vnd.sqlite3",
    ".srt": "text/plain",
    ".stl": "model/stl",
    ".toml": "application/toml",
    ".trig": "application/trig",
    ".ts": "video/mp2t",
    ".ttc": "font/collection",
    ".ttf": "font/ttf",
    ".ttl": "text/turtle",
    ".ttml": "application/ttml+xml",
    ".usdz": "model/vnd.usdz+zip",
    ".vtt": "text/vtt",
    ".wasm": "application/wasm",
    ".weba": "audio/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xhtml": "application/xhtml+xml",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    ".xslt": "application/xslt+xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zst": "application/zstd",
}
# A compressed file is what was asked for, not an encoding of something else.
_COMPRESSED: Final = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "compress": "application/x-compress",
    "br": UNKNOWN,
}
_ATTRIBUTE_CHARS: Final = "!#$&+-.^_`|~"  # besides what quote never encodes (RFC 8187)


class File:
    """A body that is a file's content; what Response.file makes.

    The file is opened when the response is sent.
    """

    __slots__ = ("path",)

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """TypeError for what is no path, ValueError if it has a NUL."""
        self.path: str = os.fsdecode(path)
        if "\0" in self.path:
            raise ValueError(f"path {self.path!r}: no file's name has a NUL")

    def __repr__(self) -> str:
        return f"File({self.path!r})"


def media_type(path: str) -> str:
    """By the last extension, in any case; never with a charset, which an html or css
    file declares better itself."""
    return _types().get(PurePath(path).suffix.lower(), UNKNOWN)


def media_types(
    changes: Mapping[str, str] | None = None, charset: str = ""
) -> dict[str, str]:
    """Types by extension, without its dot and in lower case, for a whole folder.

    `changes` stand above the table, as they are; `charset` is said of every other type
    that is text.
    """
    types = {suffix.removeprefix("."): kind for suffix, kind in _types().items()}
    if charset:
        for extension, kind in types.items():
            if _is_text(kind):
                types[extension] = f"{kind}; charset={charset}"
    for extension, kind in (changes or {}).items():
        types[extension.removeprefix(".").lower()] = kind
    return types


def _is_text(kind: str) -> bool:
    """True if the type has a charset parameter. JSON has none: it is UTF-8."""
    return kind.startswith("text/") or kind.endswith(("/xml", "+xml", "/javascript"))


@cache
def _types() -> dict[str, str]:
    """Media types by extension. From Python's own table, not from the machine's
    /etc/mime.types, so that an answer does not depend on where it is given."""
    table = MimeTypes()
    types = table.types_map[True] | _MORE_TYPES
    for extension, encoding in table.encodings_map.items():
        types[extension.lower()] = _COMPRESSED.get(encoding, UNKNOWN)
    for short, extensions in table.suffix_map.items():  # ".tgz": ".tar.gz"
        types[short] = types[PurePath(extensions).suffix]
    return types


def attachment(name: str) -> str:
    """Content-Disposition that asks to save under a name (RFC 6266, RFC 8187).

    Recipients that do not know filename* get an ASCII name, with "_" for what they read
    differently from each other (RFC 6266, appendix D). ValueError if the name is empty,
    or has a control character or a folder in it.
    """
    if not name or any(char < " " or char == "\x7f" for char in name):
        raise ValueError(
            f"download_name: found {name!r}, expected a name without control characters"
        )
    if "/" in name:
        raise ValueError(f"download_name: found {name!r}, expected no folder in it")
    plain = "".join(
        char if char.isascii() and char not in '"\\%' else "_" for char in name
    )
    text = f'attachment; filename="{plain}"'
    if plain != name:
        encoded = quote(name.encode("utf-8", "replace"), safe=_ATTRIBUTE_CHARS)
        text += f"; filename*=UTF-8''{encoded}"
    return text
