"""Scripts that were written for PyServe run unchanged: `from pyserve import http`.

pyrs_pyserve.pth puts this folder behind all others on sys.path, so that a `pyserve` of
the script's own, or one that is installed, comes first.
"""

from pyrs._pyserve_request import PyServeHttp
from pyrs.cgi import http as pyrs_http

__all__ = ["http"]

http = PyServeHttp(pyrs_http.HEADER)
