#!/usr/bin/env bash
# Does a newcomer get by with two commands? Makes a bare Debian in a temporary folder, with
# python3, make and git and nothing else, clones this repository into it (what is
# committed), and runs `make run` and `make test` there. Not part of CI: it needs root,
# debootstrap, the network and some minutes.
#
#   tools/check_newcomer.sh
#
# From the environment:
#   SUITE     bookworm; for Ubuntu e.g. noble, with its mirror
#   MIRROR    where debootstrap fetches from; its default otherwise
#   OVERLAY   a folder that is copied over the new root before anything is installed: a
#             site's own apt sources, pip configuration, certificates
#   KEEP      a folder to use, and to leave behind, instead of a temporary one
set -euo pipefail
cd "$(dirname "$0")/.."

begin=$SECONDS
say() {
    printf '=== %d s: %s\n' $((SECONDS - begin)) "$*"
}

root=${KEEP:-$(mktemp -d)}
[[ -n ${KEEP:-} ]] || trap 'rm -rf --one-file-system "$root"' EXIT

if [[ ! -e $root/etc/os-release ]]; then
    say "debootstrap ${SUITE:-bookworm} into $root"
    debootstrap --variant=minbase --include=python3,make,git \
        "${SUITE:-bookworm}" "$root" ${MIRROR:+"$MIRROR"} >"$root.log" ||
        { tail -20 "$root.log"; exit 1; }
    rm -f "$root.log"
fi
[[ -z ${OVERLAY:-} ]] || cp -a "$OVERLAY/." "$root/"
rm -rf "$root/root/pyrs"
git clone --quiet . "$root/root/pyrs"

cat >"$root/root/check" <<'CHECK'
set -euo pipefail
cd /root/pyrs

echo "--- make run"
set -m # a process group of its own, so that it can be stopped as Ctrl-C does
make run </dev/null &
run=$!
set +m
url=http://127.0.0.1:8094/hello
until answer=$(python3 -c "
import urllib.request
answer = urllib.request.urlopen('$url', timeout=5)
print(answer.status, answer.read())" 2>/dev/null); do
    kill -0 "$run" || exit 1
    sleep 1
done
echo "--- GET /hello: $answer"
kill -INT -- -"$run"
wait "$run" || [[ $? == 2 || $? == 130 ]] # make's own end by the signal

echo "--- make test"
make test </dev/null
CHECK

say "make run and make test in it"
# Processes and mounts of its own: both are gone when it ends.
unshare --mount --pid --fork bash -c '
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs tmpfs "$1/tmp"
    exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb \
        chroot "$1" bash /root/check' - "$root"
say "a newcomer gets by"
