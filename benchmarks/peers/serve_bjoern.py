"""bjoern: python serve_bjoern.py PORT"""

import sys

import bjoern
from wsgi_app import app

bjoern.run(app, "127.0.0.1", int(sys.argv[1]))
