# SPDX-License-Identifier: MIT
"""/api/channels...: recorded and made messages through the real programs, every list made again
here from the rows (shapes: api.md 6)."""

import json
import sqlite3
import time
from datetime import datetime
from urllib.parse import quote

import pytest
from messages import ROOT, recorded
from mqtt_lite import Client

KEYS = {entry["name"]: entry["key"] for entry in json.loads((ROOT / "tests/fixtures/channel_keys.json").read_text())}
MESSAGE = {"sender", "text", "timestamp", "first_seen", "sender_timestamp", "packetHash", "repeats", "packetId", "hops",
           "snr", "observers"}


def ms_of(text):
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def companion(number, text="hello from a bridge"):
    """(topic, payload) of a text that a companion bridge tells (protocol.md 7.5)."""
    return "meshcore/message/channel/0", json.dumps(
        {"channel_idx": 0, "text": f"Ann: {text} {number}", "sender_timestamp": 1774800000 + number, "SNR": 5.5})


@pytest.fixture(name="mesh")
def _mesh(world, broker):
    world.add_source(broker)
    world.start(server=True, channelKeys=KEYS)
    messages = [m[:2] for m in recorded("multi_observer") + recorded("packets")]
    with Client(broker.port) as client:
        client.publish_all(messages)
    world.wait_drained(len(messages))
    return world


def channels(world, query=""):
    return world.get_whole("/api/channels" + query)


def messages(world, channel, **query):
    text = "&".join(f"{key}={value}" for key, value in query.items())
    answer = world.get(f"/api/channels/{quote(channel, safe='')}/messages?{text}")
    assert answer.status == 200, answer
    return answer.json


ON_AIR = ("SELECT m.transmission_id, t.first_ms, t.last_ms, t.observation_count, lower(hex(t.hash)), m.sender, m.text,"
          " m.sender_time FROM messages m JOIN transmissions t ON t.id = m.transmission_id"
          " JOIN channels c ON c.id = m.channel_id WHERE c.name = ? ORDER BY m.transmission_id DESC")
HEARERS = ("SELECT o.id, r.name, r.identity, r.iata, length(o.path) / max(o.path_size, 1), o.snr FROM observations o"
           " JOIN observers r ON r.id = o.observer_id WHERE o.transmission_id = ? ORDER BY o.id")


def by_hand(world, channel, region=None):
    """All messages of a channel, the newest first."""
    result = []
    for number, first_ms, last_ms, repeats, hash_, sender, text, sender_time in world.query(ON_AIR, channel):
        hearers = world.query(HEARERS, number)
        if region and not any(row[3] in region for row in hearers):
            continue
        result.append({"sender": sender, "text": text, "timestamp": last_ms, "first_seen": first_ms,
                       "sender_timestamp": sender_time, "packetHash": hash_, "repeats": repeats,
                       "packetId": hearers[0][0], "hops": hearers[0][4], "snr": hearers[0][5],
                       "observers": list(dict.fromkeys(row[1] or row[2] for row in hearers))})
    return result


def comparable(page):
    for message in page:
        assert set(message) == MESSAGE
    return [{**m, "timestamp": ms_of(m["timestamp"]), "first_seen": ms_of(m["first_seen"])} for m in page]


def test_the_list(mesh):
    world = mesh
    stored = world.query("SELECT name, is_encrypted, message_count, last_ms FROM channels ORDER BY last_ms DESC, name")
    readable = [row for row in stored if not row[1]]
    assert len(readable) >= 2 and len(stored) > len(readable)
    rows = channels(world)["channels"]
    assert [(r["hash"], r["name"], r["messageCount"], ms_of(r["lastActivity"])) for r in rows] == \
        [(name, name, count, last) for name, _, count, last in readable]
    for row in rows:
        newest = by_hand(world, row["hash"])[0]
        assert (row["lastMessage"], row["lastSender"]) == (newest["text"] or None, newest["sender"] or None)
        assert "encrypted" not in row
    both = channels(world, "?includeEncrypted=true")["channels"]
    assert both[:len(rows)] == rows
    for row in both[len(rows):]:
        assert row["encrypted"] is True and row["hash"].startswith("enc_")
        assert row["name"] == f"Encrypted (0x{row['hash'][4:]})"
        assert row["lastMessage"] is row["lastSender"] is None
    assert [r["hash"] for r in both[len(rows):]] == [row[0] for row in stored if row[1]]


def test_messages_and_observations_of_a_region_are_counted_apart(mesh):
    world = mesh
    regions = [row[0] for row in world.query("SELECT iata, count(*) FROM observers WHERE iata <> '' GROUP BY iata"
                                             " ORDER BY 2 DESC LIMIT 2")]
    for query in (regions[0], regions[1].lower(), f" {regions[0]} ,all,{regions[1]}", "NOWHERE"):
        codes = {code.strip().upper() for code in query.split(",")} - {"ALL"}
        answer = channels(world, f"?includeEncrypted=true&region={quote(query)}")
        assert answer["window"] == "24h"
        got = {r["hash"]: (r["messageCount"], r["observationCount"]) for r in answer["channels"]}
        marks = ",".join("?" * len(codes))
        want = {row[0]: row[1:] for row in world.query(
            f"SELECT c.name, count(DISTINCT o.transmission_id), count(*) FROM observations o"
            f" JOIN observers r ON r.id = o.observer_id JOIN messages m ON m.transmission_id = o.transmission_id"
            f" JOIN channels c ON c.id = m.channel_id WHERE r.iata IN ({marks}) GROUP BY c.id", *codes)}
        assert got == want, query
        assert any(m != o for m, o in got.values()) or query == "NOWHERE"
        for row in answer["channels"]:
            newest = by_hand(world, row["hash"], codes)[0]
            assert (row["lastMessage"], row["lastSender"]) == (newest["text"] or None, newest["sender"] or None)
    assert "window" not in channels(world, "?region=all")


