"""WSGI: applications behind a real server."""
