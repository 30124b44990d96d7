"""A small project, and a place for others."""

from pathlib import Path

import pytest

MAIN = """\
class Api:
    def __init__(self):
        print("Api module is initialized")

    def hello(self, request):
        return "world"

def where(request):
    import os
    return os.getcwd()

def fail(request):
    raise RuntimeError("no database")
"""

PROJECT = """\
{
  "http_listen_address": "127.0.0.1",
  "http_listen_port": 0,
  "modules": [
    {"path": "/hello", "module": "main", "class": "Api", "handler": "hello"},
    {"path": "/where", "methods": ["GET", "POST"], "module": "main",
     "handler": "where"}, // without a class
    {"path": "/fail", "module": "main", "handler": "fail"},
  ],
}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of a project that listens on a free port."""
    (tmp_path / "main.py").write_text(MAIN)
    (tmp_path / "project.pyrs").write_text(PROJECT)
    return tmp_path
