"""Endpoints that hold many paths are mounted at one."""

from __future__ import annotations

import pytest

from pyrs.server import mount_pattern


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/", "/*"),
        ("/*", "/*"),
        ("/app", "/app/*"),
        ("/app/", "/app/*"),
        ("/app/*", "/app/*"),
        ("/*/app", "/*/app/*"),
        ("/{tenant}", "/{tenant}/*"),
        ("/{rest:path}", "/{rest:path}"),
        ("/app/{rest:path}", "/app/{rest:path}"),
    ],
)
def test_a_mount_point_stands_for_all_below_it(path: str, pattern: str) -> None:
    assert mount_pattern(path) == pattern
