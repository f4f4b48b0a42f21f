# SPDX-License-Identifier: MIT
"""The routes about nodes: recorded messages through the real programs, each figure recounted."""

import csv
import io
import json
import statistics
import struct
from collections import defaultdict
from datetime import datetime, timezone

import harness
import pytest
from messages import recorded
from mqtt_lite import Client

DAY_MS = 86_400_000
ROLES = {0: "none", 1: "companion", 2: "repeater", 3: "room", 4: "sensor"}
OBSERVER = "5B9839E58AE312ECC8624A8F374CF57A1B5B631FB00EC0124C9AB9DE2BE9F229"


def ms_of(text):
    return None if text is None else round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def neighbors(lines, observer=OBSERVER):
    """A neighbour report of one observer: [(key, scopes, status)]."""
    entries = [{"pubkey": key, "snr": 5, "heard_secs_ago": 60, "status": status,
                **({"scopes": scopes} if scopes is not None else {})} for key, scopes, status in lines]
    now = datetime.now(timezone.utc).isoformat()
    payload = {"timestamp": now, "origin": "x", "origin_id": observer, "total_neighbors": len(entries),
               "queried_neighbors": len(entries), "truncated": False, "self": {"scopes": "*"}, "neighbors": entries}
    return f"meshcore/SJC/{observer}/neighbors", json.dumps(payload)


class Mesh:
    """A server over what an ingestor made of messages, and the same rows read here."""

    def __init__(self, world):
        self.world = world
        world.start_server()
        world.wait("the first run", lambda: "window" in self.get("/api/nodes").json)
        world.wait("the adverts", lambda: world.get("/api/nodes/clock-skew").status == 200)
        self.nodes = {row[1].hex(): {"id": row[0], "name": row[2], "role": row[3], "first": row[4], "advert": row[5],
                                     "heard": row[6], "count": row[7], "lat": row[8], "lon": row[9],
                                     "relayed": row[10]}
                      for row in world.query("SELECT id, public_key, name, role, first_ms, last_ms, last_heard_ms,"
                                             " advert_count, lat, lon, last_relayed_ms FROM nodes")}

    def get(self, path, status=200):
        answer = self.world.get(path)
        assert answer.status == status, (path, answer)
        return answer

    def all(self, query=""):
        return self.get(f"/api/nodes?limit=2000{query}").json["nodes"]

    def adverts(self, key):
        """[(raw, first_ms, id)], newest first, share-contact ones left out."""
        rows = self.world.query("SELECT raw, first_ms, id FROM transmissions WHERE sender = ? ORDER BY id DESC LIMIT 20",
                                self.nodes[key]["id"])
        return [row for row in rows if row[0][0] & 3 != 3]


def hop_means(nodes, hop, at_ms):
    """The one key that a hop means, by the words of the contract."""
    found = [key for key, node in nodes.items() if key.startswith(hop) and
             (len(hop) > 2 or (node["first"] <= at_ms and node["advert"] is not None and
                               node["advert"] >= at_ms - 7 * DAY_MS))]
    return found[0] if len(found) == 1 else None


def receptions(world):
    """Heard floods, newest first: (transmission, [hop], receipt, is it scoped, type)."""
    for row in world.query("SELECT o.transmission_id, o.path, o.path_size, o.receipt_ms, o.scope_code, t.type"
                           " FROM observations o JOIN transmissions t ON t.id = o.transmission_id WHERE o.direction = 0"
                           " AND coalesce(o.route, t.route) IN (0, 1) AND t.type <> 9 ORDER BY o.id DESC"):
        path, size = row[1].hex(), 2 * row[2]
        hops = [path[i:i + size] for i in range(0, len(path), size)]
        yield row[0], hops, row[3], bool(row[4]), row[5]


@pytest.fixture(scope="module", name="mesh")
def _mesh():
    world = harness.World("nodes")
    try:
        broker = world.start_broker()
        world.add_source(broker)
        world.start()
        messages = [(topic, text) for name in ("packets", "multi_observer", "mesh_messages", "status")
                    for topic, text, _ in recorded(name) if topic.startswith("meshcore/")]
        with Client(broker.port) as client:
            sent = client.publish_all(messages)
            world.wait_drained(sent)
            keys = [row[0].hex() for row in world.query("SELECT public_key FROM nodes ORDER BY id LIMIT 6")]
            sent += client.publish_all([neighbors([
                (keys[0], "#north,south", "responded"), (keys[1], "", "responded"), (keys[2], "#north", "timeout"),
                (keys[3].upper(), "*", "responded"), (keys[4][:12], "#north", "responded"), (keys[5], None, "timeout")])])
            world.wait_drained(sent)
        world.wait("what is counted late", lambda: world.scalar(
            "SELECT position >= (SELECT max(id) FROM observations) FROM jobs WHERE name = 'count_late'"), 90)
        mesh = Mesh(world)
        mesh.reported = keys
        yield mesh
    finally:
        world.close()


# --- the list -------------------------------------------------------------------------------------

