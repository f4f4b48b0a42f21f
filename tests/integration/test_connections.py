# SPDX-License-Identifier: MIT
"""The server's sockets under crowds, drips and requests that can be read in two ways."""

import contextlib
import resource
import selectors
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from harness import PATIENCE, cpu_seconds, http_raw, percentile

ADDRESSES = [f"127.0.0.{n}" for n in range(1, 5)]
GET = b"GET /api/livez HTTP/1.1\r\nHost: x\r\n\r\n"
IDLE, DRIPPING = 1000, 300
DRIP_S = 0.2
# port -> what it promises: a probe under the crowd, a head, its sockets, its sockets of one address
PROMISES = {"healthPort": {"probe": 0.05, "head": 1, "sockets": 2048, "address": 256},
            "port": {"probe": 0.2, "head": 3, "sockets": 4096, "address": None}}


@pytest.fixture(autouse=True)
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 8192:
        pytest.skip(f"at most {hard} descriptors here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(params=PROMISES)
def port(request, world):
    world.write_config(mqttSources=[])
    world.start_server()
    return request.param


def connect(number, source="127.0.0.1"):
    return socket.create_connection(("127.0.0.1", number), 10, (source, 0))


def is_closed(sock, patience=10):
    sock.settimeout(patience * PATIENCE)
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def read_answers(sock, count, timeout=10):
    """The status and body of so many answers with a Content-Length (a head alone: no body)."""
    sock.settimeout(timeout * PATIENCE)
    answers, data = [], b""
    while len(answers) < count:
        head, end, rest = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if end and len(rest) >= length:
            answers.append((int(head.split()[1]), rest[:length]))
            data = rest[length:]
            continue
        more = sock.recv(65536)
        assert more, f"closed after {len(answers)} answers and {data!r}"
        data += more
    return answers


# --- crowds ---------------------------------------------------------------------------------------

class Crowd(threading.Thread):
    """1,000 connections that said something once, and 300 whose request never ends: a byte each
    DRIP_S. Whoever is closed comes back at once, as attackers do."""

    def __init__(self, number):
        super().__init__(daemon=True)
        self.number, self.over = number, threading.Event()
        self.ready, self.closed, self.opened = threading.Event(), 0, 0
        self.selector = selectors.DefaultSelector()

    def run(self):
        for i in range(IDLE + DRIPPING):
            self.open(i)
        next_drip = time.monotonic()
        while not self.over.is_set():
            self.ready.set()
            for key, _ in self.selector.select(max(0, next_drip - time.monotonic())):
                self.look(key)
            if time.monotonic() >= next_drip:
                self.drip()
                next_drip = time.monotonic() + DRIP_S
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()

    def open(self, i):
        sock = connect(self.number, ADDRESSES[i % len(ADDRESSES)])
        sock.setblocking(False)
        sock.send(GET if i < IDLE else b"GET /api/livez HTTP/1.1\r\nX: ")
        self.selector.register(sock, selectors.EVENT_READ, i)
        self.opened += 1

    def look(self, key):
        try:
            if key.fileobj.recv(65536):
                return
        except OSError:
            pass  # reset: closed like by an end
        self.reopen(key)

    def reopen(self, key):
        self.closed += 1
        self.selector.unregister(key.fileobj)
        key.fileobj.close()
        self.open(key.data)

    def drip(self):
        for key in list(self.selector.get_map().values()):
            if key.data >= IDLE:
                with contextlib.suppress(OSError):  # closed: look() will see it
                    key.fileobj.send(b"x")

    def __enter__(self):
        self.start()
        assert self.ready.wait(60 * PATIENCE), f"only {self.opened} connections could be made"
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def test_probes_beside_a_crowd(world, port):
    limit = PROMISES[port]["probe"] * PATIENCE
    number = world.config[port]
    ask = world.get if port == "port" else world.get_health
    with Crowd(number) as crowd:
        times = []
        for _ in range(100):
            answer = ask("/api/livez")
            assert answer.status == 200
            times.append(answer.seconds)
            time.sleep(0.02)  # the measurement lasts for some of the crowd's drips
        assert crowd.is_alive() and crowd.opened >= IDLE + DRIPPING
    # Not the slowest: the crowd, a thread of this process, holds the asker up as well.
    slow = percentile(times, 0.9)
    assert slow < limit, f"{slow * 1000:.0f} ms; median {percentile(times, 0.5) * 1000:.1f}"


def test_one_address_has_its_share(world, port):
    share = PROMISES[port]["address"]
    if share is None:
        pytest.skip("no share on this port: behind a proxy all have one address")
    with contextlib.ExitStack() as stack:
        old = [stack.enter_context(connect(world.config[port], "127.0.0.2")) for _ in range(share)]
        for sock in old:
            sock.sendall(GET)
            read_answers(sock, 1)
        newer = stack.enter_context(connect(world.config[port], "127.0.0.2"))
        newer.sendall(GET)
        assert read_answers(newer, 1)[0][0] == 200
        assert is_closed(old[0])
        old[1].sendall(GET)
        assert read_answers(old[1], 1)[0][0] == 200
    world.wait("the line", lambda: world.server.log_lines("too many connections of one address"))


def test_the_oldest_silent_one_gives_way(world, port):
    sockets, share = PROMISES[port]["sockets"], PROMISES[port]["address"] or 1000
    with contextlib.ExitStack() as stack:
        crowd = []
        for i in range(sockets + 1):
            sock = stack.enter_context(connect(world.config[port], f"127.0.1.{1 + i // (share - 1)}"))
            sock.sendall(GET)
            read_answers(sock, 1)
            crowd.append(sock)
        assert is_closed(crowd[0])
        crowd[1].sendall(GET)
        assert read_answers(crowd[1], 1)[0][0] == 200
    world.wait("the line", lambda: world.server.log_lines("too many connections:"))


def test_without_descriptors(world, port):
    """The limit is reached: new connections are served for old ones, and nothing spins."""
    number = world.config[port]
    pid = world.server.pid
    with contextlib.ExitStack() as stack:
        old = [stack.enter_context(connect(number)) for _ in range(4)]
        for sock in old:
            sock.sendall(GET)
            read_answers(sock, 1)
        highest = max(int(fd.name) for fd in Path(f"/proc/{pid}/fd").iterdir())
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, limits[1]))
        newer = [stack.enter_context(connect(number)) for _ in range(4)]
        for sock in newer:
            sock.sendall(GET)
            assert read_answers(sock, 1)[0][0] == 200
        before = cpu_seconds(pid)
        waiting = [stack.enter_context(connect(number)) for _ in range(20)]
        time.sleep(1)  # what is measured
        assert cpu_seconds(pid) - before < 0.5, "it spins"
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        assert len(waiting) == 20
        last = stack.enter_context(connect(number))
        last.sendall(GET)
        assert read_answers(last, 1)[0][0] == 200
    world.wait("the line", lambda: world.server.log_lines("no descriptor for a new connection"))


