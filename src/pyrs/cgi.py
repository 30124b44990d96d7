"""For CGI scripts: the request, and a response made of what is printed.

    #!/usr/bin/env python3
    from pyrs.cgi import http

    print(f"Hi {http.GET['name']}!")

Importing this module is enough for `print` to be a complete response, under any CGI
server. Run by hand, without REQUEST_METHOD in the environment, a script prints what it
prints.
"""

from pyrs._cgi_output import answer_with_output
from pyrs._cgi_request import Head, Http

__all__ = ["Http", "http"]

http = Http(Head("text/html; charset=utf-8"))
answer_with_output(http.HEADER)
