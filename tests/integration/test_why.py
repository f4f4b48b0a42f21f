# SPDX-License-Identifier: MIT
"""Why a message is not stored: each one leaves a row that names the rule and the option, or is
counted (README "Where is my packet?")."""

import json
import re
import sqlite3
import struct
from datetime import datetime
from urllib.parse import urlencode

import pytest
from harness import ROOT, run_ok, run_tool
from messages import ADVERT, FLOOD, content_hash, frame, packet
from mqtt_lite import Client

KEY = bytes(range(32))
CLIENT = "a1" * 32
GPS = {"lat": 51.05, "lon": 3.72}


def advert(key, number, lat=50.0, lon=4.0):
    """An advert with a position, whose signature nobody made."""
    app = bytes([0x11]) + struct.pack("<ii", int(lat * 1e6), int(lon * 1e6))
    return bytes([ADVERT << 2 | FLOOD, 0]) + key + struct.pack("<I", 1774000000 + number) + bytes(64) + app


def moment_ms(text):
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


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
        world.wait_drained(3)
        assert world.query("SELECT rule, config_key, records FROM refusals") == [("dead", None, 1)]
        # The database goes back behind what the ring has freed: what lies between is lost.
        assert world.ingestor.stop() == 0
        for name in world.data.glob("weir.db*"):
            name.unlink()
        world.restart_ingestor()
        world.wait("the gap's row", lambda: world.query("SELECT rule, config_key, records, source FROM refusals")
                   == [("dropped.gap", "spoolDir", 3, "main")])


def causes():
    """[(rule, option or None, sentence)] of refusal.h, and README's table of the same."""
    names = {name: bucket + ("." + reason if reason else "") for name, bucket, reason in re.findall(
        r'X\((\w+), (\w+),\s*"(\w*)"', (ROOT / "common/ring/ledger.h").read_text())}
    text = (ROOT / "common/ring/refusal.h").read_text().replace("\\\n", " ")
    listed = [(names[outcome], option or None, sentence) for outcome, option, sentence in re.findall(
        r'X\(\w+,\s*(\w+),\s*"([^"]*)",\s*"([^"]*)"\)', text)]
    section = (ROOT / "README.md").read_text().split("## Where is my packet?")[1].split("\n## ")[0]
    told = [(rule, None if option == "-" else option.strip("`"), sentence)
            for rule, option, sentence in re.findall(r"^\| `([\w.]+)` \| (\S+) \| (.*) \|$", section, re.M)]
    return listed, told


def test_readme_tells_the_list():
    listed, told = causes()
    assert len(listed) > 30 and told == listed


def ask_both(world, **query):
    """The server's answer; the tool's, asked for the one text, finds the same."""
    answer = world.get("/api/why?" + urlencode(query))
    assert answer.status == 200, answer
    if len(query) == 1:
        found = json.loads(run_ok(world, "--why", next(iter(query.values())))[0])
        for key in ("rows", "counts", "lookedThrough", "truncated"):
            assert found[key] == answer.json[key], (key, found, answer.json)
        for key, value in answer.json["found"].items():
            assert found["found"][key] == value
        assert found["verdict"] == answer.json["verdict"]
    return answer.json


def test_the_question_and_its_answers(world, broker):
    world.add_source(broker)
    world.start(server=True, observerBlacklist=["DENIED"], nodeBlacklist=[KEY.hex()])
    forged = advert(bytes(32), 1)
    with Client(broker.port) as client:
        client.publish_all([carry(frame(1)), carry(frame(1), observer="OBS2"), carry(frame(2), observer="DENIED"),
                            carry(advert(KEY, 0)), carry(forged), carry(forged, observer="OBS2")])
        world.wait_drained(6)
    hashes = {n: content_hash(raw).hex() for n, raw in enumerate([frame(0), frame(1), frame(2), advert(KEY, 0), forged])}
    world.wait("the rows", lambda: world.count("refusals") == 4)
    world.wait("the server to see them", lambda: len(ask_both(world, hash=hashes[4])["rows"]) == 2)

    stored = ask_both(world, hash=hashes[1])
    assert stored["verdict"] == "stored: heard 2 times" and stored["rows"] == [], stored
    packet_id, first = world.query("SELECT id, first_ms FROM transmissions WHERE hex(hash) = ?", hashes[1].upper())[0]
    found = stored["found"]["packet"]
    assert found["id"] == packet_id and found["observationCount"] == 2 and found["hash"] == hashes[1]
    assert moment_ms(found["firstSeen"]) == first

    refused = ask_both(world, hash=hashes[2])
    assert refused["found"] == {"packet": None} and len(refused["rows"]) == 1, refused
    row = refused["rows"][0]
    assert (row["rule"], row["configKey"], row["observer"], row["source"]) == (
        "filtered.observer", "observerBlacklist", "DENIED", "main")
    assert row["hash"] == hashes[2] and row["reason"] in refused["verdict"] and "observerBlacklist" in refused["verdict"]

    signed = ask_both(world, hash=hashes[4])
    assert [r["observer"] for r in signed["rows"]] == ["OBS2", "OBS1"], "the newest first"
    assert signed["droppedPacket"]["reason"] == "invalid signature" and signed["droppedPacket"]["node"] == "00" * 32

    unknown = ask_both(world, hash=hashes[0])
    assert unknown["rows"] == [] and unknown["window"]["complete"] is True
    assert unknown["lookedThrough"]["transmissions"] == world.count("transmissions")
    assert "none of the 1 packets kept" in unknown["verdict"] and "of the 4 messages refused" in unknown["verdict"]
    assert unknown["counts"] == {"filtered.node": {"messages": 1, "rows": 1},
                                 "filtered.observer": {"messages": 1, "rows": 1},
                                 "rejected.signature": {"messages": 2, "rows": 2}}

    assert len(ask_both(world, observer="denied")["rows"]) == 1, "whatever the case"
    known = ask_both(world, observer="OBS2")
    assert known["found"]["observer"]["packetCount"] == 1 and len(known["rows"]) == 1, known
    assert [r["rule"] for r in ask_both(world, node=KEY.hex())["rows"]] == ["filtered.node"]
    assert [r["rule"] for r in ask_both(world, node=KEY.hex()[:6])["rows"]] == ["filtered.node"]
    both = ask_both(world, hash=hashes[4], observer="OBS2")
    assert len(both["rows"]) == 1 and set(both["found"]) == {"packet", "observer"}
    cut = ask_both(world, hash=hashes[4], limit=1)
    assert len(cut["rows"]) == 1 and cut["truncated"] is True and signed["truncated"] is False
    nothing = world.get("/api/why").json
    assert nothing["rows"] == [] and nothing["found"] == {} and nothing["counts"] == unknown["counts"]
    for query, field in (("hash=12", "hash"), ("hash=xyz", "hash"), ("node=123", "node"), ("observer=", "observer"),
                         ("observer=" + "x" * 129, "observer"), ("node=" + "ab" * 33, "node")):
        answer = world.get(f"/api/why?{query}")
        assert answer.status == 400 and answer.json["field"] == field, (query, answer)


def test_the_tool_needs_a_database(world):
    world.write_config()
    code, out, err = run_tool(world, "--why", "OBS1")
    assert code == 74 and out == "" and "can't be read" in err, (code, out, err)
    assert run_tool(world, "--why", "")[0] == 64
    assert run_tool(world, "--why", "OBS1", "--redecode")[0] == 64
    assert not world.db_path.exists(), "nothing was made"


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
