# SPDX-License-Identifier: MIT
"""The routes about paths: recorded messages through the real programs, each figure recounted."""

import math
import statistics
from collections import Counter, defaultdict
from datetime import datetime, timezone

import harness
import pytest
from browser import Browser
from messages import recorded
from mqtt_lite import Client

KEY = "a-key-that-nobody-knows-4711"
DAY_MS = 86_400_000
TAIL = {"computedAt", "from", "to", "windowHours", "complete"}
INVENTED = (12.5, -65)
ROLES = {0: "none", 1: "companion", 2: "repeater", 3: "room", 4: "sensor"}
TYPES = {0: "REQ", 1: "RESPONSE", 2: "TXT_MSG", 3: "ACK", 4: "ADVERT", 5: "GRP_TXT", 6: "GRP_DATA", 7: "ANON_REQ",
         8: "PATH", 9: "TRACE", 10: "MULTIPART", 11: "CONTROL", 15: "RAW_CUSTOM"}


def ms_of(text):
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def km(a, b):
    """Great circle on a sphere of 6371 km."""
    lat1, lon1, lat2, lon2 = map(math.radians, (*a, *b))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6371 * math.asin(math.sqrt(h))


def mean(values):
    """What an answer rounds to hundredths; null where nothing was measured."""
    return pytest.approx(statistics.mean(values), abs=0.01) if values else None


class Reception:
    """A flood that was heard."""

    def __init__(self, row, observers, senders):
        self.transmission, path, size, self.receipt, observer, snr, rssi, sender, self.type, frame = row
        self.hops = [path[i:i + size].hex() for i in range(0, len(path), size)]
        self.observer = observers[observer]
        self.sender = senders.get(sender)
        self.snr, self.rssi = (None, None) if (snr, rssi) == INVENTED else (snr, rssi)
        self.frame_bytes = len(frame)


