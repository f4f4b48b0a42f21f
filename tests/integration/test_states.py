# SPDX-License-Identifier: MIT
"""Every figure in every answer, in each state the two programs can be in: true or absent.

One table per state; a row is an answer, a member of it, and its value: ABSENT, a plain value, or a
condition. What holds in all states (no moment at 0, no percentile of nothing) is asked of every
answer by itself.
"""

import re
import time

from harness import PATIENCE, child_pids, is_alive, stopped
from messages import packets
from mqtt_lite import Client

ABSENT = object()
KEY = "a-key-that-nobody-knows-4711"
HEALTH, STATS, IO = "/api/healthz", "/api/stats", "/api/perf/io"
SQLITE, WRITES, MQTT, METRICS = "/api/perf/sqlite", "/api/perf/write-sources", "/api/mqtt/status", "/metrics"
WRITE_SOURCES = {"tx_inserted", "tx_dupes", "obs_inserted", "node_upserts", "observer_upserts", "write_errors",
                 "sig_drops", "walCommits", "groupCommitFlushes"}
RATES = ("readBytesPerSec", "writeBytesPerSec", "cancelledWriteBytesPerSec", "syscallsRead", "syscallsWrite")


# --- asking ---------------------------------------------------------------------------------------

def is_recent(unix):
    return abs(time.time() - unix) < 60 * PATIENCE


def says(text):
    return lambda value: text in value


def fetch(world, path):
    """The members of a JSON answer, or Prometheus' samples by name and labels."""
    answer = world.get(path)
    if path != METRICS:
        return answer.json
    samples = {}
    for line in answer.body.decode().splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            samples[name] = float(value)
    return samples


def member(answer, path):
    """`a/b/0/c` of nested objects and lists; `name=x` picks the list's element of that name."""
    for part in path.split("/"):
        if isinstance(answer, list):
            if "=" in part:
                key, wanted = part.split("=", 1)
                answer = next((e for e in answer if e.get(key) == wanted), ABSENT)
            else:
                answer = answer[int(part)]
        else:
            answer = answer.get(part, ABSENT)
        if answer is ABSENT:
            return ABSENT
    return answer


def wrong_rows(world, table):
    """The rows that do not hold now."""
    wrong, answers = [], {}
    for path, name, wanted in table:
        if path not in answers:
            answers[path] = fetch(world, path)
        # A family of samples has slashes nowhere; a label may.
        value = answers[path].get(name, ABSENT) if path == METRICS else member(answers[path], name)
        fits = value is wanted if wanted is ABSENT else value is not ABSENT and (
            wanted(value) if callable(wanted) else value == wanted)
        if not fits:
            wrong.append(f"{path} {name}: {'absent' if value is ABSENT else repr(value)}")
    return wrong


def lies(answer, where=""):
    """What is false in any state: a moment at 0 or before, a percentile beside a count of 0."""
    found = []
    if isinstance(answer, list):
        for i, element in enumerate(answer):
            found += lies(element, f"{where}/{i}")
    if not isinstance(answer, dict):
        return found
    for key, value in answer.items():
        if re.search(r"Unix$|At$", key) and value in (0, -1) or key.endswith("timestamp_seconds") and value <= 0:
            found.append(f"{where}/{key} = {value!r}")
        if re.search(r"_ms_(p\d+|max)$", key) and answer.get("count") == 0:
            found.append(f"{where}/{key} = {value!r}, of nothing")
        if isinstance(value, float) and value != value:
            found.append(f"{where}/{key} is not a number")
        found += lies(value, f"{where}/{key}")
    return found


def check(world, table):
    """Waits until every row of the table holds, then looks for what may never be."""
    last = ["nothing was asked"]

    def holds():
        last[:] = wrong_rows(world, table)
        return not last
    try:
        world.wait("the table", holds)
    except AssertionError as error:
        raise AssertionError("\n".join([*last, str(error)])) from None
    for path in (HEALTH, STATS, IO, SQLITE, WRITES, MQTT, METRICS):
        found = lies(fetch(world, path), path)
        assert not found, found


# --- nothing there --------------------------------------------------------------------------------

