# SPDX-License-Identifier: MIT
"""The server as probes, dashboards and attackers meet it."""

import json
import os
import re
import select
import signal
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import PATIENCE, http_raw, percentile
from messages import content_hash, frame, packets
from mqtt_lite import Client

KEY = "a-key-that-nobody-knows-4711"
PROBES = ("/api/livez", "/api/readyz", "/api/healthz")
IO_KEYS = {"readBytesPerSec", "writeBytesPerSec", "cancelledWriteBytesPerSec", "syscallsRead", "syscallsWrite"}


@pytest.fixture
def running(world, broker):
    world.add_source(broker)
    world.start(server=True, apiKey=KEY)
    world.wait("readiness", lambda: world.get("/api/readyz").status == 200)
    return world


def publish(broker, messages):
    with Client(broker.port) as client:
        return client.publish_all(messages)


# --- crowds ---------------------------------------------------------------------------------------

@contextmanager
def crowd(port, count, greeting=b""):
    """`count` connections that said `greeting` (and heard the answer), then nothing."""
    socks = []
    try:
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", port), 5)
            if greeting:
                sock.sendall(greeting)
                sock.recv(65536)
            socks.append(sock)
        yield socks
    finally:
        for sock in socks:
            sock.close()


def test_probes_under_idle_and_silent_connections(running):
    hello = b"GET /api/livez HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"
    port = running.config["port"]
    with crowd(port, 64, hello), crowd(port, 64):
        on_health = [running.get_health("/api/healthz") for _ in range(50)]
        on_main = [running.get("/api/healthz") for _ in range(10)]
    assert all(r.status == 200 for r in on_health + on_main)
    # Not the slowest: who asks may have been held up itself, where cores are short.
    slow = percentile([r.seconds for r in on_health], 0.5)
    assert slow < 0.05 * PATIENCE, f"healthPort answered in {slow * 1000:.0f} ms"
    assert percentile([r.seconds for r in on_main], 0.5) < 1.0 * PATIENCE


def test_silent_connections_on_the_health_port(running):
    with crowd(running.config["healthPort"], 4):
        assert running.get_health("/api/livez").seconds < 2 * PATIENCE


def test_dripping_request_is_cut(running):
    """A body of one byte a second has a deadline of its own."""
    with socket.create_connection(("127.0.0.1", running.config["port"]), 5) as sock:
        sock.sendall(f"POST /api/packets HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nContent-Length: 100\r\n\r\n"
                     .encode())
        sock.settimeout(1)
        started = time.monotonic()
        answer = b"?"
        while answer == b"?" and time.monotonic() - started < 15 * PATIENCE:
            try:
                sock.sendall(b"x")
                answer = sock.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                answer = b""
        assert time.monotonic() - started < 10 * PATIENCE
        assert not answer or answer.startswith(b"HTTP/1.1 4"), answer


# --- probes ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", PROBES)
def test_probe_contract(running, path):
    for ask in (running.get, running.get_health):
        for method in ("GET", "HEAD", "OPTIONS"):
            answer = ask(path, method=method)
            assert answer.status == 200, answer
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Content-Length"] is not None
            assert answer.headers["Location"] is None
            assert method == "GET" or method == "OPTIONS" or answer.body == b""
    for port in (running.config["port"], running.config["healthPort"]):
        answer = http_raw(port, f"GET {path} HTTP/1.0\r\n\r\n".encode())
        assert re.match(rb"HTTP/1\.[01] 200 ", answer), answer[:200]