def test_every_node_is_listed_with_what_is_stored_of_it(mesh):
    answer = mesh.get("/api/nodes?limit=2000").json
    assert answer["total"] == len(mesh.nodes) == len(answer["nodes"]) > 50
    roles = [node["role"] for node in mesh.nodes.values()]
    assert answer["counts"] == {"repeaters": roles.count(2), "rooms": roles.count(3), "companions": roles.count(1),
                                "sensors": roles.count(4)}
    for node in answer["nodes"]:
        row = mesh.nodes[node["public_key"]]
        assert node["name"] == (row["name"] or None)
        assert node["role"] == ROLES.get(row["role"])
        assert (node["lat"], node["lon"]) == (row["lat"], row["lon"])
        assert ms_of(node["first_seen"]) == row["first"]
        assert ms_of(node["last_seen"]) == ms_of(node["last_advert"]) == row["advert"]
        assert ms_of(node["last_heard"]) == row["heard"]
        assert node["advert_count"] == row["count"]
        assert ("relay_active" in node) == (node["role"] in ("repeater", "room"))


def test_pages_are_the_list_in_pieces(mesh):
    whole = [node["public_key"] for node in mesh.all()]
    assert len(set(whole)) == len(whole)
    pages = [mesh.get(f"/api/nodes?limit=30&offset={at}").json for at in range(0, len(whole), 30)]
    assert [node["public_key"] for page in pages for node in page["nodes"]] == whole
    assert {page["total"] for page in pages} == {len(whole)}
    assert mesh.get("/api/nodes?offset=100000").json["nodes"] == []
    assert len(mesh.get("/api/nodes?limit=0").json["nodes"]) == 50


FILTERS = {
    "role=repeater": lambda m, n: n["role"] == "repeater",
    "role=companion": lambda m, n: n["role"] == "companion",
    "search=pe": lambda m, n: "pe" in (n["name"] or "").lower(),
    "search=REPEATER": lambda m, n: "repeater" in (n["name"] or "").lower(),
    "lastHeard=1h": lambda m, n: n["last_heard"] is not None,
    "lastHeard=1y": lambda m, n: True,
    "hasScope=true": lambda m, n: n["public_key"] in (m.reported[0], m.reported[4]),
    # `*` is what a repeater answers where nobody configured a region: packets without one.
    "hasScope=false": lambda m, n: n["public_key"] in (m.reported[1], m.reported[3]),
    "hashRegion=*": lambda m, n: n["public_key"] == m.reported[3],
    "hashRegion=north": lambda m, n: n["public_key"] in (m.reported[0], m.reported[4]),
    "hashRegion=%23north": lambda m, n: n["public_key"] in (m.reported[0], m.reported[4]),
    "hashRegion=nort": lambda m, n: False,
}


def test_filters_alone_and_combined(mesh):
    whole = mesh.all()
    for first, matches in FILTERS.items():
        for second, also in FILTERS.items():
            if second.split("=")[0] == first.split("=")[0] and second != first:
                continue
            answer = mesh.get(f"/api/nodes?limit=2000&{first}&{second}").json
            expected = [n["public_key"] for n in whole if matches(mesh, n) and also(mesh, n)]
            assert [n["public_key"] for n in answer["nodes"]] == expected, (first, second)
            assert answer["total"] == len(expected)
            paged = mesh.get(f"/api/nodes?limit=2&offset=1&{first}&{second}").json
            assert [n["public_key"] for n in paged["nodes"]] == expected[1:3]
            assert paged["total"] == len(expected)  # the filters come before the paging


