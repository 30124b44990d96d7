"""Headers on their way through a proxy (RFC 9110, 7.6)."""

# Of the connection they came on, and none of the next one's business.
ONE_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
# pyrs writes these itself; the length too, since it sends a stream in chunks.
OURS = {"content-length", "date", "server"}
# What a client says in these, only a proxy can know: what it sent is dropped.
ABOUT_THE_CLIENT = {
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
}
# pyrs has seen to it already.
DONE = {"expect", "host"}

NAME = "pyrs-proxy"  # in Via


def is_for_one_hop(name, headers):
    """Of an answer's header, whether it stays here."""
    name = name.lower()
    return name in ONE_HOP or name in OURS or name in _named_in_connection(headers)


def passed_on(request):
    """The headers of a request for the upstream, in their order."""
    dropped = ONE_HOP | ABOUT_THE_CLIENT | DONE | _named_in_connection(request.headers)
    headers = [
        (name, value)
        for name, value in request.headers.items()
        if name.lower() not in dropped
    ]
    client, _ = request.client
    return [
        *headers,
        ("Via", f"{request.http_version} {NAME}"),
        ("X-Forwarded-For", client),
        ("X-Forwarded-Host", request.host),
        ("X-Forwarded-Proto", request.scheme),
    ]


def _named_in_connection(headers):
    """Connection: close, X-Secret names a header that is for one hop too."""
    return {
        name.strip().lower()
        for value in headers.getall("Connection", ())
        for name in value.split(",")
    }
