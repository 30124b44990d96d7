"""A headless Chromium that people's pages are tried in.

The system's own, driven by Playwright; nothing is downloaded. Where there is none the
tests are skipped, unless PYRS_BROWSER is "required"; if it is "none", they always are.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

__all__ = ["PHONE", "chromium", "opened"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PHONE = {"width": 390, "height": 844}

expect.set_options(timeout=30_000)  # a machine that is busy is no fault of a page


@contextmanager
def chromium() -> Iterator[Browser]:
    wanted = os.environ.get("PYRS_BROWSER")
    if wanted == "none":
        pytest.skip("no browser is wanted")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        reason = f"no browser: none of {', '.join(NAMES)} is on PATH"
        assert wanted != "required", reason
        pytest.skip(reason)
    # The sandbox does not start as root, and these pages are our own.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """A page in a context of its own, as that of another person; at the end the page
    must have had no error, nor written one to its console."""
    context = browser.new_context(**options)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: (
            errors.append(message.text) if message.type == "error" else None
        ),
    )
    page.goto(url)
    yield page
    context.close()
    assert errors == []