def test_before_compares_times(mesh):
    firsts = sorted(node["first"] for node in mesh.nodes.values())
    middle = firsts[len(firsts) // 2]
    expected = {key for key, node in mesh.nodes.items() if node["first"] <= middle}
    text = datetime.fromtimestamp(middle / 1000, timezone.utc).isoformat(timespec="milliseconds")
    for value in (str(middle), text.replace("+00:00", "Z"), text.replace("+", "%2B")):
        assert {node["public_key"] for node in mesh.all(f"&before={value}")} == expected
    assert mesh.get("/api/nodes?before=1000").json["total"] == 0


def test_orders(mesh):
    heard = [ms_of(node["last_heard"]) for node in mesh.all()]
    assert heard == sorted(heard, reverse=True)
    counts = [node["advert_count"] for node in mesh.all("&sortBy=packetCount")]
    assert counts == sorted(counts, reverse=True) and counts[0] > counts[-1]
    names = [node["name"] for node in mesh.all("&sortBy=name") if node["name"]]
    fold = [bytes(c + 32 if 65 <= c <= 90 else c for c in name.encode()) for name in names]
    assert fold == sorted(fold)


@pytest.mark.parametrize("query,field", [("role=king", "role"), ("before=yesterday", "before"),
                                         ("hasScope=maybe", "hasScope"), ("format=xml", "format")])
def test_a_bad_parameter_is_named(mesh, query, field):
    answer = mesh.get(f"/api/nodes?{query}", 400).json
    assert answer["field"] == field and answer["error"]


def test_configured_scopes_come_from_answers_alone(mesh):
    told = {node["public_key"]: node["configured_scope"] for node in mesh.all() if "configured_scope" in node}
    a = mesh.reported
    assert told == {a[0]: ["#north", "south"], a[1]: [], a[3]: ["*"], a[4]: ["#north"]}


def test_search_finds_names_and_keys(mesh):
    key, node = next((k, n) for k, n in mesh.nodes.items() if len(n["name"]) > 3)
    found = mesh.get(f"/api/nodes/search?q={key[:6].upper()}").json["nodes"]
    assert key in [n["public_key"] for n in found]
    for short in (key[:8], key[:9].upper()):  # as lists show it
        listed = mesh.get(f"/api/nodes?search={short}").json
        assert [n["public_key"] for n in listed["nodes"]] == [key] and listed["total"] == 1
    assert mesh.get("/api/nodes/search?q=").json == {"nodes": []}
    assert mesh.get("/api/nodes/search").json == {"nodes": []}
    found = mesh.get("/api/nodes/search?q=e").json["nodes"]
    assert len(found) == 10 and all("e" in n["name"].lower() or n["public_key"].startswith("e") for n in found)
    assert node["name"]


def test_contacts_are_what_companions_import(mesh):
    answer = mesh.get("/api/nodes?format=contacts").json
    assert list(answer) == ["contacts"]
    wanted = {key for key, node in mesh.nodes.items() if node["name"] and node["role"] in (1, 2, 3, 4)}
    assert {contact["public_key"] for contact in answer["contacts"]} == wanted
    for contact in answer["contacts"]:
        node = mesh.nodes[contact["public_key"]]
        assert contact["type"] == node["role"] and contact["name"] == node["name"] and contact["flags"] == 0
        assert contact["custom_name"] is None and contact["out_path_list"] is None
        assert isinstance(contact["latitude"], str) and float(contact["latitude"]) == round(node["lat"] or 0, 6)
        assert isinstance(contact["longitude"], str) and float(contact["longitude"]) == round(node["lon"] or 0, 6)
        assert contact["last_modified"] == node["advert"] // 1000
        assert isinstance(contact["last_advert"], int)
    rooms = mesh.get("/api/nodes?format=contacts&role=room&limit=3").json["contacts"]
    assert len(rooms) == 3 and {contact["type"] for contact in rooms} == {3}


def test_the_list_as_a_file(mesh):
    listed = {node["public_key"]: node for node in mesh.all()}
    answer = mesh.get("/api/nodes?format=ndjson")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.body.decode().splitlines()]
    cursors = [line.pop("cursor") for line in lines]
    assert {line["public_key"]: line for line in lines} == listed and len(lines) == len(listed)
    rest = mesh.get(f"/api/nodes?format=ndjson&cursor={cursors[9]}&limit=5").body.decode().splitlines()
    assert [json.loads(line)["public_key"] for line in rest] == [line["public_key"] for line in lines[10:15]]
    rooms = mesh.get("/api/nodes?format=csv&role=room").body.decode()
    rows = list(csv.DictReader(io.StringIO(rooms)))
    assert {row["public_key"] for row in rows} == {k for k, n in listed.items() if n["role"] == "room"}
    for row in rows:
        node = listed[row["public_key"]]
        assert row["name"].lstrip("'") == (node["name"] or "").lstrip("'")
        assert row["hash_size"] == ("" if node["hash_size"] is None else str(node["hash_size"])) and row["advert_count"] == str(node["advert_count"])
        assert row["relay_count_24h"] == str(node["relay_count_24h"])
        assert ms_of(row["last_heard"]) == ms_of(node["last_heard"])
    for bad, field in (("format=ndjson&cursor=x", "cursor"), ("format=csv&role=king", "role")):
        assert mesh.get(f"/api/nodes?{bad}", 400).json["field"] == field


# --- what the background counted ------------------------------------------------------------------

def test_relay_figures_are_a_recount(mesh):
    window = mesh.get("/api/nodes").json["window"]
    at_ms = ms_of(window["to"])
    assert window["complete"] is True
    assert window["observations"] == mesh.world.scalar("SELECT count(*) FROM observations WHERE direction = 0")
    day, unscoped, last, packets, seen = defaultdict(int), defaultdict(int), {}, set(), set()
    for transmission, hops, receipt, is_scoped, _ in receptions(mesh.world):
        if hops:
            packets.add(transmission)
        for hop in hops:
            key = hop_means(mesh.nodes, hop, at_ms)
            if key is None:
                continue
            last[key] = max(last.get(key, 0), receipt)
            if (hop, transmission) not in seen:
                seen.add((hop, transmission))
                day[key] += 1
                unscoped[key] += not is_scoped
    assert sum(day.values()) > 100
    for node in mesh.all():
        if "relay_active" not in node:
            continue
        key = node["public_key"]
        assert node["relay_count_24h"] == node["relay_count_1h"] == day[key], node
        assert node["unscoped_relay_count_24h"] == unscoped[key]
        assert node["traffic_share_score"] == pytest.approx(day[key] / len(packets))
        newest = max(last.get(key, 0), mesh.nodes[key]["relayed"] or 0) or None
        assert node["relay_active"] == (newest is not None)
        assert ms_of(node.get("last_relayed")) == newest


def size_said(raw):
    """[bytes a hop] as an advert says them: one for neighbours alone leaves with path_len 0,
    whatever its sender uses."""
    path_len = raw[5 if raw[0] & 3 in (0, 3) else 1]
    return [] if raw[0] & 3 in (2, 3) and path_len == 0 else [(path_len >> 6) + 1]


