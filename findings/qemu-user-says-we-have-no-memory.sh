#!/bin/bash
# SPDX-License-Identifier: MIT
# qemu-user 7.2 (Debian 12): a program that asks how much memory it has is told none.
#
# /proc/self/stat (and /proc/<own pid>/stat) is not the kernel's there: the emulator answers the
# open with a file of its own, in which pid, name, parent, start and stack stand, and every other
# field is 0: the memory (vsize, rss), processor time, threads. The file of any other process is the
# kernel's. So a program that watches its own size sees 0, and a test that says it must be more
# fails though nothing is wrong; who wants to try the reading reads the parent's. Seen with arm64
# programs on x86-64.
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
fields='{ print ($23 > 0 ? "some" : "none"), ($24 > 0 ? "some" : "none") }'
native=$(sh -c "awk '$fields' /proc/self/stat")
emulated=$("$qemu" "$busybox" awk "$fields" /proc/self/stat)
parent=$("$qemu" "$busybox" awk "$fields" /proc/$$/stat)
printf 'vsize and rss: native %s, emulated %s, of the parent %s\n' "$native" "$emulated" "$parent"
[ "$native" = 'some some' ] && [ "$emulated" = 'none none' ] && [ "$parent" = 'some some' ] || exit 1
echo 'as described'
