#!/bin/bash
# SPDX-License-Identifier: MIT
# paho.mqtt.c 1.3.12 (Debian 12): the variable http_proxy sends plain MQTT through that proxy, also
# to a broker on this machine; no_proxy is not read, and httpProxy "" is no way to ask for none.
#
# http_proxy is what a shell sets for downloads. MQTT over TCP is no HTTP, and other clients connect
# to the broker; paho asks the proxy to CONNECT to it, and where the proxy does not allow that (most
# allow port 443 alone) the broker is out of reach, with an error that names no proxy. no_proxy
# names the exceptions for programs that know the pair of them, and has no effect here. In
# MQTTClient_connectOptions httpProxy NULL means the variable, and "" a proxy without a name: then
# no connection is made, with the variable or without. What helps is to remove the variable before
# the first call.
#
# Compiles a small program against Debian's packages, unpacked in a temporary folder; it connects to
# a port of loopback, with a listener in the proxy's place that says what it is asked. Exit status:
# 0 as described, 1 it has changed, 2 the packages can't be fetched.
set -euo pipefail

version=1.3.12-1
folder=$(mktemp -d)
proxy=
trap '[ -z "$proxy" ] || kill "$proxy" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

for package in libpaho-mqtt1.3=$version libpaho-mqtt-dev=$version; do
    apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package" >log 2>&1 || { tail -n 3 log; exit 2; }
done
for package in ./*.deb; do
    dpkg-deb -x "$package" .
done
library=$(find . -name 'libpaho-mqtt3c.so.1.*' -type f | head -n 1)

cat >connect.c <<'C'
#include <MQTTClient.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    MQTTClient client;
    MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
    options.connectTimeout = 3;
    options.MQTTVersion = MQTTVERSION_3_1_1;
    if (argc > 2 && strcmp(argv[2], "empty") == 0)
        options.httpProxy = "";
    MQTTClient_create(&client, argv[1], "finding", MQTTCLIENT_PERSISTENCE_NONE, NULL);
    printf("%s\n", MQTTClient_connect(client, &options) == MQTTCLIENT_SUCCESS ? "connected" : "failed");
    MQTTClient_destroy(&client);
    return 0;
}
C
cc -std=c11 -Iusr/include connect.c -o connect -L"$(dirname "$library")" -l:libpaho-mqtt3c.so.1

cat >proxy.py <<'PYTHON'
import socket

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
seen = open("seen", "a")
while True:
    connection, _ = listener.accept()
    print(connection.recv(4096).split(b"\r\n")[0].decode("latin-1"), file=seen, flush=True)
    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    connection.close()
PYTHON
# A broker's place: accepts any client, with the three bytes and a length that CONNACK is.
cat >broker.py <<'PYTHON'
import socket

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    connection.recv(4096)
    connection.sendall(b"\x20\x02\x00\x00")
    connection.recv(4096)
    connection.close()
PYTHON
/usr/bin/python3 proxy.py >proxy.port &
proxy=$!
/usr/bin/python3 broker.py >broker.port &
proxy="$proxy $!"
trap 'kill $proxy 2>/dev/null || true; rm -rf "$folder"' EXIT
until [ -s proxy.port ] && [ -s broker.port ]; do sleep 0.05; done
broker=tcp://127.0.0.1:$(cat broker.port)

ask() { # [VARIABLE=VALUE...] -- [empty]
    local variables=()
    while [ "$1" != -- ]; do
        variables+=("$1")
        shift
    done
    shift
    : >seen
    echo "$(env -i "${variables[@]}" LD_LIBRARY_PATH="$(dirname "$library")" ./connect "$broker" "$@"), proxy asked for: $(sed "s/$(cat broker.port)/PORT/" seen | sort -u | paste -sd' ')"
}

with=http_proxy=http://127.0.0.1:$(cat proxy.port)
none=$(ask --)
set=$(ask "$with" --)
except=$(ask "$with" 'no_proxy=127.0.0.1,localhost' --)
empty=$(ask "$with" -- empty)
alone=$(ask -- empty)
printf 'paho.mqtt.c %s\nwithout: %s\nhttp_proxy: %s\nand no_proxy: %s\nand httpProxy "": %s\nthat alone: %s\n' "$version" "$none" "$set" "$except" "$empty" "$alone"
asked='failed, proxy asked for: CONNECT 127.0.0.1:PORT HTTP/1.1'
[ "$none" = 'connected, proxy asked for: ' ] || exit 1
[ "$set" = "$asked" ] && [ "$except" = "$asked" ] || exit 1
[ "$empty" = 'failed, proxy asked for: ' ] && [ "$alone" = "$empty" ] || exit 1
echo 'as described'
