# SPDX-License-Identifier: MIT
"""/api/analytics/... and what phones heard: one mesh, each figure counted again from the rows."""

import math
import re
import sqlite3
import statistics
import time
from collections import Counter, defaultdict
from datetime import datetime, timezone
from pathlib import Path

import harness
import pytest
from messages import packet, recorded
from mqtt_lite import Client
from test_nodes_api import size_said

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
PHONES = ["AB" * 32, "CD" * 32]
TYPES = {0: "REQ", 1: "RESPONSE", 2: "TXT_MSG", 3: "ACK", 4: "ADVERT", 5: "GRP_TXT", 6: "GRP_DATA", 7: "ANON_REQ",
         8: "PATH", 9: "TRACE", 10: "MULTIPART", 11: "CONTROL", 15: "RAW_CUSTOM"}
ROLES = {None: "unknown", 0: "none", 1: "companion", 2: "repeater", 3: "room", 4: "sensor"}
INVENTED = (12.5, -65)


def ms_of(text):
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def hour_of(ms):
    return datetime.fromtimestamp(ms / 1000, timezone.utc).strftime("%Y-%m-%dT%H")


class Reception:
    def __init__(self, row):
        self.id, self.packet, self.observer, self.ms, self.snr, self.rssi, self.type, route, size, path, frame = row
        if (self.snr, self.rssi) == INVENTED:
            self.snr = self.rssi = None
        path = path.hex()
        has_hops = route in (0, 1) and self.type != 9
        self.hop_bytes = size
        self.hops = [path[i:i + 2 * size] for i in range(0, len(path), 2 * size)] if has_hops else []
        self.frame = frame


class Mesh:
    """A server over what an ingestor made of messages, and the same rows read here."""

    def __init__(self, world):
        self.world = world
        self.observers = dict(world.query("SELECT id, iata FROM observers"))
        self.receptions = [Reception(row) for row in world.query(
            "SELECT o.id, o.transmission_id, o.observer_id, o.receipt_ms, o.snr, o.rssi, t.type,"
            " coalesce(o.route, t.route), o.path_size, o.path, length(t.raw) FROM observations o JOIN transmissions t"
            " ON t.id = o.transmission_id WHERE o.direction = 0 ORDER BY o.id DESC")]

    def get(self, path):
        """The answer, when it has been computed, and was not cut for want of time."""
        return self.world.get_whole(path)

    def get_cut(self, path):
        """One that stays without a part of what was asked for."""
        answer = self.world.get(path)
        assert answer.status == 200, (path, answer)
        return answer.json

    def of(self, query):
        """The receptions that a query's filter means."""
        if "region=" in query:
            region = query.split("region=")[1].split("&")[0]
            return [r for r in self.receptions if self.observers[r.observer] == region]
        if "area=here" in query:
            return [r for r in self.receptions if r.observer == self.placed]
        return self.receptions


def receive(world):
    """Recorded messages, and some of ours: two observers in regions of their own."""
    broker = world.start_broker()
    world.add_source(broker)
    world.start(channelKeys={"#test": "9cd8fcf22a47333b591d96a2b848b73f"},
                clientRxCoverage={"enabled": True}, retention={"packetDays": 20},
                areas={"here": {"label": "Here", "polygon": [[50, 3], [52, 3], [52, 5], [50, 5]]}})
    messages = [(topic, text) for name in ("packets", "multi_observer", "mesh_messages", "status")
                for topic, text, _ in recorded(name) if topic.startswith("meshcore/")]
    messages += [packet(n, observer="OURS", region="ZZZ", run=3, SNR="12.5", RSSI="-65") for n in range(5)]
    messages += [packet(n, observer="OURS", region="ZZZ", run=3, path=bytes([n, 2, 3]), SNR=str(n / 4 - 3), RSSI=str(-90 - n))
                 for n in range(40)]
    with Client(broker.port) as client:
        sent = client.publish_all(messages)
    world.wait_drained(sent)
    assert world.ingestor.stop() == 0


