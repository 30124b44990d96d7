"""The pages of test_frameworks.py in Falcon: `pyrs falcon_app:create_app()`."""

import hashlib
from pathlib import Path

import falcon


class Hello:
    def on_get(self, request, response, name):
        response.text = f"Hello, {name}!"


class Sum:
    def on_post(self, request, response):
        response.media = {"sum": sum(request.get_media()["numbers"])}


class Upload:
    def on_post(self, request, response):
        for part in request.get_media():
            name, digest = part.filename, _digest(part.stream)
            response.media = {"name": name, "digest": digest}


class Digest:
    def on_put(self, request, response):
        response.text = _digest(request.bounded_stream)


class Stream:
    def on_get(self, request, response):
        response.content_type = "text/plain"
        response.stream = (f"piece {number}\n".encode() for number in range(3))


class File:
    def on_get(self, request, response):
        path = Path(__file__)
        response.content_type = "text/x-python"
        response.set_stream(path.open("rb"), path.stat().st_size)

    on_head = on_get


class Failure:
    def on_get(self, request, response):
        raise LookupError("no such luck")


def create_app():
    app = falcon.App()
    app.add_route("/hello/{name}", Hello())
    app.add_route("/sum", Sum())
    app.add_route("/upload", Upload())
    app.add_route("/digest", Digest())
    app.add_route("/stream", Stream())
    app.add_route("/file", File())
    app.add_route("/failure", Failure())
    return app


def _digest(stream):
    whole = hashlib.sha256()
    while piece := stream.read(1 << 16):
        whole.update(piece)
    return whole.hexdigest()