def test_healthz_body(running, broker):
    sent = publish(broker, packets(25))
    running.wait_drained(sent)
    running.wait("the counts", lambda: running.get("/api/healthz").json["loadedTx"] == sent)
    # The totals come from the database, the checks from a sample of the ingestor that may be a
    # second older: the one of a moment ago, when the source was not live yet, must give way.
    body = running.wait("the sample", lambda: (b := running.get("/api/healthz").json)["status"] == "pass" and b)
    assert body["ready"] is True and (body["loadedTx"], body["loadedObs"]) == (sent, sent)
    assert body["from_pubkey_backfill"] == {"total": 0, "processed": 0, "done": True}
    clocks = running.wait("the clocks", lambda: (c := running.get("/api/healthz").json["ingest_liveness"]["main"])
                          ["lastMessageUnix"] > 0 and c)
    assert abs(clocks["lastReceiptUnix"] - time.time()) < 60 and abs(clocks["lastMessageUnix"] - time.time()) < 60
    assert body["checks"]["source:main"]["status"] == "pass"
    for check in body["checks"].values():
        assert set(check) >= {"status", "output", "sinceUnix"} and check["status"] == "pass", check


def test_two_clocks(world, broker):
    """Receipt goes on while commits stand still: that is what a stuck write path looks like."""
    world.add_source(broker)
    world.start(server=True, maxUnhealthySeconds=60)
    publish(broker, packets(1))
    world.wait_drained(1)
    with world.stopped("flusher"):
        before = world.stats()["source_liveness"]["main"]

        def receipts_only():
            publish(broker, packets(1, start=int(time.monotonic() * 1000)))
            now = world.stats()["source_liveness"]["main"]
            return (now["lastReceiptUnix"] > before["lastReceiptUnix"] + 1
                    and now["lastMessageUnix"] == before["lastMessageUnix"])
        world.wait("receipts without commits", receipts_only)


def test_server_before_database(world, broker):
    world.add_source(broker)
    world.write_config()
    world.start_server()
    for path in ("/api/readyz", "/api/healthz"):
        answer = world.get(path)
        assert answer.status == 503 and answer.headers["Retry-After"], answer
    health = world.get("/api/healthz").json
    assert health["ready"] is False and health["reason"] == "loading"
    assert world.get("/api/livez").status == 200
    sqlite = world.get("/api/perf/sqlite")
    assert sqlite.status == 200 and sqlite.json == {}
    totals = world.get("/api/stats").json
    assert totals["counts"] == {} and not any(key.startswith(("total", "packets")) for key in totals), totals
    assert world.get("/api/perf/write-sources").json["sources"] == {}
    assert world.get("/api/mqtt/status").json["sources"] == []
    assert "ingestor" not in world.get("/api/perf/io").json
    world.ingestor.start()
    world.wait("readiness", lambda: world.get("/api/readyz").status == 200)
    world.wait("health", lambda: world.get("/api/healthz").json["ready"] is True)


def test_a_database_that_went_away_has_no_figures(running):
    """What was last read of it is not said of it for ever."""
    running.wait("the totals", lambda: "totalPackets" in running.get("/api/stats").json)
    running.kill_everything()
    for name in ("weir.db", "weir.db-wal", "weir.db-shm"):
        running.db_path.with_name(name).unlink()
    running.wait("503", lambda: running.get("/api/readyz").status == 503)
    running.wait("no page count", lambda: running.get("/api/perf/sqlite").json == {})
    assert "totalPackets" not in running.get("/api/stats").json
    assert "loadedTx" not in running.get("/api/healthz").json
    assert b"weir_database_bytes" not in running.get("/metrics").body


def test_ingestor_gone_means_stale(running):
    running.kill_everything()

    def is_stale():
        health = running.get("/api/healthz")
        return health.status == 200 and health.json["status"] == "warn" and \
            health.json["checks"]["ingestor"]["status"] == "warn"
    running.wait("a warning", is_stale)
    assert running.get("/api/healthz?strict=1").status == 503
    assert running.get("/api/readyz").status == 200, "the read side still serves"
    status = running.get("/api/mqtt/status").json
    assert status["stale"] is True and [s["connected"] for s in status["sources"]] == [False]
    assert "ingestor" not in running.get("/api/perf/io").json
    assert running.get("/api/packets", method="POST", headers={"X-API-Key": KEY},
                       body=json.dumps({"hex": frame(1).hex()})).status == 503
    running.restart_ingestor()
    running.wait("health", lambda: running.get("/api/healthz").json["status"] == "pass")


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"sampledAt": 5}', '{"sampledAt": "2999-01-01T00:00:00Z"}',
                                     '{"procIO": "x", "ledger": [], "workers": {}, "source_statuses": 3}'])
