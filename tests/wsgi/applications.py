"""Routes to the applications of a test's code, and what is said of them."""

import re
from typing import Any

import pytest

# Where a step runs must not be seen.
everywhere = pytest.mark.parametrize("run", ["auto", "thread"])
# Timeouts that no slow machine comes upon.
PATIENT = {"send": 600, "idle": 600, "body": 600, "head": 600}

APPLICATION = re.compile(r"^def (\w+)\(environ, start_response\)", re.M)


def routes(code: str, **keys: Any) -> dict[str, dict[str, Any]]:
    """Each application answers the path of its name, and all below it; `keys` stand in
    every entry."""
    names = APPLICATION.findall(code)
    return {f"/{name}": {"wsgi": f"main:{name}", **keys} for name in names}
