# SPDX-License-Identifier: MIT
"""Recorded messages of capture tools, and frames that the real firmware made, through ring,
envelope and store: the model that must come out.

`fixtures/capture_tools` and `fixtures/firmware_frames.jsonl` hold them."""

import json
import sqlite3

import pytest
from harness import run_ok
from messages import ADVERT, ROOT, fixture_path

KEY = "A1B2C3D4" * 8
START_US = 1795816800000000  # 2026-11-27T22:00:00Z, a day before the recorded envelopes
HOUR_US = 3600 * 1000000
PHONE = "c0ffee" + "00" * 29


def lines(name):
    return [json.loads(line) for line in fixture_path(f"capture_tools/{name}").read_text().splitlines()]


def replay(world, messages, every_us=HOUR_US):
    """Each message an hour after the one before; the ledger of the run as a text."""
    file = world.dir / "in.jsonl"
    file.write_text("".join(json.dumps({**m, "receipt_us": START_US + n * every_us}) + "\n"
                            for n, m in enumerate(messages)))
    _, err = run_ok(world, "--replay", file)
    return next(line for line in err.splitlines() if "replayed: " in line)


def test_openhop_is_one_observer(world):
    """openhop_repeater sends each packet twice, on two topics: one observer, one reception, no
    region `repeater`."""
    said = replay(world, lines("openhop-two-identities"))
    assert "committed 1, duplicate 1" in said, said
    assert world.query("SELECT identity, name, iata FROM observers") == [(KEY, "My Roof", "SEA")]
    assert world.counts("transmissions", "observations") == {"transmissions": 1, "observations": 1}
    assert world.query("SELECT name FROM nodes") == [("Alpha",)]


def test_openhop_alone_has_no_region(world):
    replay(world, lines("openhop-two-identities")[1:])
    assert world.query("SELECT identity, iata FROM observers") == [(KEY, "")]


def test_key_of_a_deep_topic(world):
    said = replay(world, lines("deep-topic-without-origin_id"))
    assert "committed 1" in said, said
    assert world.query("SELECT identity, name, iata FROM observers") == [(KEY, "obs one", "")]


def test_home_broker_makes_no_observers(world):
    messages = lines("home-broker-status")
    said = replay(world, messages)
    assert f"filtered.topic {len(messages)}" in said, said
    assert world.counts("observers", "observer_metrics") == {"observers": 0, "observer_metrics": 0}


