"""What pyrs is measured with."""

import pyrs


class Hello:
    def hello(self, request: pyrs.Request) -> str:
        return "Hello, World!"

    def echo(self, request: pyrs.Request) -> pyrs.Request:
        return request


class AsyncHello:
    async def hello(self, request: pyrs.Request) -> str:
        return "Hello, World!"

    async def echo(self, request: pyrs.Request) -> pyrs.Request:
        return request
