# SPDX-License-Identifier: MIT
"""live_client - who listens to the live feed: an event stream, and a WebSocket without a library.

Both are given the bytes as they come, so a test may stop reading, and read on.
"""

import base64
import json
import os
import socket
import ssl
import struct
import time

PATIENCE = 20 * float(os.environ.get("WEIR_TEST_PATIENCE", "1"))


class Closed(Exception):
    """The server, or a proxy, has ended the connection."""


class Listener:
    """tls: (context, the name that is asked for)"""

    def __init__(self, port, host="127.0.0.1", small=False, tls=None):
        self.host = f"{tls[1] if tls else '127.0.0.1'}:{port}"
        self.socket = socket.socket()
        if small:  # before the connection: the window follows
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((host, port))
        if tls:
            self.socket = tls[0].wrap_socket(self.socket, server_hostname=tls[1])
        self.bytes = b""
        self.chunks = None  # what came and is in chunks, which a proxy may make
        self.head = ""
        self.status = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def more(self):
        """Some more bytes."""
        try:
            part = self.socket.recv(1 << 16)
        except (ConnectionResetError, ssl.SSLEOFError):
            part = b""
        if not part:
            raise Closed(self.bytes)
        if self.chunks is None:
            self.bytes += part
        else:
            self.chunks += part
            self.unpack()

    def unpack(self):
        """Whole chunks out of what came."""
        while b"\r\n" in self.chunks:
            size, rest = self.chunks.split(b"\r\n", 1)
            length = int(size, 16)
            if len(rest) < length + 2:
                return
            if length == 0:
                raise Closed(self.bytes)
            self.bytes += rest[:length]
            self.chunks = rest[length + 2:]

    def read_head(self):
        while b"\r\n\r\n" not in self.bytes:
            self.more()
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        self.head = head.decode()
        self.status = int(self.head.split()[1])
        if "transfer-encoding: chunked" in self.head.lower():
            self.chunks, self.bytes = self.bytes, b""
            self.unpack()

    def ask(self, path, headers):
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        self.socket.sendall("\r\n".join(lines + ["", ""]).encode())
        self.read_head()


class Stream(Listener):
    """Server-sent events, as (event, id, data): ("message", 7, {...})."""

    def __init__(self, port, path="/api/live", last_id=None, **keys):
        super().__init__(port, **keys)
        self.retry = self.last_id = None
        headers = {"Host": self.host, "Accept": "text/event-stream"}
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        self.ask(path, headers)

    def block(self):
        """The next block of lines, comments as well."""
        while b"\n\n" not in self.bytes:
            self.more()
        block, self.bytes = self.bytes.split(b"\n\n", 1)
        return block.decode()

    def any(self):
        """The next block as an event; None when it says no more than where we are."""
        fields = {}
        for line in self.block().split("\n"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        self.retry = int(fields["retry"]) if "retry" in fields else self.retry
        self.last_id = int(fields["id"]) if "id" in fields else self.last_id
        return (fields.get("event", "message"), self.last_id, json.loads(fields["data"])) if "data" in fields else None

    def event(self):
        while True:
            event = self.any()
            if event:
                return event

    def hello(self):
        kind, _, data = self.event()
        assert kind == "hello", (kind, data)
        return data

    def begin(self):
        """Reads on until it is known where the stream begins."""
        self.hello()
        while self.last_id is None:
            assert self.any() is None
        return self

    def packets(self, count):
        """The next ones, each by its id."""
        found = []
        while len(found) < count:
            kind, at, data = self.event()
            assert kind == "message", (kind, data)
            assert at == data["observation_id"]
            found.append(data)
        return found


class WebSocket(Listener):
    def __init__(self, port, path="/", origin=None, headers=None, **keys):
        super().__init__(port, **keys)
        key = base64.b64encode(os.urandom(16)).decode()
        extra = {"Origin": origin} if origin else {}
        self.ask(path, {"Host": self.host, "Upgrade": "websocket", "Connection": "Upgrade",
                        "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13", **extra, **(headers or {})})

    def take(self, count):
        while len(self.bytes) < count:
            self.more()
        part, self.bytes = self.bytes[:count], self.bytes[count:]
        return part

    def frame(self):
        """(opcode, payload)"""
        first, second = self.take(2)
        assert first & 0xf0 == 0x80 and second < 128, "fragments, reserved bits or a mask"
        length = second
        if second == 126:
            length, = struct.unpack(">H", self.take(2))
        elif second == 127:
            length, = struct.unpack(">Q", self.take(8))
        return first & 0x0f, self.take(length)

    def message(self):
        while True:
            opcode, payload = self.frame()
            if opcode == 9:
                self.send(10, payload)
            elif opcode == 1:
                return json.loads(payload)
            elif opcode == 8:
                raise Closed(payload)

    def send(self, opcode, payload=b"", mask=b"\1\2\3\4"):
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
        self.socket.sendall(bytes([0x80 | opcode]) + length + mask + masked)


def read_until_closed(listener):
    """All that still comes."""
    end = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < end:
            listener.more()
    except Closed:
        return listener.bytes
    raise AssertionError("it is still open")