NO_DATABASE = [
    (HEALTH, "ready", False), (HEALTH, "reason", "loading"), (HEALTH, "status", "fail"),
    (HEALTH, "loadedTx", ABSENT), (HEALTH, "loadedObs", ABSENT),
    *[(STATS, key, ABSENT) for key in ("totalPackets", "totalTransmissions", "totalObservations", "totalNodes",
                                       "totalNodesAllTime", "totalObservers", "packetsLastHour", "packetsLast24h",
                                       "signatureDrops")],
    (STATS, "counts", {}), (STATS, "processRSSMB", lambda mb: mb > 1),
    (STATS, "buildTime", lambda text: re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", text)),
    *[(SQLITE, key, ABSENT) for key in ("walSizeMB", "walSize", "pageCount", "pageSize", "cacheSize", "cacheHitRate",
                                        "dbSizeBytes", "freelistCount")],
    *[(METRICS, f"weir_database_{what}", ABSENT) for what in
      ("transmissions", "observations", "observers", "nodes", "bytes", "free_pages", "wal_bytes",
       "polled_timestamp_seconds")],
    (METRICS, "weir_server_ready", 0),
]
NO_INGESTOR = [
    (HEALTH, "ingest_liveness", ABSENT), (HEALTH, "checks/ingestor/status", "warn"),
    (IO, "ingestor", ABSENT), (IO, "syscallsRead", lambda rate: rate >= 0),
    (WRITES, "sources", {}), (WRITES, "sampleAt", ""), (WRITES, "writer_perf", ABSENT), (WRITES, "workers", ABSENT),
    (MQTT, "sources", []), (MQTT, "sampleAt", ""), (MQTT, "stale", True), (MQTT, "watchdogLastTickUnix", ABSENT),
    (METRICS, "weir_ingestor_stats_usable", 0), (METRICS, "weir_ingestor_stale", ABSENT),
    (METRICS, "weir_commits_total", ABSENT),
]


def test_nothing_ever_ran(world):
    world.write_config()
    world.start_server()
    check(world, NO_DATABASE + NO_INGESTOR)


# --- an ingestor that has received nothing --------------------------------------------------------

LINK = "sources/name=main"
NEVER_CONNECTED = [
    (HEALTH, "checks/source:main/status", "warn"), (HEALTH, "ingest_liveness", {"main": {}}),
    (HEALTH, "loadedTx", 0), (STATS, "totalTransmissions", 0), (STATS, "totalNodes", 0),
    (STATS, "packetsLastHour", 0), (STATS, "counts/repeaters", 0),
    (MQTT, "stale", False), (MQTT, f"{LINK}/connected", False), (MQTT, f"{LINK}/connectCount", 0),
    (MQTT, f"{LINK}/packetsTotal", 0), (MQTT, f"{LINK}/packetsLast5m", 0),
    (MQTT, f"{LINK}/lastError", says("refused")),
    (MQTT, f"{LINK}/nextRetryUnix", lambda unix: unix > time.time() - 60),
    *[(MQTT, f"{LINK}/{key}", ABSENT) for key in ("lastConnectUnix", "lastDisconnectUnix", "lastPacketUnix",
                                                  "sessionLostUnix")],
    *[(WRITES, f"sources/{key}", 0) for key in sorted(WRITE_SOURCES - {"walCommits"})],
    (WRITES, "sources", lambda sources: set(sources) == WRITE_SOURCES),
    (WRITES, "writer_perf/mqtt_handler", {"count": 0, "contention_total": 0, "batch_count": 0}),
    (WRITES, "commit/msP50", ABSENT), (WRITES, "commit/rowsP50", ABSENT), (WRITES, "commit/replacedUnix", ABSENT),
    (WRITES, "commit/retryUnix", ABSENT), (WRITES, "workers/name=flusher/backpressureSinceUnix", ABSENT),
    (WRITES, "workers/name=flusher/state", "running"), (WRITES, "queue/main/records", 0),
    (WRITES, "stoppedAt", ABSENT), (IO, "ingestor/syscallsWrite", lambda rate: rate >= 0),
    (METRICS, 'weir_source_connected{source="main"}', 0),
    (METRICS, 'weir_ingest_last_receipt_timestamp_seconds{source="main"}', ABSENT),
    (METRICS, 'weir_ingest_last_message_timestamp_seconds{source="main"}', ABSENT),
    (METRICS, "weir_database_replaced_timestamp_seconds", ABSENT),
    (METRICS, 'weir_commit_seconds{quantile="0.5"}', ABSENT), (METRICS, 'weir_commit_rows{quantile="0.99"}', ABSENT),
]


def test_a_broker_that_was_never_reached(world):
    world.add_source("mqtt://127.0.0.1:1")
    world.start(server=True, live=False, apiKey=KEY)  # with an injection source, which is no broker
    check(world, NEVER_CONNECTED)


# --- one that has ---------------------------------------------------------------------------------

SENT = 25


def receive(world, broker):
    world.add_source(broker)
    world.start(server=True, apiKey=KEY, maxUnhealthySeconds=60)
    with Client(broker.port) as client:
        assert client.publish_all(packets(SENT)) == SENT
    world.wait_drained(SENT)


FRESH = [
    (HEALTH, "status", "pass"), (HEALTH, "loadedTx", SENT), (HEALTH, "loadedObs", SENT),
    (HEALTH, "ingest_liveness", lambda sources: list(sources) == ["main"]),
    (HEALTH, "ingest_liveness/main/lastReceiptUnix", is_recent),
    (HEALTH, "ingest_liveness/main/lastMessageUnix", is_recent),
    (STATS, "totalTransmissions", SENT), (STATS, "totalPackets", SENT), (STATS, "packetsLast24h", SENT),
    (STATS, "packetsLastHour", SENT),
    (MQTT, f"{LINK}/connected", True), (MQTT, f"{LINK}/state", "live"), (MQTT, f"{LINK}/connectCount", 1),
    (MQTT, f"{LINK}/packetsTotal", SENT), (MQTT, f"{LINK}/packetsLast5m", SENT),
    (MQTT, f"{LINK}/lastConnectUnix", is_recent), (MQTT, f"{LINK}/lastDisconnectUnix", ABSENT),
    (MQTT, f"{LINK}/nextRetryUnix", ABSENT), (MQTT, f"{LINK}/lastPacketUnix", is_recent),
    (WRITES, "sources/tx_inserted", SENT), (WRITES, "sources", lambda sources: set(sources) == WRITE_SOURCES),
    (WRITES, "writer_perf/mqtt_handler/count", SENT),
    (WRITES, "writer_perf/mqtt_handler/batch_count", lambda n: 1 <= n <= SENT),
    (WRITES, "writer_perf/mqtt_handler/wait_ms_p50", lambda ms: ms >= 0),
    (WRITES, "writer_perf/mqtt_handler/hold_ms_max", lambda ms: ms > 0),
    (WRITES, "writer_perf/mqtt_handler/batch_hold_ms_p50", lambda ms: ms > 0),
    (WRITES, "writer_perf/mqtt_handler/rows_total", ABSENT),
    (WRITES, "writer_perf/prune_packets", lambda job: "batch_count" not in job and "batch_hold_ms_p50" not in job),
    (WRITES, "commit/msP50", lambda ms: ms > 0), (WRITES, "commit/lastUnix", is_recent),
    (WRITES, "workers/name=flusher/heartbeatAgeMs", lambda ms: 0 <= ms < 5000),
    (METRICS, 'weir_source_connected{source="main"}', 1), (METRICS, 'weir_ingest_queue_depth{source="main"}', 0),
    (METRICS, 'weir_worker_up{worker="flusher",source=""}', 1), (METRICS, "weir_ingestor_stale", 0),
    *[(IO, key, lambda rate: rate >= 0) for key in RATES],
]


def test_freshly_started(world, broker):
    receive(world, broker)
    check(world, FRESH)
    totals = world.get(STATS).json
    assert totals["totalNodes"] <= totals["totalNodesAllTime"]


def test_started_anew_with_a_past(world, broker):
    """What the ring and the database have counted before is no news of the last five minutes."""
    receive(world, broker)
    assert world.ingestor.stop() == 0
    world.restart_ingestor()
    check(world, [(MQTT, f"{LINK}/packetsTotal", SENT), (MQTT, f"{LINK}/packetsLast5m", 0),
                  (MQTT, f"{LINK}/lastPacketUnix", ABSENT), (HEALTH, "ingest_liveness", {"main": {}}),
                  (HEALTH, "status", "pass"), (HEALTH, "loadedTx", SENT), (WRITES, "stoppedAt", ABSENT),
                  (WRITES, "sources/tx_inserted", 0), (WRITES, "ledger/total/received", SENT)])


def test_a_flusher_that_died_takes_no_counts_with_it(world, broker):
    receive(world, broker)
    check(world, [(WRITES, "writer_perf/mqtt_handler/count", SENT)])  # it says so once a second
    world.replace_worker("flusher")
    check(world, [(WRITES, "writer_perf/mqtt_handler/count", SENT), (WRITES, "commit/lastUnix", is_recent),
                  (WRITES, "sources/tx_inserted", SENT), (HEALTH, "checks/worker:flusher/status", "pass")])


STOPPED = [
    (HEALTH, "status", "warn"), (HEALTH, "ready", True), (HEALTH, "loadedTx", SENT),
    (HEALTH, "checks/ingestor/output", lambda text: re.match(r"stopped \d+ s ago: Stopped: 0 flushed, 0 left", text)),
    (HEALTH, "checks/source:main/output", "the ingestor has stopped"), (HEALTH, "checks/worker:flusher", ABSENT),
    (MQTT, "stoppedAt", lambda text: text.startswith("20")), (MQTT, f"{LINK}/connected", False),
    (MQTT, f"{LINK}/state", "stopped"), (MQTT, f"{LINK}/lastError", ABSENT), (MQTT, f"{LINK}/nextRetryUnix", ABSENT),
    (MQTT, f"{LINK}/packetsTotal", SENT), (MQTT, f"{LINK}/lastDisconnectUnix", is_recent),
    (WRITES, "stoppedAt", lambda text: text.startswith("20")), (WRITES, "workers/name=flusher/state", "stopped"),
    (WRITES, "workers/name=flusher/pid", None), (WRITES, "workers/name=flusher/heartbeatAgeMs", ABSENT),
    (WRITES, "workers/name=receiver:main/state", "stopped"), (WRITES, "queue/main/records", 0),
    (METRICS, 'weir_worker_up{worker="flusher",source=""}', 0), (METRICS, 'weir_source_connected{source="main"}', 0),
]


def test_stopped_in_order(world, broker):
    receive(world, broker)
    assert world.ingestor.stop() == 0
    check(world, STOPPED)
    check(world, [*STOPPED, (WRITES, "stale", True), (IO, "ingestor", ABSENT), (METRICS, "weir_ingestor_stale", 1)])


KILLED = [
    (HEALTH, "status", "warn"), (HEALTH, "checks/ingestor/output", says("ended without a word, or hangs")),
    (HEALTH, "checks/source:main/output", says("unknown")), (HEALTH, "checks/worker:flusher", ABSENT),
    (HEALTH, "ingest_liveness/main/lastReceiptUnix", is_recent),
    (MQTT, "stale", True), (MQTT, "stoppedAt", ABSENT), (MQTT, f"{LINK}/connected", False),
    (MQTT, f"{LINK}/state", "unknown"), (MQTT, f"{LINK}/packetsTotal", SENT),
    (MQTT, f"{LINK}/packetsLast5m", ABSENT), (MQTT, f"{LINK}/nextRetryUnix", ABSENT),
    (WRITES, "stale", True), (WRITES, "sources/tx_inserted", SENT), (WRITES, "workers/name=flusher/state", "unknown"),
    (WRITES, "workers/name=flusher/pid", ABSENT), (WRITES, "workers/name=flusher/heartbeatAgeMs", ABSENT),
    (WRITES, "workers/name=flusher/healthySinceUnix", ABSENT), (WRITES, "commit/lastUnix", is_recent),
    (IO, "ingestor", ABSENT), (METRICS, "weir_ingestor_stale", 1), (METRICS, "weir_transmissions_inserted_total", SENT),
    (METRICS, 'weir_ingest_queue_depth{source="main"}', ABSENT),
    (METRICS, 'weir_worker_up{worker="flusher",source=""}', 0), (METRICS, 'weir_source_connected{source="main"}', 0),
]


def test_killed(world, broker):
    receive(world, broker)
    world.kill_everything()
    check(world, KILLED)


def test_a_flusher_that_is_stopped_is_not_green(world, broker):
    receive(world, broker)
    with world.stopped("flusher"):
        check(world, [
            (HEALTH, "status", "warn"), (HEALTH, "checks/worker:flusher/status", "warn"),
            (HEALTH, "checks/worker:flusher/output", says("suspended for")),
            (HEALTH, "checks/ingestor/output", says("Not writing: the flusher has not moved for")),
            (HEALTH, "checks/source:main/status", "pass"), (MQTT, f"{LINK}/state", "live"),
            (WRITES, "workers/name=flusher/heartbeatAgeMs", lambda ms: ms > 5000), (WRITES, "stale", False)])
    check(world, [(HEALTH, "status", "pass"), (WRITES, "workers/name=flusher/heartbeatAgeMs", lambda ms: ms < 5000)])


def test_a_receiver_that_is_stopped_is_not_connected(world, broker):
    receive(world, broker)
    with world.stopped("receiver"):
        check(world, [
            (HEALTH, "checks/worker:receiver:main/status", "warn"), (HEALTH, "checks/source:main/status", "warn"),
            (MQTT, f"{LINK}/connected", False), (MQTT, f"{LINK}/state", "unknown"),
            (MQTT, f"{LINK}/lastError", says("has not moved for")), (METRICS, 'weir_source_connected{source="main"}', 0)])
    check(world, [(MQTT, f"{LINK}/connected", True), (MQTT, f"{LINK}/state", "live"), (MQTT, f"{LINK}/lastError", ABSENT)])


def test_a_supervisor_that_is_stopped_is_not_known_to_run(world, broker):
    receive(world, broker)
    workers = child_pids(world.ingestor.pid)
    with stopped(world.ingestor.pid):
        check(world, KILLED)
        assert all(is_alive(pid) for pid in workers)
    check(world, [(HEALTH, "status", "pass"), (MQTT, f"{LINK}/connected", True)])