def test_hash_sizes_are_those_of_the_newest_adverts(mesh):
    for node in mesh.all():
        sizes = []
        for raw, _, _ in mesh.adverts(node["public_key"]):
            sizes += size_said(raw)
        assert node["hash_size"] == (sizes[0] if sizes else None)
        assert node.get("hash_sizes_seen", sorted(set(sizes))) == sorted(set(sizes))
        changes = sum(a != b for a, b in zip(sizes, sizes[1:]))
        assert node["hash_size_inconsistent"] == (changes >= 2)


def skews(mesh, key):
    found = []
    for raw, first_ms, _ in mesh.adverts(key):
        at = 5 if raw[0] & 3 in (0, 3) else 1
        payload = at + 1 + (raw[at] & 63) * ((raw[at] >> 6) + 1)
        found.append((struct.unpack_from("<I", raw, payload + 32)[0] * 1000 - first_ms) / 1000)
    return found


def severity(value):
    off = abs(value)
    return next((word for limit, word in ((300, "ok"), (3600, "warning"), (30 * 86400, "critical"),
                                          (365 * 86400, "absurd")) if off < limit), "no_clock")


def test_clock_skews_are_a_recount(mesh):
    told = {entry["pubkey"]: entry for entry in mesh.get("/api/nodes/clock-skew").json}
    expected = {key: skews(mesh, key) for key in mesh.nodes}
    assert set(told) == {key for key, values in expected.items() if values}
    whole = mesh.get("/api/nodes/clock-skew").json
    assert mesh.get("/api/nodes/clock-skew?limit=5&offset=3").json == whole[3:8]
    for key, entry in told.items():
        values = expected[key]
        assert entry["sampleCount"] == len(values)
        assert entry["meanSkewSec"] == pytest.approx(statistics.mean(values), abs=0.01)
        assert entry["medianSkewSec"] == pytest.approx(statistics.median(values), abs=0.01)
        assert entry["lastSkewSec"] == pytest.approx(values[0], abs=0.01)
        assert entry["recentMedianSkewSec"] == pytest.approx(statistics.median(values[:5]), abs=0.01)
        assert entry["severity"] == severity(statistics.median(values[:5]))
        assert entry["recentSampleCount"] == min(5, len(values))
        assert entry["recentBadSampleCount"] == sum(abs(value) >= 3600 for value in values[:5])
        one = mesh.get(f"/api/nodes/{key}/clock-skew").json
        assert {name: one[name] for name in entry} == entry
        assert [sample["skew"] for sample in one["samples"]] == pytest.approx(values[::-1], abs=0.01)
        summary = one["calibrationSummary"]
        assert summary == {"totalSamples": len(values), "calibratedSamples": len(values), "uncalibratedSamples": 0}
        assert len(one["recentHashEvidence"]) == min(5, len(values))


def test_status_counts_by_age(mesh):
    answer = mesh.get("/api/nodes/network-status").json
    assert answer["total"] == answer["active"] == len(mesh.nodes) and answer["silent"] == answer["degraded"] == 0
    assert sum(answer["roleCounts"].values()) == len(mesh.nodes)


def over(mesh, key, at_ms):
    """The hops that mean this node."""
    return [hop for hop in (key[:2], key[:4], key[:6]) if hop_means(mesh.nodes, hop, at_ms) == key]


def busiest(mesh, count=5):
    nodes = [node for node in mesh.all() if node.get("relay_count_24h")]
    nodes.sort(key=lambda node: -node["relay_count_24h"])
    return [node["public_key"] for node in nodes[:count]]


def test_paths_are_a_recount(mesh):
    for key in busiest(mesh):
        answer = mesh.get(f"/api/nodes/{key}/paths?limit=200").json
        at_ms = ms_of(answer["window"]["to"])
        own = over(mesh, key, at_ms)
        counts, last, hashes, packets = defaultdict(int), {}, defaultdict(set), set()
        for transmission, hops, receipt, _, _ in receptions(mesh.world):
            if set(own) & set(hops):
                path = tuple(hops)
                counts[path] += 1
                hashes[path].add(transmission)
                last[path] = max(last.get(path, 0), receipt)
                packets.add(transmission)
        assert answer["totalPaths"] == len(counts) > 0 and answer["totalTransmissions"] == len(packets)
        told = {tuple(hop["prefix"].lower() for hop in path["hops"]): path for path in answer["paths"]}
        assert len(told) == min(200, len(counts))
        for path, entry in told.items():
            assert entry["count"] == counts[path] and ms_of(entry["lastSeen"]) == last[path]
            sample = mesh.world.scalar("SELECT id FROM transmissions WHERE hash = ?", bytes.fromhex(entry["sampleHash"]))
            assert sample in hashes[path]
            for hop in entry["hops"]:
                means = hop_means(mesh.nodes, hop["prefix"].lower(), last[path])
                assert hop["pubkey"] == means
                assert hop["name"] == ((mesh.nodes[means]["name"] if means else None) or hop["prefix"])
        order = [entry["count"] for entry in answer["paths"]]
        assert order == sorted(order, reverse=True)
        assert mesh.get(f"/api/nodes/{key}/paths?limit=2").json["paths"] == answer["paths"][:2]