def test_a_head_has_its_time(world, port):
    number, head = world.config[port], PROMISES[port]["head"]
    with connect(number) as silent, connect(number) as dripping:
        started = time.monotonic()
        dripping.settimeout(0.1)
        answer = b""
        dripping.sendall(b"GET /api/livez HTTP/1.1\r\nX: ")
        while not answer and time.monotonic() < started + 10 * head * PATIENCE:
            with contextlib.suppress(TimeoutError):
                dripping.sendall(b"x")
                answer = dripping.recv(4096)
        assert answer.startswith(b"HTTP/1.1 408 "), answer
        assert head * 0.9 < time.monotonic() - started < 3 * head * PATIENCE
        assert is_closed(silent, 1)


# --- requests -------------------------------------------------------------------------------------

def head_of(line, *headers):
    return "\r\n".join([line, "Host: x", *headers, "", ""]).encode()


@pytest.mark.parametrize("request_bytes", [
    head_of("GET /api/livez HTTP/1.1", "Content-Length : 0"),
    head_of("GET /api/livez%00 HTTP/1.1"),
    head_of("GET /api/livez HTTP/1.1", "Content-Length: 1") + b"x",
    head_of("GET /api/livez HTTP/1.1", "Content-Length: 0", "Content-Length: 0"),
    head_of("GET /api/livez HTTP/1.1", "Content-Length: 0", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    head_of("GET /api/livez HTTP/1.1", "X: a", " b"),
    b"GET /api/livez HTTP/1.1\n\n",
    b"GET /api/livez HTTP/1.1\r\n\r\n",
    b"nonsense\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\r\n",  # a client that wants TLS
], ids=range(10))
def test_what_could_be_read_in_two_ways(world, port, request_bytes):
    answer = http_raw(world.config[port], request_bytes)
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert b'{"error":"' in answer and b"Connection: close\r\n" in answer


def test_targets_of_every_form(world, port):
    """RFC 9112, 3.2."""
    with connect(world.config[port]) as sock:
        sock.sendall(b"GET http://anybody.example:80/api/livez?x HTTP/1.1\r\nHost: other\r\n\r\n"
                     b"HEAD https://anybody.example/api/livez HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n")
        assert read_answers(sock, 1)[0][0] == 200
    with connect(world.config[port]) as sock:
        for line in (b"OPTIONS * HTTP/1.1", b"OPTIONS http://anybody.example HTTP/1.1"):
            sock.sendall(line + b"\r\nHost: x\r\n\r\n")
            status, body = read_answers(sock, 1)[0]
            assert (status, body) == (204, b"")
    assert http_raw(world.config[port], head_of("CONNECT x:1 HTTP/1.1")).startswith(b"HTTP/1.1 400 ")


def test_keep_alive_and_pipelining(world, port):
    with connect(world.config[port]) as sock:
        paths = ["/api/livez", "/api/readyz", "/metrics", "/api/healthz"] * 20
        sock.sendall(b"".join(head_of(f"GET {path} HTTP/1.1") for path in paths))
        answers = read_answers(sock, len(paths))
        for path, (status, body) in zip(paths, answers, strict=True):
            assert status == (200 if path in ("/api/livez", "/metrics") else 503), path
            assert body.startswith(b"# HELP" if path == "/metrics" else b"{"), path
        sock.sendall(head_of("GET /api/livez HTTP/1.1", "Connection: close"))
        assert read_answers(sock, 1)[0][0] == 200
        assert is_closed(sock)
    answer = http_raw(world.config[port], b"GET /api/livez HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ") and b"Connection: close\r\n" in answer
    with connect(world.config[port]) as sock:
        for _ in range(2):
            sock.sendall(b"GET /api/livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert read_answers(sock, 1)[0][0] == 200


def test_a_refused_upload_is_told_so(world, port):
    """A client that writes everything before it reads, as most do, gets the refusal, no reset."""
    path, status = ("/api/packets", 413) if port == "port" else ("/api/livez", 405)
    large = 4 << 20
    with connect(world.config[port]) as sock:
        if status == 405:  # else the length is looked at first
            large = 8192
        sock.sendall(head_of(f"POST {path} HTTP/1.1", f"Content-Length: {large}"))
        sock.sendall(b"x" * large)
        assert read_answers(sock, 1)[0][0] == status
        assert is_closed(sock)


def test_large_and_endless_heads(world, port):
    assert http_raw(world.config[port], b"GET /" + b"a" * 100000).startswith(b"HTTP/1.1 414 ")
    many = head_of("GET /api/livez HTTP/1.1", *(f"X{i}: y" for i in range(100)))
    assert http_raw(world.config[port], many).startswith(b"HTTP/1.1 431 ")
    long = b"GET /api/livez HTTP/1.1\r\nX: " + b"y" * 100000
    assert http_raw(world.config[port], long).startswith(b"HTTP/1.1 431 ")


def test_an_ipv6_host(world):
    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
        pytest.skip("no IPv6 here")
    world.write_config(mqttSources=[], host="::1")
    world.server.start()

    def ask():
        with socket.create_connection(("::1", world.config["port"]), 5) as sock:
            sock.sendall(GET)
            return read_answers(sock, 1)[0][0] == 200
    world.wait("an answer", ask)


def test_connections_and_requests_are_counted(world, port):
    with connect(world.config[port]) as held:
        held.sendall(GET)
        read_answers(held, 1)
        http_raw(world.config[port], b"nonsense\r\n\r\n")

        def counted():
            lines = world.get("/metrics").body.decode().splitlines()
            values = dict(line.split() for line in lines if line.startswith("weir_http_"))
            return float(values["weir_http_connections"]) >= 2 and float(values["weir_http_requests_total"]) >= 3
        world.wait("the counts", counted)


def test_open_requests_finish_at_term(world):
    """readyz says so first; who has begun to ask is answered, who only holds a connection not."""
    world.write_config(mqttSources=[], shutdownDelaySeconds=2)  # a head has 3
    world.start_server()
    with connect(world.config["port"]) as begun, connect(world.config["port"]) as idle:
        idle.sendall(GET)
        read_answers(idle, 1)
        world.server.signal(signal.SIGTERM)
        draining = world.wait("draining", lambda: (r := world.get("/api/readyz")).json["reason"] == "draining" and r)
        assert draining.status == 503
        begun.sendall(GET[:-2])
        assert is_closed(idle), "the delay is over"
        begun.sendall(b"\r\n")
        assert read_answers(begun, 1)[0][0] == 200
        assert world.server.wait_exit(10) == 0
