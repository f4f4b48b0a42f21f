# SPDX-License-Identifier: MIT
"""Why a message is not stored: each one leaves a row that names the rule and the option, or is
counted (README "Where is my packet?")."""

import json
import sqlite3
import struct

import pytest
from messages import ADVERT, FLOOD, content_hash, frame, packet
from mqtt_lite import Client

KEY = bytes(range(32))
CLIENT = "a1" * 32
GPS = {"lat": 51.05, "lon": 3.72}


def advert(key, number, lat=50.0, lon=4.0):
    """An advert with a position, whose signature nobody made."""
    app = bytes([0x11]) + struct.pack("<ii", int(lat * 1e6), int(lon * 1e6))
    return bytes([ADVERT << 2 | FLOOD, 0]) + key + struct.pack("<I", 1774000000 + number) + bytes(64) + app


def carry(raw, observer="OBS1", region="TST", **extra):
    return f"meshcore/{region}/{observer}/packets", json.dumps({"origin_id": observer, "raw": raw.hex(), **extra})


def from_client(leaf, raw=None, **extra):
    raw = frame(70) if raw is None else raw
    return f"meshcore/client/{CLIENT}/{leaf}", json.dumps(
        {"raw": raw.hex(), "direction": "rx", "gps": GPS, "timestamp": "2026-06-09T12:00:00Z", **extra})


def row_of(world, rule, key, known):
    """The newest row of this rule, when there are more of them than `known`."""
    rows = world.query("SELECT config_key, observer, hash, node, source, topic, bytes, records FROM refusals"
                       " WHERE rule = ? ORDER BY id DESC", rule)
    return rows[0] if len(rows) > known else None


def check(world, client, cases):
    """Publish one after the other, and find the row of each."""
    for rule, key, (topic, payload), raw, node in cases:
        known = world.scalar("SELECT count(*) FROM refusals WHERE rule = ?", rule)
        client.publish_all([(topic, payload)])
        row = world.wait(f"a row of {rule}", lambda r=rule, k=key, n=known: row_of(world, r, k, n))
        config_key, observer, found_hash, found_node, source, found_topic, size, records = row
        assert (config_key, source, records) == (key, "main", 1), (rule, row)
        assert found_hash == (content_hash(raw) if raw else None), (rule, row)
        assert found_node == node, (rule, row)
        assert found_topic == topic[:128] and size == len(payload), (rule, row)
        if topic.startswith("meshcore/TST/"):
            assert observer == topic.split("/")[2], (rule, row)


def test_every_rule_leaves_its_row(world, broker):
    world.add_source(broker, iataFilter=["TST"])
    world.start(observerBlacklist=["DENIED"], observerIATAWhitelist=["TST", "AAA"], nodeBlacklist=[KEY.hex()],
                maxMessageBytes=3000)
    one, stale = frame(1), frame(2)
    forged = advert(bytes(32), 1)
    cases = [
        ("rejected.too_large", "maxMessageBytes", ("meshcore/TST/OBS1/packets", "x" * 3001), None, None),
        ("rejected.too_large", None, ("meshcore/TST/OBS1/" + "x" * 4096, "{}"), None, None),
        ("filtered.topic", "mqttSources[].topics", ("meshcore/TST/OBS1/internal", "{}"), None, None),
        ("filtered.keepalive", None, ("meshcore/TST/OBS1/packets", "{}"), None, None),
        ("filtered.no_frame", None, ("meshcore/TST/OBS1/packets", '{"event_type":"x"}'), None, None),
        ("filtered.empty", None, ("meshcore/TST/OBS1/packets", " "), None, None),
        ("filtered.iata", "observerIATAWhitelist", carry(one, region="BBB"), one, None),
        ("filtered.iata", "mqttSources[].iataFilter", carry(one, region="AAA"), one, None),
        ("filtered.observer", "observerBlacklist", carry(one, observer="DENIED"), one, None),
        ("filtered.node", "nodeBlacklist", carry(advert(KEY, 0)), advert(KEY, 0), KEY),
        ("filtered.client", "clientRxCoverage.enabled", from_client("packets"), frame(70), None),
        ("filtered.client", "clientRxObservations.enabled", from_client("rf"), frame(70), None),
        ("filtered.stale_tx", None, carry(stale, direction="tx", len="3"), None, None),
        ("rejected.json", None, ("meshcore/TST/OBS1/packets", "not json"), None, None),
        ("rejected.envelope", None, ("meshcore/packets", json.dumps({"raw": one.hex()})), None, None),
        ("rejected.hex", None, ("meshcore/TST/OBS1/packets", '{"raw":"xyz"}'), None, None),
        ("rejected.frame", None, carry(b"\xff"), None, None),
        ("rejected.advert", None, carry(frame(3, kind=ADVERT)), frame(3, kind=ADVERT), None),
        ("rejected.signature", "signatureMode", carry(forged), forged, bytes(32)),
    ]
    with Client(broker.port) as client:
        check(world, client, cases)
        client.publish_all([packet(1)])
    ledger = world.wait_drained(len(cases) + 1)
    # Every one of them stands in the counts, too, and the sum is the ledger's.
    counted = dict(world.query("SELECT rule, sum(records) FROM refusal_hours GROUP BY rule"))
    assert counted == {f"{bucket}.{reason}": n for bucket in ("filtered", "rejected", "dropped")
                       for reason, n in ledger[bucket].items() if n}, (counted, ledger)
    assert world.scalar("SELECT sum(records - noted) FROM refusal_hours") == 0