def test_places_count_from_the_sender(mesh):
    for key in busiest(mesh):
        answer = mesh.get(f"/api/nodes/{key}/hop_analytics").json
        own, seen, counts = over(mesh, key, ms_of(answer["window"]["to"])), set(), defaultdict(int)
        for transmission, hops, _, is_scoped, kind in receptions(mesh.world):
            for place, hop in enumerate(hops):
                if hop in own and (hop, transmission) not in seen:
                    seen.add((hop, transmission))
                    counts[kind, is_scoped, place] += 1
        told = {(entry["payload_type"], entry["scoped"], hop["hops"]): hop["count"]
                for entry in answer["byType"] for hop in entry["hops"]}
        assert told == counts and answer["days"] == 1 and answer["pubkey"] == key


def edges(mesh, at_ms):
    """{(end, end): [count, {mode: n}, first, last, [snr], {observer}]}; an end is a node's key, a
    hop or an observer."""
    found = {}
    observers = {row[0]: row[1] for row in mesh.world.query("SELECT id, identity FROM observers")}
    keys = {node["id"]: key for key, node in mesh.nodes.items()}
    rows = mesh.world.query("SELECT o.path, o.path_size, o.receipt_ms, o.observer_id, o.snr, o.rssi, t.sender"
                            " FROM observations o JOIN transmissions t ON t.id = o.transmission_id WHERE"
                            " o.direction = 0 AND coalesce(o.route, t.route) IN (0, 1) AND t.type <> 9")
    for path, size, receipt, observer, snr, rssi, sender in rows:
        hops = [path[i:i + size].hex() for i in range(0, len(path), size)]
        raw = [("node", keys[sender])] if sender else []
        raw += [("hop", hop) for hop in hops] + [("observer", observer)]
        ends = []
        for kind, name in raw:
            if kind == "hop":
                ends.append(hop_means(mesh.nodes, name, at_ms) or f"hop {name}")
            elif kind == "observer":
                identity = observers[name].lower()
                ends.append(identity if identity in mesh.nodes else f"observer {identity}")
            else:
                ends.append(name)
        done = set()
        for i in range(len(raw) - 1):
            if (raw[i], raw[i + 1]) in done:
                continue
            done.add((raw[i], raw[i + 1]))
            for edge in ((ends[i], ends[i + 1]), (ends[i + 1], ends[i])) if ends[i] != ends[i + 1] else ():
                entry = found.setdefault(edge, [0, defaultdict(int), receipt, receipt, [], set()])
                entry[0] += 1
                entry[1][str(size if hops else 0)] += 1
                entry[2], entry[3] = min(entry[2], receipt), max(entry[3], receipt)
                if raw[i + 1][0] == "observer" and snr is not None and (snr, rssi) != (12.5, -65):
                    entry[4].append(snr)
                entry[5].add(observers[observer])
    return found


def end_of(neighbor):
    if neighbor.get("unresolved"):
        return f"hop {neighbor['prefix'].lower()}"
    return neighbor["pubkey"] or f"observer {neighbor['prefix'].lower()}"


def test_neighbors_are_a_recount(mesh):
    asked = mesh.get(f"/api/nodes/{next(iter(mesh.nodes))}/neighbors").json
    found = edges(mesh, ms_of(asked["window"]["to"]))
    with_snr = 0
    for key in busiest(mesh) + list(mesh.nodes)[:40]:
        answer = mesh.get(f"/api/nodes/{key}/neighbors").json
        expected = {other: entry for (one, other), entry in found.items() if one == key}
        told = {end_of(neighbor): neighbor for neighbor in answer["neighbors"]}
        strangers = {end.replace("observer ", "") if len(end) > 64 else end for end in expected}
        assert set(told) == strangers and answer["total_neighbors"] == len(expected)
        assert answer["total_observations"] == sum(entry[0] for entry in expected.values())
        for end, (count, modes, first, last, snrs, observers) in expected.items():
            neighbor = told[end.replace("observer ", "") if len(end) > 64 else end]
            assert neighbor["count"] == count and neighbor["score"] == min(1, count / 100)
            assert {mode: n for mode, n in neighbor["counts_by_mode"].items() if n} == modes
            assert (ms_of(neighbor["first_seen"]), ms_of(neighbor["last_seen"])) == (first, last)
            assert neighbor["avg_snr"] == (pytest.approx(statistics.mean(snrs), abs=0.01) if snrs else None)
            with_snr += bool(snrs)
            assert set(neighbor["observers"]) <= observers and min(4, len(observers)) <= len(neighbor["observers"]) <= 6
        few = mesh.get(f"/api/nodes/{key}/neighbors?min_count=3").json["neighbors"]
        assert few == [neighbor for neighbor in answer["neighbors"] if neighbor["count"] >= 3]
    assert with_snr > 0


# --- one node -------------------------------------------------------------------------------------

def test_one_node_by_key_and_by_prefix(mesh):
    key = max(mesh.nodes, key=lambda k: mesh.nodes[k]["count"])
    whole = mesh.get(f"/api/nodes/{key}").json
    listed = next(node for node in mesh.all() if node["public_key"] == key)
    assert {name: whole["node"][name] for name in listed} == listed
    for prefix in (key[:8], key[:9], key[:63], key.upper()):
        assert mesh.get(f"/api/nodes/{prefix}").json["node"]["public_key"] == key
    ids = [row[0] for row in mesh.world.query("SELECT id FROM transmissions WHERE sender = ? ORDER BY id DESC LIMIT 20",
                                              mesh.nodes[key]["id"])]
    assert [packet["id"] for packet in whole["recentAdverts"]] == ids
    for packet in whole["recentAdverts"]:
        assert json.loads(packet["decoded_json"])["pubKey"] == key
    floods = mesh.world.scalar("SELECT count(*) FROM transmissions WHERE sender = ? AND route < 2", mesh.nodes[key]["id"])
    assert whole["node"]["flood_advert_count_7d"] == floods
    for missing in ("00" * 32, "0" * 8, key[:7], "zz" * 32, key + "0"):
        assert "error" in mesh.get(f"/api/nodes/{missing}", 404).json