class Mesh:
    """A server over what an ingestor made of messages, and the same rows read here."""

    def __init__(self, world):
        self.world = world
        world.start_server()
        world.wait("the first run", lambda: "window" in world.get("/api/nodes").json)
        self.nodes, ids = {}, {}
        for row in world.query("SELECT id, public_key, name, role, first_ms, last_ms, lat, lon FROM nodes"):
            key = row[1].hex()
            ids[row[0]] = key
            self.nodes[key] = {"name": row[2] or None, "role": ROLES.get(row[3]), "first": row[4], "advert": row[5],
                               "at": None if row[6] is None else (row[6], row[7])}
        self.observers = {row[1]: {"name": row[2] or None, "iata": row[3]}
                          for row in world.query("SELECT id, identity, name, iata FROM observers")}
        observers = dict(world.query("SELECT id, identity FROM observers"))
        self.receptions = [Reception(row, observers, ids) for row in world.query(
            "SELECT o.transmission_id, o.path, o.path_size, o.receipt_ms, o.observer_id, o.snr, o.rssi, t.sender, t.type,"
            " t.raw FROM observations o JOIN transmissions t ON t.id = o.transmission_id WHERE o.direction = 0"
            " AND coalesce(o.route, t.route) IN (0, 1) AND t.type <> 9")]
        self.at_ms = None

    def get(self, path, status=200, **keys):
        answer = self.world.get(path, **keys)
        assert answer.status == status, (path, answer)
        return answer.json

    def ask(self, path):
        """An analysis: complete, of a day, and of now."""
        answer = self.world.get_whole(path)
        assert TAIL <= set(answer) and answer["windowHours"] == 24
        self.at_ms = ms_of(answer["to"])
        assert ms_of(answer["from"]) == self.at_ms - DAY_MS
        return answer

    def means(self, hop):
        """The key that a hop means, by the words of the contract, else the hop."""
        found = [key for key, node in self.nodes.items() if key.startswith(hop) and
                 (len(hop) > 2 or (node["first"] <= self.at_ms and node["advert"] is not None and
                                   node["advert"] >= self.at_ms - 7 * DAY_MS))]
        return found[0] if len(found) == 1 else hop

    def stops(self, reception):
        return [self.means(hop) for hop in reception.hops]

    def node_of(self, observer):
        return observer.lower() if observer.lower() in self.nodes else None

    def steps(self, reception):
        """[(from, to, are both hops, is it to the observer)], each once."""
        ends = [(reception.sender, False)] if reception.sender else []
        ends += [(stop, True) for stop in self.stops(reception)]
        observer = self.node_of(reception.observer)
        ends += [(observer, False)] if observer else []
        found = {}
        for i, ((a, is_a), (b, is_b)) in enumerate(zip(ends, ends[1:])):
            if a != b and (a, b) not in found:
                found[a, b] = (a, b, is_a and is_b, observer is not None and i == len(ends) - 2)
        return list(found.values())

    def links(self, receptions=None):
        """{(smaller end, other): {...}}"""
        found = defaultdict(lambda: {"there": 0, "back": 0, "relayed": 0, "snr": [], "hours": set(), "samples": set()})
        for r in receptions if receptions is not None else self.receptions:
            for a, b, is_relayed, is_received in self.steps(r):
                link = found[min(a, b), max(a, b)]
                link["there" if a < b else "back"] += 1
                link["relayed"] += is_relayed
                link["hours"].add(r.receipt // 3_600_000)
                link["samples"].add(r.transmission)
                if is_received and r.snr is not None:
                    link["snr"].append(r.snr)
        return found


def is_node(end):
    return len(end) == 64


def told_stop(entry, suffix=""):
    """The end that an entry names; its name must be the node's."""
    return entry[f"pubkey{suffix}"] or entry[f"hop{suffix}"].lower()


@pytest.fixture(scope="module", name="mesh")
def _mesh():
    world = harness.World("paths")
    try:
        broker = world.start_broker()
        world.add_source(broker)
        world.start(apiKey=KEY, areas={"world": {"label": "W", "latMin": -90, "latMax": 90, "lonMin": -180, "lonMax": 180}})
        messages = [(topic, text) for name in ("packets", "multi_observer", "mesh_messages", "status")
                    for topic, text, _ in recorded(name) if topic.startswith("meshcore/")]
        with Client(broker.port) as client:
            world.wait_drained(client.publish_all(messages))
        yield Mesh(world)
    finally:
        world.close()


# --- topology -------------------------------------------------------------------------------------

def test_hops_are_a_recount(mesh):
    told = mesh.ask("/api/analytics/topology")
    hops = [len(r.hops) for r in mesh.receptions if r.hops]
    assert len(hops) > 1000
    assert {e["hops"]: e["count"] for e in told["hopDistribution"]} == Counter(hops)
    assert told["avgHops"] == pytest.approx(statistics.mean(hops), abs=0.006)
    assert told["medianHops"] == statistics.median(hops) and told["maxHops"] == max(hops)
    snr = defaultdict(list)
    for r in mesh.receptions:
        if r.hops and r.snr is not None:
            snr[len(r.hops)].append(r.snr)
    assert {e["hops"]: e["count"] for e in told["hopsVsSnr"]} == {n: len(v) for n, v in snr.items()}
    for entry in told["hopsVsSnr"]:
        assert entry["avgSnr"] == pytest.approx(statistics.mean(snr[entry["hops"]]), abs=0.01)


def test_repeaters_and_pairs_are_a_recount(mesh):
    told = mesh.ask("/api/analytics/topology")
    counts = Counter(stop for r in mesh.receptions for stop in set(mesh.stops(r)))
    assert told["uniqueNodes"] == sum(map(is_node, counts))
    top = told["topRepeaters"]
    assert len(top) == min(100, len(counts))
    assert [e["count"] for e in top] == sorted(counts.values(), reverse=True)[:100]
    for entry in top:
        stop = told_stop(entry)
        assert entry["count"] == counts[stop] and stop.startswith(entry["hop"].lower())
        assert entry["name"] == (mesh.nodes[stop]["name"] if is_node(stop) else None)
    pairs = {pair: link["relayed"] for pair, link in mesh.links().items() if link["relayed"]}
    assert [e["count"] for e in told["topPairs"]] == sorted(pairs.values(), reverse=True)[:100]
    for entry in told["topPairs"]:
        assert entry["count"] == pairs[tuple(sorted((told_stop(entry, "A"), told_stop(entry, "B"))))]


def test_rings_are_a_recount(mesh):
    told = mesh.ask("/api/analytics/topology")
    rings = defaultdict(lambda: {"count": 0, "dist": set()})
    for r in mesh.receptions:
        stops = mesh.stops(r)
        for i, stop in enumerate(stops):
            rings[r.observer, stop]["dist"].add(len(stops) - i)
        for stop in set(stops):
            rings[r.observer, stop]["count"] += 1
    sizes = Counter(observer for observer, _ in rings)
    assert {o["id"] for o in told["observers"]} == set(told["perObserverReach"]) <= set(sizes)
    assert [sizes[o["id"]] for o in told["observers"]] == sorted(sizes.values(), reverse=True)[:48]
    for observer, reach in told["perObserverReach"].items():
        assert reach["observer_name"] == mesh.observers[observer]["name"]
        for ring in reach["rings"]:
            expected = {stop: e for (o, stop), e in rings.items() if o == observer and min(e["dist"]) == ring["hops"]}
            assert ring["total"] == len(expected) and len(ring["nodes"]) == min(20, len(expected))
            for node in ring["nodes"]:
                e = expected[told_stop(node)]
                assert node["count"] == e["count"]
                assert node.get("distRange") == (f"{min(e['dist'])}-{max(e['dist'])}" if len(e["dist"]) > 1 else None)
    several = Counter(stop for _, stop in rings)
    assert [e["observerCount"] for e in told["multiObsNodes"]] == sorted((n for n in several.values() if n > 1), reverse=True)[:50]
    for entry in told["multiObsNodes"]:
        stop = told_stop(entry)
        assert entry["observerCount"] == several[stop] and len(entry["observers"]) == min(10, several[stop])
        for o in entry["observers"]:
            assert (o["minDist"], o["count"]) == (min(rings[o["observer_id"], stop]["dist"]), rings[o["observer_id"], stop]["count"])
    nearest = {stop: min(min(e["dist"]) for (_, s), e in rings.items() if s == stop) for stop in several}
    assert [e["minDist"] for e in told["bestPathList"]] == sorted(nearest.values())[:50]
    assert all(e["minDist"] == nearest[told_stop(e)] for e in told["bestPathList"])


# --- the graph ------------------------------------------------------------------------------------

def check_graph(mesh, told, links):
    known = {pair: link for pair, link in links.items() if is_node(pair[0]) and is_node(pair[1])}
    assert told["stats"]["total_edges"] == len(known) == len(told["edges"])
    assert told["stats"]["ambiguous_edges"] == len(links) - len(known)
    assert [e["weight"] for e in told["edges"]] == sorted((e["weight"] for e in told["edges"]), reverse=True)
    for edge in told["edges"]:
        link = known[tuple(sorted((edge["source"], edge["target"])))]
        assert edge["weight"] == link["there"] + link["back"] and edge["ambiguous"] is False
        assert edge["score"] == pytest.approx(min(1, edge["weight"] / 100))
        assert edge["bidirectional"] == (link["there"] > 0 and link["back"] > 0)
        assert edge["avg_snr"] == mean(link["snr"])
    degrees = Counter(end for pair in known for end in pair)
    assert {n["pubkey"]: n["neighbor_count"] for n in told["nodes"]} == degrees
    assert told["stats"]["total_nodes"] == len(degrees)
    for node in told["nodes"]:
        assert (node["name"], node["role"]) == (mesh.nodes[node["pubkey"]]["name"], mesh.nodes[node["pubkey"]]["role"])
    groups = []
    for pair in known:
        joined = [g for g in groups if g & set(pair)]
        groups = [g for g in groups if not g & set(pair)] + [set(pair).union(*joined)]
    assert told["stats"]["avg_cluster_size"] == pytest.approx(len(degrees) / max(1, len(groups)), abs=0.01)


def test_the_graph_is_a_recount(mesh):
    told = mesh.ask("/api/analytics/neighbor-graph")
    links = mesh.links()
    assert len(told["edges"]) > 50
    check_graph(mesh, told, links)
    check_graph(mesh, mesh.ask("/api/analytics/neighbor-graph?min_count=5"),
                {p: link for p, link in links.items() if link["there"] + link["back"] >= 5})
    check_graph(mesh, mesh.ask("/api/analytics/neighbor-graph?min_score=0.1"),
                {p: link for p, link in links.items() if link["there"] + link["back"] >= 10})


def affinity(mesh, query=""):
    answer = mesh.world.get_whole(f"/api/debug/affinity{query}", headers={"X-API-Key": KEY})
    mesh.at_ms = ms_of(answer["to"])
    assert answer["complete"] is True and answer["stats"]["lastRebuild"] == answer["to"] and answer["resolutions"] == []
    return answer


def test_affinity_is_a_recount(mesh):
    answer = affinity(mesh)
    links = {ends: link for ends, link in mesh.links().items() if any(map(is_node, ends))}
    witnesses = defaultdict(set)
    for reception in mesh.receptions:
        for a, b, _, _ in mesh.steps(reception):
            witnesses[min(a, b), max(a, b)].add(reception.observer)
    told = {}
    for edge in answer["edges"]:
        other = edge["nodeB"] or edge["prefix"].lower()
        ends = min(edge["nodeA"], other), max(edge["nodeA"], other)
        told[ends] = edge
        assert edge["weight"] == edge["observationCount"] == links[ends]["there"] + links[ends]["back"], edge
        assert edge["resolved"] == is_node(other) and edge["ambiguous"] == (not is_node(other))
        assert edge["unresolved"] == (not any(key.startswith(other) for key in mesh.nodes)), edge
        assert set(edge["observers"]) <= witnesses[ends] and len(edge["observers"]) == min(4, len(witnesses[ends]))
        assert edge.get("avgSnr") == mean(links[ends]["snr"])
        assert edge["nodeAName"] == mesh.nodes[edge["nodeA"]]["name"]
    assert set(told) == set(links) and len(links) == len(answer["edges"]) > 50
    stats = answer["stats"]
    assert stats["totalEdges"] == len(links) == stats["resolvedCount"] + stats["ambiguousCount"] + stats["unresolvedCount"]
    assert stats["resolvedCount"] == sum(edge["resolved"] for edge in told.values()) > 10
    assert stats["unresolvedCount"] == sum(edge["unresolved"] for edge in told.values())
    assert stats["totalNodes"] == len({end for ends in links if all(map(is_node, ends)) for end in ends})
    assert stats["avgConfidence"] == pytest.approx(
        statistics.mean(min(1, e["weight"] / 100) for e in told.values() if e["resolved"]), abs=0.001)
    assert stats["coldStartCoverage"] == pytest.approx(100 * sum(e["weight"] >= 3 for e in told.values()) / len(told), abs=0.1)


def test_affinity_of_one_node_or_prefix(mesh):
    whole = affinity(mesh)["edges"]
    key = Counter(key for edge in whole for key in (edge["nodeA"], edge["nodeB"]) if key).most_common(1)[0][0]
    own = affinity(mesh, f"?node={key}")["edges"]
    assert {edge["nodeA"] for edge in own} == {key}
    assert len(own) == sum(key in (edge["nodeA"], edge["nodeB"]) for edge in whole) > 1
    prefix = next(edge["prefix"] for edge in own if not edge["resolved"])[:2].lower()
    some = affinity(mesh, f"?node={key}&prefix={prefix}")["edges"]
    assert some == [edge for edge in own if edge["prefix"].lower().startswith(prefix)]
    assert affinity(mesh, "?node=" + "0" * 64)["edges"] == []
    assert mesh.world.get("/api/debug/affinity").status == 401


def test_a_region_counts_what_its_observers_received(mesh):
    by_region = Counter(mesh.observers[r.observer]["iata"] for r in mesh.receptions)
    region = by_region.most_common()[-1][0]
    own = [r for r in mesh.receptions if mesh.observers[r.observer]["iata"] == region]
    check_graph(mesh, mesh.ask(f"/api/analytics/neighbor-graph?region={region.lower()}"), mesh.links(own))
    told = mesh.ask(f"/api/analytics/topology?region={region}")
    assert {e["hops"]: e["count"] for e in told["hopDistribution"]} == Counter(len(r.hops) for r in own if r.hops)


def test_an_area_counts_what_observers_in_it_received(mesh):
    own = [r for r in mesh.receptions if (key := mesh.node_of(r.observer)) and mesh.nodes[key]["at"]]
    assert own
    told = mesh.ask("/api/analytics/topology?area=world")
    assert {e["hops"]: e["count"] for e in told["hopDistribution"]} == Counter(len(r.hops) for r in own if r.hops)


# --- distance -------------------------------------------------------------------------------------

def distances(mesh, links):
    found = {}
    for (a, b), link in links.items():
        if is_node(a) and is_node(b) and mesh.nodes[a]["at"] and mesh.nodes[b]["at"]:
            found[a, b] = (km(mesh.nodes[a]["at"], mesh.nodes[b]["at"]), link)
    return found


def kind_of(mesh, pair):
    relays = sum(mesh.nodes[key]["role"] in ("repeater", "room") for key in pair)
    return {2: "R↔R", 1: "C↔R", 0: "C↔C"}[relays]


def test_distances_are_a_recount(mesh):
    told = mesh.ask("/api/analytics/distance")
    every = distances(mesh, mesh.links())
    near = {pair: e for pair, e in every.items() if e[0] <= 300}
    values = [e[0] for e in near.values()]
    assert len(values) > 20
    s = told["summary"]
    assert (s["totalHops"], s["tooFar"], s["tooFarKm"]) == (len(near), len(every) - len(near), 300)
    assert s["avgDist"] == pytest.approx(statistics.mean(values), abs=0.01) and s["maxDist"] == pytest.approx(max(values), abs=0.01)
    kinds = defaultdict(list)
    for pair, e in near.items():
        kinds[kind_of(mesh, pair)].append(e[0])
    assert {name: stats["count"] for name, stats in told["catStats"].items()} == {name: len(of) for name, of in kinds.items()}
    for name, of in kinds.items():
        assert [told["catStats"][name][k] for k in ("avg", "median", "min", "max")] == pytest.approx(
            [statistics.mean(of), statistics.median(of), min(of), max(of)], abs=0.01)
    assert [h["dist"] for h in told["topHops"]] == pytest.approx(sorted(values, reverse=True)[:50], abs=0.01)
    for hop in told["topHops"]:
        pair = tuple(sorted((hop["fromPk"], hop["toPk"])))
        link = near[pair][1]
        assert hop["obsCount"] == link["there"] + link["back"] and hop["type"] == kind_of(mesh, pair)
        assert hop["bestSnr"] == (max(link["snr"]) if link["snr"] else None)
        assert hop["medianSnr"] == (pytest.approx(statistics.median(link["snr"]), abs=0.5) if link["snr"] else None)
        sample = mesh.world.scalar("SELECT id FROM transmissions WHERE hash = ?", bytes.fromhex(hop["hash"]))
        assert sample in link["samples"]
    bins = told["distHistogram"]["bins"]
    assert len(bins) == 25 and sum(b["count"] for b in bins) == len(near)
    for b in bins[1:-1]:
        assert abs(b["count"] - sum(b["x"] <= v < b["x"] + b["w"] for v in values)) <= 2  # a value on an edge
    by_hour = defaultdict(list)
    for value, link in near.values():
        for hour in link["hours"]:
            by_hour[datetime.fromtimestamp(hour * 3600, timezone.utc).strftime("%Y-%m-%dT%H")].append(value)
    assert {e["hour"]: e["count"] for e in told["distOverTime"]} == {h: len(v) for h, v in by_hour.items()}
    for entry in told["distOverTime"]:
        assert entry["avg"] == pytest.approx(statistics.mean(by_hour[entry["hour"]]), abs=0.01)


def test_the_longest_paths_are_a_recount(mesh):
    told = mesh.ask("/api/analytics/distance")
    ways, longest = set(), defaultdict(float)
    for r in mesh.receptions:
        ends = ([r.sender] if r.sender else []) + mesh.stops(r) + ([mesh.node_of(r.observer)] if mesh.node_of(r.observer) else [])
        legs = [km(mesh.nodes[a]["at"], mesh.nodes[b]["at"]) for a, b in zip(ends, ends[1:])
                if a != b and is_node(a) and is_node(b) and mesh.nodes[a]["at"] and mesh.nodes[b]["at"]]
        legs = [leg for leg in legs if leg <= 300]
        if legs:
            ways.add((tuple(r.hops), r.observer, r.sender))
            longest[r.transmission] = max(longest[r.transmission], sum(legs))
    assert told["summary"]["totalPaths"] == len(ways)
    paths = told["topPaths"]
    assert len(paths) == min(20, len(paths)) > 0
    assert [p["totalDist"] for p in paths] == sorted((p["totalDist"] for p in paths), reverse=True)
    assert paths[0]["totalDist"] == pytest.approx(max(longest.values()), abs=0.01)
    assert len({p["hash"] for p in paths}) == len(paths)
    for path in paths:
        sample = mesh.world.scalar("SELECT id FROM transmissions WHERE hash = ?", bytes.fromhex(path["hash"]))
        assert path["totalDist"] <= longest[sample] + 0.01 and path["hopCount"] == len(path["hops"])
        assert path["totalDist"] == pytest.approx(sum(h["dist"] for h in path["hops"]), abs=0.1)


# --- subpaths -------------------------------------------------------------------------------------

def subpaths(mesh, least, most):
    counts, total = Counter(), 0
    for r in mesh.receptions:
        total += len(r.hops) >= least
        counts.update({tuple(r.hops[i:i + n]) for n in range(least, most + 1) for i in range(len(r.hops) - n + 1)})
    return counts, total


def check_subpaths(mesh, told, least, most, limit):
    counts, total = subpaths(mesh, least, most)
    assert told["totalPaths"] == total
    assert [row["count"] for row in told["subpaths"]] == sorted(counts.values(), reverse=True)[:limit]
    for row in told["subpaths"]:
        hops = tuple(hop.lower() for hop in row["rawHops"])
        assert row["count"] == counts[hops] and row["hops"] == len(hops)
        assert row["pct"] == pytest.approx(100 * row["count"] / total, abs=0.006)
        names = [(mesh.nodes.get(mesh.means(hop), {}).get("name")) or hop.upper() for hop in hops]
        assert row["path"] == " → ".join(names)


def test_subpaths_are_a_recount(mesh):
    check_subpaths(mesh, mesh.ask("/api/analytics/subpaths"), 2, 8, 100)
    check_subpaths(mesh, mesh.ask("/api/analytics/subpaths?minLen=3&maxLen=4&limit=7"), 3, 4, 7)
    told = mesh.ask("/api/analytics/subpaths-bulk")
    for group, (least, most, limit) in zip(told["results"], ((2, 2, 50), (3, 3, 30), (4, 4, 20), (5, 8, 15))):
        check_subpaths(mesh, group, least, most, limit)
    told = mesh.ask("/api/analytics/subpaths-bulk?groups=5-8:3,2-3:9")
    check_subpaths(mesh, told["results"][0], 5, 8, 3)
    check_subpaths(mesh, told["results"][1], 2, 3, 9)
    assert mesh.get("/api/analytics/subpaths-bulk?groups=1-9:5", 400)["field"] == "groups"


def test_a_stretch_is_a_recount(mesh):
    for row in mesh.ask("/api/analytics/subpaths?limit=5&minLen=2&maxLen=3")["subpaths"]:
        hops = [hop.lower() for hop in row["rawHops"]]
        told = mesh.ask(f"/api/analytics/subpath-detail?hops={','.join(row['rawHops'])}")
        own = [r for r in mesh.receptions if any(r.hops[i:i + len(hops)] == hops for i in range(len(r.hops)))]
        assert told["totalMatches"] == len(own) == row["count"]
        assert (ms_of(told["firstSeen"]), ms_of(told["lastSeen"])) == (min(r.receipt for r in own), max(r.receipt for r in own))
        hours = Counter(r.receipt // 3_600_000 % 24 for r in own)
        assert told["hourDistribution"] == [hours[h] for h in range(24)]
        snr, rssi = [r.snr for r in own if r.snr is not None], [r.rssi for r in own if r.rssi is not None]
        assert told["signal"] == {"samples": len(snr), "avgSnr": mean(snr), "avgRssi": mean(rssi)}
        assert {o["id"]: o["count"] for o in told["observers"]} == Counter(r.observer for r in own)
        parents = Counter(tuple(r.hops) for r in own)
        assert [p["count"] for p in told["parentPaths"]] == sorted(parents.values(), reverse=True)[:20]
        for parent in told["parentPaths"]:
            assert parent["count"] == parents[tuple(hop.lower() for hop in parent["rawHops"])]
        for node, hop in zip(told["nodes"], hops):
            key = mesh.means(hop)
            assert node["pubkey"] == (key if is_node(key) else None) and node["hop"].lower() == hop
    nothing = mesh.ask("/api/analytics/subpath-detail?hops=000000,000000")
    assert nothing["totalMatches"] == 0 and nothing["firstSeen"] is None and nothing["signal"]["avgSnr"] is None
    for bad in ("", "hops=", "hops=xy", "hops=1", "hops=11,2222", "hops=11223344", "hops=" + ",".join(["11"] * 17)):
        assert mesh.get(f"/api/analytics/subpath-detail?{bad}", 400)["field"] == "hops"


# --- airtime --------------------------------------------------------------------------------------

def airtime_ns(preset, frame_bytes):
    symbol = 2 ** preset["sf"] / (preset["bw_khz"] * 1000)
    of_symbol = 4 * (preset["sf"] - (2 if symbol >= 0.016 else 0))
    payload = 8 + max(0, math.ceil((8 * frame_bytes - 4 * preset["sf"] + 44) / of_symbol) * preset["cr"])
    return round((preset["preamble"] + 4.25 + payload) * symbol * 1e9)


def test_airtime_is_a_recount(mesh):
    told = mesh.ask("/api/analytics/relay-airtime-share")
    preset = told["preset"]
    assert (preset["bw_khz"], preset["sf"], preset["cr"], preset["preamble"], preset["is_assumed"]) == (62.5, 7, 5, 32, False)
    assert preset["freq_hz"] == pytest.approx(910.525e6, abs=1000)
    packets = dict(mesh.world.query("SELECT t.type, count(DISTINCT t.id) FROM observations o JOIN transmissions t ON"
                                    " t.id = o.transmission_id WHERE o.direction = 0 GROUP BY t.type"))
    relayed = {(r.transmission, hop): (r.type, r.frame_bytes) for r in mesh.receptions for hop in r.hops}
    scores = Counter()
    for kind, frame_bytes in relayed.values():
        scores[kind] += airtime_ns(preset, frame_bytes)
    assert {row["type"]: row["count"] for row in told["rows"]} == packets
    assert told["total_count"] == sum(packets.values()) and told["total_score"] == sum(scores.values()) > 0
    for row in told["rows"]:
        assert row["score"] == scores[row["type"]] and row["payload_type"] == TYPES[row["type"]]
        assert row["count_pct"] == pytest.approx(100 * row["count"] / told["total_count"], abs=0.001)
        assert row["airtime_pct"] == pytest.approx(100 * row["score"] / told["total_score"], abs=0.001)
    assert [row["score"] for row in told["rows"]] == sorted((row["score"] for row in told["rows"]), reverse=True)


# --- one node, one path ---------------------------------------------------------------------------

def test_reach_is_a_recount(mesh):
    mesh.ask("/api/analytics/neighbor-graph")
    links = {pair: link for pair, link in mesh.links().items() if is_node(pair[0]) and is_node(pair[1])}
    degrees = Counter(end for pair in links for end in pair)
    relays = Counter(stop for r in mesh.receptions for stop in set(mesh.stops(r)))
    for key in [k for k, _ in degrees.most_common(3)] + [min(mesh.nodes, key=lambda k: degrees[k])]:
        told = mesh.ask(f"/api/nodes/{key}/reach?days=7")
        node = mesh.nodes[key]
        assert told["node"]["pubkey"] == key and told["node"]["name"] == node["name"] and told["node"]["role"] == node["role"]
        assert ms_of(told["node"]["first_seen"]) == node["first"] and told["window"] == {"days": 1, "since": told["from"]}
        assert [t.lower() for t in told["reliable_tokens"]] == [hop for hop in (key[:2], key[:4], key[:6]) if mesh.means(hop) == key]
        own = {}
        for (a, b), link in links.items():
            if key in (a, b):
                hears, heard = (link["back"], link["there"]) if key == a else (link["there"], link["back"])
                own[b if key == a else a] = (hears, heard)
        assert {e["pubkey"]: (e["we_hear"], e["they_hear"]) for e in told["links"]} == own
        for e in told["links"]:
            assert e["bottleneck"] == min(e["we_hear"], e["they_hear"]) and e["bidir"] == (e["bottleneck"] > 0)
            other = mesh.nodes[e["pubkey"]]
            far = km(node["at"], other["at"]) if node["at"] and other["at"] else None
            assert e.get("distance_km") == (None if far is None else pytest.approx(far, abs=0.01))
        direct = defaultdict(list)
        for r in mesh.receptions:
            last = mesh.means(r.hops[-1]) if r.hops else r.sender
            if last == key and mesh.node_of(r.observer) != key:
                direct[mesh.node_of(r.observer) or r.observer].append(r.snr)
        assert {o["pubkey"]: o["count"] for o in told["direct_observers"]} == {k: len(v) for k, v in direct.items()}
        for o in told["direct_observers"]:
            assert o["avg_snr"] == mean([v for v in direct[o["pubkey"]] if v is not None])
        assert told["importance"] == {
            "neighbor_degree": degrees[key], "degree_rank": 1 + sum(n > degrees[key] for n in degrees.values()),
            "nodes_with_edges": len(degrees), "relay_observations": relays[key],
            "bidirectional_links": sum(min(v) > 0 for v in own.values()), "direct_observers": len(direct)}
    mesh.get("/api/nodes/ffffffffffffffffff/reach", 404)


def inspect(mesh, body, status=200):
    return mesh.get("/api/paths/inspect", status, method="POST", body=body, headers={"Content-Type": "application/json"})


def test_an_inspected_path_is_the_one_that_is_known(mesh):
    graph = mesh.ask("/api/analytics/neighbor-graph")
    edge = graph["edges"][0]
    told = inspect(mesh, f'{{"prefixes": ["{edge["source"][:6]}", "{edge["target"][:6].upper()}"]}}')
    best = told["candidates"][0]
    assert told["input"] == {"prefixes": [edge["source"][:6].upper(), edge["target"][:6].upper()], "hops": 2}
    assert best["path"] == [edge["source"], edge["target"]]
    assert best["names"] == [mesh.nodes[key]["name"] or "" for key in best["path"]]
    second = best["evidence"]["perHop"][1]
    assert second["edgeWeight"] == pytest.approx(edge["score"], abs=0.001) and second["candidatesConsidered"] == 1
    step = 0.7 * edge["score"] + 0.3
    assert best["score"] == pytest.approx(math.sqrt(step), abs=0.001) and best["speculative"] == (best["score"] < 0.7)
    byte = inspect(mesh, f'{{"prefixes": ["{edge["source"][:2]}"]}}')
    alike = [key for key in mesh.nodes if key.startswith(edge["source"][:2])]
    assert {c["path"][0] for c in byte["candidates"]} == set(alike) or len(alike) > 10
    assert inspect(mesh, '{"prefixes": ["fffffe"]}')["candidates"] == []
    for bad in ("{}", "[]", "x", '{"prefixes": []}', '{"prefixes": ["zz"]}', '{"prefixes": ["11", "2233"]}', '{"prefixes": [1]}',
                '{"prefixes": ["11223344"]}', '{"prefixes": [' + ",".join(['"11"'] * 65) + "]}"):
        assert inspect(mesh, bad, 400)["field"] == "prefixes"


# --- the views ------------------------------------------------------------------------------------

@pytest.fixture(name="browser")
def _browser(mesh):
    browser = Browser(mesh.world)
    yield browser
    browser.close()


def test_the_page_shows_these_figures(mesh, browser):
    topology, graph = mesh.ask("/api/analytics/topology"), mesh.ask("/api/analytics/neighbor-graph")
    browser.visit("#/analytics/topology")
    browser.wait_text(f"{topology['avgHops']:.1f}", selector=".figures")
    browser.wait_text(f"{len(graph['edges'])} links")
    drawn = "(document.querySelector('.graph canvas')?.toDataURL().length ?? 0) > 10000"
    mesh.world.wait("the graph to be drawn", lambda: browser.evaluate(code=drawn))
    browser.evaluate(code="[...document.querySelectorAll('button')].find(b => b.textContent === 'As a table').click()")
    browser.wait_text("Both ways")
    assert browser.complaints() == [] and browser.violations() == []
    browser.go(hash="#/analytics/paths")
    row = mesh.ask("/api/analytics/subpaths-bulk")["results"][0]["subpaths"][0]
    browser.wait_text(row["path"])
    browser.evaluate(code="document.querySelector('button.linked').click()")
    browser.wait_text("One stretch")
    browser.wait_text(f"{row['count']}", selector=".figures")
    known = graph["edges"][0]
    browser.fill(selector="form input", value=f"{known['source'][:6]} {known['target'][:6]}")
    browser.evaluate(code="document.querySelector('form button').click()")
    browser.wait_text(mesh.nodes[known["source"]]["name"], selector=".candidates")
    browser.go(hash="#/analytics/distance")
    browser.wait_text(f"{mesh.ask('/api/analytics/distance')['summary']['maxDist']:.1f} km")
    browser.go(hash="#/analytics/airtime")
    browser.wait_text("910.525 MHz")
    browser.go(hash="#/analytics/clocks")
    browser.wait_text("Nodes by their clock")
    assert browser.complaints() == [] and browser.violations() == []
