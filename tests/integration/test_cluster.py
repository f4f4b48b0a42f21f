# SPDX-License-Identifier: MIT
"""A running ingestor with storeUrl: what is received is in ClickHouse exactly once, whatever ends
in between. Against real servers of Debian's (tests/support/clickhouse.py)."""

import hashlib
import itertools
import math
import os
import re
import time
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from browser import Browser
from clickhouse import LIBRARY
from cluster_siege import KEY, ClusterSiege, kill_sender, numbers, total, two_shards, wait_acknowledged
from harness import World, make_random, run_ok, stopped
from live_client import Stream, WebSocket
from made_messages import scoped
from messages import packet, recorded
from mqtt_lite import Client

NUMBERS = itertools.count(1)
ROUNDS = int(os.environ.get("WEIR_CLUSTER_ROUNDS", "8"))


@pytest.fixture(scope="module")
def servers():
    """Two shards."""
    both = two_shards()
    yield both
    for server in both:
        server.close()


@pytest.fixture
def database(servers):
    name = f"weir_run_{next(NUMBERS)}"
    yield name
    for server in servers:
        server.close_database(name)


def keys(urls, database):
    return {"storeUrl": urls, "storeDatabase": database, "storeUser": "default", "storeBatchMs": 500}


def shard_check(world, shard):
    return world.get("/api/healthz").json["checks"][f"shard:{shard}"]["output"]


def reader(servers, database):
    """A server that reads the store."""
    world = World("clusterread")
    world.write_config(**{**keys([server.url for server in servers], database),
                          "storeReaderUser": "reader" if servers[0].has_users else "default"})
    world.start_server()
    world.wait("the store is read", lambda: world.get("/api/readyz").status == 200)
    return world


def listen(world, path="/api/live", last_id=None):
    stream = Stream(world.config["port"], path, last_id)
    return stream if last_id is not None else stream.begin()


def told(stream, count):
    """(hash, observer) of the next `count` receptions, and the ids in the feed."""
    events = [stream.event() for _ in range(count)]
    assert {kind for kind, _, _ in events} == {"message"}, events
    return [(data["hash"], data["observer_id"]) for _, _, data in events], [at for _, at, _ in events]


def told_until(stream, wanted):
    """Who comes back may be told again: until all are."""
    found = set()
    while not wanted <= found:
        kind, _, data = stream.event()
        assert kind in ("hello", "message"), (kind, data)
        found |= {(data["hash"], data["observer_id"])} if kind == "message" else set()
    return found


def next_gap(stream):
    while (event := stream.event())[0] != "gap":
        assert event[0] == "message"
    return event[2]


