# SPDX-License-Identifier: MIT
"""A server that reads the store of storeUrl: two shards of Debian's ClickHouse, filled by
--store-export, beside a server that reads the SQLite file they were filled from. The same answers,
ids and cursors apart."""

import gzip
import http.client
import itertools
import json
import re
import sqlite3
import threading
import time
from contextlib import closing
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
from clickhouse import ClickHouse
from harness import ANSWER_S, PATIENCE, World, is_complete, is_not_yet, run_ok, run_tool, stopped
from made_messages import line, scoped
from messages import fixture_path

KEEP_ALL = {"retention": {"packetDays": 0, "metricsDays": 0, "rollupDays": 0}, "newObserversPerMinute": 0,
            "hashRegions": ["#muc", "#bavaria"], "clientRxCoverage": {"enabled": True}}
KEY = "a-key-that-nobody-knows-4711"
# Numbers of one engine's own (design: ids are opaque), what is the server's own, and what leaves
# the last hour meanwhile.
OF_ITS_OWN = {"id", "transmission_id", "packetId", "nextCursor", "next", "server_time", "processRSSMB", "buildTime",
              "observation_id", "relay_count_1h"}


@pytest.fixture(scope="module")
def servers():
    both = [ClickHouse(), ClickHouse()]
    yield both
    for server in both:
        server.close()