def test_strange_stats_file(running, content):
    running.kill_everything()
    running.stats_path.write_text(content)

    def is_warned():
        health = running.get("/api/healthz")
        check = health.json["checks"]["ingestor"]
        return health.status == 200 and check["status"] == "warn" and "ended without a word" not in check["output"]
    running.wait("a warning", is_warned)  # of this file, and not that the sample before is stale
    for path in ("/api/perf/io", "/api/perf/sqlite", "/api/perf/write-sources", "/api/mqtt/status", "/api/stats"):
        assert running.get(path).status == 200, path
    assert "ingestor" not in running.get("/api/perf/io").json
    assert running.get("/metrics").status == 200


# --- statistics -----------------------------------------------------------------------------------

def test_perf_endpoints(running, broker):
    sent = publish(broker, packets(500))
    running.wait_drained(sent)
    io = running.wait("both halves", lambda: "ingestor" in (b := running.get("/api/perf/io").json) and b)
    assert IO_KEYS <= set(io) and IO_KEYS | {"sampledAt"} <= set(io["ingestor"])
    assert all(io[key] >= 0 and io["ingestor"][key] >= 0 for key in IO_KEYS)
    sqlite = running.wait("the page count", lambda: (b := running.get("/api/perf/sqlite").json)["pageCount"] and b)
    assert {"walSizeMB", "walSize", "pageCount", "pageSize", "cacheSize", "cacheHitRate", "dbSizeBytes",
            "freelistCount"} <= set(sqlite)
    assert 0 <= sqlite["cacheHitRate"] <= 1

    def has_counts():
        body = running.get("/api/perf/write-sources").json
        return body["sources"]["tx_inserted"] == sent and body
    body = running.wait("the counters", has_counts)
    assert {"tx_dupes", "obs_inserted", "node_upserts", "observer_upserts", "write_errors", "sig_drops", "walCommits",
            "groupCommitFlushes"} <= set(body["sources"]) and "writer_perf" in body and body["sampleAt"]


def test_two_clients_do_not_disturb_each_others_rates(running):
    """Sampled in the background: asking twice at once gives the same answer, never a
    zero in between."""
    running.wait("a rate", lambda: running.get("/api/perf/io").json["syscallsRead"] > 0)
    for _ in range(20):
        assert running.get("/api/perf/io").json["syscallsRead"] > 0


def test_mqtt_status(running, broker):
    publish(broker, packets(3))

    def is_whole():
        body = running.get("/api/mqtt/status").json
        return body["sources"][0]["packetsTotal"] == 3 and body
    body = running.wait("three packets", is_whole)
    source = body["sources"][0]
    assert {"name", "broker", "connected", "lastConnectUnix", "lastPacketUnix", "connectCount", "disconnectCount",
            "packetsTotal", "packetsLast5m", "state", "subscriptions"} <= set(source)
    assert not {"lastDisconnectUnix", "nextRetryUnix"} & set(source), "that never was"
    assert source["name"] == "main" and source["connected"] is True
    assert source["subscriptions"][0]["topic"] == "meshcore/#" and source["subscriptions"][0]["suback"] in (0, 1)
    assert body["watchdogLastTickUnix"] > 0 and body.get("stale") in (None, False)


def test_mqtt_status_of_one_source(running):
    def is_live():
        answer = running.get("/api/mqtt/status/main")
        return answer.status == 200 and answer.json["state"] == "live" and answer
    answer = running.wait("the source", is_live)
    assert answer.json == running.get("/api/mqtt/status").json["sources"][0]
    assert running.get("/api/mqtt/status/m%61in").json["name"] == "main"
    tag = answer.headers["ETag"]
    known = running.get("/api/mqtt/status/main", headers={"If-None-Match": tag})
    assert known.status == 304 and known.headers["ETag"] == tag and not known.body
    unknown = running.get("/api/mqtt/status/other")
    assert unknown.status == 404 and "other" in unknown.json["error"]
    assert running.get("/api/mqtt/status/main%00").status == 400


