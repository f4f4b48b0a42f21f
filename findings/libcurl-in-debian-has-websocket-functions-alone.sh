#!/bin/bash
# SPDX-License-Identifier: MIT
# libcurl 7.88.1 of Debian 12 exports curl_ws_send, curl_ws_recv and curl_ws_meta, and speaks no
# WebSocket.
#
# The functions are declared in <curl/websockets.h>, compile and link; a check for the symbol, as
# configure scripts make it, says yes. But WebSocket was experimental until 8.11 and is not built
# in: the protocol list has no ws, a transfer of a ws:// URL ends with CURLE_UNSUPPORTED_PROTOCOL
# (1) before a connection is tried, and curl_ws_send returns CURLE_NOT_BUILT_IN (4). Only
# curl_version_info's list of protocols tells, at run time. The manual names 7.86.0 as the version
# that has the functions (https://curl.se/libcurl/c/curl_ws_send.html).
#
# Compiles a small program against Debian's packages, unpacked in a temporary folder. Exit status:
# 0 as described, 1 it has changed, 2 the packages can't be fetched.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

curl=$(apt-cache madison libcurl4 | awk '$3 ~ /^7\.88\.1-10\+deb12u/ {print $3; exit}')
[ -n "$curl" ] || { echo 'no libcurl4 7.88.1 of Debian 12'; exit 2; }
for package in "libcurl4=$curl" "libcurl4-openssl-dev=$curl"; do
    apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package" >log 2>&1 || { tail -n 3 log; exit 2; }
done
for package in ./*.deb; do
    dpkg-deb -x "$package" .
done
library=$(find . -name 'libcurl.so.4.*' -type f | head -n 1)

cat >ws.c <<'C'
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    const curl_version_info_data *is = curl_version_info(CURLVERSION_NOW);
    int has_ws = 0;
    size_t sent = 0;
    for (const char *const *name = is->protocols; *name != NULL; name++)
        has_ws |= strcmp(*name, "ws") == 0;
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, "ws://127.0.0.1:9/");
    printf("ws is %s the protocols\n", has_ws ? "among" : "not among");
    printf("a transfer: %d\n", (int)curl_easy_perform(easy));
    printf("curl_ws_send: %d\n", (int)curl_ws_send(easy, "", 0, &sent, 0, CURLWS_TEXT));
    curl_easy_cleanup(easy);
    return 0;
}
C
include=$(dirname "$(dirname "$(find . -name curl.h -path '*curl/curl.h' | head -n 1)")")
cc -std=c11 -I"$include" ws.c -o ws -L"$(dirname "$library")" -l:"$(basename "$library")" -Wl,--allow-shlib-undefined
echo "libcurl4 $curl"
output=$(LD_LIBRARY_PATH=$(dirname "$library") ./ws)
echo "$output"
expected='ws is not among the protocols
a transfer: 1
curl_ws_send: 4'
[ "$output" = "$expected" ] || exit 1
echo 'as described'
