# SPDX-License-Identifier: MIT
"""half_open - a TCP proxy that can stop forwarding while both connections stay open. Connections
made after hold() are forwarded."""

import socket
import threading


class Proxy:
    def __init__(self, target):
        self.target, self._held, self._pairs = target, [], []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        for sock in [self._listener, *(s for pair in self._pairs for s in pair)]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # gone already
            sock.close()

    def hold(self):
        self._held = list(self._pairs)

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
                pair = (near, socket.create_connection(("127.0.0.1", self.target)))
            except OSError:
                return
            self._pairs.append(pair)
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._forward, args=(pair, source, sink), daemon=True).start()

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
