"""`pyrs compress`: siblings that are smaller and current, and nothing else."""

import gzip
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import brotli
import pytest
import zstandard

from pyrs import compress
from pyrs.compress_report import compress_folder
from pyrs.errors import PyrsError

from .command_kit import TIMEOUT, run

TEXT = b"A line that is said again and again.\n" * 1000
READ: dict[str, Callable[[bytes], bytes]] = {
    ".br": brotli.decompress,
    ".zst": lambda data: zstandard.ZstdDecompressor().decompress(data),
    ".gz": gzip.decompress,
}


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def siblings(name: str) -> list[str]:
    return [name, f"{name}.br", f"{name}.gz", f"{name}.zst"]


def test_each_sibling_holds_what_its_original_does(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    pages = [tmp_path / "page.html", tmp_path / "deep/er/a b.json"]
    for page in pages:
        page.write_bytes(TEXT)
    done = run("compress", ".", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "Made 2 .br",
        "Made 2 .zst",
        "Made 2 .gz",
    ]
    assert "74 kB became " in done.stdout
    for page in pages:
        for suffix, read in READ.items():
            sibling = page.with_name(page.name + suffix)
            assert read(sibling.read_bytes()) == TEXT
            assert sibling.stat().st_mtime_ns == page.stat().st_mtime_ns
            assert sibling.stat().st_mode == page.stat().st_mode
    assert names(tmp_path) == sorted(
        ["deep", "deep/er", *siblings("page.html"), *siblings("deep/er/a b.json")]
    )


def test_who_may_not_read_the_original_may_not_read_the_sibling(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT)
    (tmp_path / "a.txt").chmod(0o640)
    compress_folder(str(tmp_path))
    for name in siblings("a.txt"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "name",
    ["a.css", "a.js", "A.SVG", "a.wasm", "a.json", "a.geo.json", "a.xml", "a.ttf"],
)
def test_types_that_shrink_get_siblings(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(TEXT)
    compress_folder(str(tmp_path))
    assert names(tmp_path) == sorted(siblings(name))


def test_what_gets_none_is_named_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photo.jpg").write_bytes(TEXT)
    (tmp_path / "unknown").write_bytes(TEXT)
    (tmp_path / "small.txt").write_bytes(TEXT[:511])
    (tmp_path / "random.txt").write_bytes(os.urandom(5000))
    (tmp_path / "link.txt").symlink_to("/etc/services")
    (tmp_path / "archive.csv.gz").write_bytes(gzip.compress(TEXT))
    before = names(tmp_path)
    compress_folder(str(tmp_path))
    assert names(tmp_path) == before
    assert capsys.readouterr().out.splitlines() == [
        "Not made, would not be smaller: random.txt.br, random.txt.gz, random.txt.zst",
        "Skipped, application/gzip does not shrink: archive.csv.gz",
        "Skipped, application/octet-stream does not shrink: unknown",
        "Skipped, image/jpeg does not shrink: photo.jpg",
        "Skipped, symbolic links: link.txt",
        "Skipped, under 512 bytes: small.txt",
    ]


def test_hidden_names_are_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".well-known").mkdir()
    for name in (".hidden.txt", ".git/config.txt", ".well-known/security.txt"):
        (tmp_path / name).write_bytes(TEXT)
    compress_folder(str(tmp_path))
    made = siblings(".well-known/security.txt")
    assert names(tmp_path) == sorted(
        [".git", ".git/config.txt", ".hidden.txt", ".well-known", *made]
    )


def test_of_many_names_the_first_are_shown_or_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for at in range(9):
        (tmp_path / f"{at}.png").write_bytes(TEXT)
    compress_folder(str(tmp_path))
    line = "Skipped, image/png does not shrink: "
    assert capsys.readouterr().out == f"{line}0.png, 1.png, 2.png and 6 more\n"
    compress_folder(str(tmp_path), every=True)
    every = ", ".join(f"{at}.png" for at in range(9))
    assert capsys.readouterr().out == f"{line}{every}\n"


def test_a_name_cannot_speak_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a\x1b[31m\nb.png").write_bytes(TEXT)
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(TEXT)
    compress_folder(str(tmp_path))
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert "'a\\x1b[31m\\nb.png'" in printed
    assert "\x1b" not in printed


# ---- again ----


def test_a_second_run_makes_nothing_unless_it_is_forced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT)
    compress_folder(str(tmp_path))
    first = [(tmp_path / name).stat().st_ino for name in siblings("a.txt")]
    capsys.readouterr()
    compress_folder(str(tmp_path))
    assert capsys.readouterr().out == "3 were there already\n"
    assert [(tmp_path / name).stat().st_ino for name in siblings("a.txt")] == first
    compress_folder(str(tmp_path), force=True)
    assert "Made 1 .gz: " in capsys.readouterr().out


def test_a_sibling_whose_original_has_changed_is_made_again(tmp_path: Path) -> None:
    page = tmp_path / "a.txt"
    page.write_bytes(TEXT)
    compress_folder(str(tmp_path))
    page.write_bytes(TEXT[::-1])
    os.utime(page, ns=(0, 1_000_000_000))  # older than before: a file put back
    compress_folder(str(tmp_path))
    for suffix, read in READ.items():
        sibling = tmp_path / f"a.txt{suffix}"
        assert read(sibling.read_bytes()) == TEXT[::-1]
        assert sibling.stat().st_mtime_ns == 1_000_000_000


def test_a_stale_sibling_that_would_not_be_smaller_is_removed(tmp_path: Path) -> None:
    page = tmp_path / "a.txt"
    page.write_bytes(TEXT)
    compress_folder(str(tmp_path))
    page.write_bytes(os.urandom(5000))
    os.utime(page, ns=(0, 1_000_000_000))
    compress_folder(str(tmp_path))
    assert names(tmp_path) == ["a.txt"]


def test_siblings_of_a_file_that_is_gone_may_be_anybodys_and_stay(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT)
    compress_folder(str(tmp_path))
    (tmp_path / "a.txt").unlink()
    compress_folder(str(tmp_path))
    assert names(tmp_path) == siblings("a.txt")[1:]


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_bytes(TEXT)
        compress_folder(str(tmp_path / folder))
    for name in siblings("a.txt"):
        one, two = (tmp_path / folder / name for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


# ---- what goes wrong ----


def test_a_file_that_cannot_be_written_is_told_when_the_others_are_done(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT)
    (tmp_path / "a.txt.gz").mkdir()
    done = run("compress", ".", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "pyrs: a.txt.gz: is a directory\n"
    assert names(tmp_path) == siblings("a.txt")
    assert (tmp_path / "a.txt.gz").is_dir()


def test_a_file_that_changes_while_it_is_read_gets_no_sibling(tmp_path: Path) -> None:
    page = tmp_path / "a.txt"
    page.write_bytes(TEXT)
    found = compress.look_through(tmp_path, compress.available_codings())

    def grow(count: int) -> None:
        with page.open("ab") as file:
            file.write(b"more")

    made = list(compress.make_siblings(found.wanted, 1, grow))
    assert [one.outcome for one in made] == [compress.Outcome.CHANGED] * 3
    assert names(tmp_path) == ["a.txt"]


def test_a_file_that_becomes_a_link_is_not_followed(tmp_path: Path) -> None:
    page = tmp_path / "a.txt"
    page.write_bytes(TEXT)
    found = compress.look_through(tmp_path, compress.available_codings())
    page.rename(tmp_path / "b")
    page.symlink_to("b")
    made = list(compress.make_siblings(found.wanted, 1, lambda count: None))
    assert [one.outcome for one in made] == [compress.Outcome.FAILED] * 3
    assert names(tmp_path) == ["a.txt", "b"]


def test_work_that_is_interrupted_leaves_nothing_half_made(tmp_path: Path) -> None:
    for at in range(20):
        (tmp_path / f"{at}.txt").write_bytes(TEXT)
    before = names(tmp_path)
    found = compress.look_through(tmp_path, compress.available_codings())

    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(compress.make_siblings(found.wanted, 2, interrupt))
    assert names(tmp_path) == before


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("missing", "missing: no such file or directory, expected a folder"),
        ("file", "file: not a directory, expected a folder"),
    ],
)
def test_what_is_no_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, message: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PyrsError, match=f"^{message}$"):
        compress_folder(word)


def test_without_their_packages_the_other_codings_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compress, "find_spec", lambda name: None)
    (tmp_path / "a.txt").write_bytes(TEXT)
    compress_folder(str(tmp_path))
    assert names(tmp_path) == ["a.txt", "a.txt.gz"]
    assert capsys.readouterr().err == (
        "No .br nor .zst without brotli and zstandard: pip install 'pyrs[compress]'\n"
    )


# ---- what a person sees ----


def test_a_bar_is_shown_to_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT)
    here, there = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "pyrs", "compress", "."],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=there,
        timeout=TIMEOUT,
    )
    os.close(there)
    shown = ""
    with suppress(OSError):  # the terminal's end
        while more := os.read(here, 10_000).decode():
            shown += more
    os.close(here)
    assert done.returncode == 0
    assert "Compressing" in shown
    assert "100%" in shown
    assert done.stdout.decode().startswith("Made 1 .br: ")


def test_an_empty_folder_has_nothing_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compress_folder(str(tmp_path))
    assert capsys.readouterr().out == "Nothing in here\n"
