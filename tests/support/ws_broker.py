# SPDX-License-Identifier: MIT
"""ws_broker - a WebSocket or TLS front of a plain MQTT broker, with one habit each that brokers and
proxies have.

    with WsBroker(broker.port, "fragments") as front: ... front.url, front.connections, front.paths

Habits are names of HABITS; `cut_after` ends a connection after that many bytes towards the client,
handshake answer included. `tls`: a ServerCertificate of certificates.py. A front without WebSocket
(`websocket=False`) passes bytes: mqtts. Each connection has threads of its own.
"""

import base64
import hashlib
import os
import socket
import ssl
import struct
import threading
import time

from mqtt_lite import decode_packet
from tcp_server import TcpServer, end, listener

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
STATUSES = {401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 503: "Service Unavailable",
            301: "Moved Permanently"}

HABITS = {
    "plain": "a frame for what the broker wrote at once",
    "packets": "a frame for each MQTT packet",
    "bytes": "a frame for each byte",
    "fragments": "messages of three fragments, with pings and pongs in between",
    "endless": "one message that never ends: fragments without a FIN",
    "empty": "an empty frame and an empty fragment before each piece",
    "joined": "several packets in a frame, cut anywhere: 7 bytes, then 70, then 700",
    "pings": "a ping of 125 bytes before every frame; each must come back",
    "split_answer": "the answer to the upgrade comes byte by byte",
    "long_answer": "an answer with 12 KB of cookies",
    "too_long_answer": "an answer with 40 KB of cookies",
    "early_hints": "103 with headers, then the answer",
    "other_case": "header names and values in strange cases, Connection as a list",
    "no_subprotocol": "an answer that names no subprotocol",
    "other_subprotocol": "an answer with the subprotocol amqp",
    "extension": "an answer with an extension that nobody asked for",
    "wrong_accept": "a wrong Sec-WebSocket-Accept",
    "no_http": "a banner instead of an answer",
    "silent": "never an answer to the upgrade",
    "text_frames": "text instead of binary frames",
    "masked": "masked frames, which a server must not send",
    "bad_opcode": "after the CONNACK a frame of opcode 3",
    "close_1012": "after the SUBACK a close frame: 1012, restarting",
    "no_mqtt": "upgrades and then says INFO",
    "mute": "upgrades and forwards nothing",
    **{str(status): f"HTTP {status}" for status in STATUSES},
}


def encode_frame(opcode, payload, fin=True, mask=False):
    head = bytes([(0x80 if fin else 0) | opcode])
    length, flag = len(payload), 0x80 if mask else 0
    if length < 126:
        head += bytes([flag | length])
    elif length < 65536:
        head += bytes([flag | 126]) + struct.pack("!H", length)
    else:
        head += bytes([flag | 127]) + struct.pack("!Q", length)
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))


class Cut(Exception):
    """The connection's last byte was sent."""


class Stream:
    """A socket towards the client that ends after `left` bytes (None: never)."""

    def __init__(self, sock, left):
        self.sock, self.left, self.lock = sock, left, threading.Lock()

    def send(self, data):
        with self.lock:
            part = data if self.left is None else data[:self.left]
            if part:
                self.sock.sendall(part)
            if self.left is not None:
                self.left -= len(part)
                if self.left == 0:
                    raise Cut

    def recv_exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                raise ConnectionError("the client left")
            data += more
        return data


