"""The handlers that neighbours.py asks for."""

import asyncio
import itertools
import time

import pyrs


def items_of(seconds: float) -> int:
    begin = time.monotonic()
    sum(itertools.repeat(1, 1_000_000))
    return round(1_000_000 * seconds / (time.monotonic() - begin))


ITEMS_OF_200_MS = items_of(0.2)


def fast(request: pyrs.Request) -> bytes:
    return b"Hello, World!"


def sleep(request: pyrs.Request) -> bytes:
    time.sleep(1)
    return b"slept"


def spin(request: pyrs.Request) -> bytes:
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        pass
    return b"spun"


def keep_interpreter(request: pyrs.Request) -> bytes:
    """One call into C that gives the interpreter to nobody until it is over."""
    return str(sum(itertools.repeat(1, ITEMS_OF_200_MS))).encode()


async def wait(request: pyrs.Request) -> bytes:
    await asyncio.sleep(1)
    return b"waited"


def receive(request: pyrs.Request) -> bytes:
    return str(sum(map(len, request.stream()))).encode()
