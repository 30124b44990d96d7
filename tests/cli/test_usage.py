"""Words on the command line: what is understood, and what is said of the others."""

from pathlib import Path

import click
import pytest

import pyrs
from pyrs.cli import main, parse_bind


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_project_the_usage_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("Usage: pyrs [OPTIONS] [PROJECT | MODULE:APP")
    assert "pyrs new FOLDER" in told.err


@pytest.mark.parametrize("word", ["-h", "--help"])
@pytest.mark.parametrize("command", [[], ["new"], ["check"]])
def test_help_is_asked_for(
    capsys: pytest.CaptureFixture[str], command: list[str], word: str
) -> None:
    assert main([*command, word]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: {' '.join(['pyrs', *command])} ")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"pyrs {pyrs.__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--hst", "a"], "No such option '--hst'. Did you mean '--host'?"),
        (["--processes", "2"], "No such option '--processes'."),
        (["-p"], "Option '-p' requires an argument."),
        (["-p", "x"], "Invalid value for '-p' / '--port': 'x' is not a valid"),
        (["-p", "65536"], "65536 is not in the range 0<=x<=65535."),
        (["--threads", "0"], "0 is not in the range 1<=x<=1024."),
        (["--backlog", "0"], "0 is not in the range 1<=x<=65535."),
        (["a.pyrs", "b.pyrs"], "Got unexpected extra argument (b.pyrs)"),
        (["--host", "", "a.pyrs"], "--host: found nothing, expected an address"),
        (["--log", "", "a.pyrs"], "--log: found nothing, expected a file"),
        (["-b", "::1", "a.pyrs"], "--bind ::1: an IPv6 address stands in brackets"),
        (["-b", "8080", "a.pyrs"], "--bind 8080: expected ADDR[:PORT], or :PORT"),
        (["-b", "", "a.pyrs"], "--bind : expected ADDR[:PORT], or :PORT"),
        (["-b", "h:x", "a.pyrs"], "--bind h:x: expected a port from 0 to 65535"),
        (["-b", "h:65536", "a.pyrs"], "--bind h:65536: expected a port"),
        (["-b", "h:", "a.pyrs"], "--bind h:: expected a port from 0 to 65535"),
        (["-b", "h:1", "-p", "2", "a.pyrs"], "--bind and --port both give a port"),
        (
            ["-b", "h", "--host", "i", "a.pyrs"],
            "--bind and --host both give an address",
        ),
        (["a:app", "--echo"], "found a:app and --echo, expected one of them"),
        (["main.py"], "an application in it is main:APP"),
        (["."], ".: found the folder of a project, expected its file: project.pyrs"),
        (["check", "."], ".: found the folder of a project, expected its file"),
        (["new"], "Missing argument 'FOLDER'."),
    ],
)
def test_a_wrong_word_gives_one_message_and_status_2(
    capsys: pytest.CaptureFixture[str],
    empty_folder: Path,
    words: list[str],
    message: str,
) -> None:
    (empty_folder / "project.pyrs").write_text("{}")
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("pyrs: ")
    assert message in told.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.pyrs"], "pyrs: none.pyrs: there is no such file\n"),
        (["none/"], "pyrs: none/: there is no such file or folder\n"),
        (
            ["none"],
            "pyrs: none: there is no such file or folder; an application in a module "
            "of that name is none:APP\n",
        ),
        (["check"], "pyrs: project.pyrs: there is no such file\n"),
        (["check", "none.pyrs"], "pyrs: none.pyrs: there is no such file\n"),
        (["--chdir", "none"], "pyrs: --chdir none: no such file or directory\n"),
    ],
)
def test_what_is_not_there_gives_one_message_and_status_1(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(words) == 1
    assert capsys.readouterr().err == message


def test_a_folder_with_a_project_is_named_with_it(
    capsys: pytest.CaptureFixture[str], empty_folder: Path
) -> None:
    (empty_folder / "app").mkdir()
    (empty_folder / "app" / "project.pyrs").write_text("{}")
    assert main(["app"]) == 2
    assert "expected its file: app/project.pyrs (" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1", "127.0.0.1", None),
        ("localhost:80", "localhost", 80),
        (":80", None, 80),
        ("[::1]", "[::1]", None),
        ("[::1]:0", "[::1]", 0),
        ("unix:a:b.sock", "unix:a:b.sock", None),
    ],
)
def test_bind_takes_an_address_and_a_port(
    text: str, host: str | None, port: int | None
) -> None:
    assert parse_bind(text) == (host, port)


def test_bind_refuses_two_colons_without_brackets() -> None:
    with pytest.raises(click.UsageError):
        parse_bind("::1:80")
