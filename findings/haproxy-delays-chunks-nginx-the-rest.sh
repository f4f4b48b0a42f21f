#!/bin/bash
# SPDX-License-Identifier: MIT
# HAProxy 2.6 passes each chunk of a chunked stream on 0.2 s late, and a stream without length at
# once; nginx 1.22 passes chunks at once and holds the other back to its end (both Debian 12, by
# default).
#
# A server that sends events as they happen may send its never-ending HTTP/1.1 answer in chunks, or
# with "Connection: close" and no length. Through HAProxy each chunk but the last comes when a timer
# of about 205 ms has run out (it announces more data to the kernel, and none comes); what has no
# length comes as it is sent. nginx sends chunks on as they come, and of the other form nothing, not
# even the head, before its buffer is full or the answer ends; "X-Accel-Buffering: no" in the answer
# lets it pass. So who tries one form through one proxy learns nothing of the other, and the only
# form that is in time through both is: no chunks, and that header.
#
# Runs Debian's haproxy and nginx, unpacked in a temporary folder, in front of a server on loopback
# that sends six events, one each half second. Exit status: 0 as described, 1 it has changed, 2 the
# packages can't be fetched.
set -euo pipefail

haproxy=2.6.12-1+deb12u4
nginx=1.22.1-9+deb12u11
folder=$(mktemp -d)
running=()
trap 'kill "${running[@]}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

for package in haproxy=$haproxy nginx=$nginx liblua5.3-0; do
    apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package" >log 2>&1 || { tail -n 3 log; exit 2; }
done
for package in ./*.deb; do
    dpkg-deb -x "$package" .
done
LD_LIBRARY_PATH=$(dirname "$(find "$folder" -name 'liblua5.3.so.0' | head -n 1)")
export LD_LIBRARY_PATH

cat >server.py <<'PYTHON'
import socket
import threading
import time

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)


def serve(connection):
    path = connection.recv(65536).split(b" ")[1]
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    in_chunks = path == b"/chunks"
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    head += "Transfer-Encoding: chunked\r\n" if in_chunks else "Connection: close\r\n"
    head += "X-Accel-Buffering: no\r\n" if path == b"/header" else ""
    connection.sendall((head + "\r\n").encode())
    for _ in range(6):
        time.sleep(0.5)
        event = f"data: {time.time():.6f}\n\n".encode()
        connection.sendall(b"%x\r\n%s\r\n" % (len(event), event) if in_chunks else event)
    connection.sendall(b"0\r\n\r\n" if in_chunks else b"")
    connection.close()


while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
PYTHON
# How late the second of the events was, in words.
cat >ask.py <<'PYTHON'
import socket
import sys
import time

connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
connection.sendall(f"GET {sys.argv[2]} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
text, late = b"", []
while len(late) < 6:
    text += connection.recv(65536)
    now = time.time()
    while b"data: " in text and b"\n\n" in text.split(b"data: ", 1)[1]:
        sent, text = text.split(b"data: ", 1)[1].split(b"\n\n", 1)
        late.append(now - float(sent))
print("at once" if late[1] < 0.15 else "late" if late[1] < 1 else "at the end")
PYTHON

port() { /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
/usr/bin/python3 server.py >port &
running+=($!)
until [ -s port ]; do sleep 0.05; done
through_haproxy=$(port)
through_nginx=$(port)
printf '%s\n' defaults 'mode http' 'timeout connect 5s' 'timeout client 30s' 'timeout server 30s' 'frontend f' \
    "bind 127.0.0.1:$through_haproxy" 'default_backend b' 'backend b' "server s 127.0.0.1:$(cat port)" >haproxy.cfg
usr/sbin/haproxy -f haproxy.cfg >haproxy.log 2>&1 &
running+=($!)
cat >nginx.conf <<NGINX
daemon off; pid nginx.pid; error_log error.log; events {}
http {
    access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
    server {
        listen 127.0.0.1:$through_nginx;
        location / { proxy_pass http://127.0.0.1:$(cat port); proxy_http_version 1.1; }
    }
}
NGINX
usr/sbin/nginx -p "$folder" -c nginx.conf >nginx.log 2>&1 &
running+=($!)
for place in "$through_haproxy" "$through_nginx"; do
    for ((i = 0; i < 100; i++)); do
        ! (exec 3<>"/dev/tcp/127.0.0.1/$place") 2>/dev/null || break
        sleep 0.05
    done
done

said=
for path in /chunks /no-length /header; do
    line="$path: haproxy $(/usr/bin/python3 ask.py "$through_haproxy" $path), nginx $(/usr/bin/python3 ask.py "$through_nginx" $path)"
    echo "$line"
    said+="$line"$'\n'
done
expected='/chunks: haproxy late, nginx at once
/no-length: haproxy at once, nginx at the end
/header: haproxy at once, nginx at once
'
[ "$said" = "$expected" ] || exit 1
echo 'as described'
