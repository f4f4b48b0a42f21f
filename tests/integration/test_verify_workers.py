# SPDX-License-Identifier: MIT
"""verifyWorkers: threads that verify ahead of the writer change nothing that is stored."""

import json

import pytest
from harness import World, run_ok
from messages import ADVERT, recorded
from mqtt_lite import Client

POISON = "poison-4711"
FIRST_RECEIPT_US = 1774800000 * 1000000
# (table, column): what every run has of its own.
OWN_TO_A_RUN = {("meta", "uuid"), ("meta", "created_ms"), ("meta", "refused_from_ms"), ("meta", "commits"),
                ("chain_outcomes", "chain"), ("chain_receivers", "chain")}


@pytest.fixture(scope="module")
def messages():
    """Each recorded message, and every advert once more with a signature that is not its own."""
    files = [recorded(name) for name in ("packets", "status", "multi_observer")]
    if None in files:
        pytest.skip("recorded messages are not here; set WEIR_CORPUS")
    found = []
    for topic, payload, _ in sum(files, []):
        found.append((topic, payload))
        if is_advert(payload):
            message = json.loads(payload)
            raw = bytearray.fromhex(message["raw"])
            raw[-110] ^= 1
            found.append((topic, json.dumps({**message, "raw": raw.hex().upper()})))
    return found


def is_advert(payload):
    raw = json.loads(payload).get("raw") or ""
    return len(raw) > 230 and int(raw[:2], 16) >> 2 & 15 == ADVERT


def rows_of(world):
    """{table: rows} with all columns but those that each run has of its own."""
    tables = [name for (name,) in world.query("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    found = {}
    for table in tables:
        if table.startswith(("ring_", "sqlite_stat")):
            continue
        columns = [row[1] for row in world.query(f"PRAGMA table_info({table})") if (table, row[1]) not in OWN_TO_A_RUN]
        found[table] = world.query(f"SELECT {', '.join(columns)} FROM {table}")
    return found


@pytest.mark.parametrize("mode", ["drop", "flag"])
def test_the_rows_are_the_same(messages, mode):
    found, said = [], []
    for workers in (0, 3):
        world = World(f"verify-{workers}")
        try:
            world.write_config(verifyWorkers=workers, signatureMode=mode)
            lines = world.dir / "in.jsonl"
            lines.write_text("\n".join(json.dumps({"topic": topic, "payload_text": payload,
                                                   "receipt_us": FIRST_RECEIPT_US + n * 250000})
                                       for n, (topic, payload) in enumerate(messages)))
            _, err = run_ok(world, "--replay", lines)
            said.append([line.split("replayed:")[1].split(" file=")[0] for line in err.splitlines() if "replayed:" in line])
            assert ("signatures are verified ahead" in err) == (workers > 0)
            found.append(rows_of(world))
        finally:
            world.close()
    assert said[0] == said[1] and len(said[0]) == 1
    assert found[0].keys() == found[1].keys() and len(found[0]["nodes"]) > 50
    for table, rows in found[0].items():
        assert rows == found[1][table], table
    assert (len(found[0]["dropped_packets"]) > 50) == (mode == "drop")


def test_kills_and_a_record_that_ends_the_writer(world, broker, messages):
    """A crash in the look ahead is charged to the record looked at; a kill costs nothing."""
    world.env["WEIR_TEST_CRASH_ON"] = POISON
    world.add_source(broker, qos=1, persistentSession=True)
    world.start(verifyWorkers=3, groupCommitMs=20, maxProcessRestarts=1000)
    sent = list(messages)
    at = next(n for n in range(len(sent) // 2, len(sent)) if is_advert(sent[n][1]))
    poison = (sent[at][0], json.dumps({**json.loads(sent[at][1]), "note": POISON}))
    sent.insert(at, poison)
    pid = world.wait_worker("flusher")
    with world.stopped("flusher"), Client(broker.port) as client:
        client.publish_all(sent, qos=1)
        world.wait("their receipt", lambda: world.ledger()["received"] >= len(sent))
    for _ in range(3):
        world.kill_worker("flusher")
        pid = world.wait_worker("flusher", other_than=pid, timeout=40)
    ledger = world.wait_drained(len(sent), timeout=60)
    assert ledger["dead"] == 1 and not any(ledger["dropped"].values()), ledger
    assert world.query("SELECT topic, CAST(payload AS TEXT) FROM dead_letter") == [poison]

    alone = World("verify-alone")
    try:
        alone.write_config(verifyWorkers=0)
        lines = alone.dir / "in.jsonl"
        lines.write_text("\n".join(json.dumps({"topic": topic, "payload_text": payload}) for topic, payload in messages))
        run_ok(alone, "--replay", lines)
        for sql in ("SELECT hash, type, sender IS NULL, is_forged FROM transmissions ORDER BY hash",
                    "SELECT public_key FROM nodes ORDER BY public_key",
                    "SELECT count(*) FROM observations", "SELECT count(*) FROM dropped_packets"):
            assert world.query(sql) == alone.query(sql), sql
    finally:
        alone.close()
    assert ledger["committed"] + ledger["duplicate"] + sum(ledger["rejected"].values()) == len(messages)
