"""csrc/serve/cgi_first_line.h: which interpreter a script asks for."""

from pathlib import Path

import pytest

from .c_core import ffi, lib


@pytest.mark.parametrize(
    ("content", "interpreter", "argument", "names_python"),
    [
        (b"#!/usr/bin/python3\n", "/usr/bin/python3", "", True),
        (b"#!/usr/bin/python3.11 -I\nprint()", "/usr/bin/python3.11", "-I", True),
        (b"#! /srv/venv/bin/python \t -u  \n", "/srv/venv/bin/python", "-u", True),
        (b"#!/usr/bin/env python3\n", "/usr/bin/env", "python3", True),
        (
            b"#!/usr/bin/env -S python3 -u -I\n",
            "/usr/bin/env",
            "-S python3 -u -I",
            True,
        ),
        (b"#!/usr/bin/env /opt/bin/python\n", "/usr/bin/env", "/opt/bin/python", True),
        (b"#!/usr/bin/env ipython\n", "/usr/bin/env", "ipython", False),
        (b"#!/usr/bin/env perl\n", "/usr/bin/env", "perl", False),
        (b"#!/usr/bin/env\n", "/usr/bin/env", "", False),
        (b"#!/bin/sh -e\n", "/bin/sh", "-e", False),
        (b"#!/opt/python/bin/sh\n", "/opt/python/bin/sh", "", False),
    ],
)
def test_a_first_line(
    tmp_path: Path, content: bytes, interpreter: str, argument: str, names_python: bool
) -> None:
    script = tmp_path / "script"
    script.write_bytes(content)
    line = ffi.new("struct cgi_first_line *")
    assert lib.cgi_first_line_read(line, bytes(script))
    assert ffi.string(line.interpreter).decode() == interpreter
    assert ffi.string(line.argument).decode() == argument
    assert lib.cgi_first_line_names_python(line) is names_python


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"#",
        b"#!",
        b"#!\n",
        b"#!   \n",
        b"#!/usr/bin/python3",
        b"#!/usr/bin/python3\0\n",
        b"#!/" + b"a" * 300 + b"\n",
        b"\x7fELF\n",
        b"print()\n",
    ],
)
def test_what_is_no_first_line(tmp_path: Path, content: bytes) -> None:
    script = tmp_path / "script"
    script.write_bytes(content)
    line = ffi.new("struct cgi_first_line *")
    assert not lib.cgi_first_line_read(line, bytes(script))
    assert not lib.cgi_first_line_read(line, bytes(tmp_path / "none"))
    assert not lib.cgi_first_line_read(line, bytes(tmp_path))
