# The scanners: one C file each, with its own instruction set; which one runs is decided at
# run time. Elsewhere than on x86-64 the portable one is the only one.
#
# Included by the root, after the target it belongs to.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set_source_files_properties(csrc/http/scan_sse42.c PROPERTIES COMPILE_OPTIONS -msse4.2)
  set_source_files_properties(csrc/http/scan_avx2.c PROPERTIES COMPILE_OPTIONS -mavx2)
  set_source_files_properties(csrc/http/scan.c PROPERTIES
    COMPILE_DEFINITIONS PYRS_SCAN_X86)
else()
  set_source_files_properties(csrc/http/scan_sse42.c csrc/http/scan_avx2.c
    PROPERTIES HEADER_FILE_ONLY ON)
endif()
