# SPDX-License-Identifier: MIT
"""/api/packets and its neighbours: 20,000 messages made from recorded ones through the real
programs; every filter alone and together against a recount in Python."""

import csv
import io
import json
import select
import socket
import sqlite3
import threading
from contextlib import closing
from datetime import datetime, timezone
from urllib.parse import quote, urlencode

import pytest
from harness import World, http_raw, make_random
from messages import recorded
from mqtt_lite import Client

MESSAGES = 20000
OBSERVERS = 40
REGIONS = ["MRY", "SFO", "OAK", "SJC", "PDX"]
KEY = "a-key-that-nobody-knows-4711"
AREA = {"north": {"label": "North", "latMin": 37.5, "latMax": 90, "lonMin": -180, "lonMax": 180}}
TRACE, ADVERT, GRP_TXT = 9, 4, 5
HOUR = 3600000


# --- made messages --------------------------------------------------------------------------------

def frames():
    """The recorded frames, as bytes."""
    messages = [text for name in ("packets", "multi_observer") for _, text, _ in recorded(name) or []]
    return [bytes.fromhex(body["raw"]) for body in map(json.loads, messages) if "raw" in body]


def split(raw):
    """(what stands before the path's length, the length byte, path, payload)"""
    at = 5 if raw[0] & 3 in (0, 3) else 1
    size = (raw[at] >> 6) + 1
    end = at + 1 + (raw[at] & 63) * size
    return raw[:at], raw[at], raw[at + 1:end], raw[end:]


def varied(rng, raw, number):
    """The same packet on another way; where nobody signs it, sometimes another packet."""
    head, length, path, payload = split(raw)
    kind = raw[0] >> 2 & 15
    if kind == TRACE:
        return raw
    if kind != ADVERT and len(payload) > 8 and rng.random() < 0.7:
        payload = payload[:-4] + number.to_bytes(4, "big")
    size = (length >> 6) + 1
    hops = [path[i:i + size] for i in range(0, len(path), size)]
    if rng.random() < 0.5 and hops:
        hops = hops[:rng.randrange(len(hops)) + 1]
    return head + bytes([(size - 1) << 6 | len(hops)]) + b"".join(hops) + payload


def made(rng, count, first=0):
    source = frames()
    for number in range(first, first + count):
        raw = varied(rng, rng.choice(source), number)
        observer = min(rng.randrange(OBSERVERS), rng.randrange(OBSERVERS))
        region = REGIONS[observer % len(REGIONS)]
        body = {"origin": f"Station {observer}", "origin_id": f"OBS{observer}", "type": "PACKET",
                "direction": "rx" if rng.random() < 0.98 else "tx", "raw": raw.hex().upper()}
        if rng.random() < 0.9:
            body |= {"SNR": str(rng.randrange(-40, 50) / 4), "RSSI": str(-rng.randrange(30, 130))}
        yield f"meshcore/{region}/OBS{observer}/packets", json.dumps(body)


@pytest.fixture(name="mesh", scope="module")
def _mesh(request):
    world = World("packets-api")
    rng = make_random("packets")
    try:
        broker = world.start_broker()
        world.add_source(broker)
        world.start(server=True, apiKey=KEY, areas=AREA, newObserversPerMinute=0)
        with Client(broker.port) as client:
            sent = client.publish_all(list(made(rng, MESSAGES)))
        world.wait_drained(sent, timeout=120)
        world.broker, world.rng, world.sent = broker, rng, sent
        world.count = Recount(world)
        world.wait("the server to know the names", lambda: answer(world, limit=1)["packets"][0]["observer_name"])
        # Whom a hop names alone depends on all of them, as they are now.
        world.wait("the server to know the nodes", lambda: nodes_told(world) == world.count.adverts)
        yield world
    finally:
        world.close(keep=request.session.testsfailed > 0)


def nodes_told(world):
    return {node["public_key"]: node["advert_count"] for node in world.get("/api/nodes?limit=2000").json["nodes"]}


# --- the recount ----------------------------------------------------------------------------------

