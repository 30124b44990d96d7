"""A room: who listens, and what was said last.

Everything here runs on the one thread that runs asyncio, so there is no lock: between
two `await`s nobody else touches the room.
"""

import asyncio
import secrets
from collections import deque

import pyrs

HISTORY = 100  # messages that a newcomer gets
BACKLOG = 200  # messages that wait for a listener who does not read


class Room:
    def __init__(self):
        # Ids of another run of the server mean nothing to this one, so that they must
        # not look like its own.
        self._run = secrets.token_hex(4)
        self._count = 0
        self._history = deque(maxlen=HISTORY)  # (number, message)
        self._listeners = {}  # queue: name

    def say(self, message):
        self._count += 1
        self._history.append((self._count, message))
        self._tell(self._event(self._count, message))

    async def listen(self, name, last_id=""):
        """The events of a listener: what was said after the message with that id, then
        what is being said, and who is here."""
        queue = asyncio.Queue(BACKLOG)
        missed = self._after(last_id)
        self._listeners[queue] = name
        self._tell_who()
        try:
            for number, message in missed:
                yield self._event(number, message)
            while queue in self._listeners:
                yield await queue.get()
        finally:  # the listener left, or this generator is over
            self._listeners.pop(queue, None)
            self._tell_who()

    def _event(self, number, message):
        return pyrs.Event(message, event="message", id=f"{self._run}-{number}")

    def _after(self, last_id):
        run, _, number = last_id.partition("-")
        seen = int(number) if run == self._run and number.isdecimal() else 0
        return [item for item in self._history if item[0] > seen]

    def _tell_who(self):
        names = sorted(set(self._listeners.values()))
        self._tell(pyrs.Event(names, event="people"))

    def _tell(self, event):
        for queue in list(self._listeners):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                # Its generator ends when it has told what waits. The browser connects
                # again and says which message it saw last.
                del self._listeners[queue]
