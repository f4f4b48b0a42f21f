# SPDX-License-Identifier: MIT
"""mqtt_lite - an MQTT 3.1.1 client in one file of standard library, for tests and the demo.

It does what a publisher of a test needs and no more: connect, publish at QoS 0 or 1 with a window
of unacknowledged messages, subscribe, read messages. Everything is synchronous and on the
caller's thread; a Client belongs to one thread. Whatever goes wrong raises MqttError (or OSError
from the socket).

Delivery: `flush` returns when the broker has taken every message published so far: at QoS 1
because each was acknowledged, at QoS 0 because the broker answers a PINGREQ only after what stood
before it.
"""

import os
import select
import socket
import struct
import time

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14
SEND_CHUNK = 256 * 1024
QUIET_S = 20 * float(os.environ.get("WEIR_TEST_PATIENCE", "1"))  # no byte of a broker that has something to say


class MqttError(Exception):
    """The broker refused, closed, or said what it must not."""


class Message:
    """One received message. `retain` and `dup` as delivered."""

    __slots__ = ("topic", "payload", "qos", "retain", "dup")

    def __init__(self, topic, payload, qos, retain, dup):
        self.topic, self.payload = topic, payload
        self.qos, self.retain, self.dup = qos, retain, dup


def encode_string(text):
    data = text.encode("utf-8") if isinstance(text, str) else text
    return struct.pack("!H", len(data)) + data


def encode_packet(first_byte, body):
    length, header = len(body), bytearray([first_byte])
    while True:
        length, digit = divmod(length, 128)
        header.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(header) + body


def encode_publish(topic, payload, qos=0, retain=False, packet_id=0):
    if isinstance(payload, str):
        payload = payload.encode("utf-8")
    ident = struct.pack("!H", packet_id) if qos else b""
    return encode_packet(PUBLISH << 4 | qos << 1 | int(retain), encode_string(topic) + ident + payload)


def decode_packet(buffer):
    """(first byte, body, bytes used), or None while the packet is not whole."""
    length = shift = 0
    for used in range(1, min(len(buffer), 5)):
        length |= (buffer[used] & 0x7F) << shift
        shift += 7
        if buffer[used] < 0x80:
            end = used + 1 + length
            return (buffer[0], bytes(buffer[used + 1:end]), end) if len(buffer) >= end else None
    if len(buffer) >= 5:
        raise MqttError("remaining length of more than four bytes")
    return None