def test_metrics(running, broker):
    sent = publish(broker, packets(10))
    running.wait_drained(sent)
    running.kill_worker("receiver")
    wanted = (r'weir_ingest_queue_depth\{[^}]*source="main"[^}]*\} 0\b',
              r'weir_ingest_dropped_total\{[^}]*source="main"[^}]*reason="queue_full"[^}]*\} 0\b',
              r'weir_worker_unhealthy_total\{[^}]*worker="receiver[^}]*source="main"[^}]*cause="signal_9"[^}]*\} 1\b',
              rf"weir_transmissions_inserted_total {sent}\b",
              r"weir_commit_seconds summary\b", r'weir_commit_rows\{quantile="0\.5"\}')

    def has_all():
        text = running.get_health("/metrics").body.decode()
        return all(re.search(pattern, text) for pattern in wanted) and text
    text = running.wait("the metrics", has_all)
    check_exposition(text)
    # Names as every client library of Prometheus has them: dashboards of strangers look for these.
    values = dict(line.split() for line in text.splitlines() if line.startswith("process_"))
    assert set(values) == {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes",
                           "process_open_fds", "process_max_fds", "process_start_time_seconds"}
    pid = running.server.pid
    assert abs(float(values["process_start_time_seconds"]) - time.time()) < 300
    assert 3 < float(values["process_open_fds"]) < 1000 <= float(values["process_max_fds"])
    pages = [int(n) for n in Path(f"/proc/{pid}/statm").read_text().split()[:2]]
    assert float(values["process_virtual_memory_bytes"]) == pytest.approx(pages[0] * os.sysconf("SC_PAGE_SIZE"), rel=.5)
    assert float(values["process_resident_memory_bytes"]) == pytest.approx(pages[1] * os.sysconf("SC_PAGE_SIZE"), rel=.5)
    assert running.get("/metrics").status == 200


def check_exposition(text):
    """What Prometheus accepts in silence, and what promtool does not find: a series twice, a family
    in two places, a histogram without +Inf, buckets that fall, a count that is not the last
    bucket."""
    families, kinds, series = [], {}, {}
    assert text.endswith("\n") and "\r" not in text
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            _, _, name, kinds[name] = line.split()
            families.append(name)
        if line.startswith("#"):
            continue
        match = re.fullmatch(r'([a-z_]+)(\{([a-z_]+="([^"\\]|\\.)*",?)*\})? ([-+.\w]+)', line)
        assert match, line
        name = re.sub(r"_(bucket|sum|count)$", "", match[1]) if match[1] not in kinds else match[1]
        assert name == families[-1], f"{line} stands in the family {families[-1]}"
        assert line.split(" ")[0] not in series, line
        series[line.rsplit(" ", 1)[0]] = float(match[5])
    assert len(families) == len(set(families))
    assert all(name.startswith(("weir_", "process_")) for name in families)
    for name in (name for name, kind in kinds.items() if kind == "histogram"):
        check_histogram(name, {key: value for key, value in series.items() if key.startswith(name + "_")})


def check_histogram(name, series):
    buckets = {}
    for key, value in series.items():
        if match := re.fullmatch(rf'{name}_bucket\{{(.*),le="([^"]+)"\}}', key):
            buckets.setdefault(match[1], []).append((float(match[2]), value))
    assert buckets, f"{name} has no buckets"
    for labels, steps in buckets.items():
        bounds, counts = zip(*steps)
        assert list(bounds) == sorted(set(bounds)) and bounds[-1] == float("inf"), labels
        assert list(counts) == sorted(counts), f"{name}{{{labels}}}: {counts}"
        assert series[f"{name}_count{{{labels}}}"] == counts[-1] > 0 and series[f"{name}_sum{{{labels}}}"] >= 0


def histogram_count(world, route, status):
    text = world.get_health("/metrics").body.decode()
    match = re.search(rf'weir_http_request_duration_seconds_count\{{method="\w*",route="{route}",status="{status}"\}} (\d+)',
                      text)
    return int(match[1]) if match else 0


