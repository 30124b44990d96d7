"""A chat: messages come in by POST and go out to all as server-sent events.

Each entry of project.pyrs gets what it names; what they share is the module's: one
room. The handlers that use it are async, so all of them run on the same thread.
"""

from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import msgspec
import pyrs

from room import Room

PAGE = Path(__file__).with_name("page")
PING = 15  # seconds of silence after which something is sent
NAME_MAX = 24

# The page may load and run what comes from this server, and nothing written in it.
POLICY = {
    "Content-Security-Policy": "default-src 'self'; img-src data:",
    "Cache-Control": "no-cache",
}

room = Room()


class Message(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_MAX)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


def page(request):
    return pyrs.Response.file(PAGE / "chat.html", headers=POLICY)


def style(request):
    return pyrs.Response.file(PAGE / "chat.css", headers=POLICY)


def script(request):
    return pyrs.Response.file(PAGE / "chat.js", headers=POLICY)


async def events(request):
    """Answers as long as the listener stays.

    A browser that lost the connection says in Last-Event-ID what it saw last.
    """
    name = request.query.get("name", "")[:NAME_MAX] or "somebody"
    last_id = request.headers.get("Last-Event-ID", "")
    return pyrs.Response.events(room.listen(name, last_id), ping=PING)


async def say(request):
    # A page of another site can make a browser send a form or text here, but not this.
    if request.headers.get("Content-Type") != "application/json":
        raise pyrs.HTTPError(415, "send application/json")
    message = request.json(Message)
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    room.say({"name": message.name, "text": message.text, "time": now})
    # None: 204