class WsBroker(TcpServer):
    def __init__(self, upstream_port, habit="plain", websocket=True, tls=None, path=None, cut_after=None, port=0,
                 host="127.0.0.1", name="localhost", location="https://elsewhere.example/mqtt"):
        assert habit in HABITS, habit
        self.upstream_port, self.habit, self.websocket, self.tls = upstream_port, habit, websocket, tls
        self.path, self.cut_after, self.name, self.location = path, cut_after, name, location
        self.closes, self.pongs = 0, 0
        self.paths, self.complaints, self.requests, self.close_codes = [], [], [], []
        self.is_frozen = threading.Event()  # set: what the broker says goes nowhere
        super().__init__(listener(port, host))

    @property
    def url(self):
        scheme = ("ws" if self.websocket else "mqtt") + ("s" if self.tls else "")
        return f"{scheme}://{self.name}:{self.port}{self.path or ''}"

    # --- inside -----------------------------------------------------------------------------------

    def _serve(self, sock):
        broker = None
        try:
            if self.tls:
                sock = self.tls.context().wrap_socket(sock, server_side=True)
                self._socks.append(sock)
            client = Stream(sock, self.cut_after)
            if self.cut_after == 0:
                raise Cut
            if self.websocket and not self._answer(client):
                while not self._stop.is_set() and sock.recv(65536):
                    pass
                return
            broker = socket.create_connection(("127.0.0.1", self.upstream_port), 10)
            broker.settimeout(None)
            broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socks.append(broker)
            self._spawn(self._down, broker, client)
            self._up(client, broker)
        except (Cut, OSError, ssl.SSLError, ValueError):
            pass  # the client left, the cut came, or the test ended (and closed the socket)
        finally:
            end(sock)
            if broker:
                end(broker)

    # --- the upgrade ---

    def _answer(self, client):
        """True when frames follow."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv_exactly(1)
        lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:] if ":" in line)}
        path = lines[0].split(" ")[1]
        self.paths.append(path)
        self.requests.append(head.decode("latin-1"))
        self._check_request(lines[0], headers)
        status = int(self.habit) if self.habit.isdigit() else 101
        if self.path is not None and path != self.path and status == 101:
            status = 404
        if status != 101:
            client.send(self._refusal(status))
            return False
        if self.habit == "silent":
            return False
        if self.habit == "no_http":
            client.send(b"220 mail.example ESMTP\r\n")
            return False
        answer = self._acceptance(headers["sec-websocket-key"])
        for piece in [answer[i:i + 1] for i in range(len(answer))] if self.habit == "split_answer" else [answer]:
            client.send(piece)
        if self.habit == "no_mqtt":
            client.send(encode_frame(BINARY, b"INFO {}\r\n"))
        return self.habit not in ("mute", "no_mqtt")

    def _check_request(self, line, headers):
        wanted = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13",
                  "sec-websocket-protocol": "mqtt", "host": f"{self.name}:{self.port}"}
        for key, value in wanted.items():
            if headers.get(key) != value:
                self.complaints.append(f"{key}: {headers.get(key)!r}, not {value!r}")
        if not line.startswith("GET /") or not line.endswith(" HTTP/1.1"):
            self.complaints.append(line)
        if len(base64.b64decode(headers.get("sec-websocket-key", ""))) != 16:
            self.complaints.append("a key that is not 16 bytes")

    def _refusal(self, status):
        location = f"Location: {self.location}\r\n" if status == 301 else ""
        return (f"HTTP/1.1 {status} {STATUSES[status]}\r\n{location}Content-Length: 4\r\n\r\nno.\n").encode()

    def _acceptance(self, key):
        accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
        if self.habit == "wrong_accept":
            accept = accept.swapcase()
        fields = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}"]
        if self.habit == "other_case":
            fields = ["uPGRADE:WebSocket ", "CONNECTION: keep-alive,  upgrade", f"sec-websocket-accept:  {accept} "]
        if self.habit == "other_subprotocol":
            fields.append("Sec-WebSocket-Protocol: amqp")
        elif self.habit != "no_subprotocol":
            fields.append("Sec-WebSocket-Protocol: mqtt")
        if self.habit == "extension":
            fields.append("Sec-WebSocket-Extensions: permessage-deflate")
        fields += [f"Set-Cookie: c{n}={'x' * 1000}" for n in
                   range({"long_answer": 12, "too_long_answer": 40}.get(self.habit, 0))]
        early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" if self.habit == "early_hints" else ""
        return (early + "HTTP/1.1 101 Switching Protocols\r\n" + "\r\n".join(fields) + "\r\n\r\n").encode()

    # --- the bytes ---

    def _up(self, client, broker):
        """Client to broker; checks what a client must do."""
        if not self.websocket:
            while data := client.sock.recv(65536):
                broker.sendall(data)
            return
        while True:
            opcode, payload = self._read_frame(client)
            if opcode in (BINARY, CONTINUATION):
                broker.sendall(payload)
            elif opcode == PING:
                client.send(encode_frame(PONG, payload))
            elif opcode == PONG:
                self.pongs += 1
            elif opcode == CLOSE:
                self.closes += 1
                self.close_codes.append(struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else None)
                if self.close_codes[-1] != 1001:
                    client.send(encode_frame(CLOSE, payload[:2]))
                return
            else:
                self.complaints.append(f"opcode {opcode}")

    def _read_frame(self, client):
        first, second = client.recv_exactly(2)
        length = second & 0x7F
        if length == 126:
            length = struct.unpack("!H", client.recv_exactly(2))[0]
        elif length == 127:
            length = struct.unpack("!Q", client.recv_exactly(8))[0]
        if not second & 0x80:
            self.complaints.append("a frame without a mask")
            return first & 15, client.recv_exactly(length)
        key, payload = client.recv_exactly(4), client.recv_exactly(length)
        mask = int.from_bytes(key * (length // 4 + 1), "big") >> 8 * (4 - length % 4) if length else 0
        return first & 15, (int.from_bytes(payload, "big") ^ mask).to_bytes(length, "big") if length else b""

    def _down(self, broker, client):
        try:
            rest, count = b"", 0
            while data := broker.recv(65536):
                if self.is_frozen.is_set():
                    continue
                rest = self._frames(client, rest + data, count)
                count += 1
            if self.websocket:  # whose answer ends the connection
                client.send(encode_frame(CLOSE, struct.pack("!H", 1001)))
            else:
                end(client.sock)
        except (Cut, OSError, ssl.SSLError):
            end(client.sock)

    def _frames(self, client, data, count):
        """Sends what can be sent; returns what has to wait for more."""
        if not self.websocket:
            client.send(data)
            return b""
        send = getattr(self, "_send_" + self.habit, None)
        if send is None:
            client.send(encode_frame(BINARY, data))
            return b""
        return send(client, data, count) or b""

    def _send_packets(self, client, data, _):
        while packet := decode_packet(data):
            client.send(encode_frame(BINARY, data[:packet[2]]))
            data = data[packet[2]:]
        return data

    def _send_bytes(self, client, data, _):
        client.send(b"".join(encode_frame(BINARY, data[i:i + 1]) for i in range(len(data))))

    def _send_fragments(self, client, data, _):
        a, b = len(data) // 3, 2 * len(data) // 3
        client.send(encode_frame(BINARY, data[:a], fin=False) + encode_frame(PING, b"here?")
                    + encode_frame(CONTINUATION, data[a:b], fin=False) + encode_frame(PONG, b"unasked")
                    + encode_frame(CONTINUATION, data[b:]))

    def _send_endless(self, client, data, count):
        client.send(encode_frame(CONTINUATION if count else BINARY, data, fin=False))

    def _send_empty(self, client, data, _):
        client.send(encode_frame(BINARY, b"") + encode_frame(BINARY, b"", fin=False)
                    + encode_frame(CONTINUATION, b"", fin=False) + encode_frame(CONTINUATION, data))

    def _send_joined(self, client, data, _):
        at = 0
        while at < len(data):
            for size in (7, 70, 700):
                if at < len(data):
                    client.send(encode_frame(BINARY, data[at:at + size]))
                at += size

    def _send_pings(self, client, data, _):
        client.send(encode_frame(PING, bytes(125)) + encode_frame(BINARY, data))

    def _send_text_frames(self, client, data, _):
        client.send(encode_frame(TEXT, b"hello"))

    def _send_masked(self, client, data, _):
        client.send(encode_frame(BINARY, data, mask=True))

    def _send_bad_opcode(self, client, data, count):
        client.send(encode_frame(BINARY if count == 0 else 3, data))

    def _send_close_1012(self, client, data, count):
        client.send(encode_frame(BINARY, data))
        if count == 1:
            client.send(encode_frame(CLOSE, struct.pack("!H", 1012) + b"restarting"))


class Tunnel(TcpServer):
    """An HTTP proxy: CONNECT, then bytes. `credentials` = "user:password" it asks for."""

    def __init__(self, credentials=None, status=200):
        self.credentials, self.status = credentials, status
        self.targets = []
        super().__init__(listener())

    def _serve(self, sock):
        try:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                more = sock.recv(1)
                if not more:
                    return
                head += more
            method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
            self.targets.append((method, target))
            wanted = self.credentials and b"Basic " + base64.b64encode(self.credentials.encode())
            if wanted and wanted not in head:
                sock.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n"
                             b"Content-Length: 0\r\n\r\n")
                end(sock)
                return
            if self.status != 200:
                sock.sendall(f"HTTP/1.1 {self.status} No\r\nContent-Length: 0\r\n\r\n".encode())
                end(sock)
                return
            host, port = target.rsplit(":", 1)
            other = socket.create_connection((host.strip("[]"), int(port)), 10)
            other.settimeout(None)
            self._socks.append(other)
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._spawn(copy, other, sock)
            copy(sock, other)
        except OSError:
            pass


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        end(source)
        end(target)


if __name__ == "__main__":
    import sys

    with WsBroker(int(sys.argv[1]), *sys.argv[2:3]) as front:
        print(f"{front.url}: {HABITS[front.habit]}", flush=True)
        while True:
            time.sleep(3600)
