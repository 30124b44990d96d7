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
import resource
import select
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from pyrs._listening import BoundSockets
from pyrs.config import LogLevel, Settings
from pyrs.errors import PyrsError, reason_of

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
LOG_PATIENCE_MS: Final = 1000  # for whoever reads the log through a pipe
FILES_BESIDE: Final = 64  # descriptors, beside the sockets


class Plan(NamedTuple):
    """What the supervisor has to know of what its workers serve."""

    host: str
    port: int
    settings: Settings
    # What is said once all of them listen at that host and port.
    lines_of_listening: Callable[[str, int, int], list[str]]
    say: Callable[[str], None]


class Seat(NamedTuple):
    """Of a worker: where it accepts, and how it tells that it does."""

    host: str
    port: int
    sockets: list[int]
    is_first: bool  # it says at the start what was loaded
    ready: int

    def tell_ready(self) -> None:
        os.write(self.ready, b"1")
        os.close(self.ready)


def supervise(plan: Plan) -> Seat | None:
    """Starts the workers, and waits for their end; in each of them, gives its seat.

    Raises PyrsError if the address cannot be bound, or the first worker ends before it
    serves. A signal that stops them before does to this process what it did before.
    """
    settings = plan.settings
    log = _Log(settings)
    count = settings.worker_count * settings.thread_count
    _allow_files(count + FILES_BESIDE)
    sockets = BoundSockets(plan.host, plan.port, settings.listen_backlog, count)
    supervisor = _Supervisor(plan, sockets, log)
    try:
        supervisor.run()
    except _Forked as forked:
        return forked.seat
    finally:
        if supervisor.is_here():
            supervisor.close()
    if supervisor.stopped_early_by:
        os.kill(os.getpid(), supervisor.stopped_early_by)
    return None


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Forked(BaseException):
    """Leads a worker out of the supervisor's code."""

    def __init__(self, seat: Seat) -> None:
        super().__init__()
        self.seat = seat


