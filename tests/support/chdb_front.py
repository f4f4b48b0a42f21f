# SPDX-License-Identifier: MIT
"""chdb_front - a modern ClickHouse (npm's libchdb) behind as much of its HTTP as we use:
chdb_front.py LIBCHDB_SO PORT FOLDER. Statements and rows as gzip, a database, codes; of settings
those of inserts.

The library has half a gigabyte, so it is asked for by $WEIR_LIBCHDB (clickhouse.py). One process a
folder. What it can't show: async inserts, bodies that the server itself cuts, Keeper, users."""

import ctypes
import re
import sys
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

NOT_SETTINGS = {"query", "database", "wait_end_of_query"}


class Engine:
    """One connection, a queue."""

    def __init__(self, library, folder):
        self.lib = ctypes.CDLL(library)
        self.lock = threading.Lock()
        for name, result, *arguments in (
                ("connect", ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)),
                ("query_n", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t),
                ("result_buffer", ctypes.c_void_p, ctypes.c_void_p), ("result_length", ctypes.c_size_t, ctypes.c_void_p),
                ("result_error", ctypes.c_char_p, ctypes.c_void_p), ("destroy_query_result", None, ctypes.c_void_p),
                ("stream_insert", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p),
                ("stream_append", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
                ("stream_done", ctypes.c_void_p, ctypes.c_void_p),
                ("stream_insert_error", ctypes.c_char_p, ctypes.c_void_p), ("destroy_insert_stream", None, ctypes.c_void_p)):
            function = getattr(self.lib, "chdb_" + name)
            function.restype, function.argtypes = result, arguments
        self.lib.chdb_set_signal_handlers_enabled(0)
        words = [b"clickhouse", b"--path=" + folder.encode()]
        self.connection = self.lib.chdb_connect(len(words), (ctypes.c_char_p * len(words))(*words))[0]

    def take(self, result):
        error = self.lib.chdb_result_error(result)
        size = self.lib.chdb_result_length(result)
        data = ctypes.string_at(self.lib.chdb_result_buffer(result), size) if size and not error else b""
        self.lib.chdb_destroy_query_result(result)
        return error, data

    def use(self, database):
        """The connection's from then on."""
        text = f"USE {database}".encode()
        return self.take(self.lib.chdb_query_n(self.connection, text, len(text), b"Null", 4))

    def query(self, sql, database):
        match = re.search(r"\bFORMAT (\w+)\s*$", sql)
        kind = match[1] if match else "TabSeparated"
        text = (sql[:match.start()] if match else sql).encode()
        with self.lock:
            found = self.use(database)
            if not found[0]:
                found = self.take(self.lib.chdb_query_n(self.connection, text, len(text), kind.encode(), len(kind)))
            if found[0]:  # the failed query's rows stand in front of the next answer
                self.take(self.lib.chdb_query_n(self.connection, b"SELECT 1", 8, b"Null", 4))
        return found

    def insert(self, sql, settings, rows):
        match = re.search(r"\bFORMAT (\w+)\s*$", sql)
        words = ", ".join(f"{name} = '{value}'" for name, value in settings)
        text = sql[:match.start()] + (f"SETTINGS {words}" if words else "")
        with self.lock:
            stream = self.lib.chdb_stream_insert(self.connection, text.encode(), match[1].encode())
            error = self.lib.chdb_stream_insert_error(stream)
            if not error and rows and self.lib.chdb_stream_append(stream, rows, len(rows)) != 0:
                error = self.lib.chdb_stream_insert_error(stream) or b"Code: 1. append"
            if not error:
                error, _ = self.take(self.lib.chdb_stream_done(stream))
            self.lib.chdb_destroy_insert_stream(stream)
        return error, b""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.say(200, b"Ok.\n", 0)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            unpacker = zlib.decompressobj(31)
            body = unpacker.decompress(body)
            if not unpacker.eof:
                return self.say(500, b"Code: 354. DB::Exception: inflate failed", 354)
        given = parse_qsl(urlsplit(self.path).query, keep_blank_values=True)
        sql, database = dict(given).get("query"), dict(given).get("database", "default")
        settings = [pair for pair in given if pair[0] not in NOT_SETTINGS]
        error, data = self.engine.insert(sql, settings, body) if sql else self.engine.query(body.decode(), database)
        if error:
            code = int((re.search(rb"Code: (\d+)", error) or [b"", b"0"])[1])
            return self.say(404 if code in (60, 81) else 500, error, code)
        return self.say(200, data, 0)

    def say(self, status, data, code):
        self.send_response(status)
        if code:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    Handler.engine = Engine(sys.argv[1], sys.argv[3])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
