"""A server, driven from Python: hooks, routes, listeners, run, stop, counters.

Control crosses to the core through cffi, one call at a time and with the GIL released;
requests never pass here. `Server.run` stays in C until `Server.stop` is called, from
any thread, or a signal comes.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO, cast
from weakref import WeakMethod

from pyrs import _bridge
from pyrs._core import ffi, lib
from pyrs._core_options import (
    LOG_LEVELS,
    new_cgi_endpoint,
    new_server,
    new_static_endpoint,
)
from pyrs._listening import address_bytes, check_port, listen_message
from pyrs._request_parts import RequestSettings
from pyrs._results import describe_exception
from pyrs._wsgi_parts import ErrorStream, environ_template
from pyrs.config import (
    BodyMode,
    CgiOptions,
    LogLevel,
    RunMode,
    Settings,
    StaticOptions,
    validate,
)
from pyrs.counters import Counters, read_counters
from pyrs.errors import ClientDisconnected, PyrsError
from pyrs.form import FormLimits
from pyrs.forwarded import TrustedProxies
from pyrs.hooks import NO_FILE, ErrorHandler, Handler, Hooks, is_async_handler
from pyrs.lifespan import Lifespan, MakeError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from _typeshed.wsgi import WSGIApplication
    from typing_extensions import Self

    from pyrs._core import (
        CData,
        EndpointPointer,
        Error,
        RouteOptions,
        ServerPointer,
    )
    from pyrs.asyncio_worker import AsyncioWorker

__all__ = ["Counters", "RouteError", "Server", "mount_pattern"]

RUN_MODES = {
    "auto": lib.PYRS_RUN_AUTO,
    "loop": lib.PYRS_RUN_LOOP,
    "thread": lib.PYRS_RUN_THREAD,
}
BODY_MODES = ("whole", "stream")
# What the core answers by itself, and lets an endpoint answer instead.
CORE_STATUSES = (404, 405)
# Of tests: static files are found as on systems that lack openat2.
WALK = False
DEFAULT_STATIC_OPTIONS = StaticOptions()
DEFAULT_CGI_OPTIONS = CgiOptions()
# Signals that end a stop which hangs.
ENDING: dict[int, set[signal.Signals]] = {
    lib.PYRS_SIGNALS_NONE: set(),
    lib.PYRS_SIGNALS_OF_PERSON: {signal.SIGINT, signal.SIGTERM},
    lib.PYRS_SIGNALS_OF_SUPERVISOR: {signal.SIGINT},
}
# For asyncio to end, when running requests were cut off already.
HASTY_STOP_SECONDS = 1.0


class RouteError(PyrsError):
    """A malformed pattern, or a path and method that another route has."""


class Server:
    """An HTTP server: add routes, listen, run.

        server = Server()
        server.add_route("/hello", lambda request: "world")
        server.listen("127.0.0.1", 8080)
        server.run()

    Error handlers and middleware are added before the routes, routes and listeners
    before `run`, all in the thread that made the server. `close` frees what the server
    holds; a `with` statement calls it.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        """Raises PyrsError if a setting is out of range or the log cannot be opened."""
        settings = settings or Settings()
        validate(settings)
        error = ffi.new("struct pyrs_error *")
        pointer = new_server(settings, error)
        if pointer == ffi.NULL:
            raise PyrsError(_message(error))
        self._pointer: ServerPointer | None = ffi.gc(pointer, lib.pyrs_server_free)
        self._settings = settings
        self._request_settings = _request_settings(settings)
        self._listeners = 0
        self._has_routes = False
        # Routes hold the hooks, so a server that these held would never be freed.
        self._hooks = Hooks(_weakly(self._log_failure))
        self._lifespan = Lifespan(_weakly(self._log_exception))
        self._lifespan.run_async = _weakly(self._run_async)
        self._worker: AsyncioWorker | None = None
        self._has_async = False
        self._stop_seconds = settings.timeouts.stop or None
        self._wsgi_errors = ErrorStream(partial(_weakly(self._log), "error"))
        # Between close and the calls of other threads; a finalizer may log within one.
        self._lock = threading.RLock()
        self._running = False

    def add_middleware(self, instance: object) -> None:
        """Lets an object's before(request) and after(request, response) run around
        every Python handler; the first one added is the outermost.

        It may have only one of them. What `before` returns, unless it is None, answers
        instead of the handler; `after` gets a Response and may return another. Its
        start and stop are called as those of `add_instance` are. Raises PyrsError if
        there are routes already, TypeError if it has neither method.
        """
        self._require_no_routes()
        self._hooks.add_middleware(instance)
        self._lifespan.add(instance)

    def add_error_handler(self, status: int, handler: ErrorHandler) -> None:
        """Lets handler(request, error) make the page of a status, from 400 to 599.

        It is called for HTTPErrors that handlers raise, for any other exception with
        500, and without a route with 404 or 405. What it returns without a status keeps
        the error's status and headers. Raises PyrsError if there are routes already,
        ValueError for another status or one that has a handler.
        """
        self._require_no_routes()
        self._hooks.add_error_handler(status, handler)

    def add_instance(
        self, instance: object, make_error: MakeError | None = None
    ) -> None:
        """Lets an object's start() be called before `run` accepts anything, and its
        stop() after the last response; each may be left out.

        If start raises, so does `run`: PyrsError, or what make_error gives for the
        exception.
        """
        self._lifespan.add(instance, make_error)

    def start_instances(self) -> None:
        """Starts what `run` would start, before anything listens."""
        self._lifespan.start()

    def add_route(
        self,
        path: str,
        handler: Handler,
        methods: Iterable[str] | None = None,
        name: str | None = None,
        *,
        run: RunMode = "auto",
        body: BodyMode = "whole",
    ) -> None:
        """Lets a callable answer the requests for a path pattern, "/users/{id:int}".

        `methods` defaults to all of them; `name` is what logs call the handler. `run`
        says on which thread it runs, `body` whether it is called when the request's
        body is there or when the head is. Raises RouteError, or HookFault if an async
        hook cannot run around it.
        """
        if not callable(handler):
            raise TypeError(f"the handler of {path} cannot be called")
        options = _route_options(methods, run, body)
        called = name or str(getattr(handler, "__qualname__", repr(handler)))
        endpoint = self._endpoint(self._hooks.wrap(handler, called), called)
        self._add(path, methods, endpoint, options)

    def add_wsgi(
        self,
        path: str,
        application: WSGIApplication,
        methods: Iterable[str] | None = None,
        name: str | None = None,
        *,
        run: RunMode = "auto",
        body: BodyMode | None = None,
    ) -> None:
        """Lets a WSGI application (PEP 3333) answer a path and all below it.

        Its SCRIPT_NAME is the path. `methods` defaults to all of them, OPTIONS too,
        `name` is what logs call it, `run` says on which thread it runs. It is called
        when the request's body is there ("whole") or when the head is ("stream");
        unless told, a body that says to be larger than limits.body_memory arrives while
        it is read. Raises RouteError.
        """
        if not callable(application):
            raise TypeError(f"the WSGI application of {path} cannot be called")
        options = _route_options(methods, run, body or "stream")
        options.own_options = True
        if body is None:
            options.stream_bytes_min = self._settings.limits.body_memory + 1
        called = name or str(getattr(application, "__qualname__", repr(application)))
        address = _bridge.wsgi_endpoint(
            application, called, self._environ(run), self._request_settings
        )
        endpoint = ffi.cast("struct pyrs_endpoint *", address)
        self._add(mount_pattern(path), methods, endpoint, options)

    def add_native(
        self,
        path: str,
        library: str | os.PathLike[str],
        symbol: str,
        methods: Iterable[str] | None = None,
    ) -> None:
        """Lets a C function of a shared library, compiled against pyrs.h, answer.

        Raises PyrsError if the library cannot be loaded or lacks the symbol, or
        RouteError.
        """
        error = ffi.new("struct pyrs_error *")
        endpoint = lib.pyrs_endpoint_native_load(
            os.fsencode(library), symbol.encode(), error
        )
        if endpoint == ffi.NULL:
            raise PyrsError(_message(error))
        self._add(path, methods, endpoint, ffi.NULL)

    def add_static(
        self,
        path: str,
        folder: str | os.PathLike[str],
        options: StaticOptions = DEFAULT_STATIC_OPTIONS,
    ) -> None:
        """Serves the files of a folder at a path and below, to GET and HEAD.

        Raises PyrsError if the folder cannot be opened or an option is out of range,
        or RouteError.
        """
        validate(options)
        error = ffi.new("struct pyrs_error *")
        endpoint = new_static_endpoint(folder, options, WALK, error)
        if endpoint == ffi.NULL:
            raise PyrsError(_message(error))
        self._add(mount_pattern(path), ["GET"], endpoint, ffi.NULL)

    def add_cgi(
        self,
        path: str,
        folder: str | os.PathLike[str],
        methods: Iterable[str] | None = None,
        options: CgiOptions = DEFAULT_CGI_OPTIONS,
    ) -> None:
        """Lets the programs of a folder answer, at a path and all below it.

        Raises PyrsError if the folder cannot be opened or an option is out of range,
        or RouteError.
        """
        validate(options)
        error = ffi.new("struct pyrs_error *")
        endpoint = new_cgi_endpoint(
            folder, options, self._request_settings.trusted_proxies, error
        )
        if endpoint == ffi.NULL:
            raise PyrsError(_message(error))
        route = ffi.new("struct pyrs_route_options *")
        route.stream_body = True
        route.stream_bytes_min = 1  # what does not tell its length is collected
        self._add(mount_pattern(path), methods, endpoint, route)

    def listen(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Binds an address and gives the port; may be called for several.

        `host` is an IPv4 or IPv6 address, a host name or "unix:PATH"; port 0 takes a
        free one. Connections are accepted from `run` on. Raises PyrsError.
        """
        check_port(port)
        pointer = self._open()
        error = ffi.new("struct pyrs_error *")
        if not lib.pyrs_server_listen(pointer, address_bytes(host), port, error):
            raise PyrsError(listen_message(host, port, error))
        self._listeners += 1
        return lib.pyrs_server_port(pointer, self._listeners - 1)

    def listen_on(self, sockets: Sequence[int], host: str, port: int) -> None:
        """Takes sockets that listen at that address already: one for each thread.

        They are the server's from then on. Raises PyrsError; if there are not as many,
        they stay the caller's.
        """
        if len(sockets) != self._settings.thread_count:
            found = f"sockets: found {len(sockets)}"
            raise PyrsError(f"{found}, expected {self._settings.thread_count}")
        error = ffi.new("struct pyrs_error *")
        given = ffi.new("int[]", [*sockets])
        if not lib.pyrs_server_listen_on(
            self._open(), address_bytes(host), port, given, error
        ):
            raise PyrsError(listen_message(host, port, error))
        self._listeners += 1

    @property
    def settings(self) -> Settings:
        """What it was made with."""
        return self._settings

    def tell_when_running(self, descriptor: int) -> None:
        """Before `run`, which writes "." to the descriptor once it accepts, and closes
        it."""
        lib.pyrs_server_tell_when_running(self._open(), descriptor)

    def run(
        self, handle_signals: bool | None = None, *, supervised: bool = False
    ) -> bool:
        """Serves until it is stopped; False if running requests were cut off.

        SIGINT and SIGTERM stop the server, a second one at once, and SIGUSR1 reopens
        the log, if `handle_signals`: by default in the main thread, and only there.
        `supervised`, SIGTERM stops it gracefully however often it comes, as others than
        the supervisor may send it too, and SIGINT at once.
        Instances are started before and stopped after, when a signal does again what it
        did before, so that it ends a stop that hangs. Raises PyrsError if the server
        could not go on, or an instance not be started.
        """
        if handle_signals is None:
            handle_signals = threading.current_thread() is threading.main_thread()
        signals = lib.PYRS_SIGNALS_NONE
        if handle_signals and supervised:
            signals = lib.PYRS_SIGNALS_OF_SUPERVISOR
        elif handle_signals:
            signals = lib.PYRS_SIGNALS_OF_PERSON
        pointer = self._open()
        self._set_error_endpoints()
        self._lifespan.start()
        if self._has_async:
            self._asyncio().start()
        error = ffi.new("struct pyrs_error *")
        self._running = True
        finished = False
        try:
            finished = lib.pyrs_server_run(pointer, signals, error)
        finally:
            self._running = False
            seconds = self._stop_seconds if finished else HASTY_STOP_SECONDS
            with _signals_let_through(ENDING[signals]):
                self._lifespan.stop()
                self._stop_asyncio(seconds)
        if not finished and ffi.string(error.message):
            raise PyrsError(_message(error))
        return finished

    def stop(self) -> None:
        """Stops `run`, from any thread: no new connections, running requests finish.

        They have `timeouts.stop`; a second call does not wait for them.
        """
        with self._lock:
            if self._pointer is not None:
                lib.pyrs_server_stop(self._pointer)

    def counters(self) -> Counters:
        """What the server has done so far. From any thread."""
        with self._lock:
            return read_counters(self._open())

    def close(self) -> None:
        """Frees the server with its routes and listeners. Not while it runs."""
        if self._running:
            raise PyrsError("the server is running: call stop, and wait for run")
        self._lifespan.stop()
        self._stop_asyncio(self._stop_seconds)
        with self._lock:
            if self._pointer is not None:
                pointer, self._pointer = self._pointer, None
                ffi.release(pointer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _endpoint(self, handler: Handler, name: str) -> EndpointPointer:
        """For a handler with its hooks."""
        tasks = None
        if is_async_handler(handler):
            self._has_async = True
            tasks = self._asyncio().tasks
        address = _bridge.endpoint(handler, name, self._request_settings, tasks)
        return ffi.cast("struct pyrs_endpoint *", address)

    def _asyncio(self) -> AsyncioWorker:
        """Made for what is async, if anything is: asyncio takes long to import."""
        if self._worker is None:
            from pyrs.asyncio_worker import AsyncioWorker

            tasks_max = self._settings.limits.tasks
            self._worker = AsyncioWorker(tasks_max, _weakly(self._log))
        return self._worker

    def _run_async(self, coroutine: Coroutine[Any, Any, object]) -> object:
        return self._asyncio().run(coroutine)

    def _stop_asyncio(self, seconds: float | None) -> None:
        if self._worker is not None:
            self._worker.stop(seconds)

    def _environ(self, run: RunMode) -> dict[str, Any]:
        """What the environ of every request to a WSGI application has."""
        settings = self._settings
        if run == "thread":  # never on a loop
            is_threaded = settings.handler_threads > 1
        else:
            is_threaded = settings.thread_count > 1 or settings.handoff_after > 0
        return environ_template(
            cast(TextIO, self._wsgi_errors),
            multithread=is_threaded,
            multiprocess=settings.worker_count > 1,
        )

    def _add(
        self,
        path: str,
        methods: Iterable[str] | None,
        endpoint: EndpointPointer,
        options: CData,
    ) -> None:
        names = ffi.NULL if methods is None else ",".join(methods).encode()
        error = ffi.new("struct pyrs_error *")
        added = lib.pyrs_server_add_route(
            self._open(), path.encode(), names, endpoint, options, error
        )
        if not added:
            raise RouteError(_message(error))
        self._has_routes = True

    def _require_no_routes(self) -> None:
        if self._has_routes:
            raise PyrsError("middleware and error handlers are added before the routes")

    def _set_error_endpoints(self) -> None:
        for status in CORE_STATUSES:
            if handler := self._hooks.error_endpoint(status):
                self._set_page(lib.pyrs_server_set_error_endpoint, status, handler)
        for status, handler in self._hooks.error_pages().items():
            self._set_page(lib.pyrs_server_set_error_page, status, handler)

    def _set_page(
        self,
        set_endpoint: Callable[[ServerPointer, int, EndpointPointer, Error], bool],
        status: int,
        handler: Handler,
    ) -> None:
        endpoint = self._endpoint(handler, f"the {status} page")
        error = ffi.new("struct pyrs_error *")
        if not set_endpoint(self._open(), status, endpoint, error):
            raise PyrsError(_message(error))

    def _log_failure(
        self, request: _bridge.Request, name: str, what: str, error: BaseException
    ) -> None:
        """As the bridge logs a handler that raised."""
        query = f"?{request.query_string}" if request.query_string else ""
        line = f"{request.method} {request.raw_path}{query} HTTP/{request.http_version}"
        if isinstance(error, ClientDisconnected):
            self._log("info", f'"{line}" {name}: nobody waits for its answer any more')
        else:
            level: LogLevel = "warning" if what == NO_FILE else "error"
            self._log(level, f'"{line}" {describe_exception(name, what, error)}')

    def _log_exception(self, what: str, error: BaseException) -> None:
        self._log("error", describe_exception(what, "raised", error))

    def _log(self, level: LogLevel, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        message = ffi.new("struct pyrs_slice *")
        held = ffi.new("char[]", data)
        message.bytes, message.length = held, len(data)
        with self._lock:
            if self._pointer is not None:  # else by a thread that was left behind
                lib.pyrs_server_log(self._pointer, LOG_LEVELS[level], message[0])

    def _open(self) -> ServerPointer:
        if self._pointer is None:
            raise PyrsError("the server is closed")
        return self._pointer


def _route_options(
    methods: Iterable[str] | None, run: RunMode, body: BodyMode
) -> RouteOptions:
    if isinstance(methods, str):
        raise TypeError('methods is a list of names, as in ["GET"]')
    if run not in RUN_MODES or body not in BODY_MODES:
        raise ValueError(f"run {run!r}, body {body!r}: expected one of each mode")
    options = ffi.new("struct pyrs_route_options *")
    options.run = RUN_MODES[run]
    options.stream_body = body == "stream"
    return options


@contextmanager
def _signals_let_through(ending: set[signal.Signals]) -> Iterator[None]:
    """Callers may have blocked them until the core took them."""
    if not ending:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, ending)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, called as long as its object is there."""
    reference = WeakMethod(method)

    def call(*arguments: Any) -> Any:
        alive = reference()
        return alive(*arguments) if alive else None

    return call


def mount_pattern(path: str) -> str:
    """The pattern of a path and all below it, for endpoints that hold many paths.

    "/app", "/app/" and "/app/*" all give "/app/*", "/" gives "/*"; a pattern that takes
    the rest by name, "/app/{rest:path}", stays as it is.
    """
    last = path.rpartition("/")[2]
    if last == "*" or (last.startswith("{") and last.endswith(":path}")):
        return path
    return path.rstrip("/") + "/*"


def _request_settings(settings: Settings) -> RequestSettings:
    limits = settings.limits
    return RequestSettings(
        TrustedProxies(settings.trusted_proxies),
        FormLimits(
            limits.form_fields,
            limits.form_files,
            limits.form_field,
            limits.form_memory,
        ),
    )


def _message(error: Error) -> str:
    return ffi.string(error.message).decode(errors="replace") or "unknown reason"
