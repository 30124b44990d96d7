"""Fixtures for tests of CGI programs."""

from tests.http.conftest import serve

__all__ = ["serve"]
