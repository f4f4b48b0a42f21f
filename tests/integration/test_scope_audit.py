# SPDX-License-Identifier: MIT
"""/api/analytics/scope-audit: what each repeater declares beside what came over it, held to a
recount of the rows."""

import json
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone

import harness
import pytest
from messages import flood, recorded
from mqtt_lite import Client
from test_nodes_api import hop_means, ms_of, neighbors

OBSERVER = "5B9839E58AE312ECC8624A8F374CF57A1B5B631FB00EC0124C9AB9DE2BE9F229"
CONFIGURED = ["#north", "#south", "#a-name-of-more-than-thirty-bytes-1"]


def packet(raw):
    now = datetime.now(timezone.utc).isoformat()
    return (f"meshcore/SJC/{OBSERVER}/packets",
            json.dumps({"origin": "x", "origin_id": OBSERVER, "timestamp": now, "type": "PACKET", "direction": "rx",
                        "SNR": 5, "RSSI": -90, "raw": raw.hex().upper()}))


def regions(target, names, age_s=0):
    when = datetime.now(timezone.utc) - timedelta(seconds=age_s)
    return ("meshcore/client/" + "ab" * 32 + "/regions",
            json.dumps({"target": target, "regions": names, "timestamp": when.isoformat()}))


@pytest.fixture(scope="module", name="mesh")
def _mesh():
    world = harness.World("audit")
    try:
        broker = world.start_broker()
        world.add_source(broker)
        world.start(server=True, hashRegions=CONFIGURED, clientRxCoverage={"enabled": True})
        adverts = [(topic, text) for topic, text, _ in recorded("packets") if '"packet_type":"4"' in text]
        with Client(broker.port) as client:
            sent = client.publish_all(adverts)
            world.wait_drained(sent)
            keys = [row[0].hex() for row in world.query("SELECT public_key FROM nodes WHERE role = 2 ORDER BY public_key")]
            # Six over whom nothing came yet.
            seen = {row[0][at:at + 1].hex() for row in world.query("SELECT path FROM observations") for at in range(len(row[0]))}
            a, b, c, d, e, f = [key for key in keys if key[:2] not in seen][:6]
            hop = {key: bytes.fromhex(key[:6]) for key in keys}
            messages = [packet(flood(n, hop[a] + hop[b], 3, "#north")) for n in range(4)]
            messages += [packet(flood(10 + n, hop[b], 3, "#south")) for n in range(2)]
            messages += [packet(flood(20 + n, hop[c] + hop[a], 3)) for n in range(5)]
            messages += [packet(flood(30 + n, hop[d], 3, b"\xee\xdd")) for n in range(3)]
            messages += [packet(flood(40 + n, hop[f], 3, CONFIGURED[2])) for n in range(3)]
            messages += [packet(flood(n, hop[e] + hop[b], 3, "#north")) for n in range(2)]  # the same packets once more
            messages += [neighbors([(a, "*,north", "responded"), (b, "#north", "responded"), (c, "north", "responded"),
                                    (d, "elsewhere", "responded"), (e, "#north,south", "timeout"),
                                    (f, CONFIGURED[2][:30], "responded")]),
                         regions(b, ["north", "south"], age_s=3600), regions(e, ["south", "*"])]
            sent += client.publish_all(messages)
            world.wait_drained(sent)
        # Counted anew: what the background saw first is a minute old.
        world.server.stop()
        world.start_server()
        world.wait("the first run", lambda: "window" in world.get("/api/nodes").json)
        world.named = dict(zip("abcdef", (a, b, c, d, e, f)))
        yield world
    finally:
        world.close()


def audit(world, query=""):
    return world.get_whole(f"/api/analytics/scope-audit{query}")