@pytest.mark.parametrize("order", [1, -1])
def test_unanswered_question_leaves_scopes(world, order):
    replay(world, lines("neighbors-timeout")[::order])
    newest = "timeout" if order == 1 else "responded"  # by receipt
    answered_us = START_US + (0 if order == 1 else HOUR_US)
    assert world.query("SELECT status, scopes, scopes_ms FROM reported_neighbors") == [
        (newest, "eu,de", answered_us // 1000)]


def test_long_neighbour_report(world):
    """18.8 KB, with the defaults."""
    message = lines("neighbors-over-16k")
    assert len(json.dumps(message[0]["payload"])) > 16384
    said = replay(world, message)
    assert "committed 1" in said, said
    neighbors = message[0]["payload"]["neighbors"]
    assert world.query("SELECT count(*), count(DISTINCT neighbor), min(scopes), max(scopes) FROM reported_neighbors") \
        == [(len(neighbors), len(neighbors), "eu,de-sued,#lisboa", "eu,de-sued,#lisboa")]
    assert world.query("SELECT total, is_truncated, scopes FROM neighbor_reports") == [(110, 0, "eu")]


@pytest.mark.parametrize("order", [1, -1])
def test_node_whose_clock_fell_back(world, order):
    """A repeater without RTC says 2024 after its reboot. What it says then is newer all the same
    (protocol.md 4.3)."""
    messages = [{**m, "receipt_us": START_US + n * HOUR_US} for n, m in enumerate(lines("node-clock-reset"))]
    file = world.dir / "in.jsonl"
    file.write_text("".join(json.dumps(m) + "\n" for m in messages[::order]))
    run_ok(world, "--replay", file)
    assert world.query("SELECT name, lat, lon, advert_count FROM nodes") == [("After", 2.0, 2.0, len(messages))]


def phone(kind, **payload):
    return {"topic": f"meshcore/client/{PHONE}/{kind}", "payload": {
        "origin": "me", "origin_id": PHONE, "timestamp": "2026-11-27T21:59:00Z", "gps": {"lat": 51.05, "lon": 3.72},
        **payload}}


def test_phones_have_two_switches(world):
    """protocol.md 6: packets and regions behind clientRxCoverage, rf behind
    clientRxObservations; both are off."""
    raw = lines("deep-topic-without-origin_id")[0]["payload"]["raw"]
    messages = [phone("packets", raw=raw, direction="rx", SNR=-7), phone("regions", target=KEY, regions=["*", "hu"]),
                phone("rf", raw=raw, direction="rx", timestamp="2026-11-27T21:58:00Z"), phone("rf", noise_floor=-110)]
    said = replay(world, messages)
    assert "filtered.topic 1, filtered.client 3" in said, said
    world.write_config(clientRxObservations={"enabled": True})
    said = replay(world, messages)
    assert "committed 1, filtered.topic 1, filtered.client 2" in said, said
    world.write_config(clientRxCoverage={"enabled": True})
    said = replay(world, messages)
    assert "committed 2, duplicate 1, filtered.topic 1" in said, said
    assert world.count("client_receptions") == 2
    assert world.query("SELECT hex(target), regions, is_truncated, client FROM region_answers") == [
        (KEY, "*,hu", 0, PHONE)]
    assert world.count("observers") == 0


# --- frames of the firmware -----------------------------------------------------------------------

def firmware_frames():
    with open(ROOT / "tests/fixtures/firmware_frames.jsonl", encoding="utf-8") as file:
        keys, *frames = (json.loads(line) for line in file)
    return keys, frames


def texts(world):
    return world.query("SELECT lower(hex(t.hash)), c.name, m.sender, m.text, m.sender_time FROM messages m"
                       " JOIN transmissions t ON t.id = m.transmission_id JOIN channels c ON c.id = m.channel_id"
                       " ORDER BY 1")


def split_text(whole):
    """protocol.md 4.4: the sender stands before the first ": "; of a cut last character of his
    name nothing is kept."""
    at = whole.find(b": ")
    if not 0 < at <= 31 or b":" in whole[:at]:
        return None, whole.decode("utf-8", "replace")
    return whole[:at].decode("utf-8", "ignore"), whole[at + 2:].decode("utf-8", "replace")


@pytest.fixture
def told(world):
    """A world that has heard all of them; (keys, frames)."""
    keys, frames = firmware_frames()
    world.write_config(channelKeys=keys["channelKeys"], hashChannels=keys["hashChannels"],
                       hashRegions=keys["hashRegions"])
    replay(world, [{"topic": f"meshcore/SEA/{KEY}/packets", "payload": {"raw": f["hex"].upper(), "direction": "rx"}}
                   for f in frames], every_us=1000)
    return keys, frames


def test_model_of_firmware_frames(world, told):
    """What the firmware sent is what the tables say: contents, texts with their senders, nodes,
    scopes."""
    _, frames = told
    taken = [f["expect"] for f in frames if f["expect"]["accept"]]
    signed = [e for e in taken if e["type"] != ADVERT or e.get("advert", {}).get("signatureValid")]
    stored = {row[0] for row in world.query("SELECT lower(hex(hash)) FROM transmissions")}
    assert stored == {e["hash"] for e in signed}

    found = {hash: row for hash, *row in texts(world)}
    for expect in (e for e in signed if "text" in e):
        channel, sender, text, time = found[expect["hash"]]
        want = expect["text"]
        assert (channel, time) == (want["channel"], want["timestamp"])
        assert (sender, text) == split_text(bytes.fromhex(want["textHex"])), want
        assert ("senderHex" not in want) or sender is not None

    adverts = [e["advert"] for e in signed if "advert" in e]
    nodes = {row[0] for row in world.query("SELECT lower(hex(public_key)) FROM nodes")}
    assert nodes == {advert["key"] for advert in adverts}
    named = {r[0]: r[1] for r in world.query("SELECT lower(hex(t.hash)), s.name FROM observations o JOIN transmissions t"
                                             " ON t.id = o.transmission_id LEFT JOIN scopes s ON s.id = o.scope_id")}
    for expect in (e for e in signed if e.get("scope")):
        assert named[expect["hash"]] == expect["scope"]


def test_redecode_brings_texts_back(world, told):
    """A database that was kept while an older program refused texts: senders cut inside a
    character, three line breaks or more. One run of --redecode reads what stands there as
    encrypted."""
    before = texts(world)
    assert any(text is not None and text.count("\n") + text.count("\t") > 2 for *_, text, _ in before)
    with sqlite3.connect(world.db_path) as db:
        db.execute("UPDATE messages SET sender = NULL, text = NULL, sender_time = NULL")
    assert texts(world) != before
    out, _ = run_ok(world, "--redecode")
    assert "readable messages 0 ->" in out, out
    assert texts(world) == before
