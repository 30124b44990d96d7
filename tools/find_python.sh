#!/usr/bin/env bash
# Prints the path of an interpreter of that version: tools/find_python.sh 3.12
#
# Looks on PATH, then in pyenv's folder of versions (whose commands on PATH may refuse).
# A path is taken as it is.
set -euo pipefail

version=${1:?usage: tools/find_python.sh 3.X}
[[ $version != */* ]] || { echo "$version"; exit 0; }
for python in "$(command -v "python$version" || true)" \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/"python$version"; do
    if [[ -n $python ]] && "$python" -c '' 2>/dev/null; then
        echo "$python"
        exit 0
    fi
done
echo "Python $version is missing: there is no python$version on PATH, nor in pyenv's versions." >&2
echo "Install it, or name the versions to test: make test-all PYTHONS=\"3.11 3.12\"" >&2
exit 1
