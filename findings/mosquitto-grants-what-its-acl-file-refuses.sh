#!/bin/bash
# SPDX-License-Identifier: MIT
# mosquitto 2.0.11 (Debian 12) grants a subscription that its acl_file forbids, and delivers
# nothing; with its dynamic security plugin the same subscription is refused.
#
# An acl_file knows reading and writing. A SUBSCRIBE is not looked at by it: SUBACK says 0 or 1, as
# for one that is allowed, and each message is then held back where it would be sent. So a client
# with a mistyped user or topic looks healthy and hears nothing, and no reason code tells the
# difference. The dynamic security plugin of the same broker has a rule for subscribing of its own,
# and what its default (subscribe: false) forbids is answered with 0x80, a failure. A check of
# SUBACK proves that a topic may be read with the one and proves nothing with the other.
#
# Runs Debian's mosquitto, unpacked in a temporary folder, on free ports of loopback: once with an
# acl_file that lets the user read `other/#`, once with the plugin as mosquitto_ctrl makes it, but
# for the roles, which are taken away; each is asked for `meshcore/#`. Exit status: 0 as described,
# 1 it has changed, 2 the packages can't be fetched.
set -euo pipefail

version=2.0.11-1.2+deb12u2
folder=$(mktemp -d)
brokers=()
trap 'kill "${brokers[@]}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

for package in mosquitto=$version libmosquitto1=$version libcjson1 libwebsockets17 libdlt2; do
    apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package" >log 2>&1 || { tail -n 3 log; exit 2; }
done
for package in ./*.deb; do
    dpkg-deb -x "$package" .
done
LD_LIBRARY_PATH=$(dirname "$(find "$folder" -name 'libcjson.so.1' | head -n 1)")
export LD_LIBRARY_PATH
plugin=$(find "$folder" -name 'mosquitto_dynamic_security.so' | head -n 1)

usr/bin/mosquitto_ctrl dynsec init dynamic.json reader secret >/dev/null
/usr/bin/python3 -c 'import json; d = json.load(open("dynamic.json"))
for client in d["clients"]: client["roles"] = []
print(d["defaultACLAccess"]); json.dump(d, open("dynamic.json", "w"))'
printf 'user reader\ntopic read other/#\n' >acl
touch passwords && chmod 600 passwords acl dynamic.json
usr/bin/mosquitto_passwd -b passwords reader secret

start() { # NAME SETTING...
    port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    printf '%s\n' "listener $port 127.0.0.1" 'allow_anonymous false' "user $(id -un)" "${@:2}" >"$1.conf"
    usr/sbin/mosquitto -c "$1.conf" >"$1.log" 2>&1 &
    brokers+=($!)
}

ask() { # the code in SUBACK
    /usr/bin/python3 - "$port" <<'PYTHON'
import socket, sys, time

def text(value):
    return len(value).to_bytes(2, "big") + value

def packet(kind, body):
    return bytes([kind, len(body)]) + body

for attempt in range(100):
    try:
        connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
        break
    except OSError:
        time.sleep(0.05)
connection.sendall(packet(0x10, text(b"MQTT") + b"\x04\xc2\0\x3c" + text(b"asker") + text(b"reader") + text(b"secret")))
assert connection.recv(4) == b"\x20\x02\0\0", "CONNACK"
connection.sendall(packet(0x82, b"\0\x01" + text(b"meshcore/#") + b"\x01"))
answer = connection.recv(5)
assert answer[:4] == b"\x90\x03\0\x01", answer
print(f"0x{answer[4]:02x}")
PYTHON
}

echo "mosquitto $version, SUBACK for a topic that may not be read:"
start file 'password_file passwords' 'acl_file acl'
with_file=$(ask)
start plugin "plugin $plugin" "plugin_opt_config_file $folder/dynamic.json"
with_plugin=$(ask)
echo "acl_file: $with_file, dynamic security: $with_plugin"
[ "$with_file" = 0x01 ] && [ "$with_plugin" = 0x80 ] || exit 1
echo 'as described'
