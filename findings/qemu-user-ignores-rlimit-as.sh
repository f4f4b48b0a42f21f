#!/bin/bash
# SPDX-License-Identifier: MIT
# qemu-user 7.2 (Debian 12): a program that limits its own address space is told that it did, and
# has not.
#
# setrlimit(RLIMIT_AS) returns 0 under qemu-user, but nothing is set: getrlimit goes on to say
# "unlimited", and an allocation above the limit succeeds. A native process with the same call is
# refused. The limit would hold for the emulator's own memory, so it is left alone (also
# RLIMIT_DATA: bytecodealliance/wasmtime, pull request 9626). Who tests under emulation that a limit
# refuses memory sees a failure that a real machine has not, or tests nothing. RLIMIT_NOFILE of the
# same program does work. Seen with arm64 programs on x86-64.
#
# Runs Debian's arm64 busybox under the emulator, both unpacked in a temporary folder. Exit status:
# 0 as described, 1 it has changed, 2 the packages can't be fetched.
set -euo pipefail

emulator=qemu-user-static=1:7.2+dfsg-7+deb12u18+b3
guest=busybox-static=1:1.35.0-4+deb12u1+b1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fetch() { # ARCH PACKAGE=VERSION: unpacked here
    local options=(-q -o APT::Architecture="$1" -o APT::Architectures="$1"
        -o Dir::State="$folder/$1/state" -o Dir::State::status="$folder/$1/status"
        -o Dir::Cache="$folder/$1/cache" -o APT::Sandbox::User="$(id -un)")
    mkdir -p "$1/state/lists/partial" "$1/cache/archives/partial"
    : >"$1/status"
    apt-get "${options[@]}" update >log 2>&1 || true
    apt-get "${options[@]}" download "$2" >>log 2>&1 || { tail -n 3 log; exit 2; }
    dpkg-deb -x ./*"_$1.deb" .
}

fetch "$(dpkg --print-architecture)" "$emulator"
fetch arm64 "$guest"
busybox=$(find . -path '*bin/busybox' | head -n 1)
qemu=usr/bin/qemu-aarch64-static
[ "$(uname -m)" != aarch64 ] || { echo 'this machine runs arm64 itself: nothing to see'; exit 0; }

"$qemu" --version | head -n 1
limits='ulimit -v 65536 && ulimit -n 77 &&
    echo "yes; address space $(ulimit -v), files $(ulimit -n)"
dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null &&
    echo "200 MB given" || echo "200 MB refused"'
native=$(sh -c "$limits")
emulated=$("$qemu" "$busybox" sh -c "$limits")
printf 'native: %s\nemulated: %s\n' "$native" "$emulated"
[ "$native" = $'yes; address space 65536, files 77\n200 MB refused' ] || exit 1
[ "$emulated" = $'yes; address space unlimited, files 77\n200 MB given' ] || exit 1
echo 'as described'