def test_requests_are_counted_by_route(running):
    """By the row's pattern and the class of the status: no client makes a series."""
    for path in ("/api/stats", "/api/mqtt/status/main", "/api/mqtt/status/nobody", "/api/nothing", "/%zz", "/api/stats?x=1"):
        running.get(path)
    running.get("/api/stats", method="HEAD")
    http_raw(running.config["port"], b"nonsense\r\n\r\n")
    assert histogram_count(running, "/api/stats", "2xx") == 3
    assert histogram_count(running, "/api/mqtt/status/:source", "2xx") == 1
    assert histogram_count(running, "/api/mqtt/status/:source", "4xx") == 1
    assert histogram_count(running, "", "4xx") == 3
    assert "/api/nothing" not in running.get_health("/metrics").body.decode()
    perf = running.get("/api/perf").json
    assert perf["endpoints"]["/api/stats"]["count"] == 3
    assert set(perf["endpoints"]["/api/stats"]) == {"count", "avgMs", "p50Ms", "p95Ms", "maxMs"}
    assert perf["endpoints"]["other"]["count"] == 3 and perf["totalRequests"] > 8
    assert perf["slowQueries"] == [] or perf["slowQueries"][0]["ms"] > 100
    assert running.get("/api/perf/reset", method="POST", body="").status == 401
    assert running.get("/api/perf/reset", method="POST", body="", headers={"X-API-Key": KEY}).json == {"ok": True}
    assert "/api/stats" not in running.get("/api/perf").json["endpoints"]
    assert histogram_count(running, "/api/stats", "2xx") == 3, "a counter fell"


def test_health_in_the_shape_of_corescope(running):
    health = running.wait("the verdict", lambda: (h := running.get("/api/health").json)["status"] == "ok" and h)
    assert health["engine"] == "weir" and re.fullmatch(r"\d+m \d+s", health["uptimeHuman"])
    assert 1 <= health["memory"]["rss"] < 500 and health["uptime"] < 300
    perf = health["perf"]
    assert perf["totalRequests"] > 0 and perf["avgMs"] >= 0 and all(one["ms"] > 100 for one in perf["recentSlow"])


def log_lines(world, what):
    return [line for line in world.server.log().splitlines() if f" http {what} " in line]


def test_access_log(world, broker):
    world.add_source(broker)
    world.start(server=True, apiKey=KEY, accessLog=True)
    world.get("/api/healthz?strict=0&apiKey=s3cret", headers={"X-API-Key": "s3cret2"})
    world.get("/nothing%0aforged", method="HEAD")
    lines = world.wait("the lines", lambda: len(found := [line for line in log_lines(world, "request")
                                                          if "path=/api/healthz" in line or "forged" in line]) > 1 and found)
    assert re.search(r'method=GET route=/api/healthz path=/api/healthz query="" status=\d+ bytes=\d+ ms=\S+ '
                     r'client=127\.0\.0\.1$', lines[0]), lines[0]
    assert re.search(r'method=HEAD route="" path=/nothing%0aforged query="" status=404 bytes=0', lines[1]), lines[1]
    assert "s3cret" not in world.server.log()


def test_no_access_log_unless_asked_for(running):
    running.get("/api/stats")
    assert log_lines(running, "request") == []


# --- POST /api/packets ----------------------------------------------------------------------------

def post(world, body, key=KEY, **headers):
    headers = {**({"X-API-Key": key} if key else {}), **headers}
    text = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return world.get("/api/packets", method="POST", body=text, headers=headers)


