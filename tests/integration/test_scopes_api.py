# SPDX-License-Identifier: MIT
"""/api/scope-stats: what of the traffic is scoped, counted again here (shape: api.md 2)."""

import json
import sqlite3
import time
from datetime import datetime

from messages import fixture_path, packet, recorded
from mqtt_lite import Client


def ms_of(text):
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def scoped_packet(number, code, route=0, direction="rx"):
    """A flood (0) or direct (3) packet with transport codes."""
    topic, payload = packet(number, observer=f"OBS{number % 3}", run=7)
    payload = json.loads(payload)
    raw = bytes.fromhex(payload["raw"])
    raw = bytes([raw[0] & 0xFC | route]) + code.to_bytes(2, "little") + b"\x00\x00" + raw[1:]
    return topic, json.dumps({**payload, "raw": raw.hex().upper(), "len": str(len(raw)), "direction": direction})


def test_windows(world, broker):
    world.add_source(broker)
    world.start(server=True, hashRegions=["#snoco", "#ottawa", "#belgium"])
    messages = [m[:2] for m in recorded("multi_observer")]
    messages += [scoped_packet(n, 0x1234 if n % 3 else 0, route=3 if n % 2 else 0) for n in range(30)]
    messages += [scoped_packet(n, 0x4321, direction="tx") for n in range(100, 105)]
    with Client(broker.port) as client:
        client.publish_all(messages)
    world.wait_drained(len(messages))
    rows = world.query("SELECT coalesce(o.scope_code, 0), s.name FROM observations o LEFT JOIN scopes s"
                       " ON s.id = o.scope_id WHERE o.direction = 0 AND o.route IN (0, 3)")
    scoped = [row for row in rows if row[0]]
    assert len(rows) >= 30 and 0 < len(scoped) < len(rows)
    by_region = {}
    for _, name in scoped:
        if name:
            by_region[name] = by_region.get(name, 0) + 1
    for window, part in (("1h", 300), ("24h", 3600), ("7d", 21600), ("", 3600)):
        answer = world.get_whole(f"/api/scope-stats?window={window}")
        assert answer["window"] == (window or "24h") and answer["complete"] is True
        assert answer["summary"] == {"transportTotal": len(rows), "scoped": len(scoped),
                                     "unscoped": len(rows) - len(scoped),
                                     "unknownScope": sum(row[1] is None for row in scoped)}
        assert {r["name"]: r["count"] for r in answer["byRegion"]} == by_region
        series = answer["timeSeries"]
        times = [ms_of(point["t"]) for point in series]
        assert all(b - a == part * 1000 for a, b in zip(times, times[1:])) and times[0] % (part * 1000) == 0
        assert times[-1] <= time.time() * 1000 < times[-1] + 2 * part * 1000
        assert times[0] <= ms_of(answer["from"]) < times[1]
        assert window == "1h" or ms_of(answer["from"]) % 3600000 == 0
        assert sum(p["scoped"] for p in series) == len(scoped)
        assert sum(p["unscoped"] for p in series) == len(rows) - len(scoped)
    for window in ("2h", "x", "24h "):
        answer = world.get(f"/api/scope-stats?window={window.replace(' ', '%20')}")
        assert answer.status == 400 and answer.json["field"] == "window"


def test_what_is_summed_and_what_is_not_yet(world, broker):
    """Hourly sums up to their position, receptions behind it: each once, at every moment."""
    world.add_source(broker)
    world.start(server=True)
    sent = [scoped_packet(n, 0x1234 if n % 4 else 0) for n in range(40)]
    with Client(broker.port) as client:
        client.publish_all(sent)
    world.wait_drained(len(sent))
    assert world.ingestor.stop() == 0
    hour = int(time.time() * 1000) // 3600000
    for position in (0, 15, 40):
        with sqlite3.connect(world.db_path) as connection:
            connection.execute("DELETE FROM rollups WHERE kind = 8")
            connection.execute("INSERT INTO rollups (kind, key, hour, observations, transmissions) SELECT 8,"
                               " iif(scope_code IS NULL, 1001, 1000), receipt_ms / 3600000, count(*), 0"
                               " FROM observations WHERE id <= ?1 AND direction = 0 GROUP BY 2, 3", [position])
            connection.execute("INSERT INTO rollups (kind, key, hour, observations, transmissions) VALUES"
                               " (8, 1001, ?1, 7, 0), (8, 1001, ?2, 1000, 0)", [hour - 20, hour - 200])
            connection.execute("UPDATE jobs SET position = ?1 WHERE name = 'count_late'", [position])
            connection.execute("UPDATE meta SET commits = commits + 1")
        connection.close()
        world.server.stop()
        world.start_server()
        answer = world.get_whole("/api/scope-stats")
        assert answer["summary"] == {"transportTotal": 47, "scoped": 30, "unscoped": 17, "unknownScope": 30}
        assert answer["complete"] is True
        assert sum(p["unscoped"] for p in answer["timeSeries"][:10]) == 7


def test_regions_have_names(world, broker):
    """Frames of the real firmware with scopes of configured regions."""
    lines = [json.loads(line) for line in fixture_path("firmware_frames").read_text().splitlines()]
    frames = [line["hex"] for line in lines[1:] if line["expect"].get("scope")]
    world.add_source(broker)
    world.start(server=True, hashRegions=lines[0]["hashRegions"])
    messages = []
    for number, raw in enumerate(frames):
        topic, payload = packet(number, observer=f"OBS{number % 3}")
        messages.append((topic, json.dumps({**json.loads(payload), "raw": raw.upper(), "len": str(len(raw) // 2)})))
    with Client(broker.port) as client:
        client.publish_all(messages)
    world.wait_drained(len(messages))
    want = dict(world.query("SELECT s.name, count(*) FROM observations o JOIN scopes s ON s.id = o.scope_id"
                            " WHERE o.direction = 0 AND o.route IN (0, 3) GROUP BY s.id"))
    answer = world.get_whole("/api/scope-stats")
    counts = [(r["count"], r["name"]) for r in answer["byRegion"]]
    assert {name: count for count, name in counts} == want and len(want) >= 2
    assert counts == sorted(counts, key=lambda pair: (-pair[0], pair[1]))
