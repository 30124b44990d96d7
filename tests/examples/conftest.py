"""Fixtures for tests of the examples."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from .browser import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for a module; each page has a context of its own. Not for longer: Playwright
    keeps an event loop running in this thread, which asyncio.run refuses."""
    with chromium() as browser:
        yield browser
