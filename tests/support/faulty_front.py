# SPDX-License-Identifier: MIT
"""faulty_front - stands in front of a ClickHouse server and spoils what passes: cuts requests and
answers, waits, refuses, and says 200 where nothing, or everything, was done.

`faults` is the share of requests that are spoiled (0 = none), `random` decides. What was done to
how many stands in `done`."""

import http.client
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import urlsplit

KINDS = ("cut_request", "cut_answer", "delay", "error_500", "exception_200", "stored_exception_200", "reset")
DELAY_S = 0.2


class FaultyFront:
    def __init__(self, url, random, faults=0.0):
        self.target = urlsplit(url).netloc
        self.random, self.faults, self.done = random, faults, dict.fromkeys(KINDS, 0)
        self._lock = Lock()
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                front.serve(self)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # a killed sender hangs up anywhere
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def _choose(self):
        with self._lock:
            if self.random.random() >= self.faults:
                return None
            kind = self.random.choice(KINDS)
            self.done[kind] += 1
            return kind

    def serve(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        kind = self._choose()
        if kind == "delay":
            time.sleep(DELAY_S)
        if kind == "reset":
            return self._end(request)
        if kind == "error_500":
            return self._answer(request, 500, {}, b"Code: 241, e.displayText() = DB::Exception: Memory limit")
        if kind == "exception_200":
            return self._answer(request, 200, {"X-ClickHouse-Exception-Code": "159"}, b"")
        try:
            status, headers, text = self._pass_on(request, body, is_cut=kind == "cut_request")
        except (OSError, http.client.HTTPException):
            return self._end(request)
        if kind in ("cut_answer", "cut_request"):
            return self._end(request)
        if kind == "stored_exception_200":
            return self._answer(request, 200, {"X-ClickHouse-Exception-Code": "159"}, b"")
        return self._answer(request, status, headers, text)

    def _pass_on(self, request, body, is_cut):
        connection = http.client.HTTPConnection(self.target, timeout=60)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "connection")}
        try:
            if is_cut:
                connection.putrequest("POST", request.path, skip_accept_encoding=True)
                for name, value in headers.items():
                    connection.putheader(name, value)
                connection.endheaders(body[:len(body) // 2])
                connection.sock.shutdown(socket.SHUT_WR)
            else:
                connection.request("POST", request.path, body, headers)
            answer = connection.getresponse()
            kept = {k: v for k, v in answer.getheaders() if k.lower().startswith("x-clickhouse")}
            return answer.status, kept, answer.read()
        finally:
            connection.close()

    @staticmethod
    def _answer(request, status, headers, text):
        try:
            request.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(text)
        except OSError:
            pass  # it has hung up

    @staticmethod
    def _end(request):
        request.close_connection = True
        try:
            request.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
