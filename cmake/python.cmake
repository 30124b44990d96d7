# The two modules that join the core to CPython, and where everything is installed.
#
# The core's target has no Python include folder: Python.h is for csrc/bridge and for the
# file that cffi generates.
find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)

# What cffi declares is the part of pyrs.h between its marks.
file(READ csrc/pyrs.h PYRS_HEADER)
string(REGEX MATCH "/\\* cffi: begin \\*/(.*)/\\* cffi: end \\*/" PYRS_CDEF "${PYRS_HEADER}")
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/core.cdef CONTENT "${CMAKE_MATCH_1}" @ONLY)
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/core.prelude CONTENT "#include <pyrs.h>\n" @ONLY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS csrc/pyrs.h)

cmake_path(GET Python_EXECUTABLE PARENT_PATH PYRS_PYTHON_FOLDER)
find_program(CFFI_GEN_SRC cffi-gen-src HINTS ${PYRS_PYTHON_FOLDER})
if(NOT CFFI_GEN_SRC)
  message(FATAL_ERROR "Missing: cffi-gen-src.\nInstall it and try again:\n  pip install 'cffi>=2.1'")
endif()
add_custom_command(
  OUTPUT _core.c
  COMMAND ${CFFI_GEN_SRC} read-sources pyrs._core core.cdef core.prelude _core.c
  DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/core.cdef ${CMAKE_CURRENT_BINARY_DIR}/core.prelude
  VERBATIM)

Python_add_library(_core MODULE WITH_SOABI _core.c)
target_link_libraries(_core PRIVATE pyrs)

file(GLOB PYRS_BRIDGE_SOURCES CONFIGURE_DEPENDS csrc/bridge/*.c)
Python_add_library(_bridge MODULE WITH_SOABI ${PYRS_BRIDGE_SOURCES})
target_compile_definitions(_bridge PRIVATE _GNU_SOURCE)
target_link_libraries(_bridge PRIVATE pyrs pyrs_flags)

# Side by side in the package: each finds the one core beside itself, so it is loaded once.
if(APPLE)
  set(PYRS_BESIDE "@loader_path")
else()
  set(PYRS_BESIDE "$ORIGIN")
endif()
set_target_properties(_core _bridge PROPERTIES INSTALL_RPATH "${PYRS_BESIDE}")
install(TARGETS pyrs _core _bridge LIBRARY DESTINATION pyrs)
install(FILES csrc/pyrs.h DESTINATION pyrs/include)
install(FILES src/pyrs_pyserve.pth DESTINATION .) # see src/pyrs/compatible

# What `pyrs new` copies; its JSON Schema is a link to the one in the package.
install(DIRECTORY project_template DESTINATION pyrs
  PATTERN "__pycache__" EXCLUDE
  PATTERN "project.schema.json" EXCLUDE)
