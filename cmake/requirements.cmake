# What the build needs from the system, asked for before anything is compiled, so that one
# error names all that is missing and the one command that installs it.
#
#   pyrs_missing(what apt dnf brew)   notes it; "" where a system has no package for it
#   pyrs_stop_if_missing()            ends the configuration if anything was noted
include(CheckLanguage)
set(PYRS_MISSING "")

macro(pyrs_missing what apt dnf brew)
  list(APPEND PYRS_MISSING "${what}")
  list(APPEND PYRS_MISSING_APT ${apt})
  list(APPEND PYRS_MISSING_DNF ${dnf})
  list(APPEND PYRS_MISSING_BREW ${brew})
endmacro()

function(pyrs_install_line output system command packages)
  set(line "")
  if(packages)
    string(REPLACE ";" " " packages "${packages}")
    set(line "  ${system}  ${command} ${packages}\n")
  endif()
  set(${output} "${line}" PARENT_SCOPE)
endfunction()

function(pyrs_stop_if_missing)
  if(NOT PYRS_MISSING)
    return()
  endif()
  pyrs_install_line(apt  "Debian, Ubuntu:" "apt-get install" "${PYRS_MISSING_APT}")
  pyrs_install_line(dnf  "Fedora:        " "dnf install" "${PYRS_MISSING_DNF}")
  pyrs_install_line(brew "macOS:         " "brew install" "${PYRS_MISSING_BREW}")
  if("a C compiler" IN_LIST PYRS_MISSING)
    string(APPEND brew "  macOS:           xcode-select --install\n")
  endif()
  string(REPLACE ";" ", " what "${PYRS_MISSING}")
  message(FATAL_ERROR "Missing: ${what}.\nInstall it and try again:\n${apt}${dnf}${brew}")
endfunction()

check_language(C)
if(NOT CMAKE_C_COMPILER)
  pyrs_missing("a C compiler" "gcc;libc6-dev" gcc "")
endif()

if(SKBUILD)
  execute_process(
    COMMAND ${Python_EXECUTABLE} -c
      "import sysconfig; print(sysconfig.get_path('include'), sysconfig.get_python_version())"
    OUTPUT_VARIABLE PYRS_PYTHON_HEADERS OUTPUT_STRIP_TRAILING_WHITESPACE)
  separate_arguments(PYRS_PYTHON_HEADERS)
  list(POP_BACK PYRS_PYTHON_HEADERS PYRS_PYTHON_VERSION)
  if(NOT EXISTS "${PYRS_PYTHON_HEADERS}/Python.h")
    pyrs_missing("the headers of Python ${PYRS_PYTHON_VERSION} (${PYRS_PYTHON_HEADERS}/Python.h)"
      python${PYRS_PYTHON_VERSION}-dev python${PYRS_PYTHON_VERSION}-devel
      python@${PYRS_PYTHON_VERSION})
  endif()
endif()