def test_what_is_received_is_in_the_store(world, broker, servers, database):
    world.add_source(broker)
    world.write_config(**keys([server.url for server in servers], database))
    run_ok(world, "--store-init")
    old = "(day, hour, receipt_ms, hash, observer, direction, path_size, path, has, source, type, route, scope_code)"
    servers[0].ask(f"INSERT INTO {database}.obs {old} VALUES (9000, 216000, 777600000000, 1, 1, 0, 1, '', 0, '', 1, 1, -1)")
    world.start(server=True, ingestorName="ams-1")
    other = reader(servers, database)
    live, one, socket = listen(other), listen(other, "/api/live?observer=obs1"), WebSocket(other.config["port"])
    sent = [packet(n, observer=f"OBS{n % 5}") for n in range(300)]
    with Client(broker.port) as client:
        client.publish_all(sent)
        stats = wait_acknowledged(world, 300)
        assert stats["ledger"]["total"]["committed"] == 300
        client.publish_all(sent[:100])  # copies
        stats = wait_acknowledged(world, 400)
    assert (stats["ledger"]["total"]["committed"], stats["ledger"]["total"]["duplicate"]) == (300, 100)
    assert sorted(numbers(servers, database)) == list(range(300))
    # The live feed of the other server told each once, in rising ids; its filter holds.
    seen, ids = told(live, 300)
    assert len(set(seen)) == 300 and ids == sorted(ids)
    assert {name for _, name in told(one, 60)[0]} == {"OBS1"}
    packets = [socket.message()["data"] for _ in range(300)]
    assert {(data["hash"], data["observer_id"]) for data in packets} == set(seen)
    # Who comes back is told what it missed, also by a server that was not there meanwhile.
    told_until(listen(other, last_id=ids[100]), set(seen[101:]))
    assert other.server.stop() == 0
    other.start_server()
    told_until(listen(other, last_id=ids[0]), set(seen[1:]))
    live = listen(other)
    other.wait("its row", lambda: [(i["name"], i["state"]) for i in other.get("/api/healthz").json["ingestors"]] == [("ams-1", "fresh")])
    assert total(servers, database, f"SELECT uniqExact({KEY}) FROM DB.obs") == 300
    assert all(int(server.ask(f"SELECT uniqExact(hash) FROM {database}.tx")[0][0]) > 100 for server in servers)
    # Only what is small stays here.
    assert [world.count(table) for table in ("transmissions", "observations", "observers")] == [0, 0, 5]
    assert [s["shard"] for s in stats["outbox"]] == [0, 1]
    assert all(s["blocks"] == 0 and s["awaySeconds"] == 0 and s["acknowledgedBlocks"] > 0 for s in stats["outbox"])
    assert {w["name"] for w in stats["workers"]} >= {"sender:0", "sender:1"}

    # A shard goes away: it is named, the other goes on, and what is queued is not called committed.
    servers[1].kill()
    with Client(broker.port) as client:
        client.publish_all([packet(n) for n in range(300, 400)])
        # For longer than the feed looks back anyway.
        world.wait("the shard's name in healthz",
                   lambda: re.search(r"has not answered for ([7-9]|\d\d)", shard_check(world, 1)))
        assert shard_check(world, 0).endswith("rows wait for it")
        waiting = world.stats()
        assert waiting["ledger"]["total"]["queued"] == 100 and waiting["ledger"]["total"]["unaccounted"] == 0
        assert waiting["outbox"][1]["rows"] > 0 and waiting["outbox"][1]["error"]
        assert "shard 1" in waiting["status"]
        text = world.get("/metrics").body.decode()
        waits = re.findall(r'^weir_outbox_rows\{shard="(\d)"\} (\d+)$', text, re.M)
        assert re.search(r"^weir_outbox_limit_bytes 1\d{9}$", text, re.M)
        assert [shard for shard, _ in waits] == ["0", "1"] and int(waits[1][1]) > 0
        servers[1].start()
        wait_acknowledged(world, 500)
    assert sorted(numbers(servers, database)) == list(range(400))
    next_gap(live)  # a shard was away: what it has may be missing
    with Client(broker.port) as client:
        client.publish_all([packet(n, observer="LAST") for n in range(400, 420)])
    wait_acknowledged(world, 520)
    while sum(name == "LAST" for _, name in seen) < 20:
        seen += told(live, 1)[0]
    assert len(set(seen)) == len(seen)
    # What comes later than the feed looks back: an ingestor's backlog.
    at = time.time_ns() // 1000000 - 120000
    day, hour = at // HOUR_MS // 24, at // HOUR_MS
    servers[1].ask(f"INSERT INTO {database}.obs {old} VALUES ({day}, {hour}, {at}, 1, 1, 0, 1, '', 0, '', 1, 1, -1)")
    assert next_gap(live)
    other.close()
    assert total(servers, database, "SELECT count() FROM DB.obs WHERE day = 9000") == 0  # retention
    [(name, stats_there)] = servers[0].ask(f"SELECT name, argMax(stats, ver) FROM {database}.ingestors GROUP BY name")
    assert name == "ams-1" and '"ledger"' in stats_there
    world.wait("the observers", lambda: total(servers, database, "SELECT uniqExact(id) FROM DB.observers") == 6)
    assert world.ingestor.stop() == 0


