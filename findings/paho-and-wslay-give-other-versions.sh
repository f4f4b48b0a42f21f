#!/bin/bash
# SPDX-License-Identifier: MIT
# libpaho-mqtt 1.3.12 says that it is 1.3.11, and libwslay 1.1.1 that it is 1.0.1-DEV (Debian 12).
#
# Both packages' version is upstream's tag; what the library says of itself was not moved with it.
# MQTTAsync_getVersionInfo of paho.mqtt.c 1.3.12-1 has "Version: 1.3.11", and the file name of the
# library ends in 1.3.11, too. WSLAY_VERSION in wslayver.h of 1.1.1-3 is "1.0.1-DEV". Who logs or
# compares these to know whether a mended version is there, in a bug report or at run time, is
# misled: ask the package manager.
#
# Compiles a small program against Debian's packages, unpacked in a temporary folder. Exit status:
# 0 as described, 1 it has changed, 2 the packages can't be fetched.
set -euo pipefail

paho=1.3.12-1
wslay=1.1.1-3+b1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

for package in libpaho-mqtt1.3=$paho libpaho-mqtt-dev=$paho libwslay-dev=$wslay; do
    apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package" >log 2>&1 || { tail -n 3 log; exit 2; }
done
for package in ./*.deb; do
    dpkg-deb -x "$package" .
done
library=$(find . -name 'libpaho-mqtt3a.so.1.*' -type f | head -n 1)

cat >version.c <<'C'
#include <MQTTAsync.h>
#include <stdio.h>
#include <string.h>
#include <wslay/wslay.h>

int main(void)
{
    for (const MQTTAsync_nameValue *said = MQTTAsync_getVersionInfo(); said->name != NULL; said++) {
        if (strcmp(said->name, "Version") == 0)
            printf("paho says %s\n", said->value);
    }
    printf("wslay says %s\n", WSLAY_VERSION);
    return 0;
}
C
cc -std=c11 -Iusr/include version.c -o version -L"$(dirname "$library")" -l:libpaho-mqtt3a.so.1
echo "Debian says $paho and $wslay; the file is $(basename "$library")"
output=$(LD_LIBRARY_PATH=$(dirname "$library") ./version)
echo "$output"
[ "$output" = $'paho says 1.3.11\nwslay says 1.0.1-DEV' ] || exit 1
echo 'as described'
