#!/bin/bash
# SPDX-License-Identifier: MIT
# wslay 1.1.1 (Debian 12): a close that is queued behind messages is sent before them, and they are
# never sent at all.
#
# wslay_event_queue_msg twice, then wslay_event_queue_close, then wslay_event_send: every call
# returns 0, the wire holds one frame, the close. wslay_event_get_queued_msg_count goes on to say 2,
# wslay_event_want_write says 0, and another wslay_event_send sends nothing. The close stands in the
# queue of control frames, which goes first (as RFC 6455, 5.4 and 5.5 allow for pings), and once it
# is gone the context does not write any more. So who says goodbye loses what it said before:
# send until nothing is queued, then queue the close.
#
# Compiles a small program against Debian's packages, unpacked in a temporary folder. Exit status:
# 0 as described, 1 it has changed, 2 the packages can't be fetched.
set -euo pipefail

version=1.1.1-3+b1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

for package in libwslay1 libwslay-dev; do
    apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package=$version" >log 2>&1 || { tail -n 3 log; exit 2; }
done
for package in ./*.deb; do
    dpkg-deb -x "$package" .
done
libraries=$(dirname "$(find . -name 'libwslay.so.*' | head -n 1)")

cat >close.c <<'C'
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <wslay/wslay.h>

static uint8_t wire[64];
static size_t used;

static ssize_t to_wire(wslay_event_context_ptr ws, const uint8_t *bytes, size_t count, int flags, void *context)
{
    (void)ws, (void)flags, (void)context;
    memcpy(wire + used, bytes, count);
    used += count;
    return (ssize_t)count;
}

int main(void)
{
    const struct wslay_event_callbacks callbacks = {.send_callback = to_wire};
    const struct wslay_event_msg one = {WSLAY_TEXT_FRAME, (const uint8_t *)"one", 3};
    const struct wslay_event_msg two = {WSLAY_TEXT_FRAME, (const uint8_t *)"two", 3};
    wslay_event_context_ptr ws;
    int failed = wslay_event_context_server_init(&ws, &callbacks, NULL);
    failed |= wslay_event_queue_msg(ws, &one);
    failed |= wslay_event_queue_msg(ws, &two);
    failed |= wslay_event_queue_close(ws, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0);
    failed |= wslay_event_send(ws);
    failed |= wslay_event_send(ws);
    printf("failed: %d\n", failed != 0);
    for (size_t at = 0; at < used; at += 2u + (wire[at + 1] & 127u))
        printf("frame: opcode %d, %d bytes\n", wire[at] & 15, wire[at + 1] & 127);
    printf("queued: %zu, wants to write: %d\n", wslay_event_get_queued_msg_count(ws), wslay_event_want_write(ws));
    wslay_event_context_free(ws);
    return 0;
}
C
cc -std=c11 -D_DEFAULT_SOURCE -Iusr/include close.c -o close -L"$libraries" -l:libwslay.so.1
echo "libwslay $version"
output=$(LD_LIBRARY_PATH=$libraries ./close)
echo "$output"
[ "$output" = $'failed: 0\nframe: opcode 8, 2 bytes\nqueued: 2, wants to write: 0' ] || exit 1
echo 'as described'