def test_the_page_says_which_shard_is_missing(world, broker, servers, database):
    """Pages of a store in shards open; without one of them they say so, until it answers again."""
    world.add_source(broker)
    given = {**keys([server.url for server in servers], database), "storeReaderUser": "reader" if servers[0].has_users else "default"}
    world.write_config(**given)
    run_ok(world, "--store-init")
    world.start(server=True, **given)
    browser = Browser(world)
    try:
        with Client(broker.port) as client:
            client.publish_all(recorded("multi_observer"), qos=1)
        world.wait("packets", lambda: world.get("/api/packets?limit=1").json.get("packets"))
        browser.visit()
        browser.wait_text("2 of 2", selector=".pipeline")
        browser.wait_text("shards of clickhouse")
        assert len(browser.texts(selector="section:has(h2:text-is('Shards of ClickHouse')) tbody tr")) == 2
        for page in ("packets", "nodes", "channels", "analytics"):
            browser.go(hash=f"#/{page}")
            world.wait(f"{page} to be there", lambda: browser.count(selector="main h1, main .card") > 0 and
                       browser.count(selector="[aria-busy=true]") == 0)
            assert "a part is missing" not in browser.text().lower(), page
        assert browser.complaints() == []
        servers[1].kill()
        browser.go(hash="#/")
        browser.wait_text("of the shards, 1 without an answer", selector=".verdict")
        browser.wait_text("1 of 2", selector=".pipeline")
        for page in ("packets", "nodes"):
            browser.go(hash=f"#/{page}")
            browser.wait_text("a part is missing here: shard 1 of the store does not answer")
        servers[1].start()
        world.wait("it to be over", lambda: "a part is missing" not in browser.text().lower())
    finally:
        browser.close()


def test_without_the_key_nothing_is_left_behind(world, broker, servers, database):
    """Blocks that wait can't be forgotten by taking storeUrl out of the file; and what was refused
    without it is in the store, too."""
    world.add_source(broker)
    world.start(observerBlacklist=["DENIED"])
    with Client(broker.port) as client:
        client.publish_all([packet(1000, observer="DENIED")])
        world.wait("its row", lambda: world.count("refusals") == 1)
    assert world.ingestor.stop() == 0
    world.write_config(**keys([server.url for server in servers], database))
    run_ok(world, "--store-init")
    servers[1].kill()
    world.start()
    with Client(broker.port) as client:
        client.publish_all([packet(n) for n in range(50)])
        world.wait_stats("blocks", lambda s: s["outbox"][1]["blocks"] > 0)
        assert world.ingestor.stop() == 0
        world.start(storeUrl=[])
        world.wait_stats("the reason", lambda s: "storeUrl" in (s["commit"]["error"] or ""))
        assert world.ingestor.stop() == 0
    servers[1].start()
    world.start(storeUrl=[server.url for server in servers])
    with Client(broker.port) as client:
        client.publish_all([packet(1000, observer="DENIED"), ("meshcore/TST/OBS1/packets", "not json")])
    wait_acknowledged(world, 53)
    assert sorted(numbers(servers, database)) == list(range(50))
    reading = reader(servers, database)
    try:
        answer = reading.wait("both rows", lambda: len((a := reading.get("/api/why?observer=denied").json)["rows"]) == 2 and a)
        assert answer["counts"] == {"filtered.observer": {"messages": 2, "rows": 2}, "rejected.json": {"messages": 1, "rows": 1}}
        assert answer["window"]["complete"] and "observerBlacklist" in answer["verdict"]
        # Tables that an older --store-init made: the shard holds, in words that say what to do.
        for server in servers:
            server.ask(f"RENAME TABLE {database}.refusal_hours TO {database}.hours_away")
        with Client(broker.port) as client:
            client.publish_all([("meshcore/TST/OBS1/packets", "not json")])
        world.wait_stats("the words", lambda s: any("refusal_hours has no column day: run ingestor --store-init" in (shard["error"] or "")
                                                    for shard in s["outbox"]))
        for server in servers:
            server.ask(f"RENAME TABLE {database}.hours_away TO {database}.refusal_hours")
    finally:
        reading.close()


# --- hourly sums ----------------------------------------------------------------------------------

