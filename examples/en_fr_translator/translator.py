"""English text in, French text out, by way of a LibreTranslate-compatible service.

TRANSLATE_URL is the service's address, such as http://localhost:5000; TRANSLATE_KEY its
key, if it wants one.
"""

import json
import os
import urllib.request

TIMEOUT = 20  # seconds for the service to answer


class Translator:
    def __init__(self):
        self.url = os.environ.get("TRANSLATE_URL", "http://localhost:5000")
        self.key = os.environ.get("TRANSLATE_KEY", "")

    def translate(self, request):
        try:
            return self.ask_service(request.text)
        except Exception as error:
            print(f"translation failed: {error!r}", flush=True)
            return "Failed"

    def not_supported(self, request):
        return "Not supported"

    def ask_service(self, text):
        question = {"q": text, "source": "en", "target": "fr", "format": "text"}
        if self.key:
            question["api_key"] = self.key
        service = urllib.request.Request(
            self.url.rstrip("/") + "/translate",
            data=json.dumps(question).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(service, timeout=TIMEOUT) as answer:
            return json.load(answer)["translatedText"]