# What the flusher counts half a minute later (schema.h): kind, key, hour, what is counted.
DAY = "receipt_ms / 86400000 * 24"
SNR_BIN, RSSI_BIN = "floor(snr) + 64", "floor(rssi / 5) + 40"
MEASURED = "direction = 0 AND {} NOT NULL AND NOT (coalesce(snr, 0) = 12.5 AND coalesce(rssi, 0) = -65)"
ROWS = "observations o JOIN transmissions t ON t.id = o.transmission_id"
LATE = [
    (9, "type * 64 + length(raw) / 4", "first_ms / 3600000", "0, count(*)", "transmissions", "1"),
    (10, "observer_id * 16 + type", "receipt_ms / 3600000", "count(*), 0", ROWS, "direction = 0"),
    (11, f"observer_id * 128 + {SNR_BIN}", DAY, "count(*), 0", ROWS, MEASURED.format("snr")),
    (12, f"observer_id * 64 + {RSSI_BIN}", DAY, "count(*), 0", ROWS, MEASURED.format("rssi")),
    (14, f"type * 128 + {SNR_BIN}", DAY, "count(*), 0", ROWS, MEASURED.format("snr")),
]


def count_late(db):
    for kind, key, hour, counts, rows, condition in LATE:
        db.execute("DELETE FROM rollups WHERE kind = ?", [kind])
        db.execute(f"INSERT INTO rollups (kind, key, hour, observations, transmissions) SELECT {kind}, CAST({key} AS INT),"
                   f" {hour}, {counts} FROM {rows} WHERE {condition} GROUP BY 2, 3")
    for job, table in (("count_late", "observations"), ("count_late_packets", "transmissions")):
        db.execute(f"INSERT INTO jobs (name, position) SELECT ?, max(id) FROM {table} WHERE 1 ON CONFLICT DO UPDATE"
                   " SET position = excluded.position", [job])


def place(world):
    """One observer gets a repeater's key, and that a place; phones have heard some on the road."""
    with sqlite3.connect(world.db_path) as db:
        count_late(db)
        node, key = db.execute("SELECT id, public_key FROM nodes WHERE role = 2 ORDER BY id LIMIT 1").fetchone()
        placed = db.execute("SELECT observer_id FROM observations WHERE direction = 0 AND snr NOT NULL GROUP BY 1"
                            " ORDER BY count(*) DESC LIMIT 1").fetchone()[0]
        db.execute("UPDATE nodes SET lat = 51, lon = 4 WHERE id = ?", [node])
        db.execute("UPDATE observers SET identity = ? WHERE id = ?", [key.hex().upper(), placed])
        now = int(time.time() * 1000)
        source = db.execute("SELECT min(id) FROM sources").fetchone()[0]
        for n in range(120):
            heard = key if n % 3 else bytes([n % 7, 0xEE])
            db.execute("INSERT INTO client_receptions (client, heard, rx_ms, lat, lon, snr, source_id, receipt_ms)"
                       " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                       [PHONES[n % 5 == 0], heard, now - n * HOUR_MS * 2, 51 + n % 11 / 100, 4 + n % 5 / 100,
                        n / 8 - 5 if n % 2 else None, source, now])
    return placed, key.hex()


@pytest.fixture(scope="module", name="mesh")
def _mesh():
    world = harness.World("analytics")
    try:
        receive(world)
        placed, key = place(world)
        world.start_server()
        mesh = Mesh(world)
        mesh.placed, mesh.key = placed, key
        yield mesh
    finally:
        world.close()


# --- the frame ------------------------------------------------------------------------------------

ALL = ["rf", "channels", "hash-sizes", "hash-collisions", "roles"]


def test_every_answer_says_of_when_and_of_what(mesh):
    for name in ALL:
        answer = mesh.get(f"/api/analytics/{name}")
        assert abs(ms_of(answer["computedAt"]) - time.time() * 1000) < 300_000, name
        assert answer["complete"] is True, name
        if name in ("hash-collisions", "roles"):
            assert "from" not in answer and "windowHours" not in answer
        else:
            assert answer["windowHours"] == 24 and ms_of(answer["to"]) - ms_of(answer["from"]) == DAY_MS


