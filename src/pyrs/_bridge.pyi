"""Where the C core and Python meet: requests in, responses out.

Used by pyrs itself; its public names are those of the package.
"""

from asyncio import AbstractEventLoop, Future
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping
from typing import Any, NoReturn, TypeVar, final, overload

from _typeshed.wsgi import WSGIApplication
from multidict import CIMultiDictProxy, MultiDictProxy

from pyrs._request_parts import RequestSettings
from pyrs.form import Form
from pyrs.forwarded import TrustedProxies

_T = TypeVar("_T")

@final
class Request:
    """A request, made by pyrs and handed to its handler.

    Everything is read when it is first asked for. A request may be kept: its data stays
    valid after the handler returned. A request is true, even without a body. It cannot
    be made from Python, subclassed, copied or pickled.
    """

    @property
    def method(self) -> str:
        """As it was sent: "GET"."""
    @property
    def path(self) -> str:
        """Decoded, dot segments resolved, without the query; an encoded slash as "/",
        bytes that are no UTF-8 as U+FFFD."""
    @property
    def raw_path(self) -> str:
        """As it was sent, percent-encoded."""
    @property
    def query_string(self) -> str:
        """What follows the question mark, percent-encoded; "" without one."""
    @property
    def http_version(self) -> str:
        """ "1.0" or "1.1"."""
    @property
    def query(self) -> MultiDictProxy[str]:
        """The query, decoded: application/x-www-form-urlencoded in UTF-8, wrong bytes
        as U+FFFD, blank values kept."""
    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """Names in any case, several values to a name; bytes outside ASCII as
        latin-1."""
    @property
    def cookies(self) -> Mapping[str, str]:
        """Read-only. Of several cookies of one name the first counts: clients send the
        most specific path first (RFC 6265, 5.4)."""
    @property
    def params(self) -> dict[str, str | int]:
        """The path parameters of the route: {id:int} as int, others as str."""
    @property
    def body(self) -> bytes:
        """b"" without a body."""
    @property
    def text(self) -> str:
        """The body by the declared charset, else UTF-8. HTTPError 415 for a charset
        that is not known, 400 for bytes that are not of it."""
    @property
    def client(self) -> tuple[str, int]:
        """Address and port of the client: as trusted proxies tell them, else of the
        peer; ("", 0) on a unix socket."""
    @property
    def server(self) -> tuple[str, int]:
        """Address and port the peer connected to; (path, 0) of a unix socket."""
    @property
    def scheme(self) -> str:
        """ "http", or "https" if a trusted proxy tells so."""
    @property
    def host(self) -> str:
        """The Host header, or what a trusted proxy tells, with its port if it has one;
        "" without one, which HTTP/1.0 allows."""
    @property
    def url(self) -> str:
        """As far as the request tells: scheme, host, raw path, query. Without a Host,
        the server's address stands for it."""
    @overload
    def json(self, type: type[_T]) -> _T: ...
    @overload
    def json(self, type: Any = ...) -> Any:
        """The body, decoded from JSON; anew at each call.

        With a type (a msgspec.Struct, a dataclass, list[int], ...) checked and
        converted. HTTPError 400 if it is not JSON, 422 if it is not of that type.
        """
    def form(self) -> Form:
        """The fields and files of the form that the body is; read once.

        Its files are closed when the request is over; with the request, if that was
        kept. HTTPError 415 if the body is no form, 400 if it is malformed, 413 past a
        limit.
        """
    def stream(self, size: int = 65_536) -> BodyStream:
        """The body in chunks of at most `size` bytes, as it arrives.

        With "body": "stream" in its route, the handler runs while the body still
        comes, and this waits for it; what the handler does not read is not held in
        memory either. ClientDisconnected if the rest will never come. Otherwise the
        body is there, and this gives slices of it.

        A request knows how far its body was read: several streams, and `read`, each go
        on from there. `body`, `text`, `json()` and the like give the whole body, and
        wait for it; they are a RuntimeError once a part of a body that still came was
        read, as stream and read are once the handler has returned.
        """
    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes of the body, fewer only at its end; all that are left
        if negative. Otherwise as `stream`."""
    def __str__(self) -> str:
        """The body, as `text`."""
    def __bytes__(self) -> bytes:
        """The body."""
    def __len__(self) -> int:
        """Bytes of the body."""
    def __bool__(self) -> bool:
        """True, without a body too."""
    def __reduce__(self) -> NoReturn:
        """Not possible: TypeError."""

@final
class BodyStream(Iterator[bytes]):
    """What Request.stream() gives: an iterator over the body's bytes, in async handlers
    an async one.

    It goes on where the body was read to last, by whatever means; RuntimeError when the
    request's handler has returned.
    """

    def __iter__(self) -> BodyStream: ...
    def __next__(self) -> bytes: ...
    def __aiter__(self) -> BodyStream: ...
    def __anext__(self) -> Awaitable[bytes]: ...
    def read(self, size: int = -1, /) -> Awaitable[bytes]:
        """The next `size` bytes, fewer only at the end; all that are left if
        negative."""
    def _take_now(self, size: int, /) -> bytes | None: ...
    def _come(self) -> Future[None]: ...

@final
class Tasks:
    """The exchanges whose async handlers run; at most `limit` at once."""

    def __new__(cls, limit: int, /) -> Tasks: ...
    @property
    def running(self) -> int:
        """How many there are now."""
    def open(self, loop: AbstractEventLoop, read_fd: int, write_fd: int, /) -> None:
        """Takes exchanges from now on; the descriptors, of a pipe that does not block,
        stay the caller's."""
    def take(self) -> None:
        """Runs what has come; on the loop's thread, whenever read_fd is readable."""
    def flush(self) -> None:
        """Lets go of the answers that were held back for others; on the loop's
        thread."""
    def close(self) -> None:
        """Takes no more; when no server runs."""

