"""examples/flask_app: what its README shows, and its page."""

from __future__ import annotations

from pathlib import Path

from .example_kit import example, follow_readme, shell


def test_the_readme_is_followed_and_the_page_shows_it(tmp_path: Path) -> None:
    with example("flask_app", tmp_path) as server:
        follow_readme("flask_app", server, tmp_path)
        page = server.get("/")
        assert "<b>Ada</b> Hello" in page
        assert 'href="/static/guestbook.css"' in page
        assert "max-width" in server.get("/static/guestbook.css")
        form = "-d name=Ada -d text= -w ' %{http_code}'"
        told = shell(f"curl -s {form} 127.0.0.1:{server.port}", tmp_path)
        assert "Both a name and a text are wanted." in told
        assert told.endswith(" 400")


def test_without_its_project_file_it_is_served_by_its_name(tmp_path: Path) -> None:
    word = "guestbook:create_app()"
    told = r'INFO: .* - "GET /entries HTTP/1\.1" 200 OK\n'
    with example("flask_app", tmp_path, word=word, told=told) as server:
        assert server.get("/entries") == "[]\n"
