"""The pages of test_frameworks.py in Bottle: `pyrs bottle_app:site.app`."""

import hashlib
import types
from pathlib import Path

from bottle import Bottle, request, static_file

app = Bottle()
site = types.SimpleNamespace(app=app)
FOLDER = Path(__file__).parent


@app.hook("after_request")
def close_files():
    """Bottle keeps the last request of each thread, its temporary file too."""
    request.body.close()


@app.get("/hello/<name>")
def hello(name):
    return f"Hello, {name}!"


@app.post("/sum")
def add():
    return {"sum": sum(request.json["numbers"])}


@app.post("/upload")
def upload():
    upload = request.files["file"]
    with upload.file as file:
        return {"name": upload.raw_filename, "digest": _digest(file)}


@app.put("/digest")
def digest():
    return _digest(request.body)


@app.get("/stream")
def stream():
    for number in range(3):
        yield f"piece {number}\n"


@app.get("/file")
def file():
    return static_file(Path(__file__).name, root=FOLDER)


@app.get("/failure")
def failure():
    raise LookupError("no such luck")


def _digest(file):
    whole = hashlib.sha256()
    while piece := file.read(1 << 16):
        whole.update(piece)
    return whole.hexdigest()
