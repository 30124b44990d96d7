"""What runs around a handler: middleware before and after it, pages for errors.

`Hooks.wrap` puts them around a handler once, when its route is added; what it gives is
what the bridge calls. Without hooks it is the very same handler, so that they cost
nothing where there are none.

Around an async handler everything is awaited that can be; around a plain one nothing
can, so hooks that are async are a fault then, told when the route is added.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from pyrs._begun import MissingFile, begin
from pyrs.errors import ClientDisconnected, HTTPError, PyrsError
from pyrs.response import Response

if TYPE_CHECKING:
    from pyrs._bridge import Request

__all__ = [
    "NO_FILE",
    "ErrorHandler",
    "Handler",
    "HookFault",
    "Hooks",
    "LogFailure",
    "is_async",
    "is_async_handler",
]

Handler: TypeAlias = Callable[[Any], object]
ErrorHandler: TypeAlias = Callable[[Any, HTTPError], object]
# Writes a failure to the log: request, "main.Api.hello", "raised", exception.
LogFailure: TypeAlias = "Callable[[Request, str, str, BaseException], None]"

PLAIN: Final = "text/plain; charset=utf-8"
NO_FILE: Final = "has no file to send"  # less than a fault: it may have gone just now


class HookFault(PyrsError):
    """Hooks that cannot run around a handler."""


def is_async(function: Any) -> bool:
    """Whether what a call gives has to be awaited, as far as can be told beforehand."""
    return _is(inspect.iscoroutinefunction, function)


def is_async_handler(function: Any) -> bool:
    """Whether asyncio has to run it: an async function or an async generator."""
    return is_async(function) or _is(inspect.isasyncgenfunction, function)


def _is(kind: Callable[[Any], bool], function: Any) -> bool:
    while isinstance(function, partial):
        function = function.func
    return kind(function) or kind(function.__call__)  # of an instance


class Hooks:
    """The middleware and the error handlers of a server, in the order of their adding.

    A middleware has before(request), after(request, response), or both. What `before`
    returns, unless it is None, answers instead of what lies further in. `after` gets
    what the answer has become so far, of an error too, always as a Response, and may
    return another; it runs, the last one first, for each middleware whose `before` came
    to its end.

    An error handler is called as handler(request, error), with the exception behind a
    500 as error.__cause__. What it returns without a status (anything but a Response
    and a tuple) keeps the error's status and headers. If it raises, that is logged, and
    the answer is a plain 500.
    """

    def __init__(self, log: LogFailure) -> None:
        self._log = log
        self._layers: list[_Layer] = []
        self._errors: dict[int, ErrorHandler] = {}

    def add_middleware(self, instance: object) -> None:
        """TypeError if it has neither method, or one that cannot be called."""
        self._layers.append(_layer(instance))

    def add_error_handler(self, status: int, handler: ErrorHandler) -> None:
        """TypeError or ValueError; a status has one handler."""
        if not callable(handler):
            raise TypeError(f"the handler of status {status} cannot be called")
        if not isinstance(status, int) or not 400 <= status <= 599:
            raise ValueError(f"found status {status!r}, expected 400 to 599")
        if status in self._errors:
            raise ValueError(f"status {status} has a handler already")
        self._errors[int(status)] = handler

    def wrap(self, handler: Handler, name: str) -> Handler:
        """What the bridge is to call for a handler; `name` is what logs call it.

        HookFault if a hook is async and the handler is not.
        """
        if not self._layers and not self._errors:
            return handler
        waits = is_async_handler(handler)
        if not waits and (hook := self._async_hook()):
            raise HookFault(
                f"{name} is a plain function, but {hook} around it is async"
            )
        return self._around(handler, name, tuple(self._layers), waits)

    def error_endpoint(self, status: int) -> Handler | None:
        """What answers a status that the core comes to by itself, as if a handler had
        raised it: 404 without a route, 405 without one for the method. None if no hook
        would notice: the core's own page will do."""
        if not self._layers and status not in self._errors:
            return None
        return self._raising(status, tuple(self._layers))

    def error_pages(self) -> dict[int, Handler]:
        """By status, what answers where static files and programs come to it: error
        handlers alone, since middleware runs around Python handlers only."""
        return {status: self._raising(status, ()) for status in self._errors}

    def _raising(self, status: int, layers: Sequence[_Layer]) -> Handler:
        def plain(request: object) -> object:
            raise HTTPError(status)

        async def waiting(request: object) -> object:
            raise HTTPError(status)

        waits = bool(self._async_hook())
        handler = waiting if waits else plain
        return self._around(handler, f"the {status} page", layers, waits)

    def _around(
        self, handler: Handler, name: str, layers: Sequence[_Layer], waits: bool
    ) -> Handler:
        errors = dict(self._errors)
        wrapped = _Wrapped(layers, errors, handler, name, self._log, waits)
        return wrapped.answer_async if waits else wrapped.answer

    def _async_hook(self) -> str:
        """What a message calls the first one; "" if there is none."""
        for layer in self._layers:
            if layer.before and is_async(layer.before):
                return f"{layer.name}.before"
            if layer.after and is_async(layer.after):
                return f"{layer.name}.after"
        for status, handler in self._errors.items():
            if is_async(handler):
                return f"the handler of status {status}"
        return ""


