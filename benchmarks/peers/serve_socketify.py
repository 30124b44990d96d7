"""socketify: python serve_socketify.py PORT"""

import sys
from typing import Any

from socketify import App, AppListenOptions


def hello(response: Any, request: Any) -> None:
    response.write_header("Content-Type", "text/html").end("Hello, World!")


def echo(response: Any, request: Any) -> None:
    body = bytearray()

    def take(response: Any, chunk: bytes | None, is_last: bool) -> None:
        body.extend(chunk or b"")
        if is_last:
            response.write_header("Content-Type", "text/html").end(bytes(body))

    response.on_data(take)


app = App()
app.get("/*", hello)
app.post("/*", echo)
app.listen(AppListenOptions(host="127.0.0.1", port=int(sys.argv[1])), lambda _: None)
app.run()
