"""`python -m pyrs.include` prints the folder of pyrs.h, for a compiler's -I."""

from __future__ import annotations

from pathlib import Path

from pyrs import _core

__all__ = ["include_folder"]


def include_folder() -> Path:
    """Where pyrs.h is installed, for functions that `native` entries name."""
    return Path(_core.__file__).parent / "include"


if __name__ == "__main__":
    print(include_folder())
