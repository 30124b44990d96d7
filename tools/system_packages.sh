#!/usr/bin/env bash
# Sees to the system packages that pyrs is built, tested and measured with.
#
#   tools/system_packages.sh PYTHON PURPOSE...
#
# PURPOSE is any of: venv build test webdav browser lint fuzz sanitize bench nginx peers.
# Only what is really missing is asked for: a purpose that finds everything touches
# nothing. On Debian and Ubuntu the packages are installed when the caller may (root, or
# sudo without a password); everywhere else the one line to run is printed, and the exit
# status is 1.
# PYRS_INSTALL=no: never install, only print.
set -euo pipefail

python=${1:?usage: tools/system_packages.sh PYTHON PURPOSE...}
shift

has() {
    command -v "$1" >/dev/null
}

as_root=()
((EUID == 0)) || as_root=(sudo)
may_install() {
    has apt-get && [[ ${PYRS_INSTALL:-yes} != no ]] &&
        { ((EUID == 0)) || sudo -n true 2>/dev/null; }
}

missing=() apt=() dnf=() brew=()

# lacks WHAT "APT PACKAGES" "DNF PACKAGES" "BREW PACKAGES"
lacks() {
    local -a packages
    if ((${#missing[@]} == 0)) && may_install; then
        "${as_root[@]}" apt-get update </dev/null >&2 # a fresh system's lists are empty
    fi
    missing+=("$1")
    read -ra packages <<<"$2" && apt+=("${packages[@]}")
    read -ra packages <<<"$3" && dnf+=("${packages[@]}")
    read -ra packages <<<"$4" && brew+=("${packages[@]}")
}

# compiles COMPILER FLAGS... : the program on standard input
compiles() {
    "$@" -x c - -o /dev/null 2>/dev/null
}

# The packages of an interpreter that came from the system are named after it: Debian's
# own is python3, any other python3.X. One from elsewhere brings its headers along.
python_package=python3
if has "$python"; then
    real=$("$python" -c 'import os, sys; print(os.path.realpath(sys.executable))')
    if [[ $real != "$(readlink -f /usr/bin/python3 2>/dev/null)" ]]; then
        python_package=$(basename "$real")
    fi
fi

need_venv() {
    ! has "$python" || "$python" -c "import ensurepip, venv" 2>/dev/null ||
        lacks "Python's venv module" "$python_package-venv" python3 ""
}

need_build() {
    if ! has "$python"; then
        lacks "Python ($python)" "$(basename "$python")" python3 python3
        return
    fi
    compiles cc <<<$'#include <stdlib.h>\nint main(void) { return 0; }' ||
        lacks "a C compiler" "gcc libc6-dev" gcc ""
    "$python" - <<'PROBE' ||
import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))
PROBE
        lacks "Python's headers" "$python_package-dev" python3-devel ""
    if ! has pkg-config; then
        lacks pkg-config pkg-config pkgconf-pkg-config pkgconf
        [[ -e /usr/include/uv.h ]] || lacks "libuv's headers" libuv1-dev libuv-devel libuv
    else
        pkg-config --exists libuv || lacks "libuv's headers" libuv1-dev libuv-devel libuv
    fi
}

need_test() {
    has curl || lacks curl curl curl curl
    has git || lacks git git git git
    has perl || lacks perl perl perl perl # for CGI programs
}

need_webdav() { # judges a WebDAV server; other systems have no package of it
    has litmus || lacks litmus litmus "" ""
}

need_browser() { # for the tests of pages
    has chromium || has chromium-browser || has google-chrome ||
        has google-chrome-stable || lacks "a browser" chromium chromium chromium
}

need_lint() {
    has gcc || lacks gcc "gcc libc6-dev" gcc gcc
    has clang || lacks clang clang clang llvm
}

need_sanitize() {
    compiles cc -fsanitize=address,undefined <<<'int main(void) { return 0; }' ||
        lacks "the compiler's sanitizers" gcc "libasan libubsan" ""
}

need_fuzz() {
    compiles clang -fsanitize=fuzzer,address,undefined <<'PROBE' ||
#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) { return !bytes && length; }
PROBE
        {
            lacks "clang with libFuzzer" clang "clang compiler-rt" llvm
            apt+=("$(clang_runtime)")
        }
}

# The sanitizers' runtime has clang's version in its package's name.
clang_runtime() {
    local version
    version=$(apt-cache depends clang 2>/dev/null | grep -oE 'clang-[0-9]+' | head -1)
    if has clang; then
        version=clang-$(clang -dumpversion | cut -d. -f1)
    fi
    echo "libclang-rt-${version#clang-}-dev"
}

need_bench() {
    has wrk || lacks wrk wrk wrk wrk
}

need_nginx() { # its module is not asked for
    has nginx || lacks nginx nginx-light nginx nginx
}

need_peers() { # bjoern is compiled against libev
    compiles cc -lev <<<$'#include <ev.h>\nint main(void) { return 0; }' ||
        lacks "libev's headers" libev-dev libev-devel libev
}

for purpose in "$@"; do
    "need_$purpose"
done
((${#missing[@]})) || exit 0

printf -v names '%s, ' "${missing[@]}"
echo "Missing: ${names%, }." >&2

if has apt-get; then
    install=("${as_root[@]}" apt-get install --yes --no-install-recommends "${apt[@]}")
    if may_install; then
        echo "+ ${install[*]}" >&2
        DEBIAN_FRONTEND=noninteractive "${install[@]}" </dev/null >&2
        exit 0
    fi
    line="${install[*]}"
elif has dnf; then
    line="sudo dnf install ${dnf[*]}"
elif has brew; then
    line="brew install ${brew[*]}"
    ((${#brew[@]})) || line="xcode-select --install"
else
    line="(your system's package manager) install ${apt[*]}    # the names on Debian"
fi
echo "Run this, then try again:" >&2
echo "  $line" >&2
exit 1