class Client:
    """with Client(port) as client: client.publish(topic, payload, qos=1); client.flush()"""

    def __init__(self, port, host="127.0.0.1", client_id=None, clean=True, keepalive=60, username=None,
                 password=None, timeout=QUIET_S, window=500):
        self.host, self.port, self.timeout, self.window = host, port, timeout, window
        self.client_id = client_id or "lite-" + os.urandom(6).hex()
        self.clean, self.keepalive = clean, keepalive
        self.username, self.password = username, password
        self.session_present = False
        self.unacked = {}  # packet id -> the whole packet, in order of sending
        self.messages = []
        self._sock = None
        self._in, self._out = bytearray(), bytearray()
        self._next_id = 0
        self._pongs = self._pings = 0
        self._suback = None

    def __enter__(self):
        return self.connect()

    def __exit__(self, *_):
        self.close()

    def connect(self):
        """Connect, or connect again: what was not acknowledged is then sent again, marked dup."""
        self._drop_socket()
        self._sock = socket.create_connection((self.host, self.port), self.timeout)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._in, self._out = bytearray(), bytearray()
        self._pongs = self._pings = 0
        flags = 0x02 if self.clean else 0
        tail = encode_string(self.client_id)
        if self.username is not None:
            flags |= 0x80
            tail += encode_string(self.username)
        if self.password is not None:
            flags |= 0x40
            tail += encode_string(self.password)
        body = encode_string("MQTT") + bytes([4, flags]) + struct.pack("!H", self.keepalive) + tail
        self._out += encode_packet(CONNECT << 4, body)
        self._connack = None
        self._run_until(lambda: self._connack is not None, "CONNACK")
        if self._connack != 0:
            raise MqttError(f"connection refused with code {self._connack}")
        for packet in self.unacked.values():
            self._out += bytes([packet[0] | 0x08]) + packet[1:]
        return self

    def close(self):
        """Flush nothing, say DISCONNECT when the connection still stands."""
        if self._sock is not None:
            try:
                self._sock.settimeout(1)
                self._sock.sendall(bytes(self._out) + encode_packet(DISCONNECT << 4, b""))
            except OSError:
                pass  # it was gone already; close is what the caller wanted
        self._drop_socket()

    def publish(self, topic, payload, qos=0, retain=False):
        """Queue one message; blocks only while the window or the send buffer is full."""
        packet_id = 0
        if qos:
            self._run_until(lambda: len(self.unacked) < self.window, "PUBACK")
            packet_id = self._free_id()
        packet = encode_publish(topic, payload, qos, retain, packet_id)
        if qos:
            self.unacked[packet_id] = packet
        self._out += packet
        if len(self._out) >= SEND_CHUNK:
            self._run_until(lambda: len(self._out) < SEND_CHUNK // 2, "room in the socket")

    def publish_all(self, messages, qos=0):
        """messages: iterable of (topic, payload) or (topic, payload, retain).
        Returns their number."""
        count = 0
        for message in messages:
            self.publish(*message[:2], qos=qos, retain=len(message) > 2 and message[2])
            count += 1
        self.flush()
        return count

    def flush(self):
        self._run_until(lambda: not self._out and not self.unacked, "PUBACK")
        self.ping()

    def push(self):
        """Hand to the socket what is queued and read what has come, without waiting for answers."""
        self._run_until(lambda: not self._out, "room in the socket")
        self._step(0)

    def ping(self):
        self._pings += 1
        self._out += encode_packet(PINGREQ << 4, b"")
        self._run_until(lambda: self._pongs >= self._pings, "PINGRESP")

    def subscribe(self, *topics, qos=0):
        """Returns the SUBACK codes in the order of the topics."""
        body = struct.pack("!H", self._free_id())
        for topic in topics:
            body += encode_string(topic) + bytes([qos])
        self._suback = None
        self._out += encode_packet(SUBSCRIBE << 4 | 2, body)
        self._run_until(lambda: self._suback is not None, "SUBACK")
        return self._suback

    def receive(self, count=1, timeout=None):
        """Wait until `count` messages have come; returns and forgets them."""
        self._run_until(lambda: len(self.messages) >= count, f"{count} messages", timeout)
        taken, self.messages = self.messages[:count], self.messages[count:]
        return taken

    # --- inside -----------------------------------------------------------------------------------

    def _free_id(self):
        while True:
            self._next_id = self._next_id % 65535 + 1
            if self._next_id not in self.unacked:
                return self._next_id

    def _drop_socket(self):
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _run_until(self, done, what, timeout=None):
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while not done():
            left = deadline - time.monotonic()
            if left <= 0:
                raise MqttError(f"no {what} from {self.host}:{self.port} in time "
                                f"({len(self.unacked)} unacknowledged, {len(self._out)} bytes unsent)")
            if self._step(left):
                deadline = time.monotonic() + (self.timeout if timeout is None else timeout)

    def _step(self, wait):
        """One round of select; true when any byte moved."""
        if self._sock is None:
            raise MqttError("not connected")
        writers = [self._sock] if self._out else []
        readable, writable, _ = select.select([self._sock], writers, [], wait)
        moved = False
        if writable:
            sent = self._sock.send(memoryview(self._out)[:SEND_CHUNK])
            del self._out[:sent]
            moved = sent > 0
        if readable:
            data = self._sock.recv(65536)
            if not data:
                self._drop_socket()
                raise MqttError("the broker closed the connection")
            self._in += data
            self._read_packets()
            moved = True
        return moved

    def _read_packets(self):
        start = 0
        while True:
            packet = decode_packet(memoryview(self._in)[start:])
            if packet is None:
                break
            first, body, used = packet
            start += used
            self._handle(first, body)
        del self._in[:start]

    def _handle(self, first, body):
        kind = first >> 4
        if kind == PUBACK:
            self.unacked.pop(struct.unpack_from("!H", body)[0], None)
        elif kind == PINGRESP:
            self._pongs += 1
        elif kind == PUBLISH:
            self._handle_publish(first, body)
        elif kind == SUBACK:
            self._suback = list(body[2:])
        elif kind == CONNACK:
            self.session_present, self._connack = bool(body[0] & 1), body[1]
        else:
            raise MqttError(f"unexpected packet type {kind}")

    def _handle_publish(self, first, body):
        qos = first >> 1 & 3
        end = 2 + struct.unpack_from("!H", body)[0]
        topic, rest = body[2:end].decode("utf-8", "replace"), body[end:]
        if qos:
            self._out += encode_packet(PUBACK << 4, rest[:2])
            rest = rest[2:]
        self.messages.append(Message(topic, rest, qos, bool(first & 1), bool(first & 8)))