def test_injection(running):
    raw = frame(7)
    body = {"hex": raw.hex(), "observer": "ME", "snr": 5.5, "rssi": -80, "region": "TST"}
    answer = running.wait("the socket", lambda: (a := post(running, body)).status == 202 and a)
    assert answer.json["hash"] == content_hash(raw).hex()
    running.wait("the row", lambda: running.query("SELECT raw FROM transmissions") == [(raw,)])
    row = running.query("SELECT snr, rssi, identity, iata FROM observations"
                        " JOIN observers ON observers.id = observer_id")
    assert row == [(5.5, -80, "ME", "TST")]
    ledger = running.wait_drained(1, source="http")
    assert ledger["committed"] == 1
    assert [w["kind"] for w in running.stats()["workers"]].count("http") == 1
    assert "http" not in {s["name"] for s in running.stats()["source_statuses"]}


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"hex": 5}', '{"hex": "zz"}', '{"hex": ""}', '{"hex": "15"}',
                                  '{"hex": "' + "00" * 300 + '"}', '{"hex": "1500", "snr": "loud"}'])
def test_bad_injection(running, body):
    answer = post(running, body)
    assert answer.status == 400 and answer.json["error"], answer
    assert running.get("/api/livez").status == 200


def test_api_key_rules(running):
    good = {"hex": frame(1).hex()}
    assert post(running, good, key=None).status == 401
    assert post(running, good, key="wrong").status == 401
    assert post(running, good, key="").status == 401
    assert running.get("/api/packets", method="PUT", headers={"X-API-Key": KEY}).status in (404, 405)


@pytest.mark.parametrize("configured", [None, "your-secret-api-key-here", "test"])
def test_no_or_weak_api_key_refuses(world, broker, configured):
    world.add_source(broker)
    world.start(server=True, **({"apiKey": configured} if configured else {}))
    for key in (None, configured or "x"):
        answer = post(world, {"hex": frame(1).hex()}, key=key)
        assert answer.status == 403 and answer.json["error"], answer


def upload(port, request):
    """What the server says to a request that it may refuse, and close upon, before it
    was sent whole."""
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.setblocking(False)
        answer = b""
        deadline = time.monotonic() + 5 * PATIENCE
        while time.monotonic() < deadline:
            ready, writable, _ = select.select([sock], [sock] if request else [], [], 0.1)
            try:
                if ready:
                    answer += (more := sock.recv(65536))
                    if not more:
                        break
                elif writable:
                    request = request[sock.send(request):]
            except (BrokenPipeError, ConnectionResetError):
                break  # closed with our bytes unread: what came before is the answer
        return answer


