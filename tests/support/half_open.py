# SPDX-License-Identifier: MIT
"""half_open - a TCP proxy that can stop forwarding while both connections stay open. Connections
made after hold() are forwarded."""

import socket

from tcp_server import TcpServer, listener


class Proxy(TcpServer):
    def __init__(self, target):
        self.target, self._held, self._pairs = target, [], []
        super().__init__(listener())

    def hold(self):
        self._held = list(self._pairs)

    def _serve(self, near):
        try:
            pair = (near, socket.create_connection(("127.0.0.1", self.target)))
        except OSError:
            return
        self._socks.append(pair[1])
        self._pairs.append(pair)
        self._spawn(self._forward, pair, pair[1], near)
        self._forward(pair, near, pair[1])

    def _forward(self, pair, source, sink):
        try:
            while data := source.recv(65536):
                if pair in self._held:
                    continue  # read and thrown away: nobody learns of it
                sink.sendall(data)
            if pair not in self._held:
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one of them is gone