class _Log:
    """Records as a server's log has them, for a process that may have no threads.

    What cannot be written does not end the server, nor does who does not read.
    """

    def __init__(self, settings: Settings) -> None:
        self._path = settings.log
        self._is_short = settings.log_style == "short"
        levels: tuple[LogLevel, ...] = ("debug", "info", "warning", "error")
        self._levels = levels[levels.index(settings.log_level) :]
        self._file: int | None = None
        if self._path:
            self._file = self._opened()

    def _opened(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(self._path, flags, 0o644)
        except OSError as error:
            message = f"cannot open the log {self._path}: {reason_of(error)}"
            raise PyrsError(message) from None

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def reopen(self) -> None:
        """It goes on where it is if that fails, as a server's does."""
        if self._path:
            with suppress(PyrsError):
                file = self._opened()
                self.close()
                self._file = file

    def write(self, level: LogLevel, message: str) -> None:
        if level not in self._levels:
            return
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        start = f"{level.upper()}:" if self._is_short else f"{moment} {level.upper()}"
        file = 2 if self._file is None else self._file
        room = select.poll()
        room.register(file, select.POLLOUT)
        with suppress(OSError):
            if room.poll(LOG_PATIENCE_MS):
                os.write(file, f"{start} {message}\n".encode())


class _Worker:
    """A process that serves, or is about to."""

    def __init__(self, pid: int, ready: int, generation: int) -> None:
        self.pid = pid
        self.ready = ready  # says once that it serves; -1: it has, or never will
        self.generation = generation  # how many SIGHUPs had come when it was forked
        self.serves_since: float | None = None
        self.is_let_go = False  # it was told to end
        self.kill_at: float | None = None
        self.has_old_log = False  # it was asked to reopen it before it could

    def is_loading(self) -> bool:
        return self.serves_since is None and not self.is_let_go

    def tell(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


class _Place:
    """For one worker at a time, and its successor while that starts."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.workers: list[_Worker] = []
        self.start_at: float | None = None
        self._pause = 0.0

    def staying(self) -> list[_Worker]:
        return [worker for worker in self.workers if not worker.is_let_go]

    def start_again(self, served_since: float | None) -> str:
        """After a pause that is longer the more have failed; says when."""
        now = time.monotonic()
        if served_since is not None and now - served_since >= SERVED_LONG:
            self._pause = 0.0
        else:
            self._pause = min(max(2 * self._pause, PAUSE_MIN), PAUSE_MAX)
        self.start_at = now + self._pause
        return f" in {self._pause:g} s" if self._pause else ""


class _Supervisor:
    def __init__(self, plan: Plan, sockets: BoundSockets, log: _Log) -> None:
        self._plan = plan
        self._stop_seconds = plan.settings.timeouts.stop
        self._sockets = sockets
        self._log = log
        self._places = [_Place(index) for index in range(plan.settings.worker_count)]
        self._signals: deque[int] = deque()
        self._woken, self._wake = os.pipe()
        # No worker has its other end, so it ends with the supervisor.
        self._alive, self._held = os.pipe()
        for descriptor in (self._woken, self._wake):
            os.set_blocking(descriptor, False)
        self._poll = select.poll()
        self._poll.register(self._woken, select.POLLIN)
        self._loading: dict[int, tuple[_Place, _Worker]] = {}  # by _Worker.ready
        self._before = {number: signal.getsignal(number) for number in HANDLED}
        self._process = os.getpid()
        self._generation = 0
        self._has_served = False
        self._has_told = False
        self._is_stopping = False
        self.stopped_early_by = 0

    def is_here(self) -> bool:
        """False in a worker."""
        return os.getpid() == self._process

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
            self._kill_who_does_not_end()
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
            self._stop(number)
        elif number == signal.SIGHUP and not self._is_stopping:
            self._log.write("info", "replacing all workers")
            self._generation += 1
            self._replace_next()
        elif number == signal.SIGUSR1:
            self._log.reopen()
            for worker in self._workers():
                worker.has_old_log = worker.is_loading()
                worker.tell(signal.SIGUSR1)

    def _stop(self, number: int) -> None:
        """The second time, workers do not wait for their requests."""
        if not self._has_served:
            self.stopped_early_by = number
        for worker in self._workers():
            if self._is_stopping:
                worker.tell(signal.SIGINT)
            elif not worker.is_let_go:
                self._let_go(worker)
        if not self._is_stopping:
            self._sockets.stop_listening()
            for place in self._places:
                place.start_at = None
        self._is_stopping = True

    def _let_go(self, worker: _Worker) -> None:
        worker.is_let_go = True
        worker.tell(signal.SIGTERM)
        if self._stop_seconds:
            worker.kill_at = time.monotonic() + self._stop_seconds + KILLED_AFTER

    # ---- events ----

    def _await_event(self) -> None:
        times = [place.start_at for place in self._places]
        times += [worker.kill_at for worker in self._workers()]
        due = [moment for moment in times if moment is not None]
        timeout = None
        if due:
            timeout = max(0.0, min(due) - time.monotonic()) * 1000 + 1
        for descriptor, _ in self._poll.poll(timeout):
            if descriptor == self._woken:
                os.read(self._woken, 4096)
            else:
                self._look_whether_ready(*self._loading[descriptor])

    def _look_whether_ready(self, place: _Place, worker: _Worker) -> None:
        is_ready = bool(os.read(worker.ready, 1))
        self._forget_ready(worker)
        if is_ready:
            self._note_ready(place, worker)

    def _forget_ready(self, worker: _Worker) -> None:
        if self._loading.pop(worker.ready, None):
            self._poll.unregister(worker.ready)
            os.close(worker.ready)
            worker.ready = -1

    def _note_ready(self, place: _Place, worker: _Worker) -> None:
        worker.serves_since = time.monotonic()
        self._log.write("info", f"worker {worker.pid} serves")
        if worker.has_old_log:
            worker.tell(signal.SIGUSR1)
        if self._is_stopping:
            return
        for other in place.staying():
            if other is not worker:
                self._let_go(other)
        if not self._has_served:
            self._has_served = True
            for each in self._places[1:]:
                each.start_at = worker.serves_since
        self._tell_when_all_serve()
        self._replace_next()

    def _tell_when_all_serve(self) -> None:
        """Once: until then some connections would have to wait."""
        if self._has_told or not all(
            any(worker.serves_since for worker in place.workers)
            for place in self._places
        ):
            return
        self._has_told = True
        count = len(self._places)
        plan = self._plan
        for line in plan.lines_of_listening(plan.host, self._sockets.port, count):
            plan.say(line)

    def _look_for_ends(self) -> None:
        """Of others too, that come to the first process of a container."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._note_process(*ended)

    def _note_process(self, pid: int, status: int) -> None:
        for place in self._places:
            for worker in [*place.workers]:
                if worker.pid == pid:
                    place.workers.remove(worker)
                    self._forget_ready(worker)
                    self._note_end(place, worker, os.waitstatus_to_exitcode(status))

    def _note_end(self, place: _Place, worker: _Worker, code: int) -> None:
        what = f"worker {worker.pid} has ended {_words(code)}"
        if worker.is_let_go:
            self._log.write("info", what)
            return
        if worker.serves_since is None:
            what += ", before it served"
        if not self._has_served:
            raise PyrsError(f"the first {what}")
        if not place.staying():
            when = place.start_again(worker.serves_since)
            self._log.write("error", f"{what}; another one is started{when}")
        elif worker.serves_since is None:
            self._log.write("error", f"{what}; those that serve go on")
            if worker.generation == self._generation:  # no other try is asked for
                for each in self._workers():
                    each.generation = self._generation
        else:
            self._log.write("error", f"{what}; another one is about to serve")
        self._replace_next()

    def _kill_who_does_not_end(self) -> None:
        now = time.monotonic()
        for worker in self._workers():
            if worker.kill_at is not None and worker.kill_at <= now:
                worker.kill_at = None
                self._log.write("error", f"killing worker {worker.pid}: it did not end")
                worker.tell(signal.SIGKILL)

    # ---- starting ----

    def _replace_next(self) -> None:
        """One at a time: the next when the newest serves."""
        if self._is_stopping or any(map(_Worker.is_loading, self._workers())):
            return
        for place in self._places:
            staying = place.staying()
            if staying and staying[-1].generation < self._generation:
                self._start(place)
                return

    def _start_what_is_due(self) -> None:
        for place in self._places:
            if place.start_at is not None and place.start_at <= time.monotonic():
                place.start_at = None
                self._start(place)

    def _start(self, place: _Place) -> None:
        """Raises _Forked in the worker."""
        try:
            pid, ready = self._fork(place)
        except OSError as error:
            self._note_no_fork(place, error)
            return
        with suppress(OSError):  # the worker does it as well: whoever comes first
            os.setpgid(pid, pid)
        worker = _Worker(pid, ready, self._generation)
        place.workers.append(worker)
        self._loading[ready] = place, worker
        self._poll.register(ready, select.POLLIN)

    def _fork(self, place: _Place) -> tuple[int, int]:
        """The worker's number, and what will say that it serves."""
        if sys.stdout:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
        ready, tell = os.pipe()
        # A signal of these moments is the supervisor's to obey.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        try:
            pid = os.fork()
        except OSError:
            os.close(ready)
            os.close(tell)
            raise
        finally:
            if self.is_here():
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if pid == 0:
            os.close(ready)
            self._become_worker()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            raise _Forked(self._seat(place, tell))
        os.close(tell)
        return pid, ready

    def _note_no_fork(self, place: _Place, error: OSError) -> None:
        what = f"cannot start a worker: {reason_of(error)}"
        if not self._has_served:
            raise PyrsError(what)
        self._log.write("error", what)
        if place.staying():
            for worker in self._workers():
                worker.generation = self._generation
        else:
            place.start_again(None)

    # ---- in a worker ----

    def _become_worker(self) -> None:
        """While signals are held: the thread is to get none of them, ever."""
        os.setpgid(0, 0)
        threading.Thread(target=_end_with, args=(self._alive,), daemon=True).start()
        self._give_signals_back()
        signal.signal(signal.SIGUSR1, _do_nothing)  # it may come before there is a log
        self._close_pipes()
        self._log.close()
        nothing = os.open(os.devnull, os.O_RDONLY)
        if nothing != 0:  # the terminal would stop whoever reads it
            os.dup2(nothing, 0)
            os.close(nothing)

    def _seat(self, place: _Place, ready: int) -> Seat:
        count = self._plan.settings.thread_count
        return Seat(
            host=self._plan.host,
            port=self._sockets.port,
            sockets=self._sockets.keep(place.index * count, count),
            is_first=not self._has_served,
            ready=ready,
        )


def _end_with(alive: int) -> None:
    """Ends this process, as a signal does, when the supervisor is gone."""
    while os.read(alive, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _do_nothing(number: int, frame: FrameType | None) -> None:
    pass


def _words(code: int) -> str:
    """Of an exit status, negative for a signal."""
    if code >= 0:
        return f"with status {code}"
    try:
        return f"by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"by signal {-code}"
