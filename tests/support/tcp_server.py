# SPDX-License-Identifier: MIT
"""tcp_server - what the brokers and proxies of the tests have in common: a listener on loopback, a
thread for each connection, an end that leaves none of them.

A server overrides _serve(sock), and begins with `listener()` or a listener of its own.
"""

import os
import socket
import threading


def listener(port=0, host="127.0.0.1"):
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def end(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # not connected (any more)
    sock.close()


class TcpServer:
    patience = 20 * float(os.environ.get("WEIR_TEST_PATIENCE", "1"))  # seconds, for connections that must come

    def __init__(self, listening):
        self.connections = 0
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._threads, self._socks = [], []
        self._listener = listening
        self.port = listening.getsockname()[1]

    def __enter__(self):
        self._spawn(self._accept)
        return self

    def __exit__(self, *_):
        self._stop.set()
        for sock in [self._listener, *self._socks]:
            end(sock)
        for thread in self._threads:
            thread.join(5)

    def wait_connections(self, count, timeout=None):
        timeout = self.patience if timeout is None else timeout
        with self._changed:
            assert self._changed.wait_for(lambda: self.connections >= count, timeout), \
                f"{self.connections} connections to {type(self).__name__}, expected {count} within {timeout} s"

    def end_all(self):
        """End every connection; new ones are taken."""
        for sock in self._socks:
            end(sock)

    def _spawn(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while not self._stop.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socks = [s for s in self._socks if s.fileno() >= 0] + [sock]
            with self._changed:
                self.connections += 1
                self._changed.notify_all()
            self._spawn(self._serve, sock)