class _Layer(NamedTuple):
    """One middleware; a method that it does not have is None."""

    name: str
    before: Callable[[Any], object] | None
    after: Callable[[Any, Response], object] | None


def _layer(instance: object) -> _Layer:
    kind = type(instance)
    layer = _Layer(
        f"{kind.__module__}.{kind.__qualname__}",
        getattr(instance, "before", None),
        getattr(instance, "after", None),
    )
    for name, method in (("before", layer.before), ("after", layer.after)):
        if method is not None and not callable(method):
            raise TypeError(f"{layer.name}.{name} cannot be called")
    if layer.before is None and layer.after is None:
        raise TypeError(
            f"{layer.name} has neither before(request) nor after(request, response)"
        )
    return layer


class _Wrapped(NamedTuple):
    """A handler with all that runs around it.

    The steps are written once, as coroutines. Around a plain handler nothing in them
    ever waits, so that they run to their end at once, without an event loop.
    """

    layers: Sequence[_Layer]
    errors: Mapping[int, ErrorHandler]
    handler: Handler
    name: str
    log: LogFailure
    waits: bool

    def answer(self, request: Request) -> object:
        try:
            self._respond(request).send(None)
        except StopIteration as end:
            return end.value
        raise AssertionError("a plain handler waited")

    async def answer_async(self, request: Request) -> object:
        return await self._respond(request)

    async def _respond(self, request: Request) -> object:
        passed = 0  # layers whose `before` came to its end
        running, what = self.name, "raised"
        try:
            value: object = None
            for layer in self.layers:
                running = f"{layer.name}.before"
                if layer.before:
                    value = await self._call(layer.before, request)
                passed += 1
                if value is not None:
                    break
            else:
                running = self.name
                value = await self._call(self.handler, request)
            value = await begin(value, self.waits)
            if not self.layers:
                return value
            what = "returned what cannot be answered"
            response = _as_response(value)
        except Exception as error:
            response = await self._error_page(request, error, running, what)
        for layer in reversed(self.layers[:passed]):
            if layer.after:
                response = await self._after(layer, request, response)
        return response

    async def _after(
        self, layer: _Layer, request: Request, response: Response
    ) -> Response:
        assert layer.after
        try:
            value = await self._call(layer.after, request, response)
            return (
                response
                if value is None
                else _as_response(await begin(value, self.waits))
            )
        except Exception as error:
            return await self._error_page(request, error, f"{layer.name}.after")

    async def _error_page(
        self, request: Request, error: Exception, running: str, what: str = "raised"
    ) -> Response:
        if isinstance(error, ClientDisconnected):  # nobody will see the page
            self.log(request, running, what, error)
            return Response("Internal Server Error\n", 500, content_type=PLAIN)
        if isinstance(error, MissingFile) and error.__cause__:
            self.log(request, running, NO_FILE, error.__cause__)
            error = HTTPError(404)
        elif not isinstance(error, HTTPError):
            self.log(request, running, what, error)
            cause, error = error, HTTPError(500, "Internal Server Error\n")
            error.__cause__ = cause
        handler = self.errors.get(error.status)
        if handler is None:
            return _plain_page(error)
        try:
            page = await self._call(handler, request, error)
            return _with_status(await begin(page, self.waits), error)
        except Exception as failure:
            name = f"the handler of status {error.status}"
            self.log(request, name, "raised", failure)
            return Response("Internal Server Error\n", 500, content_type=PLAIN)

    async def _call(
        self, function: Callable[..., object], *arguments: object
    ) -> object:
        value = function(*arguments)
        if self.waits and inspect.isawaitable(value):
            return await value
        return value


def _as_response(value: object) -> Response:
    """The Response that says what a returned value means."""
    if isinstance(value, Response):
        return value
    if value is None:
        return Response(None, 204)
    if type(value) is tuple:
        if len(value) not in (2, 3):
            raise TypeError(
                f"a tuple of {len(value)}: it must be (body, status) or (body, status, "
                "headers)"
            )
        return Response(*value)
    return Response(value)


def _with_status(page: object, error: HTTPError) -> Response:
    if isinstance(page, Response) or type(page) is tuple:
        return _as_response(page)
    headers = error.headers.copy()
    headers.popall("Content-Type", None)  # was that of the error's own body
    return Response(page, error.status, headers)


def _plain_page(error: HTTPError) -> Response:
    """As the bridge answers an HTTPError: a str is a message, and not HTML."""
    is_message = isinstance(error.body, str) and "Content-Type" not in error.headers
    content_type = PLAIN if is_message else None
    return Response(error.body, error.status, error.headers, content_type)