def heard(mesh, key):
    """[(observer, snr, rssi, hops, receipt)] of a node's newest 200 adverts; None = not known."""
    rows = mesh.world.query("SELECT r.identity, o.snr, o.rssi, coalesce(o.route, t.route), length(o.path) / o.path_size,"
                            " o.receipt_ms, coalesce(o.scope_code, 0) FROM observations o JOIN transmissions t ON t.id = o.transmission_id JOIN"
                            " observers r ON r.id = o.observer_id WHERE t.sender = ? AND o.direction = 0",
                            mesh.nodes[key]["id"])
    result = []
    for observer, snr, rssi, route, hops, receipt, scope in rows:
        if route == 3 and not scope and not hops:
            continue  # somebody else handed it on
        if (snr, rssi) == (12.5, -65):
            snr = rssi = None
        result.append((observer, snr, rssi, hops if route < 2 else None, receipt))
    return result


def mean(values):
    known = [value for value in values if value is not None]
    return pytest.approx(statistics.mean(known), abs=0.0051) if known else None


def by_observer(rows):
    found = defaultdict(list)
    for row in rows:
        found[row[0]].append(row)
    return found


def assert_observers(entries, rows):
    expected = by_observer(rows)
    assert {entry["observer_id"] for entry in entries} == set(expected)
    counts = [entry["packetCount"] for entry in entries]
    assert counts == sorted(counts, reverse=True)
    for entry in entries:
        own = expected[entry["observer_id"]]
        assert entry["packetCount"] == len(own)
        assert entry["avgSnr"] == mean(row[1] for row in own) and entry["avgRssi"] == mean(row[2] for row in own)
        assert ms_of(entry.get("firstSeen")) in (None, min(row[4] for row in own))
        assert ms_of(entry["lastSeen"]) == max(row[4] for row in own)


def most_heard(mesh, count=8):
    return sorted(mesh.nodes, key=lambda key: -len(heard(mesh, key)))[:count]


def test_health_is_a_recount(mesh):
    for key in most_heard(mesh) + list(mesh.nodes)[-3:]:
        answer, rows = mesh.world.get_whole(f"/api/nodes/{key}/health"), heard(mesh, key)
        assert answer["node"]["public_key"] == key
        assert_observers(answer["observers"], rows)
        stats = answer["stats"]
        assert stats["totalTransmissions"] == stats["totalPackets"] == mesh.nodes[key]["count"]
        assert stats["totalObservations"] == len(rows)
        assert stats["avgSnr"] == mean(row[1] for row in rows)
        assert stats.get("avgHops") == mean(row[3] or 0 for row in rows)
        assert ms_of(stats["lastHeard"]) == mesh.nodes[key]["heard"]
        assert stats["packetsToday"] == mesh.world.scalar(
            "SELECT total(transmissions) FROM rollups WHERE kind = 2 AND key = ? AND hour / 24 ="
            " CAST(unixepoch() / 86400 AS INT)", mesh.nodes[key]["id"])
        assert answer["recentPackets"] == mesh.get(f"/api/nodes/{key}").json["recentAdverts"]
        assert ("asOf" in answer["basis"]) == bool(rows)


def test_bulk_health_is_the_same_of_a_day(mesh):
    answer = mesh.get("/api/nodes/bulk-health?limit=200").json
    assert [entry["public_key"] for entry in answer] == [node["public_key"] for node in mesh.all()]
    for entry in answer:
        one = mesh.world.get_whole(f"/api/nodes/{entry['public_key']}/health")
        assert entry["observerCount"] == len(entry["observers"])
        assert all(observer.pop("firstSeen") for observer in entry["observers"])
        assert sorted(entry["observers"], key=str) == sorted(one["observers"], key=str)
        since, complete = entry["stats"].pop("since"), entry["stats"].pop("complete")
        hops = mean(row[3] for row in heard(mesh, entry["public_key"]))
        assert entry["stats"].pop("avgHops", None) == hops and complete is True and since
        one["stats"].pop("avgHops", None)
        assert entry["stats"] == one["stats"]
        assert {name: entry[name] for name in ("name", "role", "lat", "lon")} == {
            name: one["node"][name] for name in ("name", "role", "lat", "lon")}
    assert len(mesh.get("/api/nodes/bulk-health?limit=3").json) == 3
    assert len(mesh.get("/api/nodes/bulk-health").json) == 50


