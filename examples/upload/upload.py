"""Uploads: files are written as they arrive, listed, and handed out again.

The handlers are plain functions. `receive` waits for the client most of its time; pyrs
runs it on a thread of its own, where that harms nobody.
"""

import os
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

import pyrs

from folder import BadName, Folder

HERE = Path(__file__).parent
CHUNK = 256 * 1024  # bytes; what is held of a file while it arrives
POLICY = {
    "Content-Security-Policy": "default-src 'self'; img-src data:",
    "Cache-Control": "no-cache",
}

folder = Folder(os.environ.get("UPLOADS", HERE / "uploads"))


def page(request):
    return pyrs.Response.file(HERE / "page" / "upload.html", headers=POLICY)


def style(request):
    return pyrs.Response.file(HERE / "page" / "upload.css", headers=POLICY)


def script(request):
    return pyrs.Response.file(HERE / "page" / "upload.js", headers=POLICY)


def receive(request):
    """The body is the file, its name stands in the path.

    When the client leaves in the middle, `stream` raises, and nothing is kept.
    """
    name = request.params["name"]
    file_named(name)  # before anything is written
    with folder.arriving() as file:
        for chunk in request.stream(CHUNK):
            file.write(chunk)
        try:
            name = folder.keep(file, name)
        except FileExistsError as error:
            raise pyrs.HTTPError(409, str(error)) from None
    place = "/files/" + quote(name, safe="")
    return described(folder.file(name)), 201, {"Location": place}


def index(request):
    return {"files": [described(folder.file(name)) for name in folder.names()]}


def download(request):
    """To be saved, and never shown as a page of this server: a file may be HTML."""
    path = file_named(request.params["name"])
    if not path.is_file():
        raise pyrs.HTTPError(404)
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
    return pyrs.Response.file(path, download_name=path.name, headers=headers)


def delete(request):
    try:
        file_named(request.params["name"]).unlink()
    except FileNotFoundError:
        raise pyrs.HTTPError(404) from None
    # None: 204


def file_named(name):
    try:
        return folder.file(name)
    except BadName as error:
        raise pyrs.HTTPError(400, str(error)) from None


def described(path):
    status = path.stat()
    time = datetime.fromtimestamp(status.st_mtime, timezone.utc)
    return {
        "name": path.name,
        "size": status.st_size,
        "time": time.isoformat(timespec="seconds"),
    }