def test_an_answer_is_bytes_until_it_is_computed_anew(mesh):
    first = mesh.get("/api/analytics/roles")
    assert [mesh.get("/api/analytics/roles")["computedAt"] for _ in range(3)] == [first["computedAt"]] * 3
    other = mesh.get("/api/analytics/roles?region=ZZZ")
    assert other["computedAt"] >= first["computedAt"] and other["totalNodes"] < first["totalNodes"]
    # What is no filter is another question to the frame, and the same answer.
    assert mesh.get("/api/analytics/roles?area=nowhere&region=all")["roles"] == first["roles"]


def test_what_is_kept_and_what_it_cost_is_told(mesh):
    only = "region=ZZZ,TOLD"  # nobody else's query, or the counting may be another's
    asked = {("roles", ""), ("hash-sizes", only), ("channels", "window=7d")}
    for name, query in asked:
        mesh.get(f"/api/analytics/{name}?{query}")
    answer = mesh.get("/api/analytics")
    told = {(a["analysis"], a["query"]): a for a in answer["answers"]}
    assert asked <= set(told) and len(told) == len(answer["answers"]) <= answer["maxAnswers"]
    for key in asked:
        assert told[key]["complete"] and told[key]["computed"] >= 1 and told[key]["bytes"] > 100
        assert told[key]["tookMs"] >= told[key]["cpuMs"] * 0.5 > 0
        assert told[key]["cut"] == told[key]["failed"] == 0 and "fault" not in told[key]
    # Of the last 24 hours as they were counted: no row. Of a region's they are counted for it.
    assert told["roles", ""]["rows"] < 10 < len(mesh.receptions) <= told["hash-sizes", only]["rows"]
    assert told["channels", "window=7d"]["rows"] >= mesh.world.count("messages") > 50
    # With what a browser is sent, packed.
    assert sum(a.get("bytes", 0) for a in answer["answers"]) < answer["bytes"] < answer["maxBytes"]
    assert mesh.get("/api/analytics/hash-collisions") and mesh.world.get(
        "/api/analytics/hash-collisions", headers={"Accept-Encoding": "gzip"}).headers["Content-Encoding"] == "gzip"


def test_what_computing_costs_is_in_the_metrics(mesh):
    mesh.get("/api/analytics/roles")
    told = dict(re.findall(r'^weir_analysis_(\w+{analysis="\w+"}) (\S+)$', mesh.world.get("/metrics").body.decode(), re.M))
    summary = {name.split("{")[0]: float(value) for name, value in told.items() if '"summary"' in name}
    roles = {name.split("{")[0]: float(value) for name, value in told.items() if '"roles"' in name}
    assert summary.keys() == roles.keys() == {"runs_total", "cut_total", "failures_total", "cpu_seconds_total",
                                              "last_duration_seconds", "last_rows", "bytes", "complete"}
    assert summary["last_rows"] >= len(mesh.receptions) and summary["bytes"] > 10000 and summary["complete"] == 1
    assert roles["runs_total"] >= 1 and roles["bytes"] > 1000 and roles["cpu_seconds_total"] > 0 == roles["cut_total"]


def test_a_window_that_it_has_not_is_not_claimed(mesh):
    for name in ("hash-sizes", "hash-collisions", "roles"):
        answer = mesh.get(f"/api/analytics/{name}?window=30d")
        assert answer.get("windowHours") == (24 if name == "hash-sizes" else None)
    reach = mesh.get(f"/api/nodes/{mesh.key}/reach?days=30")
    assert reach["window"]["days"] == 1 and reach["windowHours"] == 24
    assert ms_of(reach["window"]["since"]) == ms_of(reach["from"]) == ms_of(reach["to"]) - DAY_MS


def test_the_background_comes_after_requests(mesh):
    """Its threads leave a core that is short to others."""
    tasks = Path(f"/proc/{mesh.world.server.pid}/task")
    nice = {(task / "comm").read_text().strip(): int((task / "stat").read_text().rpartition(")")[2].split()[16]) for task in tasks.iterdir()}
    assert nice["weir-summary"] == nice["weir-analytics"] > nice["weir-http-work"]


def test_a_window_that_is_none_is_refused(mesh):
    for name in ("rf", "channels"):
        answer = mesh.world.get(f"/api/analytics/{name}?window=2h")
        assert answer.status == 400 and answer.json["field"] == "window"


