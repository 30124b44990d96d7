"""WsgiDAV, judged by litmus: every method of WebDAV, locks and properties included."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from .application_kit import application, run


@pytest.mark.skipif(not shutil.which("litmus"), reason="litmus is not installed")
def test_litmus_finds_nothing(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    with application("webdav_app.py", "webdav_app:app", tmp_path) as site:
        # Which of its suites to run litmus would take from a variable of that name.
        judgement = run("env", "-u", "TESTS", "litmus", f"{site.url}/", cwd=tmp_path)
    assert "FAIL" not in judgement
    passed = re.findall(
        r"<- summary for `(\w+)': of \d+ tests run: \d+ passed, 0 failed", judgement
    )
    assert passed == ["basic", "copymove", "props", "locks", "http"]
