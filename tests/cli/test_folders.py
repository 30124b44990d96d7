"""`pyrs FOLDER` and `pyrs --root FOLDER`, as processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from .command_kit import run, serving

ACCESS = r'INFO: 127\.0\.0\.1:\d+ - "GET %s HTTP/1\.1" %s\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    public = tmp_path / "public"
    public.mkdir()
    (public / "index.html").write_text("<h1>here</h1>")
    (public / "a.txt").write_text("text")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["public"],
        ["./public/"],
        ["--root", "public"],
        ["-r", "public"],
        ["--document-root", "public"],
        ["--chdir", "public", "."],
    ],
)
def test_the_files_of_a_folder_are_served(folder: Path, words: list[str]) -> None:
    found, missing = ACCESS % ("/", "200 OK"), ACCESS % ("/none", "404 Not Found")
    told = f"{found}{missing}"  # by one loop, so in this order
    with serving(*words, "-p", "0", "--threads", "1", cwd=folder, told=told) as server:
        assert server.get("/") == "<h1>here</h1>"
        assert server.ask("GET", "/none")[0] == 404
        assert server.lines == [
            f'INFO: Listen at "127.0.0.1:{server.port}"',
            "INFO: Threads: 1",
        ]


def test_the_folder_of_a_project_is_served_if_it_is_asked_for(folder: Path) -> None:
    (folder / "project.pyrs").write_text("{}")
    words = ("--root", ".", "-p", "0", "--no-access-log")
    with serving(*words, cwd=folder) as server:
        assert server.get("/project.pyrs") == "{}"


@pytest.mark.parametrize("words", [["public"], ["--root", "public"]])
def test_a_folder_without_an_index_is_listed_if_it_is_asked_for(
    folder: Path, words: list[str]
) -> None:
    (folder / "public" / "docs").mkdir()
    (folder / "public" / "docs" / "b.txt").write_text("text")
    words = [*words, "-p", "0", "--no-access-log"]
    with serving(*words, "--listing", cwd=folder) as server:
        assert '<a href="b.txt"' in server.get("/docs/")
        assert server.get("/") == "<h1>here</h1>"
    with serving(*words, cwd=folder) as server:
        assert server.ask("GET", "/docs/")[0] == 404


@pytest.mark.parametrize(
    ("words", "message", "status"),
    [
        (["--root", "none"], "none", 1),
        (["public", "--root", "public"], "found public and --root public", 2),
        (["--root", "public", "--echo"], "found --root public and --echo", 2),
        (["main:app", "--listing"], "--listing: found main:app, expected a folder", 2),
        (["none", "--listing"], "none", 1),
    ],
)
def test_a_folder_that_is_not_there_or_named_twice(
    folder: Path, words: list[str], message: str, status: int
) -> None:
    done = run(*words, cwd=folder)
    assert done.returncode == status
    assert done.stderr.startswith("pyrs: ")
    assert message in done.stderr
    assert done.stdout == ""


def test_check_looks_at_a_folder(folder: Path) -> None:
    done = run("check", "public", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "/*  GET  the files in public\npublic: 1 route, no fault\n"
