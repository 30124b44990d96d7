"""Passes every request on to one other HTTP server, and its answers back.

Bodies flow through in pieces, both ways, and no faster than the slower side takes them:
a film passes in the memory of a few pieces.
"""

import asyncio
import os

import aiohttp
import pyrs
from yarl import URL

from fields import is_for_one_hop, passed_on

UPSTREAM = os.environ.get("UPSTREAM", "http://127.0.0.1:8000").rstrip("/")
TIMEOUT = aiohttp.ClientTimeout(
    total=None,  # a download may take hours
    sock_connect=float(os.environ.get("CONNECT_SECONDS", 5)),
    sock_read=float(os.environ.get("READ_SECONDS", 30)),  # without a byte
)
NOT_OURS = ["Accept", "Accept-Encoding", "Content-Type", "User-Agent"]
CONNECTIONS = 100  # to the upstream, at most
CHUNK = 64 * 1024


class Proxy:
    async def start(self):
        """Before the first request, on the loop that runs the handlers."""
        self.session = aiohttp.ClientSession(
            timeout=TIMEOUT,
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            auto_decompress=False,  # the client gets what the upstream sent
            cookie_jar=aiohttp.DummyCookieJar(),  # cookies are each client's own
            skip_auto_headers=[
                "Accept",
                "Accept-Encoding",
                "Content-Type",
                "User-Agent",
            ],
        )

    async def stop(self):
        await self.session.close()

    async def forward(self, request):
        try:
            answer = await self.session.request(
                request.method,
                upstream_url(request),
                headers=passed_on(request),
                data=pieces_of(request),
                allow_redirects=False,  # the client follows, or does not
            )
        except asyncio.TimeoutError:
            raise pyrs.HTTPError(504, "the upstream does not answer") from None
        except aiohttp.ClientError:
            raise pyrs.HTTPError(502, "the upstream cannot be reached") from None
        return answered(request, answer)


def upstream_url(request):
    """The path and query go as they came: what was encoded stays so.

    A path begins with a slash, so whatever it is, it cannot change the host.
    """
    if not request.raw_path.startswith("/"):  # OPTIONS *
        raise pyrs.HTTPError(404)
    query = f"?{request.query_string}" if request.query_string else ""
    return URL(UPSTREAM + request.raw_path + query, encoded=True)


def pieces_of(request):
    """None without a body, so that the upstream is not told of one."""
    length = request.headers.get("Content-Length", "0")
    if length == "0" and "Transfer-Encoding" not in request.headers:
        return None
    return request.stream(CHUNK)


def answered(request, answer):
    headers = [
        (name, value)
        for name, value in answer.headers.items()
        if not is_for_one_hop(name, answer.headers)
    ]
    body = Pieces(answer)
    if request.method == "HEAD" or answer.status in (204, 304):
        answer.release()
        body = None
    try:
        return pyrs.Response(body, answer.status, headers, content_type="")
    except ValueError:  # a status or a header that HTTP does not have
        answer.close()
        raise pyrs.HTTPError(502, "the upstream's answer cannot be passed on") from None


class Pieces:
    """The body of an answer; an async iterator that pyrs closes, come what may.

    A generator would not do: one that was never begun runs no `finally`, and the
    connection to the upstream would be lost when a client leaves early.
    """

    def __init__(self, answer):
        self.answer = answer
        self.pieces = answer.content.iter_chunked(CHUNK)

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return await anext(self.pieces)
        except asyncio.TimeoutError:
            raise pyrs.HTTPError(504, "the upstream does not go on") from None
        except aiohttp.ClientError:
            raise pyrs.HTTPError(502, "the upstream broke off") from None

    async def aclose(self):
        # Closes the connection to the upstream if there is more to come, and keeps it
        # for the next request if not.
        if self.answer.content.is_eof():
            self.answer.release()
        else:
            self.answer.close()
