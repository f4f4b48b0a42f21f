#!/bin/bash
# SPDX-License-Identifier: MIT
# libcurl 7.88.1 (Debian 12) sends a POST a second time by itself when a connection that it reuses
# ends without an answer, and says that all went well.
#
# A server that keeps connections may end one just when the next request arrives, so libcurl tries
# again on a fresh one. It does so for a POST, too, whose body the server has read and may have
# acted upon before it closed: a row is inserted twice, and the transfer's result is 0. No option
# turns it off but CURLOPT_FRESH_CONNECT or CURLOPT_FORBID_REUSE; counting one's own tries does not
# see it. RFC 9110 (9.2.2) forbids to repeat a request automatically that is not idempotent, unless
# it is known that it was not applied. On a first connection the same end is error 52, an empty
# reply.
#
# Runs Debian's curl, unpacked in a temporary folder, against a server on loopback that answers the
# first POST of a connection and ends it, body read, at the second. Exit status: 0 as described, 1
# it has changed, 2 the packages can't be fetched.
set -euo pipefail

version=7.88.1-10+deb12u15
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

for package in curl=$version libcurl4=$version; do
    apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package" >log 2>&1 || { tail -n 3 log; exit 2; }
done
for package in ./*.deb; do
    dpkg-deb -x "$package" .
done
LD_LIBRARY_PATH=$(dirname "$(find "$folder" -name 'libcurl.so.4' | head -n 1)")
export LD_LIBRARY_PATH

cat >server.py <<'PYTHON'
import socket

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
seen = open("seen", "a")
ended = False
while True:
    connection, _ = listener.accept()
    file, count = connection.makefile("rb"), 0
    while line := file.readline():
        length = 0
        while (header := file.readline()) not in (b"\r\n", b""):
            if header.lower().startswith(b"content-length:"):
                length = int(header.split(b":")[1])
        print(file.read(length).decode(), file=seen, flush=True)
        count += 1
        if (count == 2 or line.startswith(b"POST /first-end")) and not ended:
            ended = True  # read as a whole, and no answer
            break
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    file.close()
    connection.close()
PYTHON

run() { # URL BODY...: curl's exit status, and the bodies that the server read
    /usr/bin/python3 server.py >port &
    server=$!
    until [ -s port ]; do sleep 0.05; done
    local arguments=() status=0 path=$1
    shift
    for body in "$@"; do
        arguments+=(--data "$body" "http://127.0.0.1:$(cat port)$path")
        [ "$body" = "${!#}" ] || arguments+=(--next -sS)
    done
    usr/bin/curl -q -sS --noproxy '*' "${arguments[@]}" >/dev/null 2>&1 || status=$?
    kill "$server"
    wait "$server" 2>/dev/null || true
    server=
    echo "status $status, the server read: $(paste -sd' ' seen)"
    rm -f port seen
}

usr/bin/curl -q --version | head -n 1
reused=$(run / one two)
fresh=$(run /first-end one)
printf 'reused connection: %s\nfirst connection: %s\n' "$reused" "$fresh"
[ "$reused" = 'status 0, the server read: one two two' ] || exit 1
[ "$fresh" = 'status 52, the server read: one' ] || exit 1
echo 'as described'