def test_oversized_and_ambiguous_requests(running):
    port = running.config["port"]
    large = b'{"hex": "' + b"0" * 1000000 + b'"}'
    answer = upload(port, f"POST /api/packets HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\n"
                          f"Content-Length: {len(large)}\r\n\r\n".encode() + large)
    assert answer.startswith(b"HTTP/1.1 413 "), answer
    head = f"POST /api/packets HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\n"
    body = '{"hex": "1500"}'
    twice = head + "Content-Length: 15\r\nContent-Length: 3\r\n\r\n" + body
    both = head + "Content-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    for request in (twice, both):
        assert re.match(rb"HTTP/1\.1 4\d\d ", http_raw(port, request.encode(), 5))
    assert running.count("transmissions") == 0
    assert re.match(rb"HTTP/1\.1 4\d\d |$", http_raw(port, b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n", 5))
    assert running.get("/api/livez").status == 200


# --- the rest -------------------------------------------------------------------------------------

def is_established_by_server(port, peer):
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{port:04X}") and fields[2].endswith(f":{peer:04X}"):
            return fields[3] == "01"
    return False


def test_slow_reader_gets_the_whole_answer(running):
    """What the client has not fetched when the server closes must stay on its way: small windows
    are the rule."""
    script = "/" + re.search(r'src="([^"]*)"', running.get("/").body.decode()).group(1)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.settimeout(5)
        sock.connect(("127.0.0.1", running.config["port"]))
        sock.sendall(f"GET {script} HTTP/1.0\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(512)
        head, _, body = head.partition(b"\r\n\r\n")
        wanted = int(re.search(rb"Content-Length: (\d+)", head).group(1))
        # A condition, not a pause: the server has closed when the table of sockets says so.
        local = sock.getsockname()[1]
        running.wait("the server's close", lambda: not is_established_by_server(running.config["port"], local))
        while chunk := sock.recv(65536):
            body += chunk
    assert len(body) == wanted


def test_unknown_paths(running):
    for path in ("/api/nope", "/api/healthz/x", "/etc/passwd", "/../../etc/passwd", "/%2e%2e/x"):
        answer = running.get(path)
        assert answer.status in (400, 404), f"{path}: {answer}"
    answer = running.get("/api/nope")
    assert answer.headers["Content-Type"].startswith("application/json") and answer.json["error"]
    assert running.get("/api/stats", method="DELETE").status == 405


def test_refused_head_has_no_body(running):
    head, _, body = http_raw(running.config["port"], b"HEAD /api/nope HTTP/1.1\r\nHost: x\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ") and b"Content-Length: 21" in head
    assert body == b""


def test_page_is_self_contained(running):
    page = running.get("/")
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
    text = page.body.decode()
    assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:)?//""", text), "an outside request"
    for asset in re.findall(r"""(?:src|href)=["']([^"'#]+)["']""", text):
        if asset.startswith("data:"):
            continue
        found = running.get("/" + asset.lstrip("./"))
        assert found.status == 200 and found.body, asset
        assert b"http://" not in found.body.replace(b"http://www.w3.org", b"") and b"https://" not in found.body


def test_server_never_writes_the_database(running, broker):
    """The database is open read-only, and without an ingestor no byte of it or of its log changes.

    The -wal and -shm files may be open for writing: SQLite's readers take their locks in -shm.
    """
    publish(broker, packets(10))
    running.wait_drained(10)
    running.kill_everything()  # kill -9: the log stays, full of frames that a writer could check-point
    files = [running.db_path, running.db_path.with_name("weir.db-wal")]
    before = [(file.read_bytes(), file.stat().st_mtime_ns) for file in files]
    assert before[1][0], "the log is empty: nothing to see here"
    for _ in range(3):
        for path in (*PROBES, "/api/stats", "/api/perf/sqlite", "/api/perf/io", "/metrics"):
            running.get(path)
    assert set(open_modes(running.server.pid, running.db_path)) == {os.O_RDONLY}
    running.server.stop()  # the last connection that closes would check-point, if it could write
    assert [(file.read_bytes(), file.stat().st_mtime_ns) for file in files] == before


def open_modes(pid, target):
    """The access mode of each descriptor of the process that is this file."""
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if os.readlink(fd) != str(target):
                continue
            info = Path(f"/proc/{pid}/fdinfo/{fd.name}").read_text(encoding="ascii")
        except OSError:
            continue  # closed meanwhile
        yield int(re.search(r"flags:\s+(\d+)", info).group(1), 8) & os.O_ACCMODE


def test_sigterm_with_open_connections(running):
    with crowd(running.config["port"], 20):
        started = time.monotonic()
        assert running.server.stop() == 0
        assert time.monotonic() - started < 5 * PATIENCE


def test_readyz_during_the_shutdown_delay(world, broker):
    world.add_source(broker)
    world.start(server=True, shutdownDelaySeconds=4)
    world.server.signal(signal.SIGTERM)
    world.wait("503 while it drains", lambda: (a := world.get("/api/readyz")).json.get("reason") == "draining" and a.status == 503)
    assert world.get("/api/livez").status == 200
    assert world.server.wait_exit() == 0


def test_many_clients_while_ingesting(running, broker):
    """64 clients of the hot endpoints, 5,000 messages meanwhile: every answer is 200 and
    each in time."""
    slow, bad = [], []

    def ask(path):
        for _ in range(30):
            answer = running.get(path)
            (bad if answer.status != 200 else slow).append(answer.seconds)
    paths = ["/api/healthz", "/api/perf/io", "/api/perf/sqlite", "/api/mqtt/status"] * 16
    threads = [threading.Thread(target=ask, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    sent = publish(broker, packets(5000))
    for thread in threads:
        thread.join()
    assert not bad and len(slow) == 64 * 30
    running.wait_drained(sent)