def test_a_region_is_where_its_observers_receive(mesh):
    regions = defaultdict(set)
    codes = {row[0]: row[1] for row in mesh.world.query("SELECT identity, upper(trim(iata)) FROM observers")}
    for key in mesh.nodes:
        for row in heard(mesh, key):
            regions[codes[row[0]]].add(key)
    names = sorted(regions, key=lambda code: -len(regions[code]))
    assert len(names) > 3
    for code in names:
        answer = mesh.get(f"/api/nodes?limit=2000&region=%20{code.lower()}%20,").json
        assert {node["public_key"] for node in answer["nodes"]} == regions[code]
        assert answer["total"] == len(regions[code])
        bulk = mesh.get(f"/api/nodes/bulk-health?limit=200&region={code}").json
        assert {entry["public_key"] for entry in bulk} == regions[code]
    both = mesh.all(f"&region={names[0]},{names[1]}&role=room")
    rooms = {key for key in regions[names[0]] | regions[names[1]] if mesh.nodes[key]["role"] == 3}
    assert {node["public_key"] for node in both} == rooms
    for everywhere in ("all", "ALL,", "", ",,"):
        assert mesh.get(f"/api/nodes?region={everywhere}").json["total"] == len(mesh.nodes)
    assert mesh.get("/api/nodes?region=QQQ").json["total"] == 0


def test_analytics_is_a_recount(mesh):
    with_snr = 0
    for key in most_heard(mesh):
        answer, rows = mesh.world.get_whole(f"/api/nodes/{key}/analytics?days=2"), heard(mesh, key)
        assert_observers(answer["observerCoverage"], rows)
        hops = defaultdict(int)
        for row in rows:
            if row[3] is not None:
                hops[str(row[3])] += 1
        assert {entry["hops"]: entry["count"] for entry in answer["hopDistribution"]} == hops
        trend = [(ms_of(entry["timestamp"]), entry["snr"]) for entry in answer["snrTrend"]]
        assert sorted(trend) == sorted((row[4], row[1]) for row in rows if row[1] is not None)
        assert trend == sorted(trend, key=lambda entry: entry[0])
        adverts = mesh.world.scalar("SELECT total(transmissions) FROM rollups WHERE kind = 2 AND key = ?",
                                    mesh.nodes[key]["id"])
        assert sum(entry["count"] for entry in answer["activityTimeline"]) == adverts
        assert 48 <= len(answer["activityTimeline"]) <= 49
        assert sum(entry["count"] for entry in answer["uptimeHeatmap"]) == adverts
        now = datetime.now(timezone.utc)
        assert {(entry["dayOfWeek"] - now.isoweekday()) % 7 for entry in answer["uptimeHeatmap"]} <= {0, 6}
        stats = answer["computedStats"]
        assert stats["totalPackets"] == adverts and stats["uniqueObservers"] == len(by_observer(rows))
        assert stats["avgPacketsPerDay"] == pytest.approx(adverts / 2, abs=0.01)
        assert stats["snrMean"] == mean(row[1] for row in rows)
        known = [row[1] for row in rows if row[1] is not None]
        if known:
            assert stats["snrStdDev"] == pytest.approx(statistics.pstdev(known), abs=0.01)
            with_snr += 1
        assert answer["packetTypeBreakdown"] == ([{"payload_type": 4, "count": adverts}] if adverts else [])
        assert 0 < stats["availabilityPct"] <= 5 and stats["longestSilenceMs"] >= 46 * 3600_000
    assert with_snr > 0
    assert mesh.get(f"/api/nodes/{key}/analytics").json["timeRange"]["days"] == 7
    assert len(mesh.get(f"/api/nodes/{key}/analytics").json["activityTimeline"]) in (7, 8)


def test_battery_of_a_node_that_is_an_observer(mesh):
    rows = mesh.world.query("SELECT lower(r.identity), m.receipt_ms, m.battery_mv FROM observer_metrics m JOIN observers r"
                            " ON r.id = m.observer_id WHERE m.battery_mv IS NOT NULL ORDER BY m.receipt_ms")
    voltages = defaultdict(list)
    for key, receipt, millivolts in rows:
        voltages[key].append((receipt, millivolts))
    both = set(voltages) & set(mesh.nodes)
    for key in both | set(list(mesh.nodes)[:3]):
        answer = mesh.get(f"/api/nodes/{key}/battery").json
        told = [(ms_of(sample["timestamp"]), sample["battery_mv"]) for sample in answer["samples"]]
        assert told == voltages.get(key, []) and answer["days"] == 7
        assert answer["latest_mv"] == (told[-1][1] if told else None)
        assert answer["status"] == ("unknown" if not told else "ok" if told[-1][1] >= 3300 else
                                    "low" if told[-1][1] >= 3000 else "critical")
        assert answer["thresholds"] == {"low_mv": 3300, "critical_mv": 3000}


def test_resolve(mesh):
    key = next(iter(mesh.nodes))
    assert mesh.get(f"/api/nodes/resolve?prefix={key[:11]}").json == {
        "prefix": key[:11], "pubkey": key, "name": mesh.nodes[key]["name"], "ambiguous": False}
    assert mesh.get("/api/nodes/resolve?prefix=0000").json == {"prefix": "0000", "ambiguous": False}
    for bad in ("", "?prefix=abc", "?prefix=xyzw", f"?prefix={key}0"):
        assert mesh.get(f"/api/nodes/resolve{bad}", 400).json["field"] == "prefix"


