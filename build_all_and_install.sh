#!/usr/bin/env bash
# Builds pyrs and installs it into the active Python environment.
#
#   ./build_all_and_install.sh [options of pip install]
#
# Installs no system packages: what is missing is named with the command that installs it.
set -euo pipefail
cd "$(dirname "$0")"

python=python3
[[ -z ${VIRTUAL_ENV:-}${CONDA_PREFIX:-} ]] || python=python

PYRS_INSTALL=no tools/system_packages.sh "$python" build
"$python" -m pip install "$@" .
echo "Installed. Serve the template: $python -m pyrs project_template/project.pyrs"
