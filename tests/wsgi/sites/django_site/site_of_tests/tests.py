"""Django's live-server tests on pyrs: `python manage.py test site_of_tests`.

A server thread of its own is all that Django asks for.
"""

import http.cookiejar
import re
import urllib.parse
import urllib.request

from django.contrib.auth.models import User
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections
from django.test.testcases import LiveServerThread

import pyrs


class PyrsThread(LiveServerThread):
    def run(self):
        try:
            with pyrs.Server() as self.server:
                self.server.add_wsgi("/", self.static_handler(WSGIHandler()))
                self.port = self.server.listen(self.host, self.port)
                self.is_ready.set()
                self.server.run()
        except Exception as error:
            self.error = error
            self.is_ready.set()
        finally:
            connections.close_all()

    def terminate(self):
        self.server.stop()
        self.join()


class SiteOnPyrs(StaticLiveServerTestCase):
    server_thread_class = PyrsThread
    static_handler = StaticFilesHandler

    def setUp(self):
        User.objects.create_superuser("ada", "ada@example.com", "byron")
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.browser = urllib.request.build_opener(jar)

    def open(self, path, fields=None):
        body = urllib.parse.urlencode(fields).encode() if fields else None
        with self.browser.open(self.live_server_url + path, body) as answer:
            return answer.read().decode()

    def log_in(self):
        form = self.open("/admin/login/")
        token = re.search('name="csrfmiddlewaretoken" value="(.+?)"', form)[1]
        fields = {"username": "ada", "password": "byron", "next": "/admin/"}
        return self.open("/admin/login/", fields | {"csrfmiddlewaretoken": token})

    def test_the_admin_is_logged_in_to(self):
        assert "Site administration" in self.log_in()

    def test_what_the_test_makes_is_seen_by_the_site(self):
        self.log_in()
        User.objects.create_user("grace")
        assert "grace" in self.open("/admin/auth/user/")

    def test_static_files_are_served(self):
        assert "--primary" in self.open("/static/admin/css/base.css")