def test_messages(mesh):
    world = mesh
    for channel in [row["hash"] for row in channels(world, "?includeEncrypted=true")["channels"]]:
        want = by_hand(world, channel)
        answer = messages(world, channel, limit=500)
        assert comparable(answer["messages"]) == want[::-1], channel
        assert answer["total"] == len(want) and "nextCursor" not in answer
    assert messages(world, "#no such channel") == {"messages": [], "total": 0}
    assert messages(world, channel.lower() + "x") == {"messages": [], "total": 0}


def test_pages(mesh):
    """By cursor and by offset: every message once, the newest page first, in it the oldest."""
    world = mesh
    name, count = world.query("SELECT name, message_count FROM channels ORDER BY message_count DESC LIMIT 1")[0]
    want = by_hand(world, name)
    assert count > 20
    by_cursor, cursor = [], ""
    while cursor is not None:
        page = messages(world, name, limit=7, cursor=cursor)
        assert page["total"] == count and 0 < len(page["messages"]) <= 7
        by_cursor += comparable(page["messages"])[::-1]
        cursor = page.get("nextCursor")
    assert by_cursor == want
    by_offset = []
    for offset in range(0, count, 9):
        by_offset += comparable(messages(world, name, limit=9, offset=offset)["messages"])[::-1]
    assert by_offset == want
    for limit, length in (("", 100), ("x", 100), ("-5", 100), ("0", 100), ("9999", 500)):
        assert len(messages(world, name, limit=limit)["messages"]) == min(length, count)
    assert messages(world, name, offset=count)["messages"] == []
    for cursor in ("x", "5", "5-", "-5-5", "5-5-5", "99999999999999999999-1"):
        answer = world.get(f"/api/channels/{quote(name, safe='')}/messages?cursor={cursor}")
        assert answer.status == 400 and answer.json["field"] == "cursor", cursor


def test_messages_of_a_region(mesh):
    world = mesh
    name = world.scalar("SELECT name FROM channels WHERE is_encrypted = 0 ORDER BY message_count DESC LIMIT 1")
    for region in {row[0] for row in world.query("SELECT iata FROM observers WHERE iata <> ''")}:
        want = by_hand(world, name, {region})
        answer = world.get_whole(f"/api/channels/{quote(name, safe='')}/messages?limit=500&region={region.lower()}")
        assert comparable(answer["messages"]) == want[::-1]
        assert answer["total"] == len(want)
        page, cursor = [], ""
        while cursor is not None:
            answer = messages(world, name, limit=3, region=region, cursor=cursor)
            page += comparable(answer["messages"])[::-1]
            cursor = answer.get("nextCursor")
        assert page == want


def test_what_is_new_does_not_move_a_cursor(mesh, broker):
    world = mesh
    name = world.scalar("SELECT name FROM channels WHERE is_encrypted = 0 ORDER BY message_count DESC LIMIT 1")
    first = messages(world, name, limit=5)
    want = by_hand(world, name)
    assert world.ingestor.stop() == 0
    with sqlite3.connect(world.db_path) as connection:
        connection.execute("INSERT INTO transmissions (id, hash, type, route, copies, first_ms, lasted, raw)"
                           " SELECT max(id) + 1, x'0102030405060708', 5, 1, 1, ?1, ?1, x'1500' FROM transmissions",
                           [int(time.time() * 1000)])
        connection.execute("INSERT INTO messages (transmission_id, channel_id, sender, text) SELECT max(t.id),"
                           " (SELECT id FROM channels WHERE name = ?1), 'new', 'er' FROM transmissions t", [name])
        connection.execute("UPDATE meta SET commits = commits + 1")
    world.wait("the newer one", lambda: messages(world, name, limit=1)["messages"][0]["sender"] == "new")
    second = messages(world, name, limit=5, cursor=first["nextCursor"])
    assert comparable(second["messages"]) == want[5:10][::-1]


def test_texts_of_companions_stand_among_the_others(world, broker):
    world.add_source(broker)
    world.start(server=True, channelKeys=KEYS)
    sent = [companion(n) for n in range(5)]
    with Client(broker.port) as client:
        client.publish_all(sent)
    world.wait_drained(len(sent))
    stored = world.query("SELECT c.name, m.sender, m.text, m.sender_time, m.snr, m.receipt_ms FROM companion_messages m"
                         " JOIN channels c ON c.id = m.channel_id ORDER BY m.id DESC")
    assert len(stored) == 5
    name = stored[0][0]
    row = next(r for r in channels(world)["channels"] if r["hash"] == name)
    assert (row["messageCount"], row["lastMessage"], row["lastSender"]) == (5, stored[0][2], stored[0][1])
    page = messages(world, name, limit=2)
    rest = messages(world, name, cursor=page["nextCursor"])
    assert page["total"] == 5 and "nextCursor" not in rest
    got = page["messages"][::-1] + rest["messages"][::-1]
    for message, (_, sender, text, sender_time, snr, receipt_ms) in zip(got, stored, strict=True):
        assert set(message) == MESSAGE
        assert (message["sender"], message["text"], message["sender_timestamp"]) == (sender, text, sender_time)
        assert ms_of(message["timestamp"]) == ms_of(message["first_seen"]) == receipt_ms
        assert message["packetId"] is message["packetHash"] is message["hops"] is None
        assert (message["repeats"], message["observers"], message["snr"]) == (0, [], snr)