class Recount:
    """All rows, and the filters as they are meant."""

    def __init__(self, world):
        with closing(sqlite3.connect(world.db_path)) as db:
            self.packets = {row[0]: dict(zip(("id", "hash", "type", "route", "first", "sender", "raw"), row))
                            for row in db.execute("SELECT id, lower(hex(hash)), type, route, first_ms, sender,"
                                                  " upper(hex(raw)) FROM transmissions")}
            self.observers = {row[0]: row[1:] for row in db.execute("SELECT id, identity, iata, name FROM observers")}
            self.nodes = {row[0]: row[1:] for row in db.execute("SELECT id, public_key, name, lat, lon FROM nodes")}
            self.adverts = {key.hex(): count for key, count in db.execute("SELECT public_key, advert_count FROM nodes")}
            self.channels = dict(db.execute("SELECT name, id FROM channels"))
            self.messages = dict(db.execute("SELECT transmission_id, channel_id FROM messages"))
            self.heard = {}
            self.named = {}
            for row in db.execute("SELECT transmission_id, id, observer_id, path_size, path, snr, rssi, receipt_ms,"
                                  " direction FROM observations ORDER BY id"):
                self.heard.setdefault(row[0], []).append(row[1:])

    def named_hops(self, key):
        """The prefixes of a key that no other key begins with. Asked for each packet again."""
        if key not in self.named:
            self.named[key] = {size: key[:size] for size in (1, 2, 3)
                               if sum(other[0][:size] == key[:size] for other in self.nodes.values()) == 1}
        return self.named[key]

    def concerns(self, packet, ids):
        if packet["sender"] in ids:
            return True
        if packet["type"] == TRACE:
            return False
        for node in ids:
            prefixes = self.named_hops(self.nodes[node][0])
            for row in self.heard[packet["id"]]:
                size, path = row[2], row[3]
                hops = [path[i:i + size] for i in range(0, len(path), size)]
                if prefixes.get(size) in hops:
                    return True
        return False

    def matching(self, query):
        """([packet], {id: place by reception}), in the order of the answer."""
        observers = set(self.observers)
        if "observer" in query:
            names = query["observer"].split(",")
            observers &= {i for i, o in self.observers.items() if o[0] in names}
        if "region" in query:
            codes = [c.strip().upper() for c in query["region"].split(",")]
            observers &= {i for i, o in self.observers.items() if o[1] in codes}
        found = []
        for packet in self.packets.values():
            rows = [r for r in self.heard[packet["id"]] if r[1] in observers]
            if not rows or not self.passes(packet, query):
                continue
            up = query.get("order") == "asc"
            by_reception = self.is_by_reception(query)
            place = (min if up else max)(r[0] for r in rows) if by_reception else packet["id"]
            found.append((place, packet))
        found.sort(key=lambda pair: pair[0], reverse=query.get("order") != "asc")
        return found

    @staticmethod
    def is_by_reception(query):
        return bool({"observer", "region", "groupByHash", "grouped"} & set(query))

    def passes(self, packet, query):
        if packet["type"] != int(query.get("type", packet["type"])):
            return False
        if packet["route"] != int(query.get("route", packet["route"])):
            return False
        if not packet["hash"] == query.get("hash", packet["hash"]).lower():
            return False
        if not query.get("since", 0) < packet["first"] < query.get("until", 1 << 60):
            return False
        if "channel" in query and self.messages.get(packet["id"]) != self.channels.get(query["channel"]):
            return False
        if "node" in query and not self.concerns(packet, self.ids_of(query["node"])):
            return False
        if "nodes" in query and not self.concerns(packet, {i for key in query["nodes"].split(",")
                                                           for i in self.ids_of(key)}):
            return False
        if "area" in query:
            lat = self.nodes[packet["sender"]][2] if packet["sender"] else None
            if lat is None or lat < AREA["north"]["latMin"]:
                return False
        return True

    def ids_of(self, text):
        return {i for i, n in self.nodes.items() if n[0].hex() == text.lower() or n[1] == text}


# --- asking ---------------------------------------------------------------------------------------

def ask(world, **query):
    return world.get("/api/packets?" + urlencode(query))


def answer(world, **query):
    got = ask(world, **query)
    assert got.status == 200, got
    return got.json


