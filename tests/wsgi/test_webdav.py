"""WsgiDAV, judged by litmus: every method of WebDAV, locks and properties included.

Without litmus it is skipped, unless PYRS_LITMUS is "required".
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from .application_kit import application, run


def test_litmus_finds_nothing(tmp_path: Path) -> None:
    if not shutil.which("litmus"):
        assert os.environ.get("PYRS_LITMUS") != "required", "litmus is not installed"
        pytest.skip("litmus is not installed")
    (tmp_path / "shared").mkdir()
    with application("webdav_app.py", "webdav_app:app", tmp_path) as site:
        # Which of its suites to run litmus would take from a variable of that name.
        judgement = run("env", "-u", "TESTS", "litmus", f"{site.url}/", cwd=tmp_path)
    assert "FAIL" not in judgement
    passed = re.findall(
        r"<- summary for `(\w+)': of \d+ tests run: \d+ passed, 0 failed", judgement
    )
    assert passed == ["basic", "copymove", "props", "locks", "http"]