@pytest.fixture(scope="module")
def file(servers):
    """The SQLite side: recorded messages, and a server. (With storeUrl they would go there.)"""
    world = World("storefile")
    world.write_config(**KEEP_ALL)
    for name in ("packets", "multi_observer", "status", "mesh_messages", "companion"):
        if fixture_path(name) is not None and fixture_path(name).exists():
            run_ok(world, "--replay", fixture_path(name))
    lines = world.dir / "scoped.jsonl"
    lines.write_text("\n".join(line(message, time.time_ns() // 1_000_000) for message in scoped(40, KEEP_ALL["hashRegions"])) + "\n")
    run_ok(world, "--replay", lines)
    spread(world)
    world.write_config(storeUrl=[server.url for server in servers], storeDatabase="weir_reading", storeUser="default", apiKey=KEY)
    run_ok(world, "--store-init")
    run_ok(world, "--store-export")
    world.start_server()
    yield world
    world.close()


def spread(world):
    """A replay receives all within some milliseconds; here each reception has one of its own, so
    that which is the earliest is no matter of ids. In the hour before: none lies ahead."""
    with closing(sqlite3.connect(world.db_path)) as db, db:
        hour = db.execute("SELECT max(hour) FROM hours").fetchone()[0] - 1
        db.execute("UPDATE observations SET receipt_ms = ? * 3600000 + id * 37", (hour,))
        db.execute("UPDATE transmissions SET copies = observation_count, first_ms = (SELECT min(receipt_ms) FROM observations"
                   " WHERE transmission_id = transmissions.id), lasted = (SELECT max(receipt_ms) FROM observations WHERE transmission_id ="
                   " transmissions.id)")
        db.execute("UPDATE companion_messages SET receipt_ms = ? * 3600000 + id * 37", (hour,))
        db.execute("DELETE FROM hours")
        db.execute("INSERT INTO hours (hour, first_observation, last_observation, first_transmission, last_transmission)"
                   " SELECT ?, (SELECT min(id) FROM observations), (SELECT max(id) FROM observations),"
                   " (SELECT min(id) FROM transmissions), (SELECT max(id) FROM transmissions)", (hour,))
        tell_more(db, hour * 3_600_000)
        sum_up(db, hour)


def sum_up(db, hour):
    """The sums of that hour: those of the replay, which counted none late."""
    rows = db.execute("SELECT kind, key, sum(observations), sum(transmissions) FROM rollups GROUP BY kind, key").fetchall()
    db.execute("DELETE FROM rollups")
    insert = "INSERT INTO rollups (kind, key, hour, observations, transmissions) "
    db.executemany(insert + f"VALUES (?, ?, {hour}, ?, ?)", rows)
    heard = "FROM observations o JOIN transmissions t ON t.id = o.transmission_id WHERE o.direction = 0"
    step = lambda value, width: f"(CAST({value} / {width} AS INTEGER) - ({value} / {width} < CAST({value} / {width} AS INTEGER)))"
    measured = f"{heard} AND NOT (coalesce(o.snr, 0) = 12.5 AND coalesce(o.rssi, 0) = -65)"
    day = hour - hour % 24
    for kind, key, at, where in (
            (8, "CASE WHEN t.route NOT IN (0, 3) THEN 1002 WHEN coalesce(o.scope_code, 0) = 0 THEN 1001 ELSE coalesce(o.scope_id, 1000) END", hour, heard),
            (10, "o.observer_id * 16 + t.type", hour, heard),
            (11, f"o.observer_id * 128 + 64 + {step('o.snr', 1.0)}", day, measured + " AND o.snr NOTNULL"),
            (12, f"o.observer_id * 64 + 40 + {step('o.rssi', 5.0)}", day, measured + " AND o.rssi NOTNULL"),
            (14, f"t.type * 128 + 64 + {step('o.snr', 1.0)}", day, measured + " AND o.snr NOTNULL")):
        db.execute(f"{insert} SELECT {kind}, {key}, {at}, count(*), 0 {where} GROUP BY 2")
    db.execute(f"{insert} SELECT 9, type * 64 + length(raw) / 4, {hour}, 0, count(*) FROM transmissions GROUP BY 2")
    for job, table in (("count_late", "observations"), ("count_late_packets", "transmissions")):
        db.execute(f"INSERT OR REPLACE INTO jobs (name, position) SELECT ?, max(id) FROM {table}", (job,))


def tell_more(db, ms):
    """What the recordings have none of: drops, what phones heard, what repeaters declare."""
    keys = [key for (key,) in db.execute("SELECT public_key FROM nodes ORDER BY id LIMIT 40")]
    for i, key in enumerate(keys[:12]):
        db.execute("INSERT INTO dropped_packets (hash, reason, raw, observer, node_key, node_name, first_ms, last_ms)"
                   " VALUES (?, 'bad signature', ?, ?, ?, ?, ?, ?)",
                   (bytes([i]) * 8, bytes([i, 255]) * 20, "SpyHill" if i % 2 else None, key, f"node {i}", ms + i, ms + 2 * i))
        db.execute("INSERT INTO region_answers (target, as_of_ms, is_truncated, regions, client) VALUES (?, ?, ?, ?, 'somebody')",
                   (key, ms + i, i % 2, "*,#muc" if i % 3 else "#bavaria"))
    db.execute("INSERT INTO neighbor_reports (observer_id, as_of_ms, is_truncated, scopes) SELECT id, ?, 0, '#muc' FROM observers", (ms + 5,))
    for i in range(60):  # what was not stored, of one moment, too
        db.execute("INSERT INTO refusals (receipt_ms, rule, config_key, source, topic, observer, hash, node, bytes, records)"
                   " VALUES (?, ?, ?, 'main', ?, ?, ?, ?, ?, 1)",
                   (ms + i // 3, ("filtered.node", "rejected.signature", "rejected.json")[i % 3], ("nodeBlacklist", "signatureMode", None)[i % 3],
                    f"meshcore/MRY/O{i % 5}/packets" if i % 7 else None, f"o{i % 5}" if i % 4 else None,
                    bytes([i % 12]) * 8 if i % 3 < 2 else None, keys[i % 9] if i % 3 == 0 else None, i if i % 5 else None))
    for back in (0, 30, 100, 400):
        db.executemany("INSERT INTO refusal_hours (hour, rule, records, noted) VALUES (?, ?, ?, ?)",
                       [(ms // 3_600_000 - back, "filtered.node", 20, 20), (ms // 3_600_000 - back, "dropped.spool", 3 + back, 3)])
    db.execute("UPDATE meta SET refused_from_ms = ?", (ms - 90 * 3_600_000,))
    for i in range(300):
        db.execute("INSERT INTO client_receptions (client, heard, rx_ms, lat, lon, snr, source_id, receipt_ms) SELECT ?, ?, ?, ?, ?, ?, min(id), ?"
                   " FROM sources", (f"{i % 7:064x}", keys[i % 40][:1 + i % 8], ms + 1000 * i, 48 + i % 5 / 100, 11 + i % 3 / 100,
                                     i / 4 - 20 if i % 4 else None, ms + 1000 * i))


@pytest.fixture(scope="module")
def store(servers, file):
    """The other one: it has no database."""
    world = reader(servers, storeReaderUser="reader" if servers[0].has_users else "default", apiKey=KEY,
                   expectedIngestors=["ams-1", "ams-9"])
    yield world
    world.close()


def reader(servers, **keys):
    world = World("storeread")
    world.write_config(**{**KEEP_ALL, "storeUrl": [server.url for server in servers],
                          "storeDatabase": "weir_reading", **keys})
    world.start_server()
    world.wait("the store is read", lambda: world.get("/api/readyz").status == 200)
    return world


def plain(value):
    """Without what is an engine's own."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()
                if key not in OF_ITS_OWN or (key == "id" and isinstance(item, str))}
    return [plain(item) for item in value] if isinstance(value, list) else value


def get_whole(world, path):
    """A list that is late ends early, with a cursor: where all was asked for, it is asked again."""
    def answer():
        got = world.get(path, headers={"X-API-Key": KEY})
        is_list = re.search("limit=(500|1000)", path)
        return not is_not_yet(got) and not (is_list and ("nextCursor" in got.json or not is_complete(got.json))) and got
    return world.wait("a whole list", answer, ANSWER_S)


def packets_of(world, query=""):
    return get_whole(world, f"/api/packets?limit=1000&{query}").json["packets"]


def hashes_of(world):
    return {packet["hash"] for packet in packets_of(world)}


def same(file, store, path, order=None, drop=()):
    ours, theirs = (get_whole(world, path) for world in (file, store))
    assert theirs.status == ours.status, (path, theirs.body)
    ours, theirs = plain(ours.json), plain(theirs.json)
    for key in drop:
        ours.pop(key, None)
        theirs.pop(key, None)
    if order is not None:
        ours, theirs = order(ours), order(theirs)
    assert theirs == ours, path
    return ours


def by_receipt(answer):
    """Receptions of one moment stand in the order of ids, which is each engine's own."""
    def sort(value):
        if isinstance(value, dict):
            for key, item in value.items():
                sort(item)
                if key in ("observations", "stations", "traces"):
                    item.sort(key=lambda seen: (seen.get("timestamp") or seen.get("receipt") or seen["time"], repr(seen)))
        elif isinstance(value, list):
            for item in value:
                sort(item)
    sort(answer)
    return answer


# --- the same answers -----------------------------------------------------------------------------

def test_packets(file, store):
    every = packets_of(file)
    assert len(every) > 50
    tail = lambda answer: sorted(answer["packets"], key=lambda packet: (packet["first_seen"], packet["hash"]))
    same(file, store, "/api/packets?limit=1000", tail)
    types = {packet["payload_type"] for packet in every}
    routes = {packet["route_type"] for packet in every}
    observers = {packet["observer_id"] for packet in every if packet["observer_id"]}
    for query in [f"type={kind}" for kind in sorted(types)[:4]] + [f"route={kind}" for kind in routes] + ["region=MRY", "type=15"]:
        same(file, store, f"/api/packets?limit=1000&{query}", tail)
    for observer in sorted(observers)[:1]:
        same(file, store, f"/api/packets?limit=1000&observer={quote(observer)}", tail)
    moments = sorted(packet["first_seen"] for packet in every)
    same(file, store, f"/api/packets?limit=1000&since={quote(moments[len(moments) // 3])}"
                      f"&until={quote(moments[2 * len(moments) // 3])}", tail)
    for node in [node["public_key"] for node in file.get("/api/nodes?limit=2000").json["nodes"]][:3]:
        same(file, store, f"/api/packets?limit=1000&node={node}", tail)
    for channel in [channel["hash"] for channel in file.get("/api/channels").json["channels"][:2]]:
        same(file, store, f"/api/packets?limit=1000&channel={quote(channel)}", tail)
    same(file, store, f"/api/packets?hash={every[3]['hash']}", tail)
    for since in (moments[0], moments[len(moments) // 2], "1000000000"):
        answers = [world.get(f"/api/packets/timestamps?since={quote(since)}").json for world in (file, store)]
        assert answers[1] == answers[0]
    same(file, store, "/api/packets?hash=00000000000000ff", tail)


def test_groups_and_expansion(file, store):
    tail = lambda answer: sorted(by_receipt(answer)["packets"], key=lambda packet: (packet["latest"], packet["hash"]))
    same(file, store, "/api/packets?groupByHash=true&limit=1000", tail)
    same(file, store, "/api/packets?groupByHash=true&limit=1000&expand=observations", tail)
    same(file, store, "/api/packets?groupByHash=true&limit=1000&order=asc", tail)


@pytest.mark.parametrize("query", ["", "order=asc", "groupByHash=true", "groupByHash=true&order=asc", "type=4"])
def test_pages_hold_each_packet_once(store, query):
    whole = [packet["hash"] for packet in packets_of(store, query)]
    pages, cursor = [], ""
    while True:
        answer = store.get(f"/api/packets?limit=97&{query}&cursor={cursor}").json
        pages += [packet["hash"] for packet in answer["packets"]]
        cursor = answer.get("nextCursor")
        if cursor is None:
            break
        assert re.fullmatch(r"\d+-[0-9a-f]{16}(\.\d+)?", cursor)
        assert len(pages) <= len(whole)
    assert pages == whole
    offset = store.get(f"/api/packets?limit=5&offset=11&{query}").json["packets"]
    assert [packet["hash"] for packet in offset] == whole[11:16]


def test_a_cursor_of_the_other_engine_is_refused(file, store):
    for world, text in ((file, "1700000000000-00000000000000ff"), (store, "p12")):
        answer = world.get(f"/api/packets?cursor={text}")
        assert answer.status == 400 and answer.json["field"] == "cursor"


def test_one_packet(file, store):
    packets = packets_of(store)
    for packet in packets[::60]:
        for path in (f"/api/packets/{packet['hash']}", f"/api/packets/{packet['hash']}/path", f"/api/traces/{packet['hash']}"):
            same(file, store, path, by_receipt)
    assert store.get(f"/api/packets/{packets[0]['id']}").json["packet"]["hash"] == packets[0]["hash"]
    assert packets[0]["id"] < 2 ** 53
    same(file, store, "/api/packets/00000000000000ff")
    body = {"hashes": [packet["hash"] for packet in packets[:20]] + ["00000000000000ff"]}
    answers = [world.get("/api/packets/observations", method="POST", body=json.dumps(body).encode(),
                         headers={"Content-Type": "application/json"}).json for world in (file, store)]
    sort = lambda answer: {key: sorted(map(repr, plain(value))) for key, value in answer["results"].items()}
    assert sort(answers[1]) == sort(answers[0])
    assert answers[1]["results"]["00000000000000ff"] == []


def test_nodes(file, store):
    store.wait("the counts are there", lambda: "advert_count" in store.get("/api/nodes").json["nodes"][0])
    counted(store)

    def known(answer):
        """A window begins with its run."""
        answer.pop("window", None)
        for node in answer.get("nodes", [answer.get("node")]):
            node.pop("flood_advert_count_7d", None)
            node.pop("last_relayed", None)  # no ingestor follows it there
        if "nodes" in answer:
            answer["nodes"].sort(key=lambda node: node["public_key"])
        return answer
    nodes = same(file, store, "/api/nodes?limit=2000", known)["nodes"]
    assert len(nodes) > 10
    for query in ("region=MRY", "hasScope=true", "hasScope=false", "hashRegion=%23muc"):
        same(file, store, f"/api/nodes?limit=2000&{query}", known)
    for query in ("role=repeater", "search=a", "sortBy=name", "sortBy=packetCount", "lastHeard=30d", "limit=3&offset=2"):
        same(file, store, f"/api/nodes?{query}", known if "limit" not in query else lambda answer: answer["total"])
    same(file, store, "/api/nodes/search?q=a", lambda answer: len(answer["nodes"]))
    same(file, store, "/api/nodes/network-status")
    for node in nodes[:4]:
        same(file, store, f"/api/nodes/{node['public_key']}", known)
        same(file, store, f"/api/nodes/resolve?prefix={node['public_key'][:8]}")
    same(file, store, "/api/nodes/ffffffffff")
    same(file, store, f"/api/resolve-hops?hops={nodes[0]['public_key'][:4]},{nodes[1]['public_key'][:2]}")


def test_how_a_node_is_heard(file, store):
    """SQLite counts all adverts, late, in quarters of a dB; the store the newest 200."""
    store.wait("the counts are there", lambda: "advert_count" in store.get("/api/nodes").json["nodes"][0])

    def known(answer):
        if "observers" not in answer:
            return answer
        stats = {key: answer["stats"][key] for key in
                 ("totalTransmissions", "totalPackets", "totalObservations", "packetsToday", "lastHeard")}
        return (stats, sorted((seen["observer_id"], seen["packetCount"]) for seen in answer["observers"]),
                [packet["hash"] for packet in answer["recentPackets"]])
    nodes = sorted(file.get("/api/nodes?limit=2000").json["nodes"], key=lambda node: -node["advert_count"])
    file.wait("the adverts are counted", lambda: file.get(f"/api/nodes/{nodes[0]['public_key']}/health").status == 200)
    for node in nodes[:6]:
        same(file, store, f"/api/nodes/{node['public_key']}/health", known)
    same(file, store, "/api/nodes/ffffffffff/health")


def observers_counted(file, store):
    """What the background counts of observers, which is left out till then."""
    keys = lambda world: sorted((observer["id"], sorted(observer)) for observer in world.get("/api/observers").json["observers"])
    store.wait("the counts are there", lambda: keys(store) == keys(file))


def test_observers(file, store):
    observers_counted(file, store)

    def known(answer):
        answer["observers"].sort(key=lambda observer: observer["id"])
        return answer
    observers = same(file, store, "/api/observers", known)["observers"]
    assert len(observers) > 3
    assert [observer["inventedRf"] > 0.5 for observer in observers if "inventedRf" in observer] == [True]
    assert sum(observer["clock_skew_count_24h"] > 3 for observer in observers) >= 1
    for observer in observers:
        same(file, store, f"/api/observers/{quote(observer['id'])}")
    same(file, store, "/api/observers/nobody")
    ours, theirs = ([json.loads(row) for row in world.get("/api/observers?format=ndjson").body.decode().splitlines()] for world in (file, store))
    for lines in (ours, theirs):
        lines.sort(key=lambda observer: observer["id"])
        for observer in lines:
            observer.pop("cursor")
    assert theirs == ours


def test_clocks_that_a_shard_can_not_tell_of_are_left_out(servers, file, store):
    """It was made by an older --store-init: what does not need that table goes on."""
    observers_counted(file, store)
    with closing(sqlite3.connect(file.db_path)) as db:
        naive, = db.execute("SELECT o.identity FROM observers o JOIN observer_skew k ON k.observer_id = o.id").fetchone()
    path = f"/api/observers/{quote(naive)}"
    assert same(file, store, path)["clock_skew_count_24h"] > 0
    servers[0].ask("RENAME TABLE weir_reading.observer_skew TO weir_reading.observer_skew_away")
    world = reader(servers, storeReaderUser="reader" if servers[0].has_users else "default")
    try:
        world.wait("the others", lambda: any("inventedRf" in observer for observer in world.get("/api/observers").json["observers"]))
        told = world.get(path).json
        assert told["clock_naive"] and "clock_skew_count_24h" not in told
    finally:
        servers[0].ask("RENAME TABLE weir_reading.observer_skew_away TO weir_reading.observer_skew")
        world.close()


def test_what_observers_measured(file, store):
    def known(answer):
        return answer.get("metrics") or answer
    observers = [observer["id"] for observer in file.get("/api/observers").json["observers"]]
    points = [same(file, store, f"/api/observers/{quote(observer)}/metrics?since=2000-01-01T00:00:00Z&resolution={step}", known)
              for observer in observers for step in ("5m", "1d")]
    assert sum(isinstance(found, list) for found in points) > 2
    for window in ("24h", "7d"):
        same(file, store, f"/api/observers/metrics/summary?window={window}",
             lambda answer: {**answer, "observers": sorted(answer["observers"], key=repr)})
    same(file, store, "/api/observers/nobody/metrics")


def test_sums(file, store):
    """What observers heard, when nodes spoke, signals of longer windows: of sums and of rows."""
    store.wait("the counts are there", lambda: "advert_count" in store.get("/api/nodes").json["nodes"][0])
    wrong = []
    def compare(path):
        ours, theirs = (world.get(path) for world in (file, store))
        assert theirs.status == ours.status == 200, (path, ours.body[:200], theirs.body[:200])
        wrong.extend(differences(path, *(told_of(plain(answer.json)) for answer in (ours, theirs))))
    for observer in file.get("/api/observers").json["observers"][:12]:
        for days in (1, 7, 30):
            compare(f"/api/observers/{quote(observer['id'])}/analytics?days={days}")
    for node in file.get("/api/nodes?limit=2000").json["nodes"][:6]:
        for days in (1, 7):
            compare(f"/api/nodes/{node['public_key']}/analytics?days={days}")
    for query in ("", "?window=7d", "?window=30d&region=MRY", "?region=MRY"):
        compare(f"/api/analytics/rf{query}")
        compare(f"/api/analytics/channels{query}")
    assert wrong == [], "\n".join(map(str, wrong))


def test_scopes(file, store):
    """Of hours from sums and rows, of an hour from rows; that hour ends with each answer."""
    for window in ("24h", "7d"):
        stats = same(file, store, f"/api/scope-stats?window={window}", told_of)
        assert stats["summary"]["scoped"] > 0 and stats["summary"]["unscoped"] + stats["summary"]["unknownScope"] > 0
        assert stats["complete"] and stats["timeSeries"] and len(stats["byRegion"]) == 2
    for world in (file, store):
        last = world.get("/api/scope-stats?window=1h").json
        assert last["summary"]["transportTotal"] <= stats["summary"]["transportTotal"] and len(last["timeSeries"]) in (12, 13)


def test_small_tables(file, store):
    """Drops, the audio lab, phones, declarations, batteries and clocks."""
    by_hash = lambda answer: sorted(answer, key=lambda drop: drop["hash"])
    drops = same(file, store, "/api/dropped-packets", by_hash)
    assert len(drops) > 12
    same(file, store, "/api/dropped-packets?limit=3", len)
    assert len(same(file, store, "/api/dropped-packets?observer=spyhill", by_hash)) > 5
    assert same(file, store, f"/api/dropped-packets?pubkey={drops[0]['node_pubkey']}", by_hash)
    assert len(same(file, store, "/api/audio-lab/buckets", by_receipt)["buckets"]) > 2
    for query in ("", "?z=14", "?bbox=11,48,11.015,48.025", "?days=1"):
        assert same(file, store, f"/api/rx-coverage{query}", drop=("from",))["features"]
    clocks = same(file, store, "/api/observers/clock-skew", lambda answer: sorted(answer, key=lambda one: one["observerID"]))
    assert len(clocks) > 1
    nodes = [node["public_key"] for node in file.get("/api/nodes?limit=2000").json["nodes"]]
    for node in nodes[:5] + [observer["id"] for observer in file.get("/api/observers").json["observers"]]:
        same(file, store, f"/api/nodes/{quote(node)}/battery?days=30")
        same(file, store, f"/api/nodes/{quote(node)}/rx-coverage", drop=("from",))


def test_channels(file, store):
    def by_name(answer):
        """SQLite's lastActivity is of all messages, the store's of the newest one."""
        for channel in answer["channels"]:
            channel.pop("lastActivity")
        return sorted(answer["channels"], key=lambda channel: channel["hash"])
    channels = same(file, store, "/api/channels?includeEncrypted=true", by_name)
    same(file, store, "/api/channels", by_name)
    assert len(channels) > 1
    for channel in channels:
        path = f"/api/channels/{quote(channel['hash'], safe='')}/messages"
        sort = lambda answer: (answer["total"], sorted(answer["messages"], key=repr))
        same(file, store, path + "?limit=500", sort)
        whole = [message["first_seen"] for message in get_whole(store, path + "?limit=500").json["messages"]]
        pages, cursor = [], ""
        while cursor is not None:
            answer = store.get(f"{path}?limit=3&cursor={cursor}").json
            pages = [message["first_seen"] for message in answer["messages"]] + pages
            cursor = answer.get("nextCursor")
        assert pages == whole
    same(file, store, "/api/channels/%23nowhere/messages")


def test_channels_of_a_region_and_as_files(file, store):
    by_name = lambda answer: {**answer, "channels": sorted(answer["channels"], key=lambda channel: channel["hash"])}
    for region in ("MRY", "SJC,SFO", "OAK", "NOWHERE"):
        channels = same(file, store, f"/api/channels?includeEncrypted=true&region={region}", by_name)
        assert channels["complete"] and channels["channels"] == [] if region == "NOWHERE" else channels["channels"]
        for channel in channels["channels"]:
            path = f"/api/channels/{quote(channel['hash'], safe='')}/messages?region={region}"
            sort = lambda answer: {**answer, "messages": sorted(answer["messages"], key=repr), "nextCursor": 0}
            assert same(file, store, path + "&limit=500", sort)["total"] > 0
            whole = get_whole(store, path + "&limit=500").json["messages"]
            pages, cursor = [], ""
            while cursor is not None:
                answer = store.get(f"{path}&limit=2&cursor={cursor}").json
                pages, cursor = answer["messages"] + pages, answer.get("nextCursor")
            assert pages == whole
    for channel in file.get("/api/channels?includeEncrypted=true").json["channels"]:
        path = f"/api/channels/{quote(channel['hash'], safe='')}/messages"
        rows = [[line.rsplit(",", 1)[0] for line in world.get(path + "?format=csv").body.decode().splitlines()] for world in (file, store)]
        assert sorted(rows[1]) == sorted(rows[0])
        lines = [json.loads(row) for row in store.get(path + "?format=ndjson").body.decode().splitlines()]
        assert len(lines) == len(rows[0]) - 1
        rest = [json.loads(row) for row in store.get(f"{path}?format=ndjson&cursor={lines[len(lines) // 2]['cursor']}").body.decode().splitlines()] if lines else []
        assert rest == lines[len(lines) // 2 + 1:]
    assert store.get("/api/channels/Public/messages?format=csv&cursor=i12").status == 400


def test_stats(file, store):
    keys = ("totalPackets totalTransmissions totalObservations totalNodes totalNodesAllTime totalObservers"
            " packetsLastHour packetsLast24h counts").split()
    of = lambda world: {key: world.get("/api/stats").json.get(key) for key in keys}
    want = of(file)
    assert want["totalPackets"] > 50 and want["totalNodes"] > 0
    store.wait("the same figures", lambda: of(store) == of(file))  # what is an hour old leaves both
    assert store.get("/api/packets?limit=1").json["total"] == want["totalPackets"]


def test_healthz_names_each_ingestor(servers, store):
    """By its row, whatever a clock says; no statistics file lies beside this server."""
    now = time.time_ns() // 1_000_000
    stats = json.dumps({"schema": 1, "status": "Ingesting", "sampledAt": datetime.now(timezone.utc).isoformat()[:19] + "Z",
                        "source_statuses": [{"name": "eu", "state": "silent", "connected": True}]})
    rows = [(1, "ams-1", now), (2, "old-1", now - 300_000), (3, "gone", now - 2 * 86_400_000)]
    for number, name, at in rows:
        servers[0].ask("INSERT INTO weir_reading.ingestors (id, name, at_ms, stats, ver) VALUES"
                       f" ({number}, '{name}', {at}, '{stats}', {at})")
    health = store.wait("the rows are read", lambda: "fresh" in str((answer := store.get("/api/healthz").json)["ingestors"]) and answer)
    assert {one["name"]: one["state"] for one in health["ingestors"]} == {"ams-1": "fresh", "old-1": "stale", "ams-9": "missing"}
    checks = {name: check for name, check in health["checks"].items() if name.startswith("ingestor")}
    assert {check["status"] for check in checks.values()} == {"warn"} and health["status"] == "warn"
    assert set(checks) == {"ingestors", "ingestor:ams-1", "ingestor:old-1", "ingestor:ams-9"}
    assert checks["ingestors"]["output"] == "1 of 3 are fresh" and "source:eu: connected, but silent" in checks["ingestor:ams-1"]["output"]
    metrics = store.get("/metrics").body.decode()
    assert 'weir_store_ingestor_up{ingestor="ams-1"} 1' in metrics and 'weir_store_ingestor_up{ingestor="ams-9"} 0' in metrics


def counted(world):
    """The background has counted the last 24 hours."""
    for analysis in ("topology", "subpaths"):  # each is counted by itself
        world.wait(analysis, lambda analysis=analysis: world.get(f"/api/analytics/{analysis}").status == 200)


def told_of(answer):
    """Without the moments of the count; sums of reals to a tenth; of equals, and of two ends of a
    link, which is first is a matter of ids."""
    if isinstance(answer, dict):
        for ends in (("source", "target"), ("hopA", "hopB"), ("nameA", "nameB"), ("pubkeyA", "pubkeyB"), ("fromName", "toName"), ("fromPk", "toPk")):
            if ends[0] in answer:
                answer = {**answer, **dict(zip(ends, sorted((answer[end] for end in ends), key=str)))}
        if "minDist" in answer:
            answer = {key: answer[key] for key in ("hop", "minDist") if key in answer}
        if "multiObsNodes" in answer:
            least = min((node["observerCount"] for node in answer["multiObsNodes"]), default=0)
            answer = {**answer, "multiObsNodes": sorted(  # of equals its end shows any
                node["hop"] if node["observerCount"] > least else "" for node in answer["multiObsNodes"])}
        if "bestPathList" in answer:  # the same of its end
            most = max((node["minDist"] for node in answer["bestPathList"]), default=0)
            answer = {**answer, "bestPathList": sorted(
                (node["minDist"], node["hop"] if node["minDist"] < most else "") for node in answer["bestPathList"])}
        return {key: told_of(value) for key, value in answer.items()
                if key not in ("window", "computedAt", "from", "to", "windowHours", "since", "sampleHash", "hash_sample")}
    if isinstance(answer, list):
        if answer and all(isinstance(value, dict) and "count" in value for value in answer):
            least = min(value["count"] for value in answer)  # of equals a list's end shows any
            answer = [value if value["count"] > least else least for value in answer]
        return sorted((told_of(value) for value in answer), key=lambda value: json.dumps(value, sort_keys=True))
    return round(answer, 1) if isinstance(answer, float) else answer


def differences(path, ours, theirs):
    """Where two answers differ: [(path, ours, theirs)], of lists their own."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [found for key in sorted({*ours, *theirs}) for found in differences(f"{path} {key}", ours.get(key), theirs.get(key))]
    if isinstance(ours, list) and isinstance(theirs, list):
        rest = [value for value in theirs if value not in ours]
        lost = [value for value in ours if value not in theirs]
        return [] if ours == theirs else [(path, len(ours), lost[:2], len(theirs), rest[:2])]
    return [] if ours == theirs else [(path, ours, theirs)]


def test_what_is_counted_in_the_background(file, store):
    """Of the last 24 hours, by the same code over rows of either."""
    for world in (file, store):
        counted(world)
    wrong = []
    nodes = file.get("/api/nodes?limit=2000").json["nodes"]
    nodes.sort(key=lambda node: (-node.get("relay_count_24h", 0), -node["advert_count"]))
    paths = ["/api/analytics/topology", "/api/analytics/subpaths", "/api/analytics/subpaths-bulk?groups=2-2:50,3-3:30",
             "/api/analytics/relay-airtime-share", "/api/analytics/hash-sizes", "/api/analytics/hash-collisions",
             "/api/analytics/neighbor-graph", "/api/analytics/roles", "/api/analytics/topology?region=MRY",
             "/api/nodes/bulk-health?limit=200", "/api/nodes/clock-skew", "/api/analytics/scope-audit",
             "/api/rx-leaderboard", "/api/rx-leaderboard?days=1&limit=3", "/api/analytics/distance", "/api/debug/affinity"]
    parts = next((path for path in file.get("/api/analytics/subpaths").json["subpaths"] if len(path["rawHops"]) == 2), None)
    if parts is not None:
        paths.append(f"/api/analytics/subpath-detail?hops={','.join(parts['rawHops'])}")
        body = json.dumps({"prefixes": parts["rawHops"]}).encode()
        ours, theirs = (world.get("/api/paths/inspect", method="POST", body=body, headers={"Content-Type": "application/json"})
                        for world in (file, store))
        a, b = (told_of({**answer.json, "stats": 0}) for answer in (ours, theirs))
        wrong += differences("inspect", a, b)
    for node in nodes[:3]:
        key = node["public_key"]
        paths += [f"/api/nodes/{key}/{what}" for what in ("neighbors", "paths", "hop_analytics", "reach", "clock-skew")]
    for path in paths:
        ours, theirs = (world.get(path) for world in (file, store))
        if theirs.status != ours.status:
            wrong.append((path, theirs.body[:300]))
            continue
        a, b = told_of(plain(ours.json)), told_of(plain(theirs.json))
        wrong += differences(path, a, b)
    assert wrong == [], "\n".join(map(str, wrong))


def test_why(file, store):
    """Why a packet is missing, of the file's refusals in the store."""
    counted(store)
    with closing(sqlite3.connect(file.db_path)) as db:
        stored = db.execute("SELECT lower(hex(hash)) FROM transmissions ORDER BY id LIMIT 1").fetchone()[0]
        key = db.execute("SELECT lower(hex(node)) FROM refusals WHERE node NOTNULL ORDER BY id DESC LIMIT 1").fetchone()[0]
        observer, = db.execute("SELECT identity FROM observers ORDER BY id LIMIT 1").fetchone()
    known = store.wait("the counts", lambda: (a := store.get(f"/api/why?node={key}").json)["found"]["node"]["advertCount"] is not None and a)
    assert known["rows"] and known["lookedThrough"]["transmissions"] > 50

    def told(answer):
        answer["window"].pop("to")
        return answer
    for query in (f"hash={stored}", f"hash={'05' * 8}", f"hash={'77' * 8}", f"hash={'05' * 8}&observer=O2", "observer=o3", "observer=O3&limit=3",
                  f"observer={quote(observer)}", "observer=nobody%27)--", f"node={key}", f"node={key[:4]}&limit=2", "node=fe", ""):
        answer = same(file, store, f"/api/why?{query}", told)
        assert answer["window"]["complete"] is False and answer["counts"]["dropped.spool"] == {"messages": 36, "rows": 6}, query
    assert len(same(file, store, "/api/why?observer=o3", told)["rows"]) == 9
    assert same(file, store, f"/api/why?hash={'05' * 8}", told)["droppedPacket"]["observer"] == "SpyHill"
    for query in ("hash=12", "node=123", "observer="):
        assert store.get(f"/api/why?{query}").status == 400


def test_a_refusal_whose_place_was_taken_is_gone(servers, file, store):
    """Whether the rows are merged or not; and those of two ingestors stand beside each other."""
    limits = itertools.count(100)  # an answer is kept for a moment
    ask = lambda: get_whole(store, f"/api/why?hash={'99' * 8}&limit={next(limits)}").json
    insert = ("INSERT INTO weir_reading.refusals (day, ingestor, place, id, receipt_ms, rule, config_key, source, topic, observer,"
              f" hash, node, bytes, records, ver) VALUES (20000, {{}}, 7, {{}}, {{}}, 'filtered.node', '', 'main', '', '', unhex('{{}}'), '', -1, 1, {{}})")
    hours = "INSERT INTO weir_reading.refusal_hours (day, ingestor, hour, rule, records, noted, ver) VALUES (65000, {}, 1560000, 'filtered.geo', {}, {}, {})"
    before = ask()
    servers[0].ask(insert.format(8, 7, 1000, "99" * 8, 1000))
    servers[1].ask(insert.format(9, 7, 2000, "99" * 8, 2000))
    servers[1].ask(insert.format(9, 7, 2000, "99" * 8, 2000))
    assert [row["time"] for row in ask()["rows"]] == ["1970-01-01T00:00:02Z", "1970-01-01T00:00:01Z"] and before["rows"] == []
    servers[1].ask(insert.format(9, 10007, 3000, "98" * 8, 3000))
    assert len(ask()["rows"]) == 1
    for ingestor, records, noted in ((8, 5, 5), (8, 9, 9), (9, 2, 1), (9, 1, 1)):
        servers[ingestor % 2].ask(hours.format(ingestor, records, noted, records))
    assert ask()["counts"]["filtered.geo"] == {"messages": 11, "rows": 10}
    for server in servers:
        server.ask("ALTER TABLE weir_reading.refusals DROP PARTITION 714")
        server.ask("ALTER TABLE weir_reading.refusal_hours DROP PARTITION 2321")
    assert "filtered.geo" not in ask()["counts"] and ask()["rows"] == []


# --- what is not served ---------------------------------------------------------------------------

def test_what_is_not_served_says_so(servers, file, store):
    spec = store.get("/api/spec").json
    # A store that an older --store-init made.
    servers[1].ask("RENAME TABLE weir_reading.refusals TO weir_reading.refusals_away")
    part = store.wait("a part", lambda: (a := store.get_at_once("/api/why?observer=o3")).json.get("partial") and a)
    assert part.json["window"]["complete"] is False
    servers[0].ask("RENAME TABLE weir_reading.refusals TO weir_reading.refusals_away")
    answer = store.wait("the reason", lambda: (a := store.get_at_once("/api/why?observer=o4")).status == 503 and a)
    assert "ingestor --store-init" in answer.json["error"], answer
    for server in servers:
        server.ask("RENAME TABLE weir_reading.refusals_away TO weir_reading.refusals")
    for path in ("/api/backup", "/api/perf/sqlite"):
        answer = store.get(path, headers={"X-API-Key": KEY})
        assert answer.status == 404 and "SQLite" in answer.json["error"], path
    assert file.get("/api/perf/clickhouse").json == {"shards": []}
    shards = store.get("/api/perf/clickhouse").json["shards"]
    assert [shard["reachable"] for shard in shards] == [True, True] and shards[0]["replicas"][0]["version"]
    lie_there = lambda: int(servers[1].ask("SELECT sum(rows) FROM system.parts WHERE database = 'weir_reading' AND active")[0][0])
    shards = store.wait("sizes", lambda: (s := store.get("/api/perf/clickhouse").json["shards"]) and s[1].get("rows") == lie_there() and s)
    assert shards[1]["bytesOnDisk"] > 10000
    assert shards[1]["activeParts"] >= shards[1]["mostPartsOfOnePartition"] >= 1
    # Every GET of the table: an answer, or one of these refusals; nothing fails.
    for path, methods in spec["paths"].items():
        if "get" not in methods or "/live" in path or "/mqtt/" in path:
            continue
        name = re.sub(r"\{[^}]*\}", "ff", path)
        status = store.get(name).status
        assert status < 500 or status == file.get(name).status, (path, status)


def test_files(file, store):
    """A list of packets as a file is the same walk."""
    lines = [world.get("/api/packets?format=csv").body.decode().splitlines() for world in (file, store)]
    cut = lambda rows: sorted(",".join(row.split(",")[1:15]) for row in rows[1:])
    assert len(lines[0]) > 50 and len(lines[1]) == len(lines[0])
    assert cut(lines[1]) == cut(lines[0])


# --- faults ---------------------------------------------------------------------------------------

def shard_told(store, number):
    return store.get("/api/perf/clickhouse").json["shards"][number]


def test_a_shard_that_hangs_is_missing_and_said(servers, store):
    if servers[0].given:
        pytest.skip("the given servers are not ours to stop")
    whole = hashes_of(store)
    nodes = [node["public_key"] for node in store.get("/api/nodes?limit=2000").json["nodes"]]
    # What analyses are made of is read of all shards, once.
    store.wait("an analysis of all", lambda: store.get("/api/analytics/topology").status == 200)
    with stopped(servers[1].process.pid):
        def partial():
            answer = store.get_at_once("/api/packets?limit=1000")
            return answer if answer.status == 200 and answer.json.get("partial") else None
        answer = store.wait("a part is missing", partial)
        # One late answer says nothing of the server: that it is away, the next probe finds.
        store.wait("the shard to be known as away", lambda: not shard_told(store, 1)["reachable"])
        down = shard_told(store, 1)
        assert not down["reachable"] and "no answer in time" in down["replicas"][0]["lastError"]
        answer = store.wait("the rest is there", lambda: partial() if partial().json["packets"] else None)
        assert answer.headers["X-Weir-Partial"] == "shard=1"
        left = {packet["hash"] for packet in answer.json["packets"]}
        assert left == {text for text in whole if int(text, 16) % 2 == 0}
        assert "total" not in answer.json or answer.json.get("totalCapped") is None
        assert store.get_at_once("/api/packets?limit=2").seconds < 1.5 * PATIENCE  # nobody waits for it any more
        assert store.get("/api/readyz").status == 200
        for key in [node for node in nodes if int(node[:16], 16) % 2 == 1][:1]:
            # What was read of all shards is good for seconds; then nobody knows that there is none.
            answer = store.wait("503", lambda: (a := store.get_at_once(f"/api/nodes/{key}")).status != 200 and a)  # noqa: B023
            assert answer.status == 503 and "another one does not" in answer.json["error"], answer
        answer = store.get_at_once("/api/packets?format=csv")
        assert answer.status == 503 and "a file would lack" in answer.json["error"], answer
        answer = store.wait("an analysis", lambda: (a := store.get_at_once("/api/analytics/roles?area=")).status == 200 and a)
        assert answer.json["partial"] and answer.headers["X-Weir-Partial"] == "shard=1"
        store.wait("healthz names it", lambda: any("shard 1" in str(check) for check in store.get("/api/healthz").json["checks"].items()))
    assert hashes_of(store) == whole  # it is back


class Front:
    """A way to a server that does to the answers about packets what it is told to."""

    def __init__(self, url):
        front, host, self.what, self.counts = self, url.removeprefix("http://"), None, threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sql = gzip.decompress(body)
                connection = http.client.HTTPConnection(host)
                headers = {name: self.headers[name] for name in ("Content-Encoding", "Authorization") if name in self.headers}
                connection.request("POST", self.path, body, headers)
                answer = connection.getresponse()
                status, text, more, what = answer.status, answer.read(), {}, front.what
                connection.close()
                if what == "no count" and b"min(receipt_ms) AS f FROM obs" in sql and b"AS key" in sql:
                    front.counts.wait()
                if what == "slow counts" and b"AS key, toInt64(count())" in sql:
                    time.sleep(0.5)  # longer than a slice of the counting
                if b"min(receipt_ms) AS f FROM obs WHERE day" not in sql or b"LIMIT" not in sql:
                    what = None
                if what == "slow":
                    front.what = None  # this one
                    time.sleep(0.95)  # longer than one of several replicas may take
                elif what == "late":
                    time.sleep(2)  # longer than the only one may
                elif what == "refused":
                    status, text = 500, b"Code: 241, e.displayText() = DB::Exception: Memory limit"
                elif what == "behind rows":
                    text += b"Code: 153, e.displayText() = DB::Exception: Division by zero"
                elif what == "header":
                    more = {"X-ClickHouse-Exception-Code": "159"}
                self.send_response(status)
                for name, value in {**more, "Content-Length": str(len(text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text[:len(text) // 2] if what == "cut" else text)
                self.close_connection = what == "cut"

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.counts.set()
        self.server.shutdown()
        self.server.server_close()


def test_counting_that_takes_long_does_not_end_the_answers(servers, store):
    """Of a large store it takes longer than the patience of readyz."""
    front = Front(servers[0].url)
    front.what = "no count"
    world = reader([front, servers[1]], storeReaderUser="reader" if servers[0].has_users else "default")
    assert world.get("/api/packets?limit=5").status == 200
    assert world.get("/api/stats").json.get("totalObservations") is None
    front.what = "slow counts"
    front.counts.set()
    world.wait("the count", lambda: world.get("/api/stats").json.get("totalObservations"))
    world.wait("each kind's", lambda: "advert_count" in world.get("/api/nodes").json["nodes"][0])
    world.close()
    front.close()


def test_a_shard_whose_answers_fail_makes_no_figure_wrong(servers, store):
    """Each way to fail: the other shard's half that says so, or none; then whole again."""
    whole = hashes_of(store)
    other = {text for text in whole if int(text, 16) % 2 == 1}
    front = Front(servers[0].url)
    world = reader([front, servers[1]], storeReaderUser="reader" if servers[0].has_users else "default")
    limits = itertools.count(1001)  # none is answered out of the cache

    def ask():
        return world.get_at_once(f"/api/packets?limit={next(limits)}")

    def hashes(answer):
        return {packet["hash"] for packet in answer.json["packets"]}
    world.wait("the whole", lambda: (a := ask()).status == 200 and hashes(a) == whole)

    def waits():
        front.what = "slow"
        answer = ask()
        return answer.status == 200 and "partial" not in answer.json and answer.seconds > 0.9
    world.wait("the only one of its shard, though it is slow", waits)
    for what in ("cut", "late", "refused", "behind rows", "header"):
        front.what = what
        answer = ask()
        if what == "behind rows":
            assert answer.status == 503, answer
        else:  # 503: the other one was late
            answer = world.wait(what, lambda first=answer: (a := first if first.status != 503 else ask()).status != 503 and a)
            assert answer.status == 200 and answer.json["partial"] and hashes(answer) == other, (what, answer)
            assert answer.headers["X-Weir-Partial"] == "shard=0"
            # It goes on being asked, and other questions have their answers.
            assert world.get("/api/perf/clickhouse").json["shards"][0]["reachable"]
            assert "partial" not in world.get(f"/api/packets/{min(whole - other)}").json
        front.what = None
        world.wait(f"the whole, behind {what}",
                   lambda: (a := ask()).status == 200 and "partial" not in a.json and hashes(a) == whole)
    world.close()
    front.close()


def test_check_config(servers):
    world = World("storecheck")
    world.write_config(storeReaderUser="reader")
    code, _, err = run_tool(world, "--check-config")
    assert code == 78 and "storeReaderUser" in err and "storeUrl" in err
    world.write_config(storeReaderUser=None, expectedIngestors=["ams-1", "x" * 129])
    code, _, err = run_tool(world, "--check-config")
    assert code == 78 and "expectedIngestors[1]" in err and "longer than 128 bytes" in err and "expectedIngestors is ignored" in err
    world.close()
