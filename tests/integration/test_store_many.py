# SPDX-License-Identifier: MIT
"""Many messages, made out of the recorded ones: in their order into a SQLite file; and by two
ingestors into two shards of ClickHouse in any order, a part of them twice, some before and some
behind a merge. The same answers, ids apart.

$WEIR_STORE_MESSAGES says how many (20,000 is what was asked for); $WEIR_LIBCHDB takes a modern
engine (tests/support/clickhouse.py)."""

import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from clickhouse import ClickHouse
from harness import World, make_random, run_ok
from made_messages import COPY_LATE_MS, EACH_MS, line, made, scoped
from test_store_reading import KEEP_ALL, by_receipt, counted, differences, get_whole, observers_counted, plain, told_of

MANY = int(os.environ.get("WEIR_STORE_MESSAGES", "2000"))
DATABASE = "weir_many"
HOUR_MS = 3600000
LATELY = 100  # messages of the last hour, far from where it ends
# Nodes and observers are heard by whoever was last.
ROUND = re.compile(rb"(\.\d)0%dZ" % COPY_LATE_MS)
TIMEOUT = 60 + MANY / 100


@pytest.fixture(scope="module")
def servers():
    both = [ClickHouse(), ClickHouse()]
    yield both
    for server in both:
        server.close()