def test_hops_resolve_by_the_rule(mesh):
    now = max(node["heard"] for node in mesh.nodes.values())
    hops = sorted({hop for _, path, _, _, _ in receptions(mesh.world) for hop in path})[:60]
    told = mesh.get(f"/api/resolve-hops?hops={','.join(hops).upper()}").json["resolved"]
    assert list(told) == [hop.upper() for hop in hops]
    assert any("pubkey" in entry for entry in told.values()) and any(entry["ambiguous"] for entry in told.values())
    for hop, entry in told.items():
        hop = hop.lower()
        key = hop_means(mesh.nodes, hop, now)
        assert entry.get("pubkey") == key and entry["name"] == ((mesh.nodes[key]["name"] or None) if key else None)
        begin = {k for k in mesh.nodes if k.startswith(hop)}
        assert {candidate["pubkey"] for candidate in entry["candidates"]} == begin
        assert entry["ambiguous"] == (key is None and len(begin) > 1)
    assert mesh.get("/api/resolve-hops").json == {"resolved": {}}
    assert mesh.get("/api/resolve-hops?hops=ab,x", 400).json["field"] == "hops"


# --- made nodes -----------------------------------------------------------------------------------

def advert(key, name, observer="OBS1", flags=0x92, **extra):
    """An advert as it stands on the wire, its signature zeros: for signatureMode off."""
    app = bytes([flags]) + (struct.pack("<ii", 1_500_000, -2_250_000) if flags & 0x10 else b"") + name.encode()
    raw = bytes([4 << 2 | 1, 0]) + bytes.fromhex(key) + struct.pack("<I", 1_700_000_000) + bytes(64) + app
    payload = {"origin": observer, "origin_id": observer, "timestamp": "2026-03-29T15:27:30Z", "type": "PACKET",
               "direction": "rx", "raw": raw.hex().upper(), **extra}
    return f"meshcore/TST/{observer}/packets", json.dumps(payload)


@pytest.fixture(scope="module", name="made")
def _made():
    """Two nodes whose keys begin alike, one hidden by its name, one by its key."""
    keys = ["aabbccdd01" + "0" * 54, "aabbccdd02" + "0" * 54, "aabbccdd03" + "0" * 54, "eeff001122" + "0" * 54]
    world = harness.World("made")
    try:
        broker = world.start_broker()
        world.add_source(broker)
        world.start(signatureMode="off")
        with Client(broker.port) as client:
            sent = client.publish_all([advert(keys[0], "One"), advert(keys[1], "Two"),
                                       advert(keys[2], "\U0001f6ab shy"),
                                       advert(keys[3], "Blocked", flags=0x82)])
            world.wait_drained(sent)
        world.write_config(nodeBlacklist=[keys[3]], healthThresholds={"infraDegradedHours": 0.000001},
                           areas={"here": {"label": "H", "latMin": 1, "latMax": 2, "lonMin": -3, "lonMax": -2},
                                  "there": {"label": "T", "polygon": [[40, 0], [41, 0], [41, 1]]}})
        mesh = Mesh(world)
        mesh.keys = keys
        yield mesh
    finally:
        world.close()


def test_a_prefix_of_several_is_409_with_the_candidates(made):
    answer = made.get("/api/nodes/aabbccdd", 409).json
    assert [entry["public_key"] for entry in answer["candidates"]] == made.keys[:2]
    assert [entry["name"] for entry in answer["candidates"]] == ["One", "Two"]
    assert answer["matches"] == 2 and answer["error"]
    assert made.get("/api/nodes/aabbccdd01").json["node"]["name"] == "One"
    assert made.get("/api/nodes/resolve?prefix=aabb").json == {"prefix": "aabb", "ambiguous": True}


def test_an_area_is_a_condition_before_paging(made):
    assert made.get("/api/nodes?area=here&limit=1").json["total"] == 2
    assert made.get("/api/nodes?area=there").json["total"] == 0
    assert made.get("/api/nodes?area=nowhere").json["total"] == 2  # not configured: no condition


def test_the_status_goes_by_the_configured_ages(made):
    answer = made.get("/api/nodes/network-status").json
    assert answer == {"total": 2, "active": 0, "degraded": 2, "silent": 0, "roleCounts": {"repeater": 2}}


def test_whom_nobody_shall_see_is_in_no_answer(made):
    assert len(made.nodes) == 4
    answer = made.get("/api/nodes").json
    assert {node["public_key"] for node in answer["nodes"]} == set(made.keys[:2]) and answer["total"] == 2
    for key in made.keys[2:]:
        for more in ("", "/health", "/analytics", "/battery", "/paths", "/hop_analytics", "/neighbors", "/reach"):
            made.get(f"/api/nodes/{key}{more}", 404)
        made.get(f"/api/nodes/{key}/clock-skew", 404)
        assert made.get(f"/api/nodes/search?q={key[:10]}").json["nodes"] == []
        assert made.get(f"/api/nodes/resolve?prefix={key}").json == {"prefix": key, "ambiguous": False}
        entry = made.get(f"/api/resolve-hops?hops={key[:10]}").json["resolved"][key[:10]]
        assert entry["candidates"] == [] and "pubkey" not in entry
    assert {entry["pubkey"] for entry in made.get("/api/nodes/clock-skew").json} == set(made.keys[:2])
    assert len(made.get("/api/nodes?format=contacts").json["contacts"]) == 2
    assert len(made.get("/api/nodes/bulk-health").json) == 2
    assert made.get("/api/nodes/network-status").json["total"] == 2