@final
class Coroutine:
    """What a task runs for a request: its handler, then its answer."""

    def send(self, value: object, /) -> Any: ...
    def throw(self, *exception: Any) -> Any: ...
    def close(self) -> None: ...
    def __await__(self) -> Generator[Any, Any]: ...
    def __iter__(self) -> Generator[Any, Any]: ...
    def __next__(self) -> Any: ...
    def send_item(self, item: object, /) -> int:
        """Sends a piece of the body: 0 go on, 1 pause, 2 nobody wants it."""
    def flow(self) -> int:
        """What send_item gave would be now."""
    def sent(self) -> Future[None]:
        """After a pause: a future, done when more may be sent."""

@final
class FileWrapper(Iterator[bytes]):
    """wsgi.file_wrapper: a file as the body of an answer."""

    def __new__(cls, file: Any, block_size: int = 8192, /) -> FileWrapper: ...
    def __iter__(self) -> FileWrapper: ...
    def __next__(self) -> bytes: ...
    def close(self) -> None:
        """Closes the file, if it can be closed."""

def endpoint(
    callable: Callable[[Request], object],
    name: str,
    settings: RequestSettings | None = None,
    tasks: Tasks | None = None,
    /,
) -> int:
    """The address of a new pyrs_endpoint that calls callable(request).

    It belongs to the server it is given to; name stands in the log. An async callable
    runs among tasks.
    """

def wsgi_endpoint(
    application: WSGIApplication,
    name: str,
    environ: dict[str, Any],
    settings: RequestSettings,
    /,
) -> int:
    """The same for a WSGI application; what environ has stands in that of every
    request."""

def origin_reader(trusted_proxies: TrustedProxies, /) -> int:
    """The address of a new pyrs_origin_reader, which belongs to the endpoint it is
    given to."""

def endpoint_free(address: int, /) -> None:
    """Frees an endpoint that no server was given."""

def check_field(name: str, value: str, /) -> None:
    """ValueError or TypeError if a response cannot carry this header."""

def call_after_step(callable: Callable[[], object], /) -> bool:
    """Lets it be called, once, when the step of the WSGI application that runs on this
    thread is over, at the end of its body at the latest. False if none runs."""
