#!/usr/bin/env python3
"""The SHA-256 of each file that a form brings."""

import hashlib

from pyrs.cgi import http

http.HEADER["Content-Type"] = "text/plain; charset=utf-8"
for upload in http.POST.get("file", []):
    digest = hashlib.sha256()
    while chunk := upload.read(65536):
        digest.update(chunk)
    print(digest.hexdigest(), upload.name)