# --- rf -------------------------------------------------------------------------------------------

def check_range(told, values, middle, exact):
    """exact: min, max, mean are of the values; else of bins, as median and deviation always."""
    slack = 0.006 if exact else 2 * middle + 0.006
    for name, value in (("min", min(values)), ("max", max(values)), ("avg", statistics.fmean(values))):
        assert abs(told[name] - value) <= slack, (name, told, value)
    assert abs(told["median"] - statistics.median(values)) <= 2 * middle + 0.51
    assert abs(told["stddev"] - statistics.pstdev(values)) <= middle + 0.1


def check_histogram(told, values, most):
    bins = told["bins"]
    assert 1 <= len(bins) <= most and sum(b["count"] for b in bins) == len(values)
    for b in bins:
        assert b["count"] == sum(b["x"] <= value < b["x"] + b["w"] for value in values), b


@pytest.mark.parametrize("query", ["", "region=ZZZ", "area=here", "window=7d", "window=30d", "window=7d&region=ZZZ"])
def test_rf_is_the_rows(mesh, query):
    answer = mesh.get(f"/api/analytics/rf?{query}")
    rows = mesh.of(query)
    is_day, is_packets = "window" not in query, "window" not in query or "region" not in query
    snrs = [r.snr for r in rows if r.snr is not None]
    rssis = [r.rssi for r in rows if r.rssi is not None]
    assert len(rows) > 40 and 0 < len(snrs) < len(mesh.receptions)
    assert answer["totalAllPackets"] == len(rows) and answer["totalPackets"] == len(snrs)
    check_range(answer["snr"], snrs, 0.375, is_day)
    check_range(answer["rssi"], rssis, 2, is_day)
    check_histogram(answer["snrValues"], snrs, 20)
    check_histogram(answer["rssiValues"], rssis, 20)
    assert {p["hour"]: p["count"] for p in answer["packetsPerHour"]} == Counter(hour_of(r.ms) for r in rows)
    bucket = answer["signalBucketHours"] * HOUR_MS
    assert bucket == (DAY_MS if not is_packets else HOUR_MS)
    by_time = defaultdict(list)
    for r in rows:
        if r.snr is not None:
            by_time[hour_of(r.ms - r.ms % bucket)].append(r.snr)
    assert {p["hour"]: p["count"] for p in answer["signalOverTime"]} == {k: len(v) for k, v in by_time.items()}
    assert all(abs(p["avgSnr"] - statistics.fmean(by_time[p["hour"]])) < 0.4 for p in answer["signalOverTime"])
    packets = {r.packet: r for r in rows}
    types = Counter(r.type for r in (packets.values() if is_packets else rows))
    assert answer["typesCount"] == ("packets" if is_packets else "receptions")
    assert {t["type"]: t["count"] for t in answer["payloadTypes"]} == types
    assert all(t["name"] == TYPES[t["type"]] for t in answer["payloadTypes"])
    newest = [(r.snr, r.rssi) for r in rows if r.snr is not None and r.rssi is not None][:500]
    assert [(p["snr"], p["rssi"]) for p in answer["scatterData"]] == newest
    assert ("packetSizes" in answer) == ("snrByType" in answer) == ("totalTransmissions" in answer) == is_packets
    if is_packets:
        check_packets(answer, rows, packets, is_day)


def check_packets(answer, rows, packets, is_day):
    sizes = [r.frame for r in packets.values()]
    assert answer["totalTransmissions"] == len(packets)
    check_histogram(answer["packetSizes"], sizes, 25)
    slack = 0 if is_day else 3
    assert abs(answer["minPacketSize"] - min(sizes)) <= slack and abs(answer["maxPacketSize"] - max(sizes)) <= slack
    assert abs(answer["avgPacketSize"] - statistics.fmean(sizes)) <= slack + 0.006
    told = {t["name"]: t for t in answer["snrByType"]}
    by_type = defaultdict(list)
    for r in rows:
        if r.snr is not None:
            by_type[TYPES[r.type]].append(r.snr)
    assert {name: t["count"] for name, t in told.items()} == {name: len(v) for name, v in by_type.items()}
    for name, values in by_type.items():
        assert abs(told[name]["avg"] - statistics.fmean(values)) < (0.006 if is_day else 0.76), name