def all_pages(world, limit, query):
    """Every row of every page, and how many pages there were."""
    rows, cursor, pages = [], {}, 0
    while True:
        page = answer(world, limit=limit, **query, **cursor)
        rows += page["packets"]
        pages += 1
        assert len(page["packets"]) <= limit and (page["complete"] or "next" in page)
        if "nextCursor" not in page:
            assert page["complete"]
            return rows, pages
        assert page["packets"] or not page["complete"]  # shorter than asked for on a busy machine
        cursor = {"cursor": page["nextCursor"]}
        assert pages < 3000, "the pages never end"


def a_filter(rng, recount, name):
    """A value of this parameter that something passes, mostly."""
    packet = rng.choice(list(recount.packets.values()))
    row = rng.choice(recount.heard[packet["id"]])
    identity, iata, _ = recount.observers[row[1]]
    key = rng.choice(list(recount.nodes.values()))
    return {
        "type": lambda: packet["type"], "route": lambda: packet["route"],
        "hash": lambda: rng.choice([packet["hash"], packet["hash"].upper()]),
        "observer": lambda: rng.choice([identity, identity + ",OBS3,nobody"]),
        "region": lambda: rng.choice([iata, iata.lower() + ", PDX", "all," + iata]),
        "since": lambda: packet["first"], "until": lambda: packet["first"],
        "node": lambda: rng.choice([key[0].hex(), key[1] or key[0].hex()]),
        "nodes": lambda: ",".join(n[0].hex() for n in rng.sample(list(recount.nodes.values()), 3)),
        "channel": lambda: rng.choice(list(recount.channels)),
        "area": lambda: "north", "order": lambda: "asc", "groupByHash": lambda: "true", "grouped": lambda: "1",
    }[name]()


FILTERS = ["type", "route", "hash", "observer", "region", "since", "until", "node", "nodes", "channel", "area",
           "order", "groupByHash", "grouped"]


def check(world, query, limit):
    want = world.count.matching(query)
    rows, pages = all_pages(world, limit, query)
    context = (query, limit, pages)
    assert [r["hash"] for r in rows] == [packet["hash"] for _, packet in want], context
    first = answer(world, limit=limit, **query)
    if "total" in first and not first.get("totalCapped"):
        assert first["total"] == len(want), context
    if first.get("totalCapped"):
        assert first["total"] <= len(want), context


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_alone(mesh, name):
    for _ in range(4):
        check(mesh, {name: a_filter(mesh.rng, mesh.count, name)}, mesh.rng.choice([137, 1000]))


def test_the_first_digits_of_a_key_do(mesh):
    """As lists show them, and of any length; a node that is named so goes before."""
    def hashes(**query):
        return [row["hash"] for row in all_pages(mesh, 1000, query)[0]]
    keys = [key.hex() for key, *_ in mesh.count.nodes.values()]
    key = next(key for key in keys if [one[:8] for one in keys].count(key[:8]) == 1 and hashes(node=key))
    for short in (key[:8], key[:9].upper(), key[:63]):
        assert hashes(node=short) == hashes(node=key) == hashes(nodes=f"{short},{'0' * 64}"), short
    wrong = key[:8] + ("1" if key[8] == "0" else "0")
    assert hashes(node=key[:7]) == hashes(node=wrong) == hashes(nodes=wrong) == []


def test_filters_together(mesh):
    for _ in range(60):
        names = mesh.rng.sample(FILTERS, mesh.rng.randrange(2, 5))
        check(mesh, {n: a_filter(mesh.rng, mesh.count, n) for n in names}, mesh.rng.choice([50, 600]))


def test_everything_page_by_page(mesh):
    check(mesh, {}, 977)
    assert answer(mesh, limit=1)["total"] == len(mesh.count.packets)


def test_offsets_are_slices(mesh):
    for query in ({}, {"type": GRP_TXT}, {"groupByHash": "true"}, {"order": "asc"}, {"region": "SFO"}):
        want = [p["hash"] for _, p in mesh.count.matching(query)]
        for offset in (0, 7, 900, len(want) - 3, len(want) + 5):
            if offset > 10000 and query:
                continue
            got = answer(mesh, limit=20, offset=offset, **query)
            assert [p["hash"] for p in got["packets"]] == want[offset:offset + 20], (query, offset)
            assert got["offset"] == offset and got["limit"] == 20


