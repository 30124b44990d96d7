"""pyrs.cgi: what scripts are told, and what becomes of what they print."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cgi.script_kit import TIMEOUT, Outcome, Run, run_fresh

Script = Callable[..., Path]

HTML = ("Content-Type", "text/html; charset=utf-8")
TEXT = ("Content-Type", "text/plain; charset=utf-8")


def told(outcome: Outcome) -> Any:
    """What a script has printed as JSON."""
    assert (outcome.status, outcome.errors) == (0, "")
    return json.loads(outcome.response().body)


@pytest.fixture
def tell(script: Script) -> Path:
    """A script that tells what it is told."""
    return script("""
        import json
        from pyrs.cgi import http
        print(json.dumps([http.GET, http.POST, http.COOKIE]))
    """)


# ---- what is printed ----


def test_what_is_printed_is_a_whole_response(run: Run, script: Script) -> None:
    outcome = run(
        script("""
        from pyrs.cgi import http
        print(f"Hi {http.GET['name']}! \\u00e4\\u20ac")
    """),
        QUERY_STRING="name=Meir",
    )
    response = outcome.response()
    assert response.status == "200 OK"
    assert response.headers == [HTML]
    assert response.body == "Hi ['Meir']! ä€\n".encode()
    assert (outcome.status, outcome.errors) == (0, "")


def test_to_import_the_module_is_enough(run: Run, script: Script) -> None:
    response = run(script("import pyrs.cgi\nprint('Hello')")).response()
    assert (response.headers, response.body) == ([HTML], b"Hello\n")


def test_a_script_that_prints_nothing_answers_an_empty_page(
    run: Run, script: Script
) -> None:
    response = run(script("import pyrs.cgi")).response()
    assert (response.status, response.headers, response.body) == ("200 OK", [HTML], b"")


def test_a_script_without_the_module_writes_its_own_head(
    run: Run, script: Script
) -> None:
    outcome = run(script("print('Content-Type: text/plain\\n\\nplain')"))
    assert outcome == Outcome(b"Content-Type: text/plain\n\nplain\n", "", 0)


def test_without_a_request_the_module_leaves_the_output_alone(script: Script) -> None:
    done = subprocess.run(
        [sys.executable, script("import pyrs.cgi\nprint('by hand')")],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        timeout=TIMEOUT,
        check=True,
    )
    assert done.stdout == b"by hand\n"


def test_status_and_headers_may_be_set_until_the_end(run: Run, script: Script) -> None:
    response = run(
        script("""
        from pyrs.cgi import http
        print("no such thing")
        http.STATUS = 404
        http.HEADER["content-type"] = "text/plain; charset=utf-8"
        http.HEADER["X-Number"] = 7
        http.HEADER["Set-Cookie"] = ["a=1", "b=2; Path=/"]
    """)
    ).response()
    assert response.status == "404 Not Found"
    assert response.headers == [
        ("content-type", "text/plain; charset=utf-8"),
        ("X-Number", "7"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2; Path=/"),
    ]
    assert response.body == b"no such thing\n"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("http.STATUS = 299", "299 Status 299"),
        ("http.STATUS = HTTPStatus.CREATED", "201 Created"),
        ("http.HEADER['Location'] = '/there'", "302 Found"),
        ("http.HEADER['location'] = '/there'; http.STATUS = 303", "303 See Other"),
        ("assert http.STATUS is HTTPStatus.OK", "200 OK"),
    ],
)
def test_the_status_is_the_one_that_is_meant(
    script: Script, code: str, status: str
) -> None:
    lines = f"from http import HTTPStatus\nfrom pyrs.cgi import http\n{code}"
    outcome = run_fresh(script(lines))
    assert (outcome.response().status, outcome.errors) == (status, "")


@pytest.mark.parametrize(
    "code",
    [
        "http.STATUS = 42",
        "http.HEADER['X-Evil'] = 'a\\nSet-Cookie: b'",
        "http.HEADER['X-Evil: b'] = 'a'",
        "http.HEADER['X-Name'] = '\\u20ac'",
        "http.HEADER['Status'] = '200'",
        "http.HEADER['Content-Type'] = 'text/plain; charset=none-such'",
    ],
)
def test_a_head_that_cannot_be_sent_is_an_error_where_it_is_set(
    script: Script, code: str
) -> None:
    outcome = run_fresh(script(f"from pyrs.cgi import http\n{code}"))
    assert outcome.response().status == "500 Internal Server Error"
    assert "ValueError" in outcome.errors


def test_text_is_in_the_charset_that_is_declared(run: Run, script: Script) -> None:
    response = run(
        script("""
        from pyrs.cgi import http
        http.HEADER["Content-Type"] = "text/html; charset=windows-1251"
        print("\\u043f\\u0440\\u0438\\u0432\\u0435\\u0442, \\u20ac \\u4e2d")
    """)
    ).response()
    assert response.body == "привет, € &#20013;\n".encode("windows-1251", "replace")


def test_a_charset_that_comes_too_late_is_an_error(script: Script) -> None:
    outcome = run_fresh(
        script("""
        from pyrs.cgi import http
        print("\\u00e4")
        http.HEADER["Content-Type"] = "text/html; charset=UTF8"  # the same
        http.HEADER["Content-Type"] = "text/html; charset=latin-1"
    """)
    )
    assert outcome.response().status == "500 Internal Server Error"
    assert "text was printed in utf-8 already" in outcome.errors


def test_bytes_and_text_come_in_the_order_they_were_written(
    run: Run, script: Script
) -> None:
    response = run(
        script("""
        import sys
        from pyrs.cgi import http
        http.HEADER["Content-Type"] = "image/x-test"
        print("one", end="")
        sys.stdout.buffer.write(b"\\x00\\xff")
        sys.stdout.write("two")
        sys.stdout.buffer.write(b"\\r\\n")
    """)
    ).response()
    assert response.body == b"one\x00\xfftwo\r\n"
    assert response.headers == [("Content-Type", "image/x-test")]


def test_an_error_with_a_large_body_has_its_headers(run: Run, script: Script) -> None:
    code = (
        "import pyrs, pyrs.cgi\nraise pyrs.HTTPError(404, 'x' * 100_000, {'X-A': 'b'})"
    )
    response = run(script(code)).response()
    assert response.headers == [TEXT, ("X-A", "b")]
    assert len(response.body) == 100_000


def test_a_large_output_is_sent_while_it_is_made(run: Run, script: Script) -> None:
    """And so its head is, which cannot be changed any more."""
    outcome = run(
        script("""
        import sys
        from pyrs.cgi import http
        for number in range(100_000):
            print(f"{number:099d}")
        http.STATUS = 404
        raise SystemExit(3)
    """)
    )
    response = outcome.response()
    assert response.status == "200 OK"
    assert response.body == b"".join(b"%099d\n" % number for number in range(100_000))
    assert outcome.status == 3


def test_what_is_flushed_is_sent(run: Run, script: Script) -> None:
    """So that another program may write behind it."""
    response = run(
        script("""
        import subprocess
        from pyrs.cgi import http
        print("first", flush=True)
        http.STATUS = 404
        subprocess.run(["echo", "second"], check=True)
        print("third")
    """)
    ).response()
    assert (response.status, response.body) == ("200 OK", b"first\nsecond\nthird\n")


# ---- errors ----


def test_an_exception_is_a_500_and_a_traceback(run: Run, script: Script) -> None:
    path = script("""
        from pyrs.cgi import http
        http.STATUS = 201
        http.HEADER["X-Half"] = "done"
        print("half done")
        def fail():
            raise RuntimeError("secret")
        fail()
    """)
    outcome = run(path)
    response = outcome.response()
    assert response.status == "500 Internal Server Error"
    assert response.headers == [TEXT]
    assert response.body == b"500 Internal Server Error\n"
    assert outcome.status == 1
    assert outcome.errors.startswith(
        f'Traceback (most recent call last):\n  File "{path}", line 8, in <module>\n'
    )
    assert outcome.errors.endswith("RuntimeError: secret\n")


def test_an_http_error_answers_the_request(run: Run, script: Script) -> None:
    outcome = run(
        script("""
        import pyrs
        import pyrs.cgi
        print("half done")
        raise pyrs.HTTPError(404, "no such user", {"X-Reason": "gone"})
    """)
    )
    response = outcome.response()
    assert response.status == "404 Not Found"
    assert response.headers == [TEXT, ("X-Reason", "gone")]
    assert response.body == b"no such user"
    assert outcome.errors == ""


def test_the_body_of_an_http_error_may_be_json(script: Script) -> None:
    code = "import pyrs, pyrs.cgi\nraise pyrs.HTTPError(422, {'field': 'name'})"
    response = run_fresh(script(code)).response()
    assert response.headers == [("Content-Type", "application/json")]
    assert json.loads(response.body) == {"field": "name"}


# ---- what is told ----


def test_a_query_has_lists_of_values(run: Run, tell: Path) -> None:
    query = "a=1&b=x+y%21&a=2&empty=&%C3%A4=%E2%82%AC&alone"
    assert told(run(tell, QUERY_STRING=query)) == [
        {"a": ["1", "2"], "b": ["x y!"], "empty": [""], "ä": ["€"], "alone": [""]},
        {},
        {},
    ]


def test_cookies_are_text(run: Run, tell: Path) -> None:
    cookies = 'a=1; b="two words"; a=3; no cookie; c=ä'
    assert told(run(tell, HTTP_COOKIE=cookies)) == [
        {},
        {},
        {"a": "1", "b": "two words", "c": "ä"},
    ]


def test_a_form_has_lists_of_values_and_the_query_stays_apart(
    run: Run, tell: Path
) -> None:
    outcome = run(
        tell,
        b"name=Meir&name=%C3%A4&empty=",
        CONTENT_TYPE="application/x-www-form-urlencoded; charset=utf-8",
        QUERY_STRING="id=7",
    )
    assert told(outcome) == [
        {"id": ["7"]},
        {"name": ["Meir", "ä"], "empty": [""]},
        {},
    ]


def multipart(*parts: tuple[str, bytes]) -> bytes:
    """The body of a form with the boundary "b"."""
    lines = [
        b"--b\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n"
        % (disposition.encode(), content)
        for disposition, content in parts
    ]
    return b"".join([*lines, b"--b--\r\n"])


MULTIPART = {"CONTENT_TYPE": "multipart/form-data; boundary=b"}


def test_an_uploaded_file_is_a_file_object(run: Run, script: Script) -> None:
    path = script("""
        import shutil, sys
        from pyrs.cgi import http
        text, = http.POST["text"]
        upload, = http.POST["file"]
        print(text, upload.filename, upload.size, upload.read(4), flush=True)
        upload.file.seek(0)
        shutil.copyfileobj(upload, sys.stdout.buffer)
    """)
    content = os.urandom(1024 * 1024)
    body = multipart(
        ('name="text"', b"note"), ('name="file"; filename="a.bin"', content)
    )
    outcome = run(path, body, **MULTIPART)
    assert outcome.errors == ""
    line, _, rest = outcome.response().body.partition(b"\n")
    assert line.decode() == f"note a.bin {len(content)} {content[:4]!r}"
    assert rest == content


def test_a_body_is_bytes_and_may_be_a_form_too(run: Run, script: Script) -> None:
    path = script("""
        from pyrs.cgi import http
        print(http.BODY, http.BODY is http.BODY, http.POST)
    """)
    outcome = run(path, b"a=%00&b", CONTENT_TYPE="application/x-www-form-urlencoded")
    expected = b"b'a=%00&b' True {'a': ['\\x00'], 'b': ['']}\n"
    assert outcome.response().body == expected
    outcome = run(path, b"\0\xff", CONTENT_TYPE="application/json")
    assert outcome.response().body == b"b'\\x00\\xff' True {}\n"
    assert run(path).response().body == b"b'' True {}\n"


def test_a_body_that_was_read_as_a_form_is_gone(script: Script) -> None:
    outcome = run_fresh(
        script("from pyrs.cgi import http\nhttp.POST\nhttp.BODY"),
        b"a=1",
        CONTENT_TYPE="application/x-www-form-urlencoded",
    )
    assert "ask for http.BODY before" in outcome.errors
    assert outcome.response().status == "500 Internal Server Error"


def test_no_more_is_read_than_belongs_to_the_body(script: Script) -> None:
    """RFC 3875, 4.2: what is behind it is no concern of the script's."""
    outcome = run_fresh(
        script("from pyrs.cgi import http\nprint(http.BODY)"),
        b"body, and more",
        CONTENT_LENGTH="4",
    )
    assert outcome.response().body == b"b'body'\n"


