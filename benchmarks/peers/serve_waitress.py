"""waitress: python serve_waitress.py PORT"""

import sys

import waitress
from wsgi_app import app

waitress.serve(app, host="127.0.0.1", port=int(sys.argv[1]), _quiet=True)
