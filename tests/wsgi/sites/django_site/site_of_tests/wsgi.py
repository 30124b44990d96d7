"""`pyrs site_of_tests.wsgi:application`; with static files, as `runserver` has them."""

import os

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_of_tests.settings")

application = StaticFilesHandler(get_wsgi_application())
