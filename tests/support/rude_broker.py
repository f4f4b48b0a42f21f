# SPDX-License-Identifier: MIT
"""rude_broker - a broker with bad manners, one mode each; what a receiver must survive.

    with RudeBroker("silent") as broker: ... broker.port, broker.connections,
    broker.wait_connections(2)

Each connection has a thread of its own, so one that never ends does not keep the next
from being rude.
"""

import os
import socket
import struct
import time

from mqtt_lite import CONNACK, PINGREQ, PINGRESP, PUBLISH, SUBACK, SUBSCRIBE, decode_packet, encode_packet
from mqtt_lite import encode_publish
from tcp_server import TcpServer

MODES = {
    "silent": "accepts TCP and never says a byte",
    "deaf": "listens and never accepts",
    "garbage": "answers CONNECT with random bytes",
    "drip": "sends the CONNACK one byte a second and never its last",
    "closes": "accepts and closes",
    "refuses": "CONNACK with code 5, not authorised",
    "mute_suback": "CONNACK, then never a SUBACK",
    "denies": "SUBACK 0x80 for each topic",
    "half_open": "polite until the SUBACK, then reads and answers nothing",
    "huge": "after the SUBACK announces a message of 256 MB and sends some of it",
    "malformed": "after the SUBACK sends publishes whose topic is longer than the packet",
    "forbids": "ends the connection at each SUBSCRIBE, as RabbitMQ does without the rights",
    "polite": "answers everything, has no messages",
}


class RudeBroker(TcpServer):
    patience = 10

    def __init__(self, mode, port=0):
        assert mode in MODES, f"mode {mode!r} is none of {sorted(MODES)}"
        self.mode = mode
        self.refusals = 0  # SUBSCRIBEs answered with 0x80
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(0 if mode == "deaf" else 64)
        super().__init__(listening)

    def __enter__(self):
        return self if self.mode == "deaf" else super().__enter__()

    def _serve(self, sock):
        try:
            getattr(self, "_serve_" + self.mode, self._serve_session)(sock)
        except OSError:
            pass  # the client left, or the test ended

    def _serve_silent(self, sock):
        while sock.recv(65536):
            pass

    def _serve_closes(self, sock):
        sock.close()

    def _serve_garbage(self, sock):
        sock.recv(65536)
        while not self._stop.wait(0.05):
            sock.sendall(os.urandom(512))

    def _serve_drip(self, sock):
        sock.recv(65536)
        for byte in b"\x20\x02\x00":
            sock.sendall(bytes([byte]))
            if self._stop.wait(1):
                return
        self._serve_silent(sock)

    def _serve_refuses(self, sock):
        sock.recv(65536)
        sock.sendall(encode_packet(CONNACK << 4, b"\x00\x05"))
        self._serve_silent(sock)

    def _serve_session(self, sock):
        """mute_suback, denies, half_open, huge, malformed, polite: a session until
        the bad moment."""
        buffer = bytearray()
        sock.recv(65536)  # CONNECT, whatever it says
        sock.sendall(encode_packet(CONNACK << 4, b"\x00\x00"))
        while data := sock.recv(65536):
            buffer += data
            while packet := decode_packet(buffer):
                first, body, used = packet
                del buffer[:used]
                if first >> 4 == SUBSCRIBE:
                    self._answer_subscribe(sock, body)
                elif first >> 4 == PINGREQ and self.mode != "half_open":
                    sock.sendall(encode_packet(PINGRESP << 4, b""))

    def _answer_subscribe(self, sock, body):
        if self.mode == "mute_suback":
            return
        if self.mode == "forbids":
            sock.shutdown(socket.SHUT_RDWR)
            return
        codes = bytes(0x80 if self.mode == "denies" else 0 for _ in range(count_topics(body)))
        sock.sendall(encode_packet(SUBACK << 4, body[:2] + codes))
        if self.mode == "denies":
            with self._changed:
                self.refusals += 1
                self._changed.notify_all()
        elif self.mode == "huge":
            sock.sendall(bytes([PUBLISH << 4]) + b"\xff\xff\xff\x7f" + b"\x00\x04a/b/" + bytes(65536))
        elif self.mode == "malformed":
            packet = bytearray(encode_publish("meshcore/XXX/o/packets", b"{}"))
            struct.pack_into("!H", packet, 2, 0xFFFF)
            sock.sendall(packet * 3)


def count_topics(body):
    count, at = 0, 2
    while at < len(body):
        at += 2 + struct.unpack_from("!H", body, at)[0] + 1
        count += 1
    return count


if __name__ == "__main__":
    import sys

    with RudeBroker(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0) as server:
        print(f"{server.mode} on port {server.port}: {MODES[server.mode]}", flush=True)
        while True:
            time.sleep(3600)
