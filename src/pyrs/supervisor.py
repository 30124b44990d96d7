"""Worker processes, and the supervisor that starts, watches and replaces them.

    supervise(plan)      a Seat in a worker; None in the supervisor, when all have ended

A worker is forked by a process that has loaded nothing of the user's and has no
threads; there it goes on as a server of one process would, but for its Seat: sockets
that are bound already (pyrs.worker). The supervisor keeps them: a connection that waits
in a socket when its worker ends waits for the next one.

A worker that ends is replaced, at once if it has served for a while, else after a
growing pause. SIGINT and SIGTERM stop all workers (a second one at once), SIGHUP
replaces each by one that has loaded the project anew, SIGUSR1 has the log reopened.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pyrs._listening import BoundSockets
from pyrs._plain_log import PlainLog
from pyrs.config import Settings
from pyrs.errors import PyrsError, reason_of
from pyrs.worker import SERVES, LinesOfListening, Seat, become_worker

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Plan", "supervise"]

HANDLED: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGCHLD,
)
# Settings that the supervisor acts upon: they hold until it ends.
HELD: Final = (
    "worker_count",
    "thread_count",
    "listen_backlog",
    "log",
    "log_level",
    "log_style",
)
SERVED_LONG: Final = 1.0  # seconds, after which a worker's end is no failure to start
PAUSE_MIN: Final = 0.1  # seconds, before one that has failed to start is replaced
PAUSE_MAX: Final = 5.0
KILLED_AFTER: Final = 5.0  # seconds, beyond those that a worker gives its requests
FILES_BESIDE: Final = 64  # descriptors, beside sockets and what workers say


class Plan(NamedTuple):
    """What the supervisor has to know of what its workers serve."""

    host: str
    port: int
    settings: Settings
    lines_of_listening: LinesOfListening
    say: Callable[[str], None]

    def held(self) -> dict[str, Any]:
        """The settings that workers must not take from a file that has changed."""
        return {name: getattr(self.settings, name) for name in HELD}


def supervise(plan: Plan) -> Seat | None:
    """Starts the workers, and waits for their end; in each of them, gives its seat.

    Raises PyrsError if the address cannot be bound, and SystemExit if the first worker
    ends before it serves, or a signal stops it before.
    """
    settings = plan.settings
    log = PlainLog(settings)
    count = settings.worker_count * settings.thread_count
    _allow_files(count + settings.worker_count + FILES_BESIDE)
    sockets = BoundSockets(plan.host, plan.port, settings.listen_backlog, count)
    supervisor = _Supervisor(plan, sockets, log)
    try:
        supervisor.run()
    except _Forked as forked:
        return forked.seat
    finally:
        if supervisor.is_here():
            supervisor.close()
    if number := supervisor.stopped_early_by:
        os.kill(os.getpid(), number)  # which the first process of a container is spared
        raise SystemExit(128 + number)
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


class _Worker:
    """A process that serves, or is about to."""

    def __init__(self, pid: int, ready: int, generation: int, seconds: float) -> None:
        self.pid = pid
        self.ready = ready  # says that it serves; -1: it has, or never will
        self.said = b""
        self.generation = generation  # how many SIGHUPs had come when it was forked
        self.stop_seconds = seconds  # that it gives its requests
        self.serves_since: float | None = None
        self.is_let_go = False  # it was told to end
        self.kill_at: float | None = None
        self.has_old_log = False  # it was asked to reopen it before it could

    def is_loading(self) -> bool:
        return self.serves_since is None and not self.is_let_go

    def tell(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def let_go(self) -> None:
        """It stops its requests after stop_seconds, and its coroutines likewise."""
        self.is_let_go = True
        self.tell(signal.SIGTERM)
        if self.stop_seconds:
            self.kill_at = time.monotonic() + 2 * self.stop_seconds + KILLED_AFTER


class _Slot:
    """For one worker at a time, and its successor while that starts."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.workers: list[_Worker] = []
        self.start_at: float | None = None
        self._pause = 0.0

    def staying(self) -> list[_Worker]:
        return [worker for worker in self.workers if not worker.is_let_go]

    def serves(self) -> bool:
        return any(worker.serves_since is not None for worker in self.workers)

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
    def __init__(self, plan: Plan, sockets: BoundSockets, log: PlainLog) -> None:
        self._plan = plan
        self._sockets = sockets
        self._log = log
        self._slots = [_Slot(index) for index in range(plan.settings.worker_count)]
        self._signals: deque[int] = deque()
        self._woken, self._wake = os.pipe()
        # No worker has its other end, so it ends with the supervisor.
        self._alive, self._held = os.pipe()
        self._nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (self._woken, self._wake):
            os.set_blocking(descriptor, False)
        self._poll = select.poll()
        self._poll.register(self._woken, select.POLLIN)
        self._loading: dict[int, tuple[_Slot, _Worker]] = {}  # by _Worker.ready
        self._before = {number: signal.getsignal(number) for number in HANDLED}
        if self._before[signal.SIGHUP] is signal.SIG_IGN:
            del self._before[signal.SIGHUP]  # nohup: it stays ignored
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
        for number in self._before:
            signal.signal(number, self._note)
        self._start(self._slots[0])
        while self._workers() or not self._is_stopping:
            self._await_event()
            while self._signals:
                self._obey(self._signals.popleft())
            self._look_for_ends()
            self._kill_who_does_not_end()
            self._start_what_is_due()

    def close(self) -> None:
        self._sockets.close()
        self._close_own()
        os.close(self._alive)
        os.close(self._nothing)
        self._give_signals_back()

    def _close_own(self) -> None:
        """What no worker has."""
        signal.set_wakeup_fd(-1)
        for descriptor in (self._woken, self._wake, self._held):
            os.close(descriptor)
        for worker in self._workers():
            self._forget_ready(worker)
        self._log.close()

    def _workers(self) -> list[_Worker]:
        return [worker for slot in self._slots for worker in slot.workers]

    # ---- signals ----

    def _give_signals_back(self) -> None:
        for number, handler in self._before.items():
            if handler is not None:  # else it was none of Python's
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signals.append(number)

    def _obey(self, number: int) -> None:
        if number in (signal.SIGINT, signal.SIGTERM):
            self._stop(number)
        elif number == signal.SIGHUP:
            self._reload()
        elif number == signal.SIGUSR1:
            self._log.reopen()
            for worker in self._workers():
                worker.has_old_log = worker.is_loading()
                worker.tell(signal.SIGUSR1)

    def _stop(self, number: int) -> None:
        """The second time, workers do not wait for their requests."""
        if not self._has_served:
            self.stopped_early_by = number
        if not self._is_stopping:
            self._is_stopping = True
            self._sockets.stop_listening()
            for slot in self._slots:
                slot.start_at = None
                for worker in slot.staying():
                    worker.let_go()
            return
        for worker in self._workers():
            worker.tell(signal.SIGINT)
            worker.kill_at = time.monotonic() + KILLED_AFTER

    def _reload(self) -> None:
        """Who still loads what is old by now need not go on."""
        if self._is_stopping:
            return
        self._log.write("info", "replacing all workers")
        self._generation += 1
        for slot in self._slots if self._has_served else []:
            for worker in slot.staying():
                if worker.is_loading():
                    worker.let_go()
                    if not slot.staying():
                        slot.start_at = time.monotonic()
        self._replace_next()

    # ---- events ----

    def _await_event(self) -> None:
        times = [slot.start_at for slot in self._slots]
        times += [worker.kill_at for worker in self._workers()]
        due = [moment for moment in times if moment is not None]
        timeout = None
        if due:
            timeout = max(0.0, min(due) - time.monotonic()) * 1000 + 1
        for descriptor, _ in self._poll.poll(timeout):
            if descriptor == self._woken:
                os.read(self._woken, 4096)
            else:
                self._hear(*self._loading[descriptor])

    def _hear(self, slot: _Slot, worker: _Worker) -> None:
        said = os.read(worker.ready, 64)
        worker.said += said
        if said and not worker.said.endswith(SERVES):
            return  # there is more to come
        self._forget_ready(worker)
        if said:
            worker.stop_seconds = float(worker.said.removesuffix(SERVES))
            self._note_ready(slot, worker)

    def _forget_ready(self, worker: _Worker) -> None:
        if self._loading.pop(worker.ready, None):
            self._poll.unregister(worker.ready)
            os.close(worker.ready)
            worker.ready = -1

    def _note_ready(self, slot: _Slot, worker: _Worker) -> None:
        worker.serves_since = time.monotonic()
        self._log.write("info", f"worker {worker.pid} serves")
        if worker.has_old_log:
            worker.tell(signal.SIGUSR1)
        if worker.is_let_go:
            return
        for other in slot.staying():
            if other is not worker:
                other.let_go()
        if not self._has_served:
            self._has_served = True
            for each in self._slots[1:]:
                each.start_at = worker.serves_since
        self._tell_when_all_serve()
        self._replace_next()

    def _tell_when_all_serve(self) -> None:
        """Once: until then some connections would have to wait."""
        if self._has_told or not all(map(_Slot.serves, self._slots)):
            return
        self._has_told = True
        plan, count = self._plan, len(self._slots)
        with suppress(OSError, ValueError):  # whoever listened may have left
            for line in plan.lines_of_listening(plan.host, self._sockets.port, count):
                plan.say(line)

    def _look_for_ends(self) -> None:
        """Of others too, that come to the first process of a container."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._note_process(*ended)

    def _note_process(self, pid: int, status: int) -> None:
        for slot in self._slots:
            for worker in [*slot.workers]:
                if worker.pid == pid:
                    slot.workers.remove(worker)
                    self._forget_ready(worker)
                    self._note_end(slot, worker, os.waitstatus_to_exitcode(status))

    def _note_end(self, slot: _Slot, worker: _Worker, code: int) -> None:
        what = f"worker {worker.pid} has ended {_words(code)}"
        if worker.is_let_go:
            self._log.write("info", what)
            return
        if worker.serves_since is None:
            what += ", before it served"
        if not self._has_served:
            self._give_up(what, code)
        if not slot.staying():
            when = slot.start_again(worker.serves_since)
            self._log.write("error", f"{what}; another one is started{when}")
        elif worker.serves_since is None:
            self._log.write("error", f"{what}; those that serve go on")
            if worker.generation == self._generation:
                self._give_up_replacing()
        else:
            self._log.write("error", f"{what}; another one is about to serve")
        self._replace_next()

    def _give_up(self, what: str, code: int) -> None:
        """The first worker has told why it ended, if it ended by itself."""
        if code > 0:
            raise SystemExit(code)
        raise PyrsError(f"the first {what}")

    def _give_up_replacing(self) -> None:
        """Those there are stay, until the next SIGHUP."""
        for worker in self._workers():
            worker.generation = self._generation

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
        for slot in self._slots:
            staying = slot.staying()
            if staying and staying[-1].generation < self._generation:
                self._start(slot)
                return

    def _start_what_is_due(self) -> None:
        for slot in self._slots:
            if slot.start_at is not None and slot.start_at <= time.monotonic():
                slot.start_at = None
                self._start(slot)

    def _start(self, slot: _Slot) -> None:
        """Raises _Forked in the worker."""
        if sys.stdout:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
        try:
            ready, tell = os.pipe()
        except OSError as error:
            self._note_no_start(slot, error)
            return
        # A signal of these moments is the supervisor's to obey.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        try:
            pid = os.fork()
        except OSError as error:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(ready)
            os.close(tell)
            self._note_no_start(slot, error)
            return
        if pid == 0:
            os.close(ready)
            seat = self._become_worker(slot, tell)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            raise _Forked(seat)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(tell)
        self._note_start(slot, pid, ready)

    def _note_start(self, slot: _Slot, pid: int, ready: int) -> None:
        with suppress(OSError):  # the worker does it as well: whoever comes first
            os.setpgid(pid, pid)
        self._log.write("info", f"worker {pid} is started")
        seconds = self._plan.settings.timeouts.stop
        worker = _Worker(pid, ready, self._generation, seconds)
        slot.workers.append(worker)
        self._loading[ready] = slot, worker
        self._poll.register(ready, select.POLLIN)

    def _note_no_start(self, slot: _Slot, error: OSError) -> None:
        what = f"cannot start a worker: {reason_of(error)}"
        if not self._has_served:
            raise PyrsError(what)
        self._log.write("error", what)
        if slot.staying():
            self._give_up_replacing()
        else:
            slot.start_again(None)

    def _become_worker(self, slot: _Slot, tell: int) -> Seat:
        """In the worker, while signals are held."""
        self._close_own()
        self._give_signals_back()
        become_worker(self._alive, self._nothing)
        os.close(self._nothing)
        count = self._plan.settings.thread_count
        return Seat(
            host=self._plan.host,
            port=self._sockets.port,
            sockets=self._sockets.keep(slot.index * count, count),
            is_first=not self._has_served,
            ready=tell,
        )


def _words(code: int) -> str:
    """Of an exit status, negative for a signal."""
    if code >= 0:
        return f"with status {code}"
    try:
        return f"by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"by signal {-code}"