# --- channels -------------------------------------------------------------------------------------

@pytest.mark.parametrize("query", ["", "region=ZZZ", "area=here", "window=7d"])
def test_channels_are_the_messages(mesh, query):
    answer = mesh.get(f"/api/analytics/channels?{query}")
    heard = {r.packet for r in mesh.of(query)}
    rows = [row for row in mesh.world.query(
        "SELECT m.transmission_id, c.name, c.is_encrypted, m.sender, m.text, t.first_ms FROM messages m"
        " JOIN channels c ON c.id = m.channel_id JOIN transmissions t ON t.id = m.transmission_id ORDER BY 1 DESC")
        if row[0] in heard or not query.startswith(("region", "area"))]
    assert rows
    by_channel = defaultdict(list)
    for row in rows:
        by_channel[row[1]].append(row)
    assert answer["activeChannels"] == len(by_channel)
    assert answer["decryptable"] == sum(not v[0][2] for v in by_channel.values())
    told = {c["hash"]: c for c in answer["channels"]}
    assert set(told) == set(by_channel)
    shown = {}
    for name, messages in by_channel.items():
        c = told[name]
        shown[name] = c["name"] = c["name"]
        assert c["encrypted"] == bool(messages[0][2])
        assert c["name"] == (f"Encrypted (0x{name[4:]})" if c["encrypted"] else name)
        assert c["messages"] == len(messages) and c["senders"] == len({m[3] for m in messages if m[3]})
        assert ms_of(c["lastActivity"]) == max(m[5] for m in messages)
    counts = [c["messages"] for c in answer["channels"]]
    assert counts == sorted(counts, reverse=True)
    senders = Counter(row[3] for row in rows if row[3])
    assert [s["count"] for s in answer["topSenders"]] == sorted(senders.values(), reverse=True)[:20]
    assert all(senders[s["name"]] == s["count"] for s in answer["topSenders"])
    bucket = answer["timelineBucketHours"] * HOUR_MS
    points = Counter((hour_of(row[5] - row[5] % bucket), shown[row[1]]) for row in rows)
    assert {(p["hour"], p["channel"]): p["count"] for p in answer["channelTimeline"]} == points
    assert answer["msgLengths"] == [len(row[4]) for row in rows if row[4] is not None]


# --- hops -----------------------------------------------------------------------------------------

def adverts_of(mesh):
    """{node id: [bytes a hop of its newest 20 adverts, where they say it]}, without those that
    others handed on."""
    found = defaultdict(list)
    for sender, raw in mesh.world.query("SELECT sender, raw FROM transmissions WHERE sender > 0 ORDER BY id DESC"):
        if raw[0] & 3 != 3 and len(found[sender]) < 20:
            found[sender].append(raw)
    sizes = {sender: [size for raw in frames for size in size_said(raw)] for sender, frames in found.items()}
    assert any(len(sizes[sender]) < len(found[sender]) for sender in found)
    return sizes


