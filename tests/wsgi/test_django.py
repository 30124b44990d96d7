"""A Django site with its admin, and Django's own live-server tests, on pyrs."""

from __future__ import annotations

import hashlib
import http.cookiejar
import json
import re
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import RunningServer, get

from .application_kit import (
    APPLICATIONS,
    TIMEOUT,
    application,
    copy_application,
    curl,
    run,
)

CREATE_ADA = (
    "from django.contrib.auth.models import User;"
    "User.objects.create_superuser('ada', 'ada@example.com', 'byron')"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = copy_application("django_site", tmp_path_factory.mktemp("django"))
    run(sys.executable, "manage.py", "migrate", "--verbosity", "0", cwd=folder)
    run(sys.executable, "manage.py", "shell", "--command", CREATE_ADA, cwd=folder)
    word = "site_of_tests.wsgi:application"
    with application("django_site", word, folder) as site:
        yield site


class Browser:
    """Keeps cookies, and fills in the forms of the admin."""

    def __init__(self, url: str) -> None:
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar)
        self._url = url

    def open(self, path: str, fields: dict[str, str] | None = None) -> str:
        body = urllib.parse.urlencode(fields).encode() if fields else None
        with self._opener.open(self._url + path, body, TIMEOUT) as answer:
            text: str = answer.read().decode()
            return text

    def fill_in(self, path: str, **fields: str) -> str:
        found = re.search('name="csrfmiddlewaretoken" value="(.+?)"', self.open(path))
        assert found
        return self.open(path, {"csrfmiddlewaretoken": found[1], **fields})


def test_a_user_logs_in_to_the_admin_and_adds_another(site: RunningServer) -> None:
    browser = Browser(site.url)
    assert "Log in" in browser.open("/admin/")
    login = "/admin/login/?next=/admin/"
    wrong = browser.fill_in(login, username="ada", password="lovelace")
    assert "Please enter the correct username and password" in wrong
    right = browser.fill_in(login, username="ada", password="byron")
    assert "Site administration" in right
    added = browser.fill_in(
        "/admin/auth/user/add/",
        username="grace",
        usable_password="true",
        password1="on the Hopper",
        password2="on the Hopper",
    )
    assert "was added successfully" in added
    assert "grace" in browser.open("/admin/auth/user/")


def test_a_form_without_its_token_is_refused(site: RunningServer) -> None:
    page = curl(f"{site.url}/admin/login/", "--data", "username=ada", "--include")
    assert page.startswith("HTTP/1.1 403 Forbidden")
    assert "CSRF verification failed" in page
    site.expect_log("Forbidden")


def test_static_files_are_served_and_not_sent_again(site: RunningServer) -> None:
    style = site.ask(get("/static/admin/css/base.css"))
    assert (style.status, style["Content-Type"]) == (200, "text/css")
    assert len(style.body) == int(style["Content-Length"])
    since = f"If-Modified-Since: {style['Last-Modified']}"
    assert site.ask(get("/static/admin/css/base.css", since)).status == 304


def test_a_large_file_is_uploaded(site: RunningServer, tmp_path: Path) -> None:
    content = bytes(range(256)) * 12 * 1024  # more than Django keeps in memory
    (tmp_path / "file").write_bytes(content)
    answer = curl(f"{site.url}/upload", "--form", f"file=@{tmp_path / 'file'}")
    assert json.loads(answer) == {
        "name": "file",
        "size": len(content),
        "digest": hashlib.sha256(content).hexdigest(),
    }


def test_a_streaming_response_comes_whole(site: RunningServer) -> None:
    lines = curl(f"{site.url}/count/50000").splitlines()
    assert lines == [str(number) for number in range(50000)]


def test_a_file_response_is_the_file(site: RunningServer) -> None:
    views = APPLICATIONS / "django_site" / "site_of_tests" / "views.py"
    assert curl(f"{site.url}/source") == views.read_text()


def test_a_view_that_raises_is_django_s_page_and_in_the_log(
    site: RunningServer,
) -> None:
    page = site.ask(get("/failure"))
    assert page.status == 500
    assert b"LookupError at /failure" in page.body
    site.expect_log("LookupError: no such luck")
    site.allow_log("Internal Server Error: /failure", "Traceback", "^  ", r"^\s*[\^~]")


def test_django_s_live_server_tests_pass_on_pyrs(tmp_path: Path) -> None:
    copy_application("django_site", tmp_path)
    told = run(sys.executable, "-W", "error", "manage.py", "test", cwd=tmp_path)
    assert "Ran 3 tests" in told
    assert told.rstrip().endswith("Destroying test database for alias 'default'...")
    assert "\nOK\n" in told