def test_limits(mesh):
    assert len(answer(mesh)["packets"]) == 50
    for limit, want in (("", 50), ("x", 50), ("0", 50), ("-3", 50), ("7", 7)):
        assert len(answer(mesh, limit=limit)["packets"]) == want, limit
    most = answer(mesh, limit=50000, groupByHash="true")
    assert most["limit"] == 10000
    assert len(most["packets"]) == min(10000, len(mesh.count.packets)) or "nextCursor" in most


@pytest.mark.parametrize("field,value", [
    ("type", "x"), ("type", "16"), ("type", "-1"), ("route", "4"), ("since", "yesterday"), ("until", "2026-13-01"),
    ("order", "up"), ("expand", "all"), ("cursor", "p"), ("cursor", "r5.5"), ("cursor", "p5x"),
    ("cursor", "p99999999999999999999"), ("nodes", ",".join(["ab" * 32] * 33)), ("offset", "10001&type=1")])
def test_what_cannot_be_read_is_named(mesh, field, value):
    got = mesh.get(f"/api/packets?{field}={value}")
    assert got.status == 400 and got.json["field"] == field, got


def test_totals_that_are_cheap_are_exact(mesh):
    """By rollups: of what was first received after, before and between, of all and of one type."""
    firsts = sorted(p["first"] for p in mesh.count.packets.values())
    some, more = firsts[len(firsts) // 3], firsts[len(firsts) // 2]
    for query in ({"type": ADVERT}, {"type": GRP_TXT, "since": some}, {"since": some}, {"until": more},
                  {"since": some, "until": more}, {"type": 12}, {"since": firsts[-1] + 30 * 24 * HOUR}):
        for grouped in ({}, {"grouped": "true"}):
            got = answer(mesh, limit=3, **query, **grouped)
            want = len(mesh.count.matching(query))
            assert (got["total"], got.get("totalCapped")) == (want, None), query


def test_moments_in_every_form(mesh):
    first = sorted(p["first"] for p in mesh.count.packets.values())[1000]
    want = len([p for p in mesh.count.packets.values() if p["first"] > first // 1000 * 1000])
    moment = datetime.fromtimestamp(first // 1000, timezone.utc)
    for text in (first // 1000, first // 1000 * 1000, moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
                 moment.strftime("%Y-%m-%dT%H:%M:%S.000+00:00")):
        rows, _ = all_pages(mesh, 5000, {"since": text})
        assert len(rows) == want, text


# --- what a packet says ---------------------------------------------------------------------------

def hops_of(packet, row):
    if packet["type"] == TRACE:
        return None
    size, path = row[2], row[3]
    return [path[i:i + size].hex().upper() for i in range(0, len(path), size)]


def test_fields_of_packets(mesh):
    recount = mesh.count
    for got in answer(mesh, limit=300, expand="observations")["packets"]:
        packet = recount.packets[got["id"]]
        rows = recount.heard[got["id"]]
        best = max(rows, key=lambda r: (len(r[3]) // r[2], -r[0]))
        identity, iata, name = recount.observers[best[1]]
        assert got["raw_hex"] == packet["raw"] and got["hash"] == packet["hash"]
        assert (got["route_type"], got["payload_type"]) == (packet["route"], packet["type"])
        assert (got["observer_id"], got["observer_iata"], got["observer_name"]) == (identity, iata, name)
        assert (got["snr"], got["rssi"]) == (best[4], best[5])
        assert got["first_seen"] == got["timestamp"] and got["observation_count"] == len(rows)
        assert json.loads(got["path_json"]) == got["_parsedPath"]
        assert hops_of(packet, best) in (None, got["_parsedPath"])
        assert got["direction"] == ("tx" if best[7] else "rx")
        assert json.loads(got["decoded_json"])["type"]
        resolved = got.get("resolved_path", [None] * len(got["_parsedPath"]))
        for hop, key in zip(got["_parsedPath"], resolved):
            prefix = bytes.fromhex(hop)
            meant = [n[0].hex() for n in recount.nodes.values() if n[0].startswith(prefix)]
            assert key == (meant[0] if len(meant) == 1 else None)
        assert [o["id"] for o in got["observations"]] == [r[0] for r in rows]
        for seen, row in zip(got["observations"], rows):
            assert seen["hash"] == packet["hash"] and seen["transmission_id"] == packet["id"]
            if "raw_hex" in seen and packet["type"] != TRACE:
                head, _, path, payload = split(bytes.fromhex(seen["raw_hex"]))
                assert path == row[3] and payload == split(bytes.fromhex(packet["raw"]))[3]


def test_fields_of_groups(mesh):
    recount = mesh.count
    by_hash = {p["hash"]: p["id"] for p in recount.packets.values()}
    with closing(sqlite3.connect(mesh.db_path)) as db:
        last = {row[0]: row[1] for row in db.execute("SELECT lower(hex(hash)), last_ms FROM transmissions")}
    for got in answer(mesh, limit=300, grouped="true")["packets"]:
        rows = recount.heard[by_hash[got["hash"]]]
        heard_by = {r[1] for r in rows}
        assert "id" not in got and got["count"] == got["observation_count"] == len(rows)
        assert got["observer_count"] == len(heard_by)
        assert got["distinct_iatas"] == sorted({recount.observers[i][1] for i in heard_by} - {""})
        assert got["latest"].endswith(f"{last[got['hash']] % 1000:03}Z")


def test_lists_of_an_observer_show_what_it_received(mesh):
    rows = answer(mesh, limit=100, observer="OBS1")["packets"]
    assert rows and all(r["observer_id"] == "OBS1" for r in rows)


# --- one packet -----------------------------------------------------------------------------------

def test_one_packet(mesh):
    recount = mesh.count
    packet = max(recount.packets.values(), key=lambda p: len(recount.heard[p["id"]]) % 50)
    rows = recount.heard[packet["id"]]
    by_hash = mesh.get(f"/api/packets/{packet['hash'].upper()}").json
    assert by_hash == mesh.get(f"/api/packets/{packet['id']}").json
    assert by_hash["packet"]["id"] == packet["id"] and by_hash["observation_count"] == len(rows)
    assert [o["id"] for o in by_hash["observations"]] == [r[0] for r in rows]
    assert by_hash["path"] == by_hash["packet"]["_parsedPath"]
    free = next(r[0] for r in reversed(rows))
    if free not in recount.packets:
        assert mesh.get(f"/api/packets/{free}").json == by_hash
    for name in ("0" * 16, "99999999", "x", "0"):
        assert mesh.get(f"/api/packets/{name}").status == 404, name
        assert mesh.get(f"/api/packets/{name}/path").status == 404, name
    times = sorted((r[6], r[0]) for r in rows)
    traces = mesh.get(f"/api/traces/{packet['hash']}").json["traces"]
    assert [t["observer"] for t in traces] == [
        recount.observers[next(r[1] for r in rows if r[0] == i)][0] for _, i in times]
    assert mesh.get("/api/traces/" + "0" * 16).json == {"traces": []}
    stations = mesh.get(f"/api/packets/{packet['hash']}/path").json["stations"]
    assert [s["observer_id"] for s in stations] == [t["observer"] for t in traces]
    assert [s["receipt"] for s in stations] == [t["time"] for t in traces]
    assert [[h["prefix"] for h in s["hops"]] for s in stations] == [json.loads(t["path_json"]) for t in traces]


def test_timestamps(mesh):
    firsts = sorted(p["first"] for p in mesh.count.packets.values())
    got = mesh.get(f"/api/packets/timestamps?since={firsts[-500]}").json
    assert got == sorted(got) and len(got) == len([t for t in firsts if t > firsts[-500]])
    assert mesh.get(f"/api/packets/timestamps?since={firsts[-1] + HOUR}").json == []
    for query in ("", "?since=", "?since=soon"):
        refused = mesh.get(f"/api/packets/timestamps{query}")
        assert refused.status == 400 and refused.json["field"] == "since"


def post(world, path, body):
    return world.get(path, method="POST", body=json.dumps(body))


def test_observations_of_many(mesh):
    packets = list(mesh.count.packets.values())[:150]
    asked = [p["hash"] for p in packets] + ["nothing", packets[0]["hash"], "0" * 16]
    got = post(mesh, "/api/packets/observations", {"hashes": asked}).json["results"]
    assert set(got) == set(asked) and got["nothing"] == got["0" * 16] == []
    for packet in packets:
        assert [o["id"] for o in got[packet["hash"]]] == [r[0] for r in mesh.count.heard[packet["id"]]]
    assert post(mesh, "/api/packets/observations", {"hashes": []}).json == {"results": {}}
    for body in ({"hashes": ["ab"] * 201}, {"hashes": "ab"}, {"hashes": [1]}, {}, []):
        refused = post(mesh, "/api/packets/observations", body)
        assert refused.status == 400 and refused.json["field"] == "hashes", body


def test_dropped_packets(mesh):
    """Who sees them needs the key, also behind who had it."""
    forged = next(p for p in mesh.count.packets.values() if p["type"] == ADVERT)
    raw = bytearray.fromhex(forged["raw"])
    raw[-1] ^= 1
    body = {"origin": "Station 1", "origin_id": "OBS1", "type": "PACKET", "direction": "rx", "raw": raw.hex().upper()}
    with Client(mesh.broker.port) as client:
        mesh.sent += client.publish_all([("meshcore/SFO/OBS1/packets", json.dumps(body))])
    mesh.wait_drained(mesh.sent)
    key = {"X-API-Key": KEY}
    row = mesh.wait("the refusal", lambda: [r for r in mesh.get("/api/dropped-packets", headers=key).json
                                            if r["raw_hex"] == raw.hex().upper()])[0]
    assert row["reason"] and row["observer_id"] == "OBS1" and row["observer_name"] == "Station 1"
    everything = mesh.get("/api/dropped-packets?limit=10000", headers=key).json
    assert [r["id"] for r in everything] == sorted((r["id"] for r in everything), reverse=True)
    for query, name, value in (("observer=obs1", "observer_id", "OBS1"), ("observer=OBS2", "observer_id", "OBS2"),
                               (f"pubkey={row['node_pubkey']}", "node_pubkey", row["node_pubkey"])):
        got = mesh.get(f"/api/dropped-packets?limit=10000&{query}", headers=key).json
        assert got == [r for r in everything if r[name] == value], query
    assert mesh.get("/api/dropped-packets?pubkey=ab", headers=key).json["field"] == "pubkey"
    for headers in ({}, {"X-API-Key": "wrong"}):
        assert mesh.get("/api/dropped-packets", headers=headers).status == 401


def test_decode(mesh):
    packet = next(p for p in mesh.count.packets.values() if p["type"] == ADVERT)
    got = post(mesh, "/api/decode", {"hex": packet["raw"].lower()}).json["decoded"]
    assert got["header"]["payloadTypeName"] == "ADVERT" and got["payload"]["signatureValid"] is True
    assert got["payload"] == json.loads(answer(mesh, hash=packet["hash"])["packets"][0]["decoded_json"])
    for body in ({"hex": "0"}, {"hex": "zz"}, {"hex": "ff"}, {}, {"hex": 3}):
        refused = post(mesh, "/api/decode", body)
        assert refused.status == 400 and refused.json["field"] == "hex", body


# --- files ----------------------------------------------------------------------------------------

def lines_of(world, **query):
    got = ask(world, format="ndjson", **query)
    assert got.status == 200 and got.headers["Content-Type"] == "application/x-ndjson", got
    assert got.headers["Transfer-Encoding"] == "chunked" and "attachment" in got.headers["Content-Disposition"]
    assert got.body == b"" or got.body.endswith(b"\n")
    return [json.loads(line) for line in got.body.splitlines()]


@pytest.mark.parametrize("query", [{}, {"type": GRP_TXT, "order": "asc"}, {"region": "SFO"}, {"type": 12}, {"limit": 70}])
def test_ndjson_holds_every_packet(mesh, query):
    lines = lines_of(mesh, **query)
    want = [p["hash"] for _, p in mesh.count.matching({k: v for k, v in query.items() if k != "limit"})]
    assert [line["hash"] for line in lines] == want[:query.get("limit")]
    if not lines:
        return
    cursors = [line.pop("cursor") for line in lines]
    page = answer(mesh, **{"limit": 20, **query})["packets"][:20]
    assert lines[:len(page)] == page
    # what was cut goes on behind its last line
    middle = len(lines) // 2
    rest = lines_of(mesh, cursor=cursors[middle], **{k: v for k, v in query.items() if k != "limit"})
    assert [line["hash"] for line in rest] == want[middle + 1:]


def test_csv_says_the_same_and_holds_no_formula(mesh):
    names = ["=1+1", "@SUM(A1)", '-2"quoted, and\nbroken"', "+x", "plain"]
    bodies = [json.dumps({"origin": name, "origin_id": f"CSV{i}", "type": "PACKET", "direction": "rx", "SNR": "-3.5",
                          "RSSI": "-80", "raw": f"0900{i:02}" + "ab" * 20}) for i, name in enumerate(names)]
    with Client(mesh.broker.port) as client:
        mesh.sent += client.publish_all([(f"meshcore/SFO/CSV{i}/packets", body) for i, body in enumerate(bodies)])
    mesh.wait_drained(mesh.sent)
    mesh.count = Recount(mesh)
    got = mesh.wait("the names", lambda: [a for a in [ask(mesh, format="csv", observer="CSV0,CSV1,CSV2,CSV3,CSV4")]
                                          if len(a.body.splitlines()) > 5])[0]
    assert got.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(got.body.decode(), newline="")))
    by_id = {row["observer_id"]: row["observer_name"] for row in rows}
    stored = {o[0]: o[2] for o in mesh.count.observers.values()}
    for name in by_id:
        dangerous = stored[name][:1] in tuple("=+-@")
        assert by_id[name] == ("'" if dangerous else "") + stored[name], name
    assert all(row["snr"] == "-3.5" and row["rssi"] == "-80" for row in rows)
    everything = list(csv.DictReader(io.StringIO(ask(mesh, format="csv").body.decode(), newline="")))
    lines = lines_of(mesh)
    assert len(everything) == len(lines) == len(mesh.count.packets)
    for row, line in zip(everything, lines):
        assert row["hash"] == line["hash"] and row["cursor"] == line["cursor"] and row["id"] == str(line["id"])
        assert row["raw_hex"] == line["raw_hex"] and row["path"] == ",".join(line["_parsedPath"])
        assert row["decoded_json"] == line["decoded_json"] and row["first_seen"] == line["first_seen"]


@pytest.mark.parametrize("path,key,table", [
    ("/api/nodes", "public_key", "SELECT lower(hex(public_key)) FROM nodes ORDER BY id"),
    ("/api/observers", "id", "SELECT identity FROM observers WHERE last_ms IS NOT NULL ORDER BY id"),
    ("/api/channels/{channel}/messages", "packetHash", "SELECT lower(hex(t.hash)) FROM messages m JOIN transmissions t"
     " ON t.id = m.transmission_id WHERE m.channel_id = {id} ORDER BY t.id DESC")])
def test_other_lists_are_files_too(mesh, path, key, table):
    channel, number = mesh.query("SELECT name, id FROM channels ORDER BY message_count DESC")[0]
    path, table = path.format(channel=quote(channel, "")), table.format(id=number)
    want = [row[0] for row in mesh.query(table)]
    got = mesh.get(f"{path}?format=ndjson")
    lines = [json.loads(line) for line in got.body.splitlines()]
    assert want and [line[key] for line in lines] == want
    rows = list(csv.DictReader(io.StringIO(mesh.get(f"{path}?format=csv").body.decode(), newline="")))
    assert [row[key] for row in rows] == want
    assert [row["cursor"] for row in rows] == [line["cursor"] for line in lines]
    cursor = lines[len(lines) // 2]["cursor"]
    rest = mesh.get(f"{path}?format=ndjson&cursor={cursor}").body.splitlines()
    assert [json.loads(line)[key] for line in rest] == want[len(lines) // 2 + 1:]
    assert len(mesh.get(f"{path}?format=ndjson&limit=3").body.splitlines()) == min(3, len(want))
    refused = mesh.get(f"{path}?format=csv&cursor=x")
    assert refused.status == 400 and refused.json["field"] == "cursor"


def test_a_file_in_http_1_0_ends_with_the_connection(mesh):
    got = http_raw(mesh.config["port"], b"GET /api/packets?format=ndjson&limit=700 HTTP/1.0\r\n\r\n")
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"chunked" not in head and b"Content-Length" not in head and b"Connection: close" in head
    assert len(body.splitlines()) == 700 and body.endswith(b"}\n")
    head = http_raw(mesh.config["port"], b"HEAD /api/packets?format=csv HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"chunked" in head and head.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("query,field", [("format=xml", "format"), ("format=csv&grouped=1", "groupByHash"),
                                         ("format=csv&offset=5", "offset"), ("format=csv&type=x", "type"),
                                         ("format=ndjson&expand=observations", "expand")])
def test_what_is_no_file_is_refused(mesh, query, field):
    got = mesh.get(f"/api/packets?{query}")
    assert got.status == 400 and got.json["field"] == field


def test_who_reads_nothing_holds_back_nobody(mesh):
    """Sixteen files that nobody reads: the next is told to come back, everything else is answered,
    and when they are gone there is room again."""
    silent = []
    try:
        for _ in range(16):
            silent.append(socket.create_connection(("127.0.0.1", mesh.config["port"])))
            silent[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            silent[-1].sendall(b"GET /api/packets?format=ndjson HTTP/1.1\r\nHost: x\r\n\r\n")
            assert silent[-1].recv(12) == b"HTTP/1.1 200"
        mesh.wait("the seventeenth to be refused", lambda: ask(mesh, format="csv", limit=1).status == 503)
        assert len(answer(mesh)["packets"]) == 50
        assert mesh.get("/api/livez").status == 200
    finally:
        for sock in silent:
            sock.close()
    mesh.wait("room", lambda: ask(mesh, format="csv", limit=1).status == 200)


def read_until_silent(sock):
    """What comes until nothing has come for a second."""
    got = b""
    while select.select([sock], [], [], 1)[0] and (more := sock.recv(1 << 20)):
        got += more
    return got


def test_a_file_waits_for_a_database_that_can_not_be_read(mesh):
    """It is not cut for it."""
    want = [line["hash"] for line in lines_of(mesh)]
    away = mesh.db_path.with_name("away")
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        sock.connect(("127.0.0.1", mesh.config["port"]))
        sock.sendall(b"GET /api/packets?format=ndjson HTTP/1.0\r\n\r\n")
        got = sock.recv(1)
        mesh.db_path.rename(away)
        try:
            mesh.wait("the database to be missed", lambda: ask(mesh, limit=7).status == 503)
            got += read_until_silent(sock)
        finally:
            away.rename(mesh.db_path)
        before = len(got)
        while more := sock.recv(1 << 20):
            got += more
    assert 0 < before < len(got), before
    assert [json.loads(line)["hash"] for line in got.partition(b"\r\n\r\n")[2].splitlines()] == want


# --- while it goes on -----------------------------------------------------------------------------

@pytest.mark.parametrize("query", [{}, {"groupByHash": "true"}, {"region": "SFO,OAK"}, {"order": "asc"}])
def test_pages_while_messages_arrive(mesh, query):
    """Everything that was there at the first page comes exactly once."""
    before = Recount(mesh)
    want = [p["hash"] for _, p in before.matching(query)]
    more = list(made(mesh.rng, 3000, first=mesh.rng.randrange(1 << 30)))
    with Client(mesh.broker.port) as client:
        sender = threading.Thread(target=client.publish_all, args=(more,))
        sender.start()
        try:
            rows, pages = all_pages(mesh, 400, query)
        finally:
            sender.join()
    mesh.sent += len(more)
    mesh.wait_drained(mesh.sent, timeout=60)
    mesh.count = Recount(mesh)
    got = [r["hash"] for r in rows]
    assert pages > 3 and len(got) == len(set(got)), "a packet came twice"
    assert set(want) <= set(got), "a packet was passed over"
