# libuv: event loop, timers, threads, child processes.
#
#   found    through pkg-config, from the system
#   least    1.43 (Ubuntu 22.04)
#   licence  MIT
#   why      the well-kept event loop: every system pyrs runs on, measured no slower than bare epoll
#
# Included before the compiler is known, so that what is missing is told in one error.
find_package(PkgConfig QUIET)
if(NOT PKG_CONFIG_FOUND)
  pyrs_missing("pkg-config" pkg-config pkgconf-pkg-config pkgconf)
else()
  pkg_check_modules(LIBUV QUIET "libuv>=1.43")
endif()
if(NOT LIBUV_FOUND)
  pyrs_missing("libuv 1.43 or later with its headers" libuv1-dev libuv-devel libuv)
endif()

add_library(libuv INTERFACE)
target_include_directories(libuv SYSTEM INTERFACE ${LIBUV_INCLUDE_DIRS})
target_compile_options(libuv INTERFACE ${LIBUV_CFLAGS_OTHER})
target_link_options(libuv INTERFACE ${LIBUV_LDFLAGS})
target_link_libraries(libuv INTERFACE ${LIBUV_LIBRARIES})
