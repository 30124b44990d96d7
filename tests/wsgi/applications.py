"""Routes to the applications of a test's code."""

import re
from typing import Any

APPLICATION = re.compile(r"^def (\w+)\(environ, start_response\)", re.M)


def routes(code: str, **keys: Any) -> dict[str, dict[str, Any]]:
    """Each application answers the path of its name, and all below it; `keys` stand in
    every entry."""
    names = APPLICATION.findall(code)
    return {f"/{name}": {"wsgi": f"main:{name}", **keys} for name in names}