def test_limits_leave_their_rows(world, broker):
    """The rules that need another configuration: whitelist, area, limits, what apps report."""
    world.add_source(broker)
    world.start(observerWhitelist=["OBS1", "OBS2", "OBS3"], signatureMode="off", maxNodes=1, maxObservers=2,
                geo_filter={"latMin": 40, "latMax": 60, "lonMin": 0, "lonMax": 10}, foreignAdverts={"mode": "drop"},
                clientRxCoverage={"enabled": True})
    far, second = advert(b"\x01" * 32, 1, lat=10.0), advert(b"\x02" * 32, 2)
    one = frame(1)
    with Client(broker.port) as client:
        client.publish_all([carry(advert(b"\x03" * 32, 3))])
        client.publish_all([carry(frame(2), observer="OBS2")])
        world.wait_drained(2)
        check(world, client, [
            ("filtered.observer", "observerWhitelist", carry(one, observer="OTHER"), one, None),
            ("filtered.geo", "geo_filter", carry(far), far, b"\x01" * 32),
            ("filtered.max_nodes", "maxNodes", carry(second), second, b"\x02" * 32),
            ("filtered.max_observers", "maxObservers", carry(one, observer="OBS3"), one, None),
            ("filtered.client", None, from_client("packets"), frame(70), None),
        ])
    assert world.ingestor.stop() == 0
    # The limit of new ones holds from the eleventh minute of a database on.
    with sqlite3.connect(world.db_path) as db:
        db.execute("UPDATE observers SET first_ms = first_ms - 3600000")
    db.close()
    world.write_config(maxObservers=50000, newObserversPerMinute=1, observerWhitelist=[])
    world.restart_ingestor()
    with Client(broker.port) as client:
        client.publish_all([carry(frame(5), observer="NEW1")])
        world.wait("the first new one", lambda: world.count("observers") == 3)
        check(world, client, [("filtered.new_observers", "newObserversPerMinute", carry(frame(6), observer="NEW2"),
                               frame(6), None)])


def test_what_the_receiver_refuses_comes_through_slots(world, broker):
    """A flood: a few rows a second, all are counted, and the sum is the ledger's."""
    world.add_source(broker)
    world.start(observerMaxPerSecond=1, ingestBufferSize=100)
    with Client(broker.port) as client:
        client.publish_all(packet(n, observer="LOUD") for n in range(3000))
        world.wait_drained(3000)
        with world.stopped("flusher"):
            client.publish_all([packet(3000 + n, observer=f"O{n}") for n in range(300)])
            world.wait("a full ring", lambda: world.ledger()["received"] == 3300)
        ledger = world.wait_drained(3300)
    refused = {"filtered.rate": ledger["filtered"]["rate"],
               "dropped.soft_backpressure": ledger["dropped"]["soft_backpressure"],
               "dropped.queue_full": ledger["dropped"]["queue_full"]}
    assert refused["filtered.rate"] > 2000 and refused["dropped.queue_full"] > 0, ledger
    world.wait("all of them counted",
               lambda: dict(world.query("SELECT rule, sum(records) FROM refusal_hours GROUP BY rule"))
               == {rule: n for rule, n in refused.items() if n})
    keys = dict(world.query("SELECT rule, config_key FROM refusals GROUP BY rule"))
    assert keys["filtered.rate"] == "observerMaxPerSecond" and keys["dropped.queue_full"] == "ingestBufferSize", keys
    rows = world.query("SELECT observer, topic, source FROM refusals WHERE rule = 'filtered.rate'")
    assert set(rows) == {("LOUD", "meshcore/TST/LOUD/packets", "main")}
    assert world.scalar("SELECT sum(noted) FROM refusal_hours") == world.scalar("SELECT sum(records) FROM refusals")
    assert world.count("refusals") < 100


