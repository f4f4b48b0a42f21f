#!/bin/bash
# SPDX-License-Identifier: MIT
# libpaho-mqtt 1.3.12 (Debian 12) formats a line of trace for each packet, though no trace is asked
# for; MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR) ends it.
#
# Without a callback, a level or MQTT_C_CLIENT_TRACE one would guess that tracing costs nothing. But
# the level of what is kept in memory (the last 400 entries, for a dump after a failure) begins at
# MINIMUM, so that each PUBLISH is written by vsnprintf, and each call of an inner function noted,
# under a lock. MQTTAsync_setTraceLevel is described as the level of what the callback gets; a level
# of ERROR lowers what is kept, too. In a receiver of short messages that was a tenth of its time.
#
# A small server on loopback sends a thousand PUBLISHes; the calls of vsnprintf that come from the
# library are counted, without and with the level. Source: trace_settings and Log in src/Log.c. Exit
# status: 0 as described, 1 it has changed, 2 the packages can't be fetched.
set -euo pipefail

paho=1.3.12-1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

for package in libpaho-mqtt1.3=$paho libpaho-mqtt-dev=$paho; do
    apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package" >log 2>&1 || { tail -n 3 log; exit 2; }
done
for package in ./*.deb; do
    dpkg-deb -x "$package" .
done
library=$(find . -name 'libpaho-mqtt3a.so.1.*' -type f | head -n 1)

cat >client.c <<'C'
#define _GNU_SOURCE
#include <MQTTAsync.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int written, received;

/* In front of the C library's, which the library's calls reach by name. */
int __vsnprintf_chk(char *out, size_t max, int flag, size_t size, const char *format, va_list args);
int __vsnprintf_chk(char *out, size_t max, int flag, size_t size, const char *format, va_list args)
{
    int (*real)(char *, size_t, int, size_t, const char *, va_list);
    *(void **)&real = dlsym(RTLD_NEXT, "__vsnprintf_chk");
    atomic_fetch_add(&written, 1);
    return real(out, max, flag, size, format, args);
}

static int on_message(void *context, char *topic, int len, MQTTAsync_message *message)
{
    (void)context;
    (void)len;
    atomic_fetch_add(&received, 1);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

int main(int argc, char **argv)
{
    MQTTAsync client;
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
    if (argc < 3 || MQTTAsync_create(&client, argv[1], "client", MQTTCLIENT_PERSISTENCE_NONE, NULL) != 0)
        return 2;
    if (strcmp(argv[2], "error") == 0)
        MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
    if (MQTTAsync_setCallbacks(client, NULL, NULL, on_message, NULL) != 0 ||
        MQTTAsync_connect(client, &options) != 0)
        return 2;
    for (int i = 0; i < 1000 && atomic_load(&received) < 1000; i++)
        usleep(10000);
    printf("%d %d\n", atomic_load(&received), atomic_load(&written));
    return 0;
}
C
cat >server.py <<'PY'
import socket, sys

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
for _ in range(2):
    client, _ = listener.accept()
    client.recv(1024)  # CONNECT
    client.sendall(bytes([0x20, 2, 0, 0]))  # CONNACK
    client.sendall((bytes([0x30, 12, 0, 5]) + b"topichello") * 1000)  # PUBLISH, QoS 0
    while client.recv(1024):
        pass
PY
cc -std=gnu11 -rdynamic -Iusr/include client.c -o client -L"$(dirname "$library")" -l:libpaho-mqtt3a.so.1 -ldl
exec 3< <(python3 server.py)
read -r port <&3
counts() { LD_LIBRARY_PATH=$(dirname "$library") ./client "mqtt://127.0.0.1:$port" "$1"; }
echo "libpaho-mqtt1.3 $paho; messages received, texts written meanwhile"
kept=$(counts default)
error=$(counts error)
echo "no level set: $kept"
echo "level ERROR:  $error"
[ "${kept% *}" = 1000 ] && [ "${error% *}" = 1000 ] || exit 1
[ "${kept#* }" -ge 1000 ] && [ "${error#* }" -lt 100 ] || exit 1
echo 'as described'
