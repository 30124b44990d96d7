"""Handlers: each entry of project.pyrs gets its own Api, made once at the start."""


class Api:
    def __init__(self):
        print("Api module is initialized")

    def echo_request(self, request):
        return request  # the request's body, with its media type

    def hello_request(self, request):
        return "world"

    def default_request(self, request):
        return (
            f"Nothing is at {request.path} yet; try /hello",
            404,
            {"Content-Type": "text/plain; charset=utf-8"},
        )
