# libuv: event loop, timers, threads, child processes.
#
#   found    through pkg-config, from the system
#   least    1.44 (Debian 12; uv_poll, uv_async and uv_metrics as used here)
#   licence  MIT
#   why      the well-kept event loop: every system pyrs runs on, measured no slower than bare epoll
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBUV IMPORTED_TARGET "libuv>=1.44")
if(NOT LIBUV_FOUND)
  message(FATAL_ERROR "libuv 1.44 or later with its headers is missing. Install it and try again:\n"
    "  Debian, Ubuntu:  apt-get install libuv1-dev pkg-config\n"
    "  Fedora:          dnf install libuv-devel pkgconf\n"
    "  macOS:           brew install libuv pkg-config")
endif()
