"""Fixtures for tests of served folders."""

from tests.examples.conftest import browser

__all__ = ["browser"]
