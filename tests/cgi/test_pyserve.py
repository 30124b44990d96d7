"""Scripts that were written for PyServe run unchanged, with what PyServe told them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cgi.script_kit import Run, run_fresh

Script = Callable[..., Path]

HTML = ("Content-Type", "text/html; charset=utf-8")
URLENCODED = "application/x-www-form-urlencoded"


@pytest.fixture
def show(script: Script) -> Path:
    return script("""
        from pyserve import http
        print(http.GET, http.POST, http.COOKIE)
    """)


def test_the_tutorial_script_runs(run: Run, script: Script) -> None:
    path = script("""
        #!/usr/bin/env python3

        from pyserve import http

        print(f"Hi! {http.GET['name']}")
    """)
    response = run(path, QUERY_STRING="name=Meir").response()
    assert (response.status, response.headers) == ("200 OK", [HTML])
    assert response.body == b"Hi! ['Meir']\n"


def test_a_script_that_only_imports_it_runs(run: Run, script: Script) -> None:
    response = run(script("import pyserve\nprint('Hello World!')")).response()
    assert (response.headers, response.body) == ([HTML], b"Hello World!\n")


def test_the_head_is_the_scripts(run: Run, script: Script) -> None:
    response = run(
        script("""
        from pyserve import http
        http.HEADER["Content-Type"] = "text/plain"
        http.HEADER.update({"X-Status": http.STATUS.phrase})
    """)
    ).response()
    assert response.headers == [("Content-Type", "text/plain"), ("X-Status", "OK")]


def test_a_field_without_a_value_is_no_field(run: Run, show: Path) -> None:
    response = run(show, QUERY_STRING="a=&b=1&c", HTTP_COOKIE="d=2").response()
    assert response.body == b"{'b': ['1']} {} {'d': '2'}\n"


def test_a_post_has_the_fields_of_the_query_behind_its_own(
    run: Run, show: Path
) -> None:
    query = "id=7&a=2"
    response = run(
        show, b"a=1&b=", CONTENT_TYPE=URLENCODED, QUERY_STRING=query
    ).response()
    assert response.body == b"{} {'a': ['1', '2'], 'id': ['7']} {}\n"


def test_a_file_is_its_bytes(run: Run, script: Script) -> None:
    path = script("""
        from pyserve import http
        (content,) = http.POST["file"]
        print(content, isinstance(content, bytes), content.filename)
    """)
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"'
        b"\r\n\r\ntext\r\n--b--\r\n"
    )
    outcome = run(path, body, CONTENT_TYPE="multipart/form-data; boundary=b")
    assert outcome.errors == ""
    assert outcome.response().body == b"b'text' True a.txt\n"


def test_a_module_of_that_name_beside_the_script_comes_first(
    run: Run, script: Script
) -> None:
    """PyServe itself is one file, and lies there."""
    script("http = 'its own'", name="pyserve.py")
    outcome = run(script("from pyserve import http\nprint(http)"))
    assert outcome.output == b"its own\n"


def test_an_installed_module_of_that_name_comes_first(
    script: Script, tmp_path: Path
) -> None:
    folder = tmp_path / "installed"
    folder.mkdir()
    script("http = 'installed'", name="installed/pyserve.py")
    path = script("from pyserve import http\nprint(http)")
    outcome = run_fresh(path, PYTHONPATH=str(folder))
    assert outcome.output == b"installed\n"


def test_both_modules_speak_of_one_response(run: Run, script: Script) -> None:
    response = run(
        script("""
        import pyserve
        from pyrs.cgi import http
        http.STATUS = 404
        pyserve.http.HEADER["X-Name"] = "value"
        print("once")
    """)
    ).response()
    assert response.status == "404 Not Found"
    assert response.headers == [HTML, ("X-Name", "value")]
    assert response.body == b"once\n"