def test_declared_beside_seen(mesh):
    told = {r["pubkey"]: r for r in audit(mesh)["repeaters"]}
    got = {name: told[key] for name, key in mesh.named.items()}
    seen = {name: ({f["name"]: f["count"] for f in r["forwarded"]}, r["unscopedForwarded"], r["unknownForwarded"])
            for name, r in got.items()}
    assert seen == {"a": ({"#north": 4}, 5, 0), "b": ({"#north": 4, "#south": 2}, 0, 0), "c": ({}, 5, 0), "d": ({}, 0, 3),
                    "e": ({"#north": 2}, 0, 0), "f": ({CONFIGURED[2]: 3}, 0, 0)}
    assert {name: (r["declared"], r.get("declaredBy"), r["verdict"]) for name, r in got.items()} == {
        "a": (["*", "north"], "neighbors", "as declared"),
        "b": (["#north"], "neighbors", "as declared"),  # the newer answer; two packets of another region can be chance
        "c": (["north"], "neighbors", "forwards more"),
        "d": (["elsewhere"], "neighbors", "unknown"),
        "e": (["south", "*"], "regions", "declared, not seen"),
        "f": ([CONFIGURED[2][:30]], "neighbors", "as declared")}
    assert {name: r.get("declaresUnscoped") for name, r in got.items()} == {
        "a": True, "b": False, "c": False, "d": False, "e": True, "f": False}  # `*`, which covers no region: see "e"
    assert got["d"]["notConfigured"] == ["elsewhere"] and got["a"]["notConfigured"] == got["f"]["notConfigured"] == []


def test_every_figure_is_a_recount(mesh):
    answer = audit(mesh)
    nodes = {row[0].hex(): {"first": row[1], "advert": row[2], "role": row[3]} for row in mesh.query(
        "SELECT public_key, first_ms, last_ms, role FROM nodes")}
    names = dict(mesh.query("SELECT id, name FROM scopes"))
    seen, counts, last = set(), defaultdict(Counter), {}
    for path, size, receipt, scope_code, scope, transmission in mesh.query(
            "SELECT path, path_size, receipt_ms, scope_code, scope_id, transmission_id FROM observations"
            " WHERE direction = 0 AND route < 2 ORDER BY id DESC"):
        for at in range(0, len(path), max(size, 1)):
            hop = path[at:at + size].hex()
            key = hop_means(nodes, hop, ms_of(answer["to"]))
            if key is None or (hop, transmission) in seen:
                continue
            seen.add((hop, transmission))
            name = None if not scope_code else names.get(scope, "")
            counts[key][name] += 1
            last[key, name] = max(last.get((key, name), 0), receipt)
    assert answer["complete"] is True and answer["windowHours"] == 24 and sum(sum(c.values()) for c in counts.values()) > 20
    assert answer["total"] == len(answer["repeaters"]) and {r["pubkey"] for r in answer["repeaters"]} >= {
        key for key, node in nodes.items() if node["role"] == 2}
    for r in answer["repeaters"]:
        counted = dict(counts[r["pubkey"]])
        assert r["unscopedForwarded"] == counted.pop(None, 0) and r["unknownForwarded"] == counted.pop("", 0), r
        assert {f["name"]: f["count"] for f in r["forwarded"]} == counted, r
        assert all(ms_of(f["last"]) == last[r["pubkey"], f["name"]] for f in r["forwarded"]), r
        assert (r["verdict"] == "unknown") >= (r["declared"] is None)
    order = ["forwards more", "declared, not seen", "as declared", "unknown"]
    ranks = [order.index(r["verdict"]) for r in answer["repeaters"]]
    assert ranks == sorted(ranks)


def test_a_region_takes_what_its_observers_heard(mesh):
    assert all(not r["forwarded"] and r["unscopedForwarded"] == 0 for r in audit(mesh, "?region=ZZZ")["repeaters"])
    here = {r["pubkey"]: r for r in audit(mesh, "?region=SJC")["repeaters"]}
    assert not here or all(key in {r["pubkey"] for r in audit(mesh)["repeaters"]} for key in here)
