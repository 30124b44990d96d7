"""The version, which the core knows."""

from pyrs._core import ffi, lib

__version__ = ffi.string(lib.pyrs_version()).decode()
