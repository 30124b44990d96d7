"""project.pyrs: what is read from it, and every fault that its text can have."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from pyrs import PyrsError
from pyrs.config import Limits, Settings, Timeouts, changed, validate
from pyrs.project_file import ProjectFile, read_project_file
from pyrs.project_schema import ErrorHandler, Middleware, Project

ENTRY = '{"path": "/", "module": "main", "handler": "answer"}'
Reader = Callable[[str], ProjectFile]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    def read(text: str) -> ProjectFile:
        path = tmp_path / "project.pyrs"
        path.write_bytes(text.encode())
        return read_project_file(path)

    return read


@pytest.fixture
def faults(read: Reader) -> Callable[[str], list[str]]:
    """The faults of a text, each as "LINE:COLUMN: key: message"."""

    def faults(text: str) -> list[str]:
        file = read(text)
        return [str(fault).removeprefix(f"{file.name}:") for fault in file.faults]

    return faults


Faults = Callable[[str], list[str]]


def test_a_file_with_routes_only_has_the_defaults(read: Reader) -> None:
    file = read(f'{{"modules": [{ENTRY}]}}')
    assert not file.faults
    project = file.project
    assert project == Project(modules=project.modules)
    assert (project.http_listen_address, project.http_listen_port) == ("0.0.0.0", 8094)
    assert (project.thread_count, project.listen_backlog) == (2, 1024)
    assert (project.tcp_nodelay, project.sendfile) == (True, True)


def test_every_key_is_read(read: Reader) -> None:
    file = read(
        """\ufeff// a byte order mark is tolerated
        {
          "$schema": "./project.schema.json",
          "http_listen_address": "::1", "http_listen_port": 0,
          "thread_count": 3, "listen_backlog": 5, "tcp_nodelay": false,
          "sendfile": false,
          "server_name": "", "access_log": true, "log": "a.log", "log_level": "info",
          "handoff_after": 0, "handler_threads": 1,
          "trusted_proxies": ["10.0.0.0/8", "unix"],
          "limits": {"request_line": 100, "head": 300, "headers": 5, "body": 0,
                     "body_memory": 1, "body_rate": 2, "connections": 3, "tasks": 4,
                     "form_fields": 5, "form_files": 6, "form_field": 7,
                     "form_memory": 8},
          "timeouts": {"head": 1, "body": 2.5, "idle": 0, "send": 4, "stop": 5,
                       "handler": 6},
          "errors": {"404": {"module": "p", "class": "P", "handler": "lost"},
                     "500": {"module": "p", "handler": "broken"}},
          "middleware": [{"module": "w", "class": "W"}],
          "modules": [
            {"path": "/a", "methods": ["GET"], "module": "m", "class": "C",
             "handler": "h", "run": "thread", "body": "stream"},
            {"path": "/b", "native": "./b.so", "symbol": "b"},
            {"path": "/c", "wsgi": "m:a", "run": "loop", "body": "whole"},
            {"path": "/d", "static": "c", "index": "", "listing": true,
              "follow_symlinks": true, "cache_control": "no-cache",
              "media_types": {"gmi": "text/gemini"}, "precompressed": false,
              "charset": "utf-8"},
          ],
        }"""
    )
    assert [str(fault) for fault in file.faults] == []
    project = file.project
    assert project.limits == Limits(
        request_line=100,
        head=300,
        headers=5,
        body=0,
        body_memory=1,
        body_rate=2,
        connections=3,
        tasks=4,
        form_fields=5,
        form_files=6,
        form_field=7,
        form_memory=8,
    )
    assert project.timeouts == Timeouts(
        head=1.0, body=2.5, idle=0.0, send=4.0, stop=5.0, handler=6.0
    )
    assert (project.tcp_nodelay, project.sendfile) == (False, False)
    assert (project.handoff_after, project.handler_threads) == (0.0, 1)
    assert project.trusted_proxies == ["10.0.0.0/8", "unix"]
    assert project.errors == file.error_handlers
    assert project.errors == {
        "404": ErrorHandler(module="p", class_="P", handler="lost"),
        "500": ErrorHandler(module="p", handler="broken"),
    }
    assert project.middleware == [Middleware(module="w", class_="W")]
    assert (project.server_name, project.log, project.log_level) == (
        "",
        "a.log",
        "info",
    )
    first, second, third, fourth = project.modules
    assert (first.path, first.methods) == ("/a", ["GET"])
    assert (first.module, first.class_, first.handler) == ("m", "C", "h")
    assert (first.run, first.body) == ("thread", "stream")
    assert (second.run, second.body) == ("auto", UNSET)
    assert (second.native, second.symbol) == ("./b.so", "b")
    assert (third.wsgi, third.run, third.body) == ("m:a", "loop", "whole")
    assert (fourth.static, fourth.index, fourth.listing) == ("c", "", True)
    assert (fourth.follow_symlinks, fourth.precompressed) == (True, False)
    assert (fourth.cache_control, fourth.charset) == ("no-cache", "utf-8")
    assert fourth.media_types == {"gmi": "text/gemini"}


def test_all_faults_are_told_at_once(faults: Faults) -> None:
    assert faults(
        '{\n  "thread_cout": 1,\n  "http_listen_port": 70000,\n  "modules": [\n'
        '    {"path": "users", "module": "main", "handler": "answer"}]\n}'
    ) == [
        '2:3: thread_cout: unknown key; did you mean "thread_count"?',
        "3:23: http_listen_port: found 70000, expected a whole number from 0 to 65535",
        '5:14: modules[0].path: found "users", expected text that begins with "/"',
    ]


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ('"thread_count": "2"', 'found "2", expected a whole number from 1 to 1024'),
        ('"thread_count": 2.5', "found 2.5, expected a whole number from 1 to 1024"),
        ('"thread_count": true', "found true, expected a whole number from 1 to 1024"),
        ('"thread_count": 0', "found 0, expected a whole number from 1 to 1024"),
        ('"sendfile": "off"', 'found "off", expected true or false'),
        ('"tcp_nodelay": 1', "found 1, expected true or false"),
        ('"http_listen_address": ""', 'found "", expected text that is not empty'),
        ('"http_listen_address": null', "found null, expected text that is not empty"),
        ('"log": []', "found [], expected text"),
        ('"limits": 5', "found 5, expected an object in braces"),
        (
            '"log_level": "warn"',
            'found "warn", expected "debug", "info", "warning" or "error"; '
            'did you mean "warning"?',
        ),
        (
            r'"server_name": "a\n"',
            r'found "a\n", expected text of at most 127 printable ASCII characters',
        ),
    ],
)
def test_a_wrong_value_is_told_with_what_would_be_right(
    faults: Faults, pair: str, message: str
) -> None:
    key = pair.split('"')[1]
    column = len(f'{{"{key}": ') + 1
    text = f'{{{pair}, "modules": [{ENTRY}]}}'
    assert faults(text) == [f"1:{column}: {key}: {message}"]


@pytest.mark.parametrize(
    ("pair", "fault"),
    [
        (
            '"timeouts": {"head": -1}',
            "head: found -1, expected a number from 0 to 86400",
        ),
        ('"timeouts": {"heads": 1}', 'heads: unknown key; did you mean "head"?'),
        (
            '"limits": {"head": 100}',
            "head: found 100, expected a whole number from 256",
        ),
        (
            '"limits": {"head": 4096}',
            "request_line: found 8192, expected at most limits.head",
        ),
    ],
)
def test_faults_of_limits_and_timeouts_name_the_whole_key(
    faults: Faults, pair: str, fault: str
) -> None:
    outer = pair.split('"')[1]
    (told,) = faults(f'{{{pair}, "modules": [{ENTRY}]}}')
    assert f": {outer}.{fault}" in told


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (
            '"errors": []',
            "1:12: errors: found [], expected an object in braces",
        ),
        (
            '"errors": {"40": {"module": "m", "handler": "h"}}',
            '1:13: errors: found "40", expected a status from "400" to "599"',
        ),
        (
            '"errors": {"404": {"module": "m", "handler": "h"}, "404": {}}',
            "1:53: errors.404: found twice, first in line 1",
        ),
        (
            '"errors": {"404": "m.h"}',
            '1:20: errors.404: found "m.h", expected an object in braces',
        ),
        (
            '"errors": {"404": {"module": "m", "handlr": "h"}}',
            '1:36: errors.404.handlr: unknown key; did you mean "handler"?',
        ),
        (
            '"middleware": [{"module": "m", "class": ""}]',
            '1:42: middleware[0].class: found "", expected text that is not empty',
        ),
        (
            '"middleware": [{"module": "m"}]',
            '1:17: middleware[0]: key "class" is missing, expected text that is not '
            "empty",
        ),
        (
            '"trusted_proxies": ["::1", "10.0.0.1/8"]',
            '1:29: trusted_proxies[1]: found "10.0.0.1/8", expected an address, a '
            'network ("10.0.0.0/8") or "unix"; did you mean "10.0.0.0/8"?',
        ),
        (
            '"trusted_proxies": [1]',
            "1:22: trusted_proxies[0]: found 1, expected text",
        ),
    ],
)
def test_faults_inside_a_value_stand_where_they_are(
    faults: Faults, pair: str, message: str
) -> None:
    assert message in faults(f'{{{pair}, "modules": [{ENTRY}]}}')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "1:1: found [], expected an object in braces"),
        ("{}", '1:1: key "modules" is missing, expected a list'),
        (
            '{"modules": []}',
            "1:13: modules: found an empty list, expected at least 1 item",
        ),
        ('{"modules": {}}', "1:13: modules: found {}, expected a list"),
        ('{"modules": [7]}', "1:14: modules[0]: found 7, expected an object in braces"),
        ('{"modules": [', '1:14: the file ends here, expected a value or "]"'),
    ],
)
def test_a_file_of_the_wrong_shape(faults: Faults, text: str, message: str) -> None:
    assert faults(text) == [message]


def test_a_key_that_stands_twice_is_a_fault(faults: Faults) -> None:
    assert faults(
        f'{{"thread_count": 1,\n"thread_count": 2, "modules": [{ENTRY}]}}'
    ) == ["2:1: thread_count: found twice, first in line 1"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            '"module": "m", "handler": "h"',
            'modules[0]: key "path" is missing, expected text that begins with "/"',
        ),
        (
            '"path": "/"',
            'modules[0]: found no endpoint, expected "module" and "handler", or '
            '"wsgi", or "native" and "symbol", or "static", or "cgi"',
        ),
        (
            '"path": "/", "module": "m"',
            'modules[0]: missing "handler", which a Python method needs',
        ),
        (
            '"path": "/", "native": "x.so"',
            'modules[0]: missing "symbol", which a C function needs',
        ),
        (
            '"path": "/", "module": "m", "handler": "h", "symbol": "s"',
            "modules[0]: found two endpoints (Python method and C function), "
            "expected one",
        ),
        (
            '"path": "/", "methods": [], "module": "m", "handler": "h"',
            "modules[0].methods: found an empty list, expected at least 1 item",
        ),
        (
            '"path": "/", "methods": ["get"], "module": "m", "handler": "h"',
            'modules[0].methods[0]: found "get", expected a method in upper case, as '
            "requests name it",
        ),
        (
            '"path": "/", "module": "m", "handler": "h", "run": "threads"',
            'modules[0].run: found "threads", expected "auto", "loop" or "thread"; '
            'did you mean "thread"?',
        ),
        (
            '"path": "/", "native": "x.so", "symbol": "s", "body": "stream"',
            'modules[0]: found "body", which a C function has not',
        ),
        (
            '"path": "/", "wsgi": "m:a", "class": "C", "handler": "h"',
            "modules[0]: found two endpoints (Python method and WSGI application), "
            "expected one",
        ),
        (
            '"path": "/", "body": "stream"',
            'modules[0]: found no endpoint, expected "module" and "handler", or '
            '"wsgi", or "native" and "symbol", or "static", or "cgi"',
        ),
        (
            '"path": "/", "wsgi": ""',
            'modules[0].wsgi: found "", expected text that is not empty',
        ),
        (
            '"path": "/", "module": "m", "clas": "C", "handler": "h"',
            'modules[0].clas: unknown key; did you mean "class"?',
        ),
        (
            '"path": "/", "static": "x", "index": "a/b"',
            'modules[0].index: found "a/b", expected the name of a file',
        ),
        (
            '"path": "/", "static": "x", "media_types": {"html": "text"}',
            'modules[0].media_types.html: found "text", expected a media type such as '
            '"text/html"',
        ),
        (
            '"path": "/", "static": "x", "cache_control": "a\\nb"',
            'modules[0].cache_control: found "a\\nb", expected text of printable ASCII '
            "characters",
        ),
        (
            '"path": "/", "cgi": "c", "timeout": -1',
            "modules[0].timeout: found -1, expected a number from 0 to 86400",
        ),
        (
            '"path": "/", "cgi": "c", "env": ["A=1", "2=B"]',
            'modules[0].env[1]: found "2=B", expected the name of a variable, or '
            '"NAME=value"',
        ),
        (
            '"path": "/", "cgi": "c", "run": "loop"',
            'modules[0]: found "run", which a CGI folder has not',
        ),
        (
            '"path": "/", "module": "m", "handler": ""',
            'modules[0].handler: found "", expected text that is not empty',
        ),
    ],
)
def test_a_faulty_entry(faults: Faults, entry: str, message: str) -> None:
    told = faults(f'{{"modules": [{{{entry}}}]}}')
    assert [fault.split(": ", 1)[1] for fault in told] == [message]


@pytest.mark.parametrize("kind", ["php"])
def test_an_endpoint_of_an_unknown_kind_is_an_unknown_key(
    faults: Faults, kind: str
) -> None:
    told = faults(f'{{"modules": [{{"path": "/", "{kind}": "x"}}]}}')
    assert any(
        f"modules[0].{kind}: unknown key, expected one of" in one for one in told
    )


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "project.pyrs"
    path.write_bytes(b'{\n"log": "\xff"}')
    (fault,) = read_project_file(path).faults
    assert str(fault) == f"{path}:2:1: the file is not UTF-8"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none.pyrs", "there is no such file"), (".", "is a directory")],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(PyrsError, match=reason):
        read_project_file(tmp_path / name)


SOUND = Project(modules=[])
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(-1e9, 1e9)
    | st.text(max_size=9)
)


@given(st.sampled_from(Settings.__struct_fields__[:-2]), VALUES)
def test_a_value_is_taken_if_and_only_if_msgspec_takes_it(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    path = tmp_path_factory.mktemp("one") / "project.pyrs"
    path.write_bytes(
        b'{"modules": [%s], "%s": %s}'
        % (ENTRY.encode(), key.encode(), msgspec.json.encode(value))
    )
    try:
        msgspec.convert({key: value}, Settings)
        is_taken = True
    except msgspec.ValidationError:
        is_taken = False
    assert (not read_project_file(path).faults) == is_taken


def test_changes_leave_what_they_do_not_name() -> None:
    settings = Settings(thread_count=3, limits=Limits(body=5, headers=7))
    assert changed(settings, {"log": "a.log", "limits": {"body": 0}}) == Settings(
        thread_count=3, log="a.log", limits=Limits(body=0, headers=7)
    )
    assert changed(settings, {"limits": Limits()}).limits == Limits()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(thread_count=0), "thread_count"),
        (Settings(thread_count="2"), "thread_count"),  # type: ignore[arg-type]
        (Settings(server_name="a\r\nb"), "server_name"),
        (Settings(limits=Limits(request_line=40_000)), "request_line"),
        (Settings(trusted_proxies=["*"]), "everybody would be"),
        (Settings(trusted_proxies="unix"), "trusted_proxies"),  # type: ignore[arg-type]
    ],
)
def test_settings_made_in_python_are_checked_too(
    settings: Settings, message: str
) -> None:
    with pytest.raises(PyrsError, match=message):
        validate(settings)
