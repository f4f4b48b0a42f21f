# SPDX-License-Identifier: MIT
"""/api/ops/snapshot: all that the ops page shows in one answer, and the events behind it."""

import gzip
import json
import os
import signal
import sqlite3
import time

from messages import packets
from mqtt_lite import Client

SNAPSHOT = "/api/ops/snapshot"
PLAIN = {"health": "/api/healthz", "writes": "/api/perf/write-sources", "mqtt": "/api/mqtt/status",
         "io": "/api/perf/io", "sqlite": "/api/perf/sqlite"}


def snapshot(world, query=""):
    answer = world.get(f"{SNAPSHOT}{query}")
    assert answer.status == 200, answer
    return answer.json


def names(value):
    """The names of an object's members, of objects in it too; lists by their first element."""
    if isinstance(value, list):
        return names(value[0]) if value else None
    return {key: names(member) for key, member in value.items()} if isinstance(value, dict) else None


def texts(world):
    return [event["text"] for event in snapshot(world, "?events=200")["events"]]


def wait_event(world, text):
    """The event whose sentence holds the text."""
    def found():
        return next((e for e in reversed(snapshot(world, "?events=200")["events"]) if text in e["text"]), None)
    return world.wait(f"an event that says {text!r}", found)


def running(world, broker, **keys):
    world.add_source(broker)
    world.start(server=True, **keys)
    with Client(broker.port) as client:
        client.publish_all(packets(25), qos=1)
    world.wait_drained(25)


def test_nothing_ever_ran(world):
    """The same words as the plain answers: no sample, and what is not known is left out."""
    world.write_config()
    world.start_server()
    answer = world.wait("a look at the file", lambda: (a := snapshot(world)) and "no statistics file" in
                        a["health"]["checks"]["ingestor"]["output"] and a)
    assert answer["writes"] == {"sources": {}, "sampleAt": ""}
    assert answer["mqtt"] == {"sources": [], "sampleAt": "", "stale": True}
    assert answer["sqlite"] == {} and "ingestor" not in answer["io"]
    assert answer["health"]["ready"] is False and answer["health"]["reason"] == "loading"
    assert answer["storage"] == {"basisSeconds": 0} and answer["silence"] == {}  # nor a stateDir for backups
    assert answer["expected"] == {"config": str(world.config_path), "statsFile": str(world.stats_path)}
    assert {figure["verdict"] for figure in answer["figures"].values()} <= {"unknown", "learning"}
    assert all("value" not in answer["figures"][name] for name in ("received", "queued", "databaseBytes", "ingestorCpu"))
    assert [event["kind"] for event in answer["events"]] == ["start"]


