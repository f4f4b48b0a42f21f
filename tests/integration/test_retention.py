# SPDX-License-Identifier: MIT
"""Retention by size while messages come in: the oldest packets leave, and what is derived
stays a recount."""

import json
import subprocess

from harness import BUILD, PATIENCE
from messages import TXT_MSG, packet
from mqtt_lite import Client

HOUR_MS = 3600000
FIRST_HOUR = 500000
HOURS = 48
MESSAGES = 120000
LIMIT_MB = 16
SIZE = "SELECT page_count FROM pragma_page_count"  # of the file, free pages too
# Rollups and edges, counted from the rows; both sides without what retention has cut off.
RECOUNTS = {
    "observations an hour": ("""
        SELECT receipt_ms / 3600000, count(*) FROM observations WHERE receipt_ms >= :from GROUP BY 1 ORDER BY 1""", """
        SELECT hour, observations FROM rollups WHERE kind = 0 AND hour >= :from / 3600000 ORDER BY 1"""),
    "transmissions an hour": ("""
        SELECT first_ms / 3600000, count(*) FROM transmissions WHERE first_ms >= :from GROUP BY 1 ORDER BY 1""", """
        SELECT hour, transmissions FROM rollups WHERE kind = 0 AND hour >= :from / 3600000 ORDER BY 1"""),
    "edges": ("""
        SELECT hex(substr(path, 1, 1)), hex(substr(path, 2, 1)), count(*) FROM observations
        WHERE length(path) = 2 AND id <= (SELECT position FROM jobs WHERE name = 'count_late') GROUP BY 1, 2
        ORDER BY 1, 2""", """
        SELECT hex(from_hop), hex(to_hop), count FROM neighbor_edges WHERE observer_id = 0 AND count > 0
        ORDER BY 1, 2"""),
    "meta": ("SELECT (SELECT count(*) FROM transmissions), (SELECT count(*) FROM observations)",
             "SELECT transmissions, observations FROM meta"),
}


def record(path):
    """Two days of messages, an even stream, each with a path of two hops."""
    step_us = HOURS * HOUR_MS * 1000 // MESSAGES
    with open(path, "w", encoding="utf-8") as file:
        for n in range(MESSAGES):
            topic, payload = packet(n, observer=f"OBS{n % 40}", kind=TXT_MSG, path=bytes([n % 7, 100 + n % 5]))
            file.write(json.dumps({"topic": topic, "payload_text": payload,
                                   "receipt_us": FIRST_HOUR * HOUR_MS * 1000 + n * step_us}) + "\n")


def assert_recounts(world):
    start = world.scalar("SELECT retained_from_ms FROM meta")
    for what, queries in RECOUNTS.items():
        if what == "edges" and world.count("counted_pieces"):
            continue  # some of them hold more than is said to be counted
        found = [world.query(sql.replace(":from", str(start))) for sql in queries]
        assert found[0] == found[1], what


def test_size_limit(world, broker):
    recording = world.dir / "two-days.jsonl"
    record(recording)
    world.add_source(broker)
    # As old as the recording is, its age would take it away as soon as the clock is trusted.
    retention = {"packetDays": 0, "maxDatabaseMB": LIMIT_MB}
    world.write_config(retention=retention)
    subprocess.run([BUILD / "ingestor", "--config", world.config_path, "--replay", recording], check=True,
                   env=world.env, timeout=120 * PATIENCE, stderr=subprocess.DEVNULL)
    world.start(retention=retention)
    with Client(broker.port) as client:
        def is_small():
            client.publish(*packet(is_small.calls, run=1), qos=0)
            client.flush()
            is_small.calls += 1
            return world.scalar(SIZE) * 4096 <= LIMIT_MB << 20
        is_small.calls = 0
        world.wait("the database to fit its limit", is_small, 60)
    ledger = world.wait_drained(is_small.calls, source="main")
    assert ledger["committed"] == is_small.calls, ledger
    assert 0 < world.count("transmissions") < MESSAGES
    world.wait("the job's rest", lambda: world.stats()["writer_perf"].get("prune_packets"))
    world.ingestor.stop()
    assert_recounts(world)
