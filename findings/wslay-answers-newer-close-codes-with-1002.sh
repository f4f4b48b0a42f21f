#!/bin/bash
# SPDX-License-Identifier: MIT
# libwslay 1.1.1 (Debian 12) answers close statuses 1012, 1013 and 1014 with a protocol error.
#
# 1012 (Service Restart), 1013 (Try Again Later) and 1014 (Bad Gateway) are registered with IANA
# for WebSocket's close frame (https://www.iana.org/assignments/websocket/), and servers and proxies
# send them when they restart or are full. wslay 1.1.1-3+b1 answers each with a close frame of its
# own that says 1002 (protocol error), and does not call on_msg_recv_callback; 1001, 1011 and 3000
# are answered with themselves, and told. So the other side's log blames the client, and a client
# that would wait longer after a 1013 never sees one.
#
# Compiles a small program against Debian's package, unpacked in a temporary folder: a client is
# given one close frame and its answer is read. Exit status: 0 as described, 1 it has changed, 2 the
# package can't be fetched.
set -euo pipefail

wslay=1.1.1-3+b1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

for package in libwslay1=$wslay libwslay-dev=$wslay; do
    apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package" >log 2>&1 || { tail -n 3 log; exit 2; }
done
for package in ./*.deb; do
    dpkg-deb -x "$package" .
done
library=$(find . -name 'libwslay.so.*' -type f | head -n 1)

cat >close.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

static unsigned char in[4], out[64];
static size_t in_at, out_len;
static int told;

static ssize_t on_recv(wslay_event_context_ptr c, uint8_t *buf, size_t len, int flags, void *user)
{
    (void)flags, (void)user;
    const size_t n = len < sizeof in - in_at ? len : sizeof in - in_at;
    if (n == 0) {
        wslay_event_set_error(c, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(buf, in + in_at, n);
    in_at += n;
    return (ssize_t)n;
}

static ssize_t on_send(wslay_event_context_ptr c, const uint8_t *data, size_t len, int flags, void *user)
{
    (void)c, (void)flags, (void)user;
    memcpy(out + out_len, data, len);
    out_len += len;
    return (ssize_t)len;
}

static int no_mask(wslay_event_context_ptr c, uint8_t *buf, size_t len, void *user)
{
    (void)c, (void)user;
    memset(buf, 0, len);
    return 0;
}

static void on_msg(wslay_event_context_ptr c, const struct wslay_event_on_msg_recv_arg *arg, void *user)
{
    (void)c, (void)user;
    told = arg->status_code;
}

int main(int argc, char **argv)
{
    const struct wslay_event_callbacks calls = {.recv_callback = on_recv,
                                                .send_callback = on_send,
                                                .genmask_callback = no_mask,
                                                .on_msg_recv_callback = on_msg};
    wslay_event_context_ptr client;
    const int code = argc > 1 ? atoi(argv[1]) : 0;
    in[0] = 0x88; /* FIN, close */
    in[1] = 2;
    in[2] = (unsigned char)(code >> 8);
    in[3] = (unsigned char)code;
    if (wslay_event_context_client_init(&client, &calls, NULL) != 0 || wslay_event_recv(client) != 0 ||
        wslay_event_send(client) != 0 || out_len < 8)
        return 1;
    printf("%d: answered with %d, the program is told %d\n", code, out[6] << 8 | out[7], told);
    wslay_event_context_free(client);
    return 0;
}
C
cc -std=c11 -Iusr/include close.c -o close -L"$(dirname "$library")" -l:"$(basename "$library")"
echo "libwslay $wslay"
output=$(for code in 1001 1011 1012 1013 1014 3000; do LD_LIBRARY_PATH=$(dirname "$library") ./close $code; done)
echo "$output"
expected='1001: answered with 1001, the program is told 1001
1011: answered with 1011, the program is told 1011
1012: answered with 1002, the program is told 0
1013: answered with 1002, the program is told 0
1014: answered with 1002, the program is told 0
3000: answered with 3000, the program is told 3000'
[ "$output" = "$expected" ] || exit 1
echo 'as described'
