"""What the core is made with: settings and options as its own structs.

The core copies every string, so what is made for one call has to live only until that
returns; `_Held` is where it does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyrs import _bridge, _files
from pyrs._core import ffi, lib
from pyrs.config import CgiOptions, Settings, StaticOptions

if TYPE_CHECKING:
    from pyrs._core import CData, EndpointPointer, Error, ServerPointer
    from pyrs.forwarded import TrustedProxies

__all__ = ["LOG_LEVELS", "new_cgi_endpoint", "new_server", "new_static_endpoint"]

LOG_LEVELS: Final = {
    "debug": lib.PYRS_LOG_DEBUG,
    "info": lib.PYRS_LOG_INFO,
    "warning": lib.PYRS_LOG_WARNING,
    "error": lib.PYRS_LOG_ERROR,
}
TEMPLATE_FILE = Path(__file__).with_name("cgi_template") / "cgi_template.py"


class _Held:
    """Memory that C is shown, as long as this is there."""

    def __init__(self) -> None:
        self._parts: list[CData] = []

    def text(self, value: str | os.PathLike[str]) -> CData:
        self._parts.append(ffi.new("char[]", os.fsencode(value)))
        return self._parts[-1]

    def texts(self, values: Iterable[str]) -> CData:
        self._parts.append(ffi.new("char *[]", [self.text(value) for value in values]))
        return self._parts[-1]


def new_server(settings: Settings, error: Error) -> ServerPointer:
    """NULL, and the error, if a setting or the log is refused."""
    held = _Held()
    limits, timeouts = settings.limits, settings.timeouts
    core = ffi.new("struct pyrs_settings *")
    lib.pyrs_settings_init(core)
    core.thread_count = settings.thread_count
    core.listen_backlog = settings.listen_backlog
    core.tcp_nodelay = settings.tcp_nodelay
    core.sendfile = settings.sendfile
    core.server_name = held.text(settings.server_name)
    core.request_line_bytes_max = limits.request_line
    core.head_bytes_max = limits.head
    core.headers_max = limits.headers
    core.body_bytes_max = limits.body
    core.body_memory_bytes_max = limits.body_memory
    core.body_rate_min = limits.body_rate
    core.connections_max = limits.connections
    core.head_timeout_ms = _milliseconds(timeouts.head)
    core.body_timeout_ms = _milliseconds(timeouts.body)
    core.idle_timeout_ms = _milliseconds(timeouts.idle)
    core.send_timeout_ms = _milliseconds(timeouts.send)
    core.stop_timeout_ms = _milliseconds(timeouts.stop)
    core.handler_timeout_ms = _milliseconds(timeouts.handler)
    core.handoff_after_us = round(settings.handoff_after * 1_000_000)
    core.handler_threads = settings.handler_threads
    core.log_path = held.text(settings.log) if settings.log else ffi.NULL
    core.log_level = LOG_LEVELS[settings.log_level]
    core.log_short = settings.log_style == "short"
    core.access_log = settings.access_log
    return lib.pyrs_server_new(core, error)


def new_static_endpoint(
    folder: str | os.PathLike[str], options: StaticOptions, walk: bool, error: Error
) -> EndpointPointer:
    """NULL, and the error, if the folder cannot be opened; `walk` is for tests."""
    held = _Held()
    types = _files.media_types(options.media_types, options.charset)
    pairs = [(held.text(name), held.text(kind)) for name, kind in types.items()]
    table = ffi.new("struct pyrs_media_type[]", pairs)
    core = ffi.new("struct pyrs_static_options *")
    core.index = held.text(options.index)
    core.listing = options.listing
    core.follow_symlinks = options.follow_symlinks
    core.cache_control = held.text(options.cache_control)
    core.media_types, core.media_type_count = table, len(pairs)
    core.precompressed = options.precompressed
    core.walk = walk
    return lib.pyrs_endpoint_static(os.fsencode(folder), core, error)


def new_cgi_endpoint(
    folder: str | os.PathLike[str],
    options: CgiOptions,
    proxies: TrustedProxies,
    error: Error,
) -> EndpointPointer:
    """NULL, and the error, if the folder cannot be opened."""
    held = _Held()
    environment = _program_environment(options.env)
    core = ffi.new("struct pyrs_cgi_settings *")
    lib.pyrs_cgi_settings_init(core)
    core.folder = held.text(folder)
    core.environment = held.texts(environment)
    core.environment_count = len(environment)
    core.timeout_ms = _milliseconds(options.timeout)
    core.processes_max = options.processes or core.processes_max
    core.waiting_max = options.waiting
    core.head_bytes_max = options.output_head
    core.memory_bytes_max = options.memory
    core.cpu_seconds_max = options.cpu
    core.follow_symlinks = options.follow_symlinks
    core.pass_authorization = options.pass_authorization
    core.template_file = held.text(TEMPLATE_FILE) if options.warm else ffi.NULL
    core.preload = held.texts(options.preload)
    core.preload_count = len(options.preload)
    if proxies:
        address = _bridge.origin_reader(proxies)
        core.origin_reader = ffi.cast("struct pyrs_origin_reader *", address)
    return lib.pyrs_endpoint_cgi(core, error)


def _program_environment(given: list[str]) -> list[str]:
    """With a PATH, if none is given, on which this very Python comes first: so scripts
    that begin with "#!/usr/bin/env python3" have pyrs, whoever has started it."""
    if any(entry.partition("=")[0] == "PATH" for entry in given):
        return given
    own = str(Path(sys.executable).parent)
    others = os.environ.get("PATH", os.defpath)
    return [*given, f"PATH={own}{os.pathsep}{others}"]


def _milliseconds(seconds: float) -> int:
    """0 means never, so what is more than nothing is a millisecond at least."""
    return max(round(seconds * 1000), 1) if seconds else 0
