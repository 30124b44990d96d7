"""The shortest handler: the request's body, with its media type, is the answer."""


def echo(request):
    return request