@pytest.mark.parametrize("query", ["", "region=ZZZ"])
def test_hash_sizes_are_the_paths(mesh, query):
    answer = mesh.get(f"/api/analytics/hash-sizes?{query}")
    packets, hops = {}, defaultdict(set)
    for r in mesh.of(query):
        if r.hops:
            packets.setdefault(r.packet, r)
        for hop in r.hops:
            hops[hop].add(r.packet)
    assert answer["total"] == len(packets) > 20
    sizes = Counter(r.hop_bytes for r in packets.values())
    assert answer["distribution"] == {str(n): sizes[n] for n in (1, 2, 3)}
    hourly = defaultdict(Counter)
    for r in packets.values():
        hourly[hour_of(r.ms)][r.hop_bytes] += 1
    assert {h["hour"]: {n: h[str(n)] for n in (1, 2, 3)} for h in answer["hourly"]} == {
        hour: {n: counts[n] for n in (1, 2, 3)} for hour, counts in hourly.items()}
    counts = sorted((len(v) for v in hops.values()), reverse=True)[:20]
    assert [h["count"] for h in answer["topHops"]] == counts
    assert all(len(hops[h["hex"].lower()]) == h["count"] and h["size"] == len(h["hex"]) // 2 for h in answer["topHops"])
    assert all(h["pubkey"] is None or h["pubkey"].startswith(h["hex"].lower()) for h in answer["topHops"])


def test_sizes_of_nodes_are_those_of_their_adverts(mesh):
    answer = mesh.get("/api/analytics/hash-sizes")
    nodes = {row[0]: row for row in mesh.world.query("SELECT id, lower(hex(public_key)), role, advert_count FROM nodes")}
    adverts = adverts_of(mesh)
    relaying = {n for n, row in nodes.items() if row[2] in (2, 3)}
    sizes = Counter(adverts[n][0] for n in relaying if adverts.get(n))
    assert answer["distributionByRepeaters"] == {str(n): sizes[n] for n in (1, 2, 3)}
    multi = {nodes[n][1]: sizes_of[0] for n, sizes_of in adverts.items() if n in nodes and sizes_of and sizes_of[0] > 1}
    assert {n["pubkey"]: n["hashSize"] for n in answer["multiByteNodes"]} == multi
    told = {n["pubkey"]: n for n in answer["multiByteCapability"]}
    assert set(told) == {nodes[n][1] for n in relaying}
    for n in relaying:
        is_confirmed = max(adverts.get(n) or [0]) > 1
        assert (told[nodes[n][1]]["status"] == "confirmed") == is_confirmed
        assert told[nodes[n][1]]["evidence"] == {"confirmed": "advert", "suspected": "path", "unknown": ""}[
            told[nodes[n][1]]["status"]]


def distance(a, b):
    lat, lon = math.radians(b[0] - a[0]), math.radians(b[1] - a[1])
    h = math.sin(lat / 2) ** 2 + math.cos(math.radians(a[0])) * math.cos(math.radians(b[0])) * math.sin(lon / 2) ** 2
    return 2 * 6371 * math.asin(math.sqrt(h))


def test_collisions_are_the_keys(mesh):
    answer = mesh.get("/api/analytics/hash-collisions")
    adverts = adverts_of(mesh)
    nodes = mesh.world.query("SELECT id, upper(hex(public_key)), lat, lon FROM nodes WHERE role IN (2, 3)"
                             " AND is_inactive = 0 ORDER BY public_key")
    for size in (1, 2, 3):
        told = answer["by_size"][str(size)]
        groups = defaultdict(list)
        for row in nodes:
            groups[row[1][:2 * size]].append(row)
        many = {prefix: rows for prefix, rows in groups.items() if len(rows) > 1}
        assert told["stats"] == {
            "total_nodes": len(nodes), "nodes_for_byte": len(nodes), "unique_prefixes": len(groups),
            "using_this_size": sum((adverts.get(row[0]) or [0])[0] == size for row in nodes),
            "collision_count": len(many), "space_size": 256 ** size,
            "pct_used": pytest.approx(100 * len(groups) / 256 ** size, abs=1e-4)}
        assert {c["prefix"]: [n["public_key"].upper() for n in c["nodes"]] for c in told["collisions"]} == {
            prefix: [row[1] for row in rows] for prefix, rows in many.items()}
        for c in told["collisions"]:
            places = [(row[2], row[3]) for row in many[c["prefix"]] if row[2] is not None]
            km = max([distance(a, b) for a in places for b in places], default=0)
            assert c["with_coords"] == len(places) and c["appearances"] == len(c["nodes"]) and c["byte_size"] == size
            assert c["max_dist_km"] == pytest.approx(km, abs=0.02)
            assert c["classification"] == ("incomplete" if len(places) < 2 else "local" if km < 50 else
                                           "regional" if km < 200 else "distant")
    cells = answer["by_size"]["1"]["one_byte_cells"]
    assert len(cells) == 256 and sum(len(cell) for cell in cells.values()) == len(nodes)
    assert all(n["public_key"].upper().startswith(prefix) for prefix, cell in cells.items() for n in cell)
    for prefix, group in answer["by_size"]["2"]["two_byte_cells"].items():
        assert group["group_nodes"] == cells[prefix]
        sizes = [len(v) for v in group["two_byte_map"].values()]
        assert sum(sizes) == len(cells[prefix]) and group["collision_count"] == sum(n > 1 for n in sizes)
        assert group["max_collision"] == max([n for n in sizes if n > 1], default=0)
    changed = {key for key, sizes in ((row[1], adverts.get(row[0]) or []) for row in mesh.world.query(
        "SELECT id, upper(hex(public_key)) FROM nodes")) if sum(a != b for a, b in zip(sizes, sizes[1:])) > 1}
    assert {n["public_key"].upper() for n in answer["inconsistent_nodes"]} == changed


def test_roles_are_the_nodes_and_their_clocks(mesh):
    answer = mesh.get("/api/analytics/roles")
    roles = Counter(ROLES.get(row[0], f"type-{row[0]}") for row in mesh.world.query("SELECT role FROM nodes"))
    assert answer["totalNodes"] == sum(roles.values())
    assert {r["role"]: r["nodeCount"] for r in answer["roles"]} == roles
    skews = defaultdict(list)
    for entry in mesh.get("/api/nodes/clock-skew"):
        skews[entry["nodeRole"] or "unknown"].append(entry)
    for role in answer["roles"]:
        entries = skews[role["role"]]
        values = [abs(e["recentMedianSkewSec"]) for e in entries]
        assert role["withSkew"] == len(entries)
        assert role["meanAbsSkewSec"] == pytest.approx(statistics.fmean(values) if values else 0, abs=0.002)
        assert role["medianAbsSkewSec"] == pytest.approx(statistics.median(values) if values else 0, abs=0.002)
        severities = Counter(e["severity"] for e in entries)
        assert {name: role[f"{member}Count"] for name, member in (
            ("ok", "ok"), ("warning", "warning"), ("critical", "critical"), ("absurd", "absurd"),
            ("no_clock", "noClock"))} == {name: severities[name] for name in
                                          ("ok", "warning", "critical", "absurd", "no_clock")}


# --- what phones heard ----------------------------------------------------------------------------

def phone_rows(mesh, days):
    return mesh.world.query("SELECT client, hex(heard), lat, lon, snr, rx_ms FROM client_receptions WHERE rx_ms >= ?",
                            int(time.time() * 1000) - days * DAY_MS)


def cell(lat, lon, zoom):
    n = 2 ** zoom
    phi = math.radians(lat)
    return int((lon + 180) / 360 * n), int((1 - math.asinh(math.tan(phi)) / math.pi) / 2 * n)


def inside(feature, lat, lon):
    ring = feature["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1] and len(ring) == 5
    return (min(p[0] for p in ring) <= lon < max(p[0] for p in ring) and
            min(p[1] for p in ring) < lat <= max(p[1] for p in ring))


def test_coverage_is_where_phones_heard_whom(mesh):
    answer = mesh.get("/api/rx-coverage?days=7&z=12")
    rows = phone_rows(mesh, 7)
    assert answer["type"] == "FeatureCollection" and answer["complete"] is True and answer["days"] == 7
    assert len(answer["features"]) == len({cell(r[2], r[3], 16) for r in rows}) > 5
    for feature in answer["features"]:
        there = [r for r in rows if inside(feature, r[2], r[3])]
        measured = [r[4] for r in there if r[4] is not None]
        told = feature["properties"]
        assert told["best_snr"] == (max(measured) if measured else None) and told["has_sig"] == bool(measured)
        counts = Counter(r[1].lower() for r in there)
        assert {n["prefix"]: n["count"] for n in told["nodes"]} == counts
        assert all(("pubkey" in n) == (n["prefix"] == mesh.key) for n in told["nodes"])
    box = mesh.get("/api/rx-coverage?days=7&z=12&bbox=4.015,50,5,52")
    assert 0 < len(box["features"]) < len(answer["features"])
    of_node = mesh.get_cut(f"/api/nodes/{mesh.key}/rx-coverage?days=30")
    assert sum(n["count"] for f in of_node["features"] for n in f["properties"]["nodes"]) == sum(
        r[1].lower() == mesh.key for r in phone_rows(mesh, 30))
    assert mesh.world.get("/api/rx-coverage?bbox=1,2,3").json["field"] == "bbox"


def test_leaderboard_counts_who_told_what(mesh):
    answer = mesh.get("/api/rx-leaderboard?days=7")
    rows = phone_rows(mesh, 7)
    expected = []
    for client in {r[0] for r in rows}:
        own = [r for r in rows if r[0] == client]
        cells = [cell(r[2], r[3], 18) for r in own]
        expected.append({"pubkey": client, "name": None, "receptions": len(own), "nodes": len({r[1] for r in own}),
                         "cells": len(set(cells)), "score": len({(c, r[1]) for c, r in zip(cells, own)})})
    assert answer["observers"] == sorted(expected, key=lambda o: -o["score"]) and len(expected) > 1
    assert mesh.get("/api/rx-leaderboard?days=7&limit=1")["observers"] == answer["observers"][:1]


def test_what_phones_told_is_kept_as_long_as_packets(mesh):
    for days, is_whole in ((7, True), (20, True), (30, False)):
        get = mesh.get if is_whole else mesh.get_cut
        board, cells = get(f"/api/rx-leaderboard?days={days}"), get(f"/api/rx-coverage?days={days}")
        assert board["days"] == cells["days"] == days and board["complete"] is cells["complete"] is is_whole
        since = time.time() * 1000 - min(days, 20) * DAY_MS
        assert abs(ms_of(board["from"]) - since) < 300_000 and abs(ms_of(cells["from"]) - since) < 300_000


# --- what is not complete says so (last: what it changes stays) -----------------------------------

def test_what_retention_let_go_is_in_no_window(mesh):
    """By age, or by size within the day. The sums stay: they are of all there was."""
    before = mesh.world.query("SELECT retained_from_ms FROM meta")[0][0]
    kept = int(time.time() * 1000) - 5 * DAY_MS
    with sqlite3.connect(mesh.world.db_path) as db:
        db.execute("UPDATE meta SET retained_from_ms = ?", [kept])
    answer = mesh.get_cut("/api/analytics/channels?window=30d&area=")
    assert answer["complete"] is False and ms_of(answer["from"]) == kept and 119 < answer["windowHours"] < 121
    assert sum(c["messages"] for c in answer["channels"]) > 50
    assert mesh.get("/api/analytics/rf?window=30d&area=")["complete"] is True
    basis = {days: get(f"/api/nodes/{mesh.key}/analytics?days={days}")["basis"]["complete"] for days, get in ((3, mesh.get), (30, mesh.get_cut))}
    assert basis == {3: True, 30: False}
    kept += 5 * DAY_MS - 6 * HOUR_MS
    with sqlite3.connect(mesh.world.db_path) as db:
        db.execute("UPDATE meta SET retained_from_ms = ?", [kept])
    answer = mesh.get_cut("/api/analytics/topology?region=SJC")
    assert answer["complete"] is False and ms_of(answer["from"]) == kept and 5.9 < answer["windowHours"] < 6.1
    with sqlite3.connect(mesh.world.db_path) as db:
        db.execute("UPDATE meta SET retained_from_ms = ?", [before])


def test_sums_that_are_far_behind_are_not_complete(mesh):
    with sqlite3.connect(mesh.world.db_path) as db:
        db.execute("UPDATE jobs SET position = -100000 WHERE name = 'count_late'")
    answer = mesh.get_cut("/api/analytics/rf?window=30d&area=here")
    assert answer["complete"] is False and answer["totalAllPackets"] > 0
    assert mesh.get("/api/analytics/rf?area=here&region=all")["complete"] is True  # not of these sums


def test_an_answer_needs_no_database_and_none_says_why(mesh):
    first = mesh.get("/api/analytics/roles")
    for end in ("", "-wal", "-shm"):
        path = mesh.world.db_path.with_name(mesh.world.db_path.name + end)
        if path.exists():
            path.rename(path.with_name("away" + end))
    assert mesh.get("/api/analytics/roles")["computedAt"] == first["computedAt"]
    why = mesh.world.wait("the reason", lambda: (a := mesh.world.get("/api/analytics/roles?region=QQQ")).status == 503 and
                          "there is no database yet" in a.json["error"] and a)
    assert why.headers["Retry-After"] == "1"