def test_bytes_that_are_no_text(world, broker):
    """Neither a payload that is no UTF-8 nor a topic that turns a terminal round does harm."""
    world.add_source(broker)
    world.start()
    with Client(broker.port) as client:
        client.publish_all([("meshcore/TST/a\u202eb/packets", b"\xff\x00")])
        row = world.wait("its row", lambda: world.query("SELECT topic, bytes, rule, observer FROM refusals"))
    assert row == [("meshcore/TST/a\u202eb/packets", 2, "rejected.json", "a\u202eb")], row


def test_dead_letter_and_gap(world, broker):
    world.env["WEIR_TEST_CRASH_ON"] = "poison-4711"
    world.add_source(broker)
    world.start(maxProcessRestarts=100)
    with Client(broker.port) as client:
        client.publish_all([packet(1), packet(2, note="poison-4711"), packet(3)])
        world.wait_drained(3, timeout=30)
        assert world.query("SELECT rule, config_key, records FROM refusals") == [("dead", None, 1)]
        # The database goes back behind what the ring has freed: what lies between is lost.
        assert world.ingestor.stop() == 0
        for name in world.data.glob("weir.db*"):
            name.unlink()
        world.restart_ingestor()
        world.wait("the gap's row", lambda: world.query("SELECT rule, config_key, records, source FROM refusals")
                   == [("dropped.gap", "spoolDir", 3, "main")])


@pytest.mark.crash
def test_kill_9_neither_loses_nor_doubles_a_refusal(world, broker, crash_rounds):
    """The flusher and the receiver are killed while refusals of both come in."""
    world.add_source(broker, qos=1, persistentSession=True)
    world.start(maxProcessRestarts=10000, maxMessageBytes=2000, observerBlacklist=["DENIED"], groupCommitMs=20)
    sent = 0
    with Client(broker.port) as client:
        for n in range(max(2, crash_rounds // 20)):
            client.publish_all([packet(sent + i, observer="DENIED") for i in range(200)], qos=1)
            client.publish_all([("meshcore/TST/BIG/packets", "x" * 2001)] * 200, qos=1)
            world.kill_worker("flusher" if n % 2 == 0 else "receiver")
            sent += 400
    # A receiver that dies between the callback and its acknowledgement gets the message again.
    ledger = world.wait_drained(sent, timeout=120)
    assert ledger["filtered"]["observer"] >= sent // 2 and ledger["rejected"]["too_large"] >= sent // 2
    wanted = {"filtered.observer": ledger["filtered"]["observer"], "rejected.too_large": ledger["rejected"]["too_large"]}
    world.wait("all counted", lambda: dict(world.query(
        "SELECT rule, sum(records) FROM refusal_hours GROUP BY rule"))["rejected.too_large"] >= sent // 2)
    counted = dict(world.query("SELECT rule, sum(records) FROM refusal_hours GROUP BY rule"))
    assert counted["filtered.observer"] == wanted["filtered.observer"], (counted, wanted)
    # Between the ring's count and the note's a receiver may die: one a kill.
    assert 0 <= wanted["rejected.too_large"] - counted["rejected.too_large"] <= crash_rounds, (counted, wanted)
    assert world.scalar("SELECT sum(noted) FROM refusal_hours") == world.scalar("SELECT sum(records) FROM refusals")
    assert world.scalar("SELECT count(*) FROM refusals WHERE source <> 'main' OR config_key IS NULL") == 0
