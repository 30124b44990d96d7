"""Worker processes, and the supervisor that starts, watches and replaces them.

    supervise(plan)      a Seat in a worker; None in the supervisor, when all have ended

A worker is forked by a process that has loaded nothing of the user's and has no
threads; there it goes on as a server of one process would, but for its Seat: sockets
that are bound already. The supervisor keeps them: a connection that waits in a socket
when its worker ends waits for the next one.

A worker that ends is replaced, at once if it has served for a while, else after a
growing pause. SIGINT and SIGTERM stop all workers (a second one at once), SIGHUP
replaces each by one that has loaded the project anew, SIGUSR1 has the log reopened.
Workers lead process groups of their own, so that Ctrl-C reaches the supervisor alone,
and end by themselves when it is gone.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from pyrs._listening import BoundSockets
from pyrs.config import LogLevel, Settings
from pyrs.errors import PyrsError

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Plan", "Seat", "supervise"]

HANDLED: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGCHLD,
)
SERVED_LONG: Final = 1.0  # seconds, after which a worker's end is no failure to start
PAUSE_MIN: Final = 0.1  # seconds, before one that has failed to start is replaced
PAUSE_MAX: Final = 5.0
KILLED_AFTER: Final = 5.0  # seconds, beyond those that a worker gives its requests


class Plan(NamedTuple):
    """What the supervisor has to know of what its workers serve."""

    host: str
    port: int
    settings: Settings


class Seat(NamedTuple):
    """Of a worker: where it accepts, and how it tells that it does."""

    sockets: list[int]
    port: int
    worker_count: int  # of all of them
    is_first: bool  # it says at the start what was loaded
    ready: int

    def tell_ready(self) -> None:
        os.write(self.ready, b"1")
        os.close(self.ready)


def supervise(plan: Plan) -> Seat | None:
    """Starts the workers, and waits for their end; in each of them, gives its seat.

    Raises PyrsError if the address cannot be bound, or the first worker ends before it
    serves.
    """
    settings = plan.settings
    log = _Log(settings)
    count = settings.worker_count * settings.thread_count
    sockets = BoundSockets(plan.host, plan.port, settings.listen_backlog, count)
    supervisor = _Supervisor(settings, sockets, log)
    try:
        supervisor.run()
    except _Forked as forked:
        return forked.seat
    except BaseException:
        supervisor.close()
        raise
    supervisor.close()
    return None


class _Forked(BaseException):
    """Leads a worker out of the supervisor's code."""

    def __init__(self, seat: Seat) -> None:
        super().__init__()
        self.seat = seat


class _Log:
    """Records as a server's log has them, for a process that may have no threads."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.log
        self._is_short = settings.log_style == "short"
        levels: tuple[LogLevel, ...] = ("debug", "info", "warning", "error")
        self._levels = levels[levels.index(settings.log_level) :]
        self._descriptor = 2
        self.reopen()

    def close(self) -> None:
        if self._descriptor != 2:
            os.close(self._descriptor)

    def reopen(self) -> None:
        if not self._path:
            return
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        try:
            descriptor = os.open(self._path, flags, 0o666)
        except OSError as error:
            if self._descriptor == 2:
                reason = (error.strerror or str(error)).lower()
                raise PyrsError(f"cannot open the log {self._path}: {reason}") from None
            return  # it goes on where it is, as a server's does
        self.close()
        self._descriptor = descriptor

    def write(self, level: LogLevel, message: str) -> None:
        if level not in self._levels:
            return
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        start = f"{level.upper()}:" if self._is_short else f"{moment} {level.upper()}"
        os.write(self._descriptor, f"{start} {message}\n".encode())


class _Worker:
    """A process that serves, or is about to."""

    def __init__(self, pid: int, ready: int) -> None:
        self.pid = pid
        self.ready = ready  # says once that it serves
        self.serves_since: float | None = None
        self.is_let_go = False  # it was told to end

    def tell(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def let_go(self) -> None:
        self.is_let_go = True
        self.tell(signal.SIGTERM)


class _Place:
    """For one worker at a time, and its successor while that starts."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.workers: list[_Worker] = []
        self.pause = 0.0
        self.start_at: float | None = None


