"""What the tests of the running server share. See server.py and client.py."""

import os

import pytest

from .client import PATIENCE, Client, Response, get, post, post_chunked
from .pace import Pace, unless_kept_waiting
from .server import (
    RunningServer,
    Serve,
    is_there,
    native_library,
    plain_environment,
    running_application,
    running_server,
    servers,
    wait_until,
)

__all__ = [
    "PATIENCE",
    "Client",
    "Pace",
    "Response",
    "RunningServer",
    "Serve",
    "get",
    "is_there",
    "measures_memory",
    "native_library",
    "plain_environment",
    "post",
    "post_chunked",
    "running_application",
    "running_server",
    "servers",
    "unless_kept_waiting",
    "wait_until",
]

# Sanitizers keep freed memory aside, to catch who still uses it.
measures_memory = pytest.mark.skipif(
    bool(os.environ.get("PYRS_SANITIZE")),
    reason="memory is not itself under sanitizers",
)