def test_a_body_that_ends_too_early_is_an_error(script: Script) -> None:
    outcome = run_fresh(
        script("from pyrs.cgi import http\nprint(http.BODY)"),
        b"body",
        CONTENT_LENGTH="5",
    )
    assert "EOFError: the body ended after 4 of 5 bytes" in outcome.errors


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"a=%ff", "application/x-www-form-urlencoded", "400 Bad Request"),
        (b"--b\r\nno head", "multipart/form-data; boundary=b", "400 Bad Request"),
        (b"&" * 1001, "application/x-www-form-urlencoded", "413 "),
        (
            b"a=1",
            "application/x-www-form-urlencoded; charset=punycode",
            "415 Unsupported Media Type",
        ),
    ],
)
def test_a_form_that_cannot_be_read_is_answered(
    run: Run, tell: Path, body: bytes, content_type: str, status: str
) -> None:
    outcome = run(tell, body, CONTENT_TYPE=content_type)
    assert outcome.response().status.startswith(status)
    assert outcome.errors == ""


# ---- what it costs ----


def test_a_script_that_prints_loads_next_to_nothing(script: Script) -> None:
    """A process of its own for each request pays for each module each time."""
    path = script("""
        import sys
        before = set(sys.modules)
        from pyrs.cgi import http
        print(http.GET)
        print(*sorted(set(sys.modules) - before))
    """)
    query, loaded = run_fresh(path, QUERY_STRING="n=x").response().body.splitlines()
    assert query == b"{'n': ['x']}"
    own = {"pyrs", "pyrs.cgi", "pyrs._cgi_output", "pyrs._cgi_request"}
    assert set(loaded.decode().split()) - {"__future__", "atexit"} == own | {
        "pyrs._plain_parts"
    }