class _Supervisor:
    def __init__(self, settings: Settings, sockets: BoundSockets, log: _Log) -> None:
        self._settings = settings
        self._sockets = sockets
        self._log = log
        self._places = [_Place(index) for index in range(settings.worker_count)]
        self._signals: deque[int] = deque()
        self._woken, self._wake = os.pipe()
        # No worker has its other end, so it ends with the supervisor.
        self._alive, self._held = os.pipe()
        for descriptor in (self._woken, self._wake):
            os.set_blocking(descriptor, False)
        self._poll = select.poll()
        self._poll.register(self._woken, select.POLLIN)
        self._before = {number: signal.getsignal(number) for number in HANDLED}
        self._has_served = False
        self._to_replace: deque[_Place] = deque()
        self._is_stopping = False
        self._kill_at: float | None = None

    def run(self) -> None:
        """Until all workers have ended. Raises _Forked in a worker."""
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for number in HANDLED:
            signal.signal(number, self._note)
        self._start(self._places[0])
        while self._workers() or not self._is_stopping:
            self._await_event()
            while self._signals:
                self._obey(self._signals.popleft())
            self._look_for_ends()
            self._start_what_is_due()

    def close(self) -> None:
        self._give_signals_back()
        self._close_pipes()
        os.close(self._alive)
        self._log.close()
        self._sockets.close()

    def _close_pipes(self) -> None:
        """All but the one that a worker has as well."""
        for descriptor in (self._woken, self._wake, self._held):
            os.close(descriptor)
        for worker in self._workers():
            self._forget_ready(worker)

    def _workers(self) -> list[_Worker]:
        return [worker for place in self._places for worker in place.workers]

    # ---- signals ----

    def _give_signals_back(self) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signals.append(number)

    def _obey(self, number: int) -> None:
        if number in (signal.SIGINT, signal.SIGTERM):
            self._stop()
        elif number == signal.SIGHUP and self._has_served and not self._is_stopping:
            self._log.write("info", "replacing all workers")
            self._to_replace = deque(self._places)
            self._replace_next()
        elif number == signal.SIGUSR1:
            self._log.reopen()
            for worker in self._workers():
                if worker.serves_since is not None:  # else it would end by it
                    worker.tell(signal.SIGUSR1)

    def _stop(self) -> None:
        """The second time, workers do not wait for their requests."""
        self._is_stopping = True
        for worker in self._workers():
            worker.let_go()
        if self._settings.timeouts.stop and self._kill_at is None:
            limit = self._settings.timeouts.stop + KILLED_AFTER
            self._kill_at = time.monotonic() + limit

    # ---- events ----

    def _await_event(self) -> None:
        times = [place.start_at for place in self._places] + [self._kill_at]
        next_time = min(
            (moment for moment in times if moment is not None), default=None
        )
        timeout = None
        if next_time is not None:
            timeout = max(0.0, next_time - time.monotonic()) * 1000 + 1
        for descriptor, _ in self._poll.poll(timeout):
            if descriptor == self._woken:
                os.read(self._woken, 4096)
            else:
                self._look_whether_ready(descriptor)
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._kill_at = None
            self._log.write("error", "killing workers that have not ended")
            for worker in self._workers():
                worker.tell(signal.SIGKILL)

    def _look_whether_ready(self, descriptor: int) -> None:
        for place in self._places:
            for worker in place.workers:
                if worker.ready == descriptor:
                    said = os.read(descriptor, 1)
                    self._forget_ready(worker)
                    if said:
                        self._note_ready(place, worker)
                    return

    def _forget_ready(self, worker: _Worker) -> None:
        if worker.ready >= 0:
            self._poll.unregister(worker.ready)
            os.close(worker.ready)
            worker.ready = -1

    def _note_ready(self, place: _Place, worker: _Worker) -> None:
        worker.serves_since = time.monotonic()
        self._log.write("info", f"worker {worker.pid} serves")
        for other in place.workers:
            if other is not worker and not other.is_let_go:
                other.let_go()
        if not self._has_served:
            self._has_served = True
            for each in self._places[1:]:
                each.start_at = 0.0
        self._replace_next()

    def _look_for_ends(self) -> None:
        for place in self._places:
            for worker in [*place.workers]:
                pid, status = os.waitpid(worker.pid, os.WNOHANG)
                if pid:
                    place.workers.remove(worker)
                    self._forget_ready(worker)
                    self._note_end(place, worker, os.waitstatus_to_exitcode(status))

    def _note_end(self, place: _Place, worker: _Worker, code: int) -> None:
        if worker.is_let_go:
            self._log.write("info", f"worker {worker.pid} has ended {_words(code)}")
            return
        what = f"worker {worker.pid} has ended {_words(code)}"
        if worker.serves_since is None:
            what += ", before it served"
        if not self._has_served:
            raise PyrsError(f"the first {what}")
        if place.workers:  # the one that it was to replace
            self._to_replace.clear()
            self._log.write("error", f"{what}; those there are go on")
            return
        now = time.monotonic()
        since = worker.serves_since
        if since is not None and now - since >= SERVED_LONG:
            place.pause = 0.0
        else:
            place.pause = min(max(2 * place.pause, PAUSE_MIN), PAUSE_MAX)
        place.start_at = now + place.pause
        later = f" in {place.pause:g} s" if place.pause else ""
        self._log.write("error", f"{what}; another one is started{later}")

    # ---- starting ----

    def _replace_next(self) -> None:
        """One at a time: the next when the newest serves."""
        if any(
            worker.serves_since is None
            for worker in self._workers()
            if not worker.is_let_go
        ):
            return
        if self._to_replace and not self._is_stopping:
            self._start(self._to_replace.popleft())

    def _start_what_is_due(self) -> None:
        for place in self._places:
            due = place.start_at is not None and place.start_at <= time.monotonic()
            if due and not self._is_stopping:
                self._start(place)
            if due or self._is_stopping:
                place.start_at = None

    def _start(self, place: _Place) -> None:
        """Raises _Forked in the worker."""
        ready, tell = os.pipe()
        place.start_at = None
        sys.stdout.flush()
        # A signal of these moments is the supervisor's to obey.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        try:
            pid = os.fork()
        except OSError as error:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(ready)
            os.close(tell)
            self._note_no_fork(place, error)
            return
        if pid == 0:
            os.close(ready)
            self._become_worker(mask)
            raise _Forked(self._seat(place, tell))
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(tell)
        with suppress(OSError):  # the worker does it as well: whoever comes first
            os.setpgid(pid, pid)
        place.workers.append(_Worker(pid, ready))
        self._poll.register(ready, select.POLLIN)

    def _note_no_fork(self, place: _Place, error: OSError) -> None:
        reason = (error.strerror or str(error)).lower()
        if not self._has_served:
            raise PyrsError(f"cannot start a worker: {reason}")
        self._to_replace.clear()
        self._log.write("error", f"cannot start a worker: {reason}")
        if not place.workers:
            place.pause = min(max(2 * place.pause, PAUSE_MIN), PAUSE_MAX)
            place.start_at = time.monotonic() + place.pause

    # ---- in a worker ----

    def _become_worker(self, mask: set[int | signal.Signals]) -> None:
        os.setpgid(0, 0)
        self._give_signals_back()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self._close_pipes()
        self._log.close()
        threading.Thread(target=_end_with, args=(self._alive,), daemon=True).start()

    def _seat(self, place: _Place, ready: int) -> Seat:
        count = self._settings.thread_count
        sockets = self._sockets.keep(place.index * count, count)
        return Seat(
            sockets=sockets,
            port=self._sockets.port,
            worker_count=self._settings.worker_count,
            is_first=not self._has_served,
            ready=ready,
        )


def _end_with(alive: int) -> None:
    """Ends this process, as a signal does, when the supervisor is gone."""
    while os.read(alive, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _words(code: int) -> str:
    """Of an exit status, negative for a signal."""
    if code >= 0:
        return f"with status {code}"
    try:
        return f"by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"by signal {-code}"