HOUR_MS = 3600000
RUNS = "SELECT toUInt32(intDiv(hour, 24)) AS d, max(ver) FROM DB.rollups WHERE kind = 255 GROUP BY d"
ROLLUPS = """SELECT toUInt32(intDiv(hour, 24)) AS d, kind, toInt64(key) AS k, hour, argMax(observations, ver) AS o,
 argMax(transmissions, ver) AS t, max(ver) AS v FROM DB.rollups WHERE kind != 255 GROUP BY d, kind, key, hour"""


def rows_of(servers, database, sql):
    return [row for server in servers for row in server.ask(sql.replace("DB.", f"{database}."))]


def counting(servers, database):
    """Those whose ver is at least that of their day's newest finished run (store_sums.h, I2)."""
    for server in servers:
        runs = dict(rows_of([server], database, RUNS))
        yield from (row for row in rows_of([server], database, ROLLUPS) if int(row[-1]) >= int(runs.get(row[0], 1 << 64)))


def sums_there(servers, database):
    """As a reader has them: {(kind, key, hour, 0 for receptions, 1 for packets): n}"""
    sums = Counter()
    for _, kind, key, hour, seen, packets, _ in counting(servers, database):
        sums[int(kind), int(key), int(hour), 0] += int(seen)
        sums[int(kind), int(key), int(hour), 1] += int(packets)
    return {key: n for key, n in sums.items() if n}


