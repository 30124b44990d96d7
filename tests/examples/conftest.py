"""Fixtures for tests of the examples."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from .browser import chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests; each page has a context of its own."""
    with chromium() as browser:
        yield browser
