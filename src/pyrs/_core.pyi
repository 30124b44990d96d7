"""The control calls of csrc/pyrs.h, as cffi offers them.

Each releases the GIL while it is in C. What the functions do, who owns what and which
may be called from any thread stands in csrc/pyrs.h.
"""

from typing import Any, Final, Literal, overload, type_check_only

# cffi gives every pointer and struct one type; these names say which is meant. They
# exist for the type checker alone.
@type_check_only
class CData: ...

@type_check_only
class Error(CData):
    code: int
    @property
    def message(self) -> CData: ...

@type_check_only
class Slice(CData):
    bytes: CData
    length: int

@type_check_only
class Settings(CData):
    thread_count: int
    listen_backlog: int
    tcp_nodelay: bool
    sendfile: bool
    server_name: CData
    request_line_bytes_max: int
    head_bytes_max: int
    headers_max: int
    body_bytes_max: int
    body_memory_bytes_max: int
    connections_max: int
    head_timeout_ms: int
    body_timeout_ms: int
    body_rate_min: int
    idle_timeout_ms: int
    send_timeout_ms: int
    stop_timeout_ms: int
    handler_timeout_ms: int
    handoff_after_us: int
    handler_threads: int
    log_path: CData
    log_level: int
    log_short: bool
    access_log: bool

@type_check_only
class RouteOptions(CData):
    run: int
    stream_body: bool
    own_options: bool
    stream_bytes_min: int

@type_check_only
class StaticOptions(CData):
    index: CData
    listing: bool
    follow_symlinks: bool
    precompressed: bool
    cache_control: CData
    media_types: CData
    media_type_count: int
    walk: bool

@type_check_only
class CgiSettings(CData):
    folder: CData
    environment: CData
    environment_count: int
    timeout_ms: int
    processes_max: int
    waiting_max: int
    head_bytes_max: int
    memory_bytes_max: int
    cpu_seconds_max: int
    follow_symlinks: bool
    pass_authorization: bool
    template_file: CData
    preload: CData
    preload_count: int
    origin_reader: CData

@type_check_only
class ServerPointer(CData): ...

@type_check_only
class EndpointPointer(CData): ...

@type_check_only
class FFI:
    NULL: Final[Any]
    @overload
    def new(self, cdecl: Literal["struct pyrs_error *"]) -> Error: ...
    @overload
    def new(self, cdecl: Literal["struct pyrs_settings *"]) -> Settings: ...
    @overload
    def new(self, cdecl: Literal["struct pyrs_route_options *"]) -> RouteOptions: ...
    @overload
    def new(self, cdecl: Literal["struct pyrs_static_options *"]) -> StaticOptions: ...
    @overload
    def new(self, cdecl: Literal["struct pyrs_cgi_settings *"]) -> CgiSettings: ...
    @overload
    def new(self, cdecl: Literal["char[]"], init: bytes) -> CData: ...
    @overload
    def new(self, cdecl: str, init: object = ...) -> Any: ...
    @overload
    def cast(
        self, cdecl: Literal["struct pyrs_endpoint *"], value: int
    ) -> EndpointPointer: ...
    @overload
    def cast(self, cdecl: str, value: object) -> Any: ...
    def string(self, cdata: CData, maxlen: int = ...) -> bytes: ...
    def gc(self, cdata: CData, destructor: object, size: int = ...) -> Any: ...
    def release(self, cdata: CData) -> None: ...
    def typeof(self, cdecl: str | CData) -> Any: ...

@type_check_only
class Lib:
    PYRS_LOG_DEBUG: Final = 10
    PYRS_LOG_INFO: Final = 20
    PYRS_LOG_WARNING: Final = 30
    PYRS_LOG_ERROR: Final = 40
    PYRS_SIGNALS_NONE: Final = 0
    PYRS_SIGNALS_OF_PERSON: Final = 1
    PYRS_SIGNALS_OF_SUPERVISOR: Final = 2
    PYRS_RUN_AUTO: Final = 0
    PYRS_RUN_LOOP: Final = 1
    PYRS_RUN_THREAD: Final = 2

    def pyrs_settings_init(self, settings: Settings) -> None: ...
    def pyrs_version(self) -> CData: ...
    def pyrs_server_new(self, settings: Settings, error: Error) -> ServerPointer: ...
    def pyrs_server_free(self, server: ServerPointer) -> None: ...
    def pyrs_server_add_route(
        self,
        server: ServerPointer,
        pattern: bytes,
        methods: bytes | CData,
        endpoint: EndpointPointer,
        options: RouteOptions | CData,
        error: Error,
    ) -> bool: ...
    def pyrs_server_set_error_endpoint(
        self,
        server: ServerPointer,
        status: int,
        endpoint: EndpointPointer,
        error: Error,
    ) -> bool: ...
    def pyrs_server_set_error_page(
        self,
        server: ServerPointer,
        status: int,
        endpoint: EndpointPointer,
        error: Error,
    ) -> bool: ...
    def pyrs_server_listen(
        self, server: ServerPointer, address: bytes, port: int, error: Error
    ) -> bool: ...
    def pyrs_server_listen_on(
        self,
        server: ServerPointer,
        address: bytes,
        port: int,
        sockets: CData,
        error: Error,
    ) -> bool: ...
    def pyrs_bind(
        self,
        address: bytes,
        port: CData,
        backlog: int,
        sockets: CData,
        count: int,
        error: Error,
    ) -> bool: ...
    def pyrs_unbind(self, address: bytes, sockets: CData, count: int) -> None: ...
    def pyrs_server_port(self, server: ServerPointer, listener: int) -> int: ...
    def pyrs_server_tell_when_running(
        self, server: ServerPointer, descriptor: int
    ) -> None: ...
    def pyrs_server_run(
        self, server: ServerPointer, signals: int, error: Error
    ) -> bool: ...
    def pyrs_server_stop(self, server: ServerPointer) -> None: ...
    def pyrs_server_log(
        self, server: ServerPointer, level: int, message: Slice
    ) -> None: ...
    def pyrs_server_counters(self, server: ServerPointer, counters: Any) -> None: ...
    def pyrs_rejection_count(self) -> int: ...
    def pyrs_rejection_text(self, kind: int) -> CData: ...
    def pyrs_server_rejections(self, server: ServerPointer, kind: int) -> int: ...
    def pyrs_endpoint_native(self, function: CData) -> EndpointPointer: ...
    def pyrs_endpoint_native_load(
        self, library: bytes, symbol: bytes, error: Error
    ) -> EndpointPointer: ...
    def pyrs_endpoint_static(
        self, folder: bytes, options: StaticOptions, error: Error
    ) -> EndpointPointer: ...
    def pyrs_cgi_settings_init(self, settings: CgiSettings) -> None: ...
    def pyrs_endpoint_cgi(
        self, settings: CgiSettings, error: Error
    ) -> EndpointPointer: ...

ffi: FFI
lib: Lib