def sums_recounted(servers, database):
    """The same, counted here out of each row that was sent."""
    number = lambda text: None if text == "\\N" else float(text)
    receptions, packets, sums = {}, {}, Counter()
    senders = {hash_: who for hash_, who in rows_of(
        servers, database, "SELECT DISTINCT hash, hex(substring(sender, 1, 8)) FROM DB.tx WHERE sender != ''")}
    rows = rows_of(servers, database, "SELECT hash, toInt64(observer), direction, path_size, hex(path), receipt_ms, type, route,"
                                      " scope_code, scope, snr, rssi FROM DB.obs ORDER BY ver DESC")
    for hash_, observer, direction, size, path, ms, kind, route, scope, region, snr, rssi in rows:
        packets.setdefault(hash_, (int(ms), int(kind), int(route), int(scope), path))
        key = (hash_, int(observer), direction, int(size), path)
        was = receptions.setdefault(key, [int(ms), int(kind), int(route), int(scope), None, None, ""])
        was[4] = number(snr) if was[4] is None else was[4]
        was[5] = number(rssi) if was[5] is None else was[5]
        was[6] = was[6] or region

    def node(hash_, route, scope, path):
        if hash_ not in senders or (route == 3 and scope < 0 and not path):
            return []
        return [(2, int.from_bytes(bytes.fromhex(senders[hash_]), "big", signed=True))]
    for hash_, (ms, kind, route, scope, path) in packets.items():
        for kind, key in [(0, 0), (3, kind), *node(hash_, route, scope, path)]:
            sums[kind, key, ms // HOUR_MS, 1] += 1
    for kind, size, ms in rows_of(servers, database, "SELECT any(type), argMax(length(raw), ver), min(first_ms) FROM DB.tx GROUP BY hash"):
        sums[9, int(kind) * 64 + int(size) // 4, int(ms) // HOUR_MS, 1] += 1
    for (hash_, observer, direction, size, path), (ms, kind, route, scope, snr, rssi, region) in receptions.items():
        if direction != "0":
            continue
        beside = lambda bits, what: (observer & -(1 << bits)) | what  # an observer's key and what stands in its lowest bits
        keys = [(0, 0), (1, observer), (3, kind), (10, beside(4, kind)), *node(hash_, route, scope, path)]
        keys.append((8, 1002 if route not in (0, 3) else 1001 if scope <= 0 else 1000 if not region else
                     int.from_bytes(hashlib.sha256(region.encode()).digest()[:8], "big", signed=True)))
        if (snr, rssi) == (12.5, -65):
            keys.append((7, observer))
        else:
            if snr is not None:
                step = min(max(math.floor(snr), -64), 63)
                keys += [(4, step), (11, beside(7, step + 64)), (14, kind * 128 + step + 64)]
            if rssi is not None:
                step = min(max(math.floor(rssi / 5), -40), 0)
                keys += [(5, step * 5), (12, beside(6, step + 40))]
        hops = [path[at:at + 2 * size] for at in range(0, len(path), 2 * size)] if size else []
        if route <= 1 and kind != 9:
            keys.append((6, len(hops)))
            if hops and size <= 3 and len(hops[-1]) == 2 * size:
                keys += [(16, int(hop, 16) + (size << 24)) for hop in set(hops)]
        for kind, key in keys:
            sums[kind, key, ms // HOUR_MS, 0] += 1
    return dict(sums)


def wait_sums(world, servers, database):
    def are_right():
        there, counted = sums_there(servers, database), sums_recounted(servers, database)
        return there == counted and counted
    return world.wait("sums that are those of the rows", are_right, 40)


def wait_look(world):
    """The first one finds nothing; what comes then is not the half of a day that has its sums."""
    world.wait_stats("a look at the sums", lambda s: all(shard.get("sumsUnix") for shard in s["outbox"]))  # the second after 10 s


def look_again(*worlds):
    """A sender looks for days that are behind as soon as it begins. One that was ended a moment ago
    may still stand in the statistics, or wait for its turn."""
    for shard in (0, 1):
        for world in worlds:
            world.wait(f"sender {shard}", lambda world=world, shard=shard: kill_sender(world, shard))


def test_hourly_sums_are_those_of_the_rows(world, broker, servers, database):
    other = World("sums")
    try:
        for one in (world, other):
            one.add_source(broker, clientId=one.dir.name)
            one.write_config(**keys([server.url for server in servers], database))
        run_ok(world, "--store-init")
        for one in (world, other):
            one.start(server=one is world, newObserversPerMinute=0, hashRegions=["#muc", "#bavaria"])
            wait_look(one)
        sent = [message for name in ("packets", "multi_observer") for message in recorded(name)]
        sent += [packet(n, path=bytes([1, 2, 3, n % 5, 2, 3])) for n in range(40)]
        sent += scoped(40, ["#muc", "#bavaria"])
        with Client(broker.port) as client:
            client.publish_all(sent)
        for one in (world, other):
            wait_acknowledged(one, len(sent))
        look_again(world, other)
        sums = wait_sums(world, servers, database)
        assert sum(n for (kind, *_, what), n in sums.items() if (kind, what) == (0, 0)) > 1500
        assert {kind for kind, *_ in sums} >= {0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 14, 16}
        assert len({key for (kind, key, *_) in sums if kind == 8}) > 3
        world.wait_stats("what is said of them",
                         lambda s: all(shard["sumsBehindDays"] == 0 and not shard["sumsError"] for shard in s["outbox"]))
        world.wait("the same of the server", lambda: 'weir_sums_behind_days{shard="1"} 0' in world.get_health("/metrics").body.decode())

        # A copy that was received earlier comes later: the reception moves, and leaves nothing.
        day = min(ms for _, ms in first_of(servers, database)) // HOUR_MS // 24 - 3
        insert = (f"INSERT INTO {database}.obs (day, hour, receipt_ms, hash, observer, direction, path_size, path, has, source,"
                  " type, route, scope_code, ver) VALUES ({}, {}, {}, {}, 77, 0, 1, 'ab', 0, 'x', 5, 1, -1, {})")
        for hour, ver in ((day * 24 + 23, 1), (day * 24 + 5, 2), (day * 24 - 1, 3)):
            for shard, server in enumerate(servers):
                server.ask(insert.format(hour // 24, hour, hour * HOUR_MS + 1, 2000 + shard, ver))
            look_again(world, other)
            sums = wait_sums(world, servers, database)
            assert {key[2] for key in sums if key[:2] == (1, 77)} == {hour}
        world.wait("no word of sums", lambda: not [name for name in world.get("/api/healthz").json["checks"] if name.startswith("sums:")])
        for one in (world, other):
            assert one.ingestor.stop() == 0

        # A reader takes the sums of settled hours, also where retention took their rows, and
        # counts the others.
        for server in servers:
            server.ask(f"ALTER TABLE {database}.obs DROP PARTITION {day - 1}")
        there = sums_there(servers, database)
        total = sum(n for (kind, *_, what), n in there.items() if (kind, what) == (0, 0))
        reading = reader(servers, database)
        try:
            answer = reading.get_whole("/api/analytics/rf?window=7d")
            assert answer["totalAllPackets"] == total
            assert sum(hour["count"] for hour in answer["packetsPerHour"]) == total
            assert any(hour["hour"] < f"{datetime.now(timezone.utc) - timedelta(days=2):%Y-%m-%d}" for hour in answer["packetsPerHour"])
        finally:
            reading.close()
    finally:
        other.close()


def first_of(servers, database):
    return [(row[0], int(row[1])) for row in rows_of(servers, database, "SELECT 1, min(receipt_ms) FROM DB.obs")]


def test_sums_that_can_not_be_made_are_said(world, broker, servers, database):
    world.add_source(broker)
    world.write_config(**keys([server.url for server in servers], database))
    run_ok(world, "--store-init")
    world.start(server=True)
    wait_look(world)
    with Client(broker.port) as client:
        client.publish_all([packet(n) for n in range(20)])
        wait_acknowledged(world, 20)
        # It is read, and takes nothing.
        servers[1].ask(f"RENAME TABLE {database}.rollups TO {database}.rollups_away")
        servers[1].ask(f"CREATE VIEW {database}.rollups AS SELECT * FROM {database}.rollups_away")
        look_again(world)
        world.wait("its words", lambda: "View" in world.get("/api/healthz").json["checks"]["sums:1"]["output"])
        assert "sums:0" not in world.get("/api/healthz").json["checks"]
        client.publish_all([packet(n) for n in range(20, 40)])  # rows go on
        servers[1].ask(f"DROP TABLE {database}.rollups")
        servers[1].ask(f"RENAME TABLE {database}.rollups_away TO {database}.rollups")
        look_again(world)
        wait_acknowledged(world, 40)
        world.wait("the end of the words", lambda: "sums:1" not in world.get("/api/healthz").json["checks"])


def test_a_shard_that_stops_while_it_sums_is_named(world, broker, servers, database):
    """Within five seconds, though the statement may take half a minute."""
    if servers[0].process is None or LIBRARY:
        pytest.skip("not ours to stop, or one that does one thing at a time")
    world.add_source(broker)
    world.write_config(**keys([server.url for server in servers], database))
    run_ok(world, "--store-init")
    world.start(server=True)
    wait_look(world)
    day = int(time.time()) // 86400 - 1
    servers[1].ask(f"INSERT INTO {database}.obs (day, hour, receipt_ms, hash, observer, direction, path_size, path, has, source, type, route,"
                   f" scope_code, ver) SELECT toUInt16({day}), toUInt32({day * 24} + number % 24), toInt64({day * 24} + number % 24) * {HOUR_MS}"
                   " + number, number, number % 50, 0, 1, 'abcd', 0, 'x', 5, 1, -1, 1 FROM (SELECT number FROM system.numbers LIMIT 300000)")
    look_again(world)
    busy = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO%rollups%arrayJoin%'"
    world.wait("the sums to be made", lambda: servers[1].ask(busy) == [("1",)])
    with stopped(servers[1].process.pid):
        world.wait("its name", lambda: "has not answered" in shard_check(world, 1), 5)
        assert shard_check(world, 0).endswith("rows wait for it")
    world.wait("its answer", lambda: "has not answered" not in shard_check(world, 1))
    assert "sums:1" not in world.get("/api/healthz").json["checks"]


@pytest.mark.crash
def test_kills_and_a_bad_network(broker, servers, database):
    with ClusterSiege(broker, servers, make_random("test_cluster"), faults=0.3) as siege:
        siege.begin(database)
        siege.rounds(ROUNDS)
        wrong = siege.judge()
        print(f"published {siege.published}, {siege.figures()}")
        assert wrong == []
