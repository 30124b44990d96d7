"""Pages of test_frameworks.py in Pyramid: `pyrs "pyramid_app:main({}, ...)"`.

`main` is the factory that its documentation has for every application.
"""

import hashlib

from pyramid.config import Configurator
from pyramid.response import FileResponse, Response


def hello(request):
    word = request.registry.settings["word"]
    return Response(f"{word}, {request.matchdict['name']}!")


def add(request):
    return {"sum": sum(request.json_body["numbers"])}


def upload(request):
    field = request.POST["file"]
    return {"name": field.filename, "digest": _digest(field.file)}


def digest(request):
    return Response(_digest(request.body_file))


def stream(request):
    pieces = (f"piece {number}\n".encode() for number in range(3))
    return Response(app_iter=pieces, content_type="text/plain")


def file(request):
    return FileResponse(__file__, request=request)


def failure(request):
    raise LookupError("no such luck")


def main(global_config, **settings):
    with Configurator(settings=settings) as config:
        for view, method, path, renderer in [
            (hello, "GET", "/hello/{name}", None),
            (add, "POST", "/sum", "json"),
            (upload, "POST", "/upload", "json"),
            (digest, "PUT", "/digest", None),
            (stream, "GET", "/stream", None),
            (file, "GET", "/file", None),
            (failure, "GET", "/failure", None),
        ]:
            name = view.__name__
            config.add_route(name, path, request_method=(method, "HEAD"))
            config.add_view(view, route_name=name, renderer=renderer)
        return config.make_wsgi_app()


def _digest(file):
    whole = hashlib.sha256()
    while piece := file.read(1 << 16):
        whole.update(piece)
    return whole.hexdigest()