def test_all_that_the_page_shows(world, broker):
    running(world, broker, stateDir="state", retention={"maxDatabaseMB": 64})
    answer = world.wait("rates of everything", lambda: (a := snapshot(world)) and a["figures"]["ingestorCpu"].get("value") is not None
                        and "ingestor" in a["io"] and a["writes"]["ledger"]["total"]["committed"] == 25 and a)
    assert answer["health"]["status"] == "pass"
    for name, path in PLAIN.items():
        world.wait(f"{name} as {path} has it", lambda n=name, p=path: names(snapshot(world)[n]) == names(world.get(p).json))
    # what the ingestor uses, and where its database lies
    writes = answer["writes"]
    disk = os.statvfs(world.db_path)
    assert writes["diskBytes"] == disk.f_blocks * disk.f_frsize and 0 < writes["diskFreeBytes"] <= writes["diskBytes"]
    assert writes["rssBytes"] > sum(w["rssBytes"] for w in writes["workers"]) > 1 << 20
    assert writes["cpuSeconds"] > 0 and all(w["cpuSeconds"] >= 0 for w in writes["workers"])
    assert writes["checkpoints"]["count"] >= 0
    assert answer["figures"]["ingestorMemory"]["value"] > 1 << 20 and answer["figures"]["diskFree"]["value"] > 0
    # the server itself
    assert answer["http"]["2xx"] > 0 and answer["http"]["p50"] <= answer["http"]["p95"] <= answer["http"]["p99"]
    before = answer["http"]["4xx"]
    assert world.get("/api/nothing").status == 404
    world.wait("it to be counted", lambda: snapshot(world)["http"]["4xx"] == before + 1)
    assert answer["server"]["rssBytes"] > 1 << 20 and answer["server"]["cpuSeconds"] > 0
    # storage and verdicts: too early to know
    assert answer["storage"]["basisSeconds"] == 0 and "daysToDisk" not in answer["storage"]
    assert writes["databaseLimitBytes"] == 64 << 20 and writes["packetDays"] == 30
    assert time.time() - 7200 < answer["storage"]["oldestUnix"] <= time.time() and answer["storage"]["backup"] == {}
    sound = world.wait("a check of the database", lambda: snapshot(world)["storage"].get("integrity"))
    assert sound["verdict"] == "sound" and sound["tables"] > 30 and sound["late"] == 0
    assert set(answer["figures"]) == set(world.get("/api/perf/history?step=900").json["series"])
    assert answer["silence"]["main"]["silent"] is False and "expected" not in answer
    # small, packed, and not sent twice
    packed = world.get(SNAPSHOT, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and len(packed.body) < 4096, len(packed.body)
    assert json.loads(gzip.decompress(packed.body)).keys() == answer.keys()
    assert world.ingestor.stop() == 0
    tag = world.wait("an answer that does not change", lambda: (a := world.get(SNAPSHOT)) and a.headers["ETag"] ==
                     world.get(SNAPSHOT).headers["ETag"] and a.headers["ETag"])
    assert tag.startswith('"')
    assert {world.get(SNAPSHOT, headers={"If-None-Match": tag}).status for _ in range(3)} <= {200, 304}


def test_events_tell_what_happened(world, broker):
    running(world, broker, maxUnhealthySeconds=60)
    wait_event(world, "the ingestor has begun")
    wait_event(world, "main is connected to mqtt://127.0.0.1")
    # those of the stats file are the same
    assert any("main is connected" in e["text"] for e in world.stats()["events"])
    world.kill_worker("flusher")
    event = wait_event(world, "signal 9")  # it is started again at once, or after a tenth of a second
    assert (event["level"], event["kind"], event["subject"]) == ("warn", "worker", "flusher")
    broker.kill()
    world.ingestor.signal(signal.SIGHUP)
    assert wait_event(world, "main has lost its connection")["level"] == "warn"
    wait_event(world, "configuration reloaded: 0 sources added")
    # numbers rise; who knows the last one is told what came since
    answer = snapshot(world, "?events=200")
    ids = [event["id"] for event in answer["events"]]
    assert ids == sorted(set(ids)) and answer["lastEvent"] == ids[-1]
    assert [e["id"] for e in snapshot(world, f"?events=200&after={ids[2]}")["events"]][:len(ids) - 3] == ids[3:]
    assert all(e["id"] > ids[-1] for e in snapshot(world, f"?after={ids[-1]}")["events"])
    assert len(snapshot(world, "?events=2")["events"]) == 2
    # an ingestor that is killed says nothing of it; the server does, and knows what was before
    world.kill_everything()
    broker.start()
    assert wait_event(world, "ingestor: stale")["kind"] == "ingestor"
    world.restart_ingestor()
    world.wait("the second beginning", lambda: sum("the ingestor has begun" in text for text in texts(world)) == 2)
    wait_event(world, "the ingestor is heard of: ")
    assert any("configuration reloaded" in text for text in texts(world))
    assert world.ingestor.stop() == 0
    wait_event(world, "Stopped: ")


def test_who_holds_the_database(world, broker):
    """Seen in a sample while messages keep the writer busy: the supervisor reads it at that moment,
    whatever the flusher has time to publish."""
    world.add_source(broker)
    world.start(server=True, groupCommitMs=0)
    sent = 0
    with Client(broker.port) as client:
        def seen():
            nonlocal sent
            client.publish_all(packets(1000, start=sent))
            sent += 1000
            return [w["holding_ms"] for w in world.stats()["writer_perf"].values() if "holding_ms" in w]
        held = world.wait("a writer that holds the database", seen, 40)
    assert len(held) == 1 and 0 <= held[0] < 10000
    world.wait_stats("nobody to hold it", lambda s: not any("holding_ms" in w for w in s["writer_perf"].values()))


def test_a_damaged_database_is_said(world, broker):
    """A page that nobody reads in years; the read side goes on."""
    running(world, broker)
    assert world.ingestor.stop() == 0 and world.server.stop() == 0
    with sqlite3.connect(world.db_path) as db:
        page, = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'dead_letter'").fetchone()
        size, = db.execute("PRAGMA page_size").fetchone()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(world.db_path, "r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"Z" * size)
    world.server.start()
    check = world.wait("the check", lambda: snapshot(world)["health"]["checks"].get("integrity"))
    assert check["status"] == "warn" and "is damaged (" in check["output"] and "restore a backup" in check["output"]
    assert world.get("/api/healthz").status == 200 and world.get("/api/packets").status == 200
    assert snapshot(world)["storage"]["integrity"]["verdict"] == "damaged"
    assert wait_event(world, "database: the database is damaged")["level"] == "warn"
