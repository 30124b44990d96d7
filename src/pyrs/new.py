"""`pyrs new`: a folder with a project that runs.

The template lies in the repository's project_template and is installed into the
package; the JSON Schema comes from beside this file, so that there is one of each.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Final

from pyrs.errors import PyrsError, reason_of

__all__ = ["new_project"]

SCHEMA: Final = "project.schema.json"


def new_project(folder: str | os.PathLike[str]) -> list[Path]:
    """Copies the template into a folder, made if need be, and gives what was written.

    Raises PyrsError if the folder has anything in it, or cannot be written.
    """
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise PyrsError(f"{target}: the folder is not empty, expected a new one")
        return [_write(target / name, content) for name, content in _template().items()]
    except FileExistsError:
        raise PyrsError(f"{target}: found a file, expected a new folder") from None
    except OSError as error:
        raise PyrsError(f"{target}: {reason_of(error)}") from None


def _template() -> dict[str, bytes]:
    package = resources.files("pyrs")
    template = package / "project_template"
    if not template.is_dir():
        raise PyrsError("the project template is missing: install pyrs again")
    files = {part.name: part for part in template.iterdir() if part.is_file()}
    files[SCHEMA] = package / SCHEMA
    return {name: files[name].read_bytes() for name in sorted(files)}


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