@pytest.fixture(scope="module")
def lines():
    """Each with a receipt that no other has: what is the earliest is no matter of ids."""
    now = time.time_ns() // 1000000000 * 1000 + 100
    assert MANY * EACH_MS < 21 * HOUR_MS  # in the day before, and but some not in its last hour
    messages = made(MANY - LATELY, make_random("test_store_many")) + scoped(LATELY, KEEP_ALL["hashRegions"])
    receipts = [now - 2 * HOUR_MS + (number - MANY) * EACH_MS for number in range(MANY)]
    receipts[-LATELY:] = [now - HOUR_MS // 3 + number * EACH_MS for number in range(-LATELY, 0)]
    return [line(message, receipt) for message, receipt in zip(messages, receipts)], [
        line(message, receipt + COPY_LATE_MS) for message, receipt in zip(messages, receipts)]


def replay(world, lines):
    path = world.dir / "lines.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    run_ok(world, "--replay", path, timeout=TIMEOUT)


@pytest.fixture(scope="module")
def file(lines):
    world = World("manyfile")
    world.write_config(**KEEP_ALL)
    replay(world, lines[0])
    world.start_server()
    yield world
    world.close()


def merge(server):
    for (table,) in server.ask(f"SELECT name FROM system.tables WHERE database = '{DATABASE}' AND engine LIKE '%Replacing%'"):
        server.ask(f"OPTIMIZE TABLE {DATABASE}.{table} FINAL")


def skews(*ingestors):
    """{observer: messages whose clock was off}: of an hour the greatest of their counts."""
    hours = {}
    for world in ingestors:
        for identity, hour, n in world.query("SELECT o.identity, k.hour, k.n FROM observer_skew k JOIN observers o ON o.id = k.observer_id"):
            hours[identity, hour] = max(n, hours.get((identity, hour), 0))
    return {observer: sum(n for (identity, _), n in hours.items() if identity == observer) for observer, _ in hours}


@pytest.fixture(scope="module")
def store(servers, lines):
    """The reader. A part of what the one ingestor sent the other sends, too, as it heard it a
    moment later, and the first again without its memory of what it sent."""
    in_time, late = lines
    random = make_random("test_store_many")
    keys = {**KEEP_ALL, "storeUrl": [server.url for server in servers], "storeDatabase": DATABASE,
            "storeUser": "default", "storeBatchMs": 500}
    one, other, again, world = (World(name) for name in ("many1", "many2", "many3", "manyread"))
    try:
        for ingestor, name in ((one, "one"), (other, "other"), (again, "one")):
            ingestor.write_config(ingestorName=name, **keys)
        run_ok(one, "--store-init")
        order = random.sample(range(MANY), MANY)
        cut = MANY // 2
        # What the other alone hears it hears in time.
        of_one = [in_time[n] for n in order[:cut + cut // 2]]
        of_other = [late[n] for n in order[cut:cut + cut // 2]] + [in_time[n] for n in order[cut + cut // 2:]]
        with ThreadPoolExecutor() as pool:
            list(pool.map(replay, (one, other), (of_one, random.sample(of_other, len(of_other)))))
        merge(servers[0])
        replay(again, [in_time[n] for n in random.sample(order, MANY // 5)])
        merge(servers[1])
        world.skews = skews(one, other, again)
        world.write_config(**{**keys, "storeReaderUser": "reader" if servers[0].has_users else "default"})
        world.start_server()
        world.wait("the store is read", lambda: world.get("/api/readyz").status == 200)
        world.wait("the counts are there", lambda: "advert_count" in world.get("/api/nodes").json["nodes"][0], timeout=TIMEOUT)
        yield world
    finally:
        for ingestor in (one, other, again, world):
            ingestor.close()


def differing(path, file, store, order=lambda answer: answer):
    ours, theirs = (get_whole(world, path) for world in (file, store))
    if theirs.status != ours.status:
        return [(path, ours.status, theirs.status, theirs.body[:200])]
    return differences(path, *(order(plain(json.loads(ROUND.sub(rb"\g<1>00Z", answer.body)))) for answer in (ours, theirs)))


def hold(wrong):
    assert wrong == [], f"{len(wrong)} differences\n" + "\n".join(str(one)[:12000] for one in wrong[:20])


def walk(world, query=""):
    """All packets, page by page."""
    found, cursor = [], ""
    while cursor is not None:
        answer = world.get(f"/api/packets?limit=500&{query}&cursor={cursor}").json
        found += answer["packets"]
        cursor = answer.get("nextCursor")
    return found


@pytest.mark.parametrize("query", ["", "order=asc", "groupByHash=true", "groupByHash=true&expand=observations",
                                   "type=4", "type=5&route=1"])
def test_every_packet(file, store, query):
    ours, theirs = (by_receipt({"packets": plain(walk(world, query))})["packets"] for world in (file, store))
    key = "latest" if "group" in query else "first_seen"
    assert [packet["hash"] for packet in theirs] == [packet["hash"] for packet in ours]
    assert [packet[key] for packet in theirs] == [packet[key] for packet in ours]
    hold([found for a, b in zip(ours, theirs) for found in differences(a["hash"], a, b)])
    assert len(ours) > (MANY / 250 if "type" in query else MANY / 10)


def test_some_packets(file, store):
    packets = walk(file)
    wrong = []
    for packet in packets[::len(packets) // 25]:
        for path in (f"/api/packets/{packet['hash']}", f"/api/packets/{packet['hash']}/path", f"/api/traces/{packet['hash']}"):
            wrong += differing(path, file, store, by_receipt)
    nodes = file.get("/api/nodes?limit=2000").json["nodes"]
    nodes.sort(key=lambda node: -node.get("relay_count_24h", 0))
    for node in nodes[:3] + nodes[-2:]:
        ours, theirs = ({packet["hash"]: packet for packet in plain(walk(world, f"node={node['public_key']}"))} for world in (file, store))
        wrong += differences(f"node={node['public_key']}", ours, theirs)
    hold(wrong)


def test_nodes(file, store):
    counted(store)

    def known(answer):
        answer.pop("window", None)
        for node in answer.get("nodes", [answer.get("node")]):
            node.pop("flood_advert_count_7d", None)
            node.pop("last_relayed", None)  # no ingestor follows it there
        if "nodes" in answer:
            answer["nodes"].sort(key=lambda node: node["public_key"])
        return answer
    wrong = differing("/api/nodes?limit=2000", file, store, known)
    nodes = file.get("/api/nodes?limit=2000").json["nodes"]
    assert len(nodes) > 50
    for node in nodes[::len(nodes) // 20]:
        wrong += differing(f"/api/nodes/{node['public_key']}", file, store, known)
    hold(wrong)


def test_observers(file, store):
    observers_counted(file, store)
    told = {observer["id"]: observer["clock_skew_count_24h"] for observer in store.get("/api/observers").json["observers"] if observer["clock_naive"]}
    assert told and told == {observer: store.skews[observer] for observer in told}

    def known(answer):
        for observer in answer["observers"]:
            observer.pop("clock_skew_count_24h")  # each of the ingestors heard a part
        answer["observers"].sort(key=lambda observer: observer["id"])
        return answer
    wrong = differing("/api/observers", file, store, known)
    for observer in file.get("/api/observers").json["observers"]:
        wrong += differing(f"/api/observers/{quote(observer['id'])}/metrics?since=2000-01-01T00:00:00Z&resolution=5m",
                           file, store, lambda answer: answer.get("metrics"))
    hold(wrong)


def test_channels(file, store):
    def by_name(answer):
        for channel in answer["channels"]:
            channel.pop("lastActivity")  # SQLite's is of all messages, the store's of the newest one
        return sorted(answer["channels"], key=lambda channel: channel["hash"])
    wrong = differing("/api/channels?includeEncrypted=true", file, store, by_name)
    channels = file.get("/api/channels?includeEncrypted=true").json["channels"]
    assert len(channels) > 1
    for channel in channels:
        wrong += differing(f"/api/channels/{quote(channel['hash'], safe='')}/messages?limit=500", file, store,
                           lambda answer: (answer["total"], sorted(answer["messages"], key=repr)))
    for region in ("OAK", "SJC,MRY"):
        wrong += differing(f"/api/channels?includeEncrypted=true&region={region}", file, store,
                           lambda answer: sorted(answer["channels"], key=lambda channel: channel["hash"]))
        for channel in channels[:8]:
            wrong += differing(f"/api/channels/{quote(channel['hash'], safe='')}/messages?limit=500&region={region}", file, store,
                               lambda answer: (answer["total"], answer["complete"], sorted(answer["messages"], key=repr)))
    hold(wrong)


def test_scopes(file, store):
    wrong = []
    for window in ("1h", "24h", "7d"):
        path = f"/api/scope-stats?window={window}"
        file.wait("the sums", lambda path=path: file.get(path).json["summary"]["transportTotal"])
        wrong += differing(path, file, store, told_of)
    hold(wrong)
    assert file.get("/api/scope-stats?window=1h").json["summary"]["scoped"] == 3 * LATELY / 4


def test_totals(file, store):
    keys = "totalPackets totalTransmissions totalObservations totalNodes totalNodesAllTime totalObservers packetsLast24h counts".split()

    def figures(world):
        return {key: world.get("/api/stats").json.get(key) for key in keys}
    file.wait("its figures", lambda: figures(file)["packetsLast24h"])
    store.wait("the same figures", lambda: figures(store) == figures(file))


def without_ties(answer):
    """Of equals a list's end shows any."""
    if isinstance(answer, dict):
        answer.pop("multiObsNodes", None)
    return answer


def test_what_is_counted_in_the_background(file, store):
    for world in (file, store):
        counted(world)
    paths = ["/api/analytics/topology", "/api/analytics/subpaths", "/api/analytics/hash-sizes", "/api/analytics/hash-collisions",
             "/api/analytics/neighbor-graph", "/api/analytics/roles", "/api/analytics/channels", "/api/analytics/channels?region=OAK"]
    nodes = sorted(file.get("/api/nodes?limit=2000").json["nodes"], key=lambda node: -node.get("relay_count_24h", 0))
    paths += [f"/api/nodes/{node['public_key']}/{what}" for node in nodes[:2] for what in ("neighbors", "paths", "reach")]
    wrong = []
    for path in paths:
        wrong += differing(path, file, store, lambda answer: told_of(without_ties(answer)))
    hold(wrong)
