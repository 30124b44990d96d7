#!/usr/bin/env bash
# Runs a command whose Python loads code that was built with ASan and UBSan.
#
#   tools/sanitized.sh .venv-sanitize/bin/python -m pytest tests/unit
#
# The interpreter itself is not instrumented, so the sanitizers' runtime is loaded before
# it. Python takes its memory from malloc, so that reads past its objects are seen too.
#
# Leaks: CPython keeps objects until the process ends, by design, and LeakSanitizer would
# report them all at every exit, so it is off here. Leaks of pyrs are looked for where no
# interpreter is in the way (the fuzz targets and the C program of tests/core run with it)
# and by the tests that count live exchanges, descriptors and memory.
set -euo pipefail

compiler=${CC:-cc}
runtime=$("$compiler" -print-file-name=libasan.so):$("$compiler" -print-file-name=libubsan.so)
stop="halt_on_error=1:abort_on_error=1:print_stacktrace=1"

export PYRS_SANITIZE=address,undefined # tests that compile C do it the same way
export ASAN_OPTIONS="$stop:detect_leaks=0:detect_stack_use_after_return=1"
export UBSAN_OPTIONS="$stop"
export PYTHONMALLOC=malloc
exec env LD_PRELOAD="$runtime" "$@"
