"""The "wsgi" of an entry: what it names, and what is said if it names nothing."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pyrs import echo
from pyrs.user_code import Missing
from pyrs.wsgi_app import find_application

CODE = """
def app(environ, start_response):
    return ["app"]

class Site:
    web = app
    title = "a site"

class Application:
    def __init__(self, environ, start_response):
        pass

    def __iter__(self):
        return iter(["class"])

class Instance:
    def __call__(self, environ, start_response):
        return ["instance"]

class AsyncInstance:
    async def __call__(self, scope, receive, send):
        pass

instance = Instance()
async_instance = AsyncInstance()

def create_app(word="default", *, times=1):
    return lambda environ, start_response: [word] * times

def create_nothing():
    pass

async def create_later():
    return app

def create_narrow():
    def narrow(request):
        pass
    return narrow

def create_broken():
    return broken_part()

def broken_part():
    raise LookupError("no configuration")

def create_exit():
    raise SystemExit("no thanks")

async def asgi(scope, receive, send):
    pass
"""
Find = Callable[[str], Any]
Fault = Callable[[str], str]


@pytest.fixture
def find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Find]:
    """Finds applications in a folder of modules."""
    known = set(sys.modules)
    (tmp_path / "wsgi_a.py").write_text(CODE)
    (tmp_path / "wsgi_broken.py").write_text("import wsgi_a\nwsgi_a.nothing\n")
    (tmp_path / "wsgi_package").mkdir()
    (tmp_path / "wsgi_package" / "inner.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda text: find_application(tmp_path, text)
    for name in set(sys.modules) - known:
        del sys.modules[name]


@pytest.fixture
def fault(find: Find) -> Fault:
    def fault(text: str) -> str:
        with pytest.raises(Missing) as info:
            find(text)
        assert info.value.key == "wsgi"
        return f"{info.value.message}\n{info.value.trace}"

    return fault


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wsgi_a:app", ["app"]),
        ("wsgi_package.inner:app", ["app"]),
        ("wsgi_a:Site.web", ["app"]),
        ("wsgi_a:instance", ["instance"]),
        ("wsgi_a:Application", ["class"]),
        ("wsgi_a:create_app()", ["default"]),
        ("wsgi_a:create_app('other', times=2)", ["other", "other"]),
        ("wsgi_a:Instance()", ["instance"]),
    ],
)
def test_an_application_is_found_by_its_name(
    find: Find, text: str, expected: list[str]
) -> None:
    assert list(find(text)({}, None)) == expected


@pytest.mark.parametrize("text", ["wsgi_a:", "no.such.module:", ":"])
def test_without_an_attribute_it_is_the_echo(find: Find, text: str) -> None:
    assert find(text) is echo.application


@pytest.mark.parametrize(
    "text",
    [
        *["wsgi_a", ":app", "wsgi_a:app[0]", "wsgi_a:1", "wsgi_a:a b"],
        *["wsgi_a:create_app(word)", "wsgi_a:create_app(**{})", "wsgi_a:app()()"],
        *["wsgi a:app", "wsgi_a.:app", "wsgi_a:app\0", "wsgi_a/x.py:app"],
    ],
)
def test_a_text_of_another_form_is_refused(fault: Fault, text: str) -> None:
    expected = 'expected "module:attribute" or "module:factory()"'
    assert fault(text) == f'found "{text}", {expected}\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wsgi_b:app", 'there is no module "wsgi_b" in .*; did you mean "wsgi_a"?'),
        ("wsgi_a:ap", 'module wsgi_a has no "ap"; did you mean "app"?'),
        ("wsgi_a:Site.wed", 'Site has no "wed"; did you mean "web"?'),
        ("wsgi_a:Site.title", "found a str, expected a WSGI application"),
        ("wsgi_a:Site.title()", 'found a str, expected a function for "Site.title()"'),
        ("wsgi_a:create_nothing()", "found a NoneType from create_nothing(), expected"),
        ("wsgi_a:create_later()", "found a coroutine from create_later(), expected"),
        ("wsgi_a:create_narrow()", "found narrow(request) from create_narrow(), exp"),
        ("wsgi_a:create_nothing", 'did you mean "wsgi_a:create_nothing()"?'),
        (
            "wsgi_a:Instance",
            "found Instance(), expected a WSGI application, called with",
        ),
        ("wsgi_a:asgi", "found an async function, expected a WSGI application"),
        ("wsgi_a:async_instance", "found an async function, expected"),
    ],
)
def test_what_is_not_there_or_no_application_is_told(
    fault: Fault, text: str, message: str
) -> None:
    start, _, end = message.partition(".*")
    told = fault(text)
    assert start in told
    assert end in told


@pytest.mark.parametrize(
    ("text", "message", "last"),
    [
        ("wsgi_broken:app", "importing it failed", "AttributeError"),
        ("wsgi_a:create_broken()", "create_broken() failed", "LookupError"),
        ("wsgi_a:create_exit()", "create_exit() failed", "SystemExit: no thanks"),
    ],
)
def test_what_raises_is_told_with_the_users_part_of_the_traceback(
    fault: Fault, text: str, message: str, last: str
) -> None:
    told, *trace = fault(text).splitlines()
    assert told == message
    assert trace[0].startswith("Traceback")
    assert last in trace[-1]
    places = [line for line in trace if line.lstrip().startswith("File ")]
    assert places
    assert all("/wsgi_" in place for place in places)
