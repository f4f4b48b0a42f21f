# SPDX-License-Identifier: MIT
"""/api/observers...: recorded messages through the real programs, and every figure counted again
here (shapes: api.md 5)."""

import math
import sqlite3
import statistics
import time
from datetime import datetime, timedelta, timezone

import pytest
from messages import packet, recorded
from mqtt_lite import Client

HOUR_MS, SLOT_MS = 3600000, 300000
NULLABLE = {"name", "iata", "last_seen", "model", "firmware", "client_version", "radio", "battery_mv", "uptime_secs",
            "noise_floor", "last_packet_at", "packetsLastHour", "lat", "lon", "nodeRole", "clock_skew_seconds",
            "clock_last_naive_at"}
ALWAYS = {"id", "first_seen", "packet_count", "clock_naive", "clock_skew_count_24h"}
NAIVE, INVENTED = "NAIVE-1", "BRIDGE-1"


def ms_of(text):
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def time_of(ms):
    return datetime.fromtimestamp(ms / 1000, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def edit(world, *statements):
    """What stands in the database of an ingestor that has ended."""
    with sqlite3.connect(world.db_path) as connection:
        for statement in statements:
            if isinstance(statement, str):
                connection.execute(statement)
            else:
                connection.executemany(*statement)
        connection.execute("UPDATE meta SET commits = commits + 1")
    connection.close()


@pytest.fixture(name="mesh")
def _mesh(world, broker):
    """Recorded receptions and statuses; one observer has no clock, one invents its RF."""
    world.add_source(broker)
    messages = [m[:2] for m in recorded("multi_observer") + recorded("status")]
    hidden = messages[0][0].split("/")[2]
    world.start(server=True, observerBlacklist=[hidden.lower()])
    off = (datetime.now(timezone.utc) + timedelta(hours=7)).replace(tzinfo=None).isoformat()
    now = datetime.now(timezone.utc).isoformat()
    messages += [packet(n, observer=NAIVE, run=9, timestamp=off) for n in range(3)]
    messages += [packet(n, observer=INVENTED, run=9, timestamp=now, SNR="12.5" if n % 2 else "3", RSSI="-65")
                 for n in range(20)]
    with Client(broker.port) as client:
        client.publish_all(messages)
    world.wait_drained(len(messages))
    world.hidden = hidden
    return world


def listed(world):
    return {row["id"]: row for row in world.get("/api/observers").json["observers"]}


def test_the_list(mesh):
    world = mesh
    answer = world.get("/api/observers")
    assert answer.status == 200 and set(answer.json) == {"observers", "server_time"}
    assert abs(ms_of(answer.json["server_time"]) - time.time() * 1000) < 60000
    rows = answer.json["observers"]
    stored = {row[0]: row[1:] for row in world.query(
        "SELECT identity, id, name, iata, packet_count, first_ms, last_ms FROM observers")}
    assert {row["id"] for row in rows} == set(stored)  # whom the list forbids was never stored
    assert len(rows) > 10 and world.hidden not in stored
    assert [row["last_seen"] or "" for row in rows] == sorted((row["last_seen"] or "" for row in rows), reverse=True)
    counts = dict(world.query("SELECT observer_id, count(*) FROM observations GROUP BY observer_id"))
    for row in rows:
        assert ALWAYS <= set(row) and set(row) - ALWAYS - NULLABLE <= {"can_relay", "inventedRf"}, row
        assert all(row[key] is not None for key in ALWAYS)
        number, name, iata, packets, first_ms, last_ms = stored[row["id"]]
        assert (row["name"] or "", row["iata"] or "", row["packet_count"]) == (name, iata, packets)
        assert (ms_of(row["first_seen"]), row["last_seen"] and ms_of(row["last_seen"])) == (first_ms, last_ms)
        assert row["packetsLastHour"] == counts.get(number, 0), row
    assert sum(row["packetsLastHour"] for row in rows) == world.count("observations")


def test_naive_clocks_and_invented_rf(mesh):
    rows = listed(mesh)
    naive = rows[NAIVE]
    assert naive["clock_naive"] is True and naive["clock_skew_count_24h"] == 3
    assert abs(naive["clock_skew_seconds"] - 7 * 3600) < 60
    assert abs(ms_of(naive["clock_last_naive_at"]) - time.time() * 1000) < 60000
    assert rows[INVENTED]["inventedRf"] == 0.5 and "inventedRf" not in naive
    right = rows[INVENTED]
    assert right["clock_naive"] is False and right["clock_skew_count_24h"] == 0
    assert right["clock_skew_seconds"] is right["clock_last_naive_at"] is None
    edit_after_stop(mesh, f"UPDATE observers SET skew_ms = skew_ms - {25 * HOUR_MS} WHERE identity = '{NAIVE}'")
    mesh.wait("the day to be over", lambda: listed(mesh)[NAIVE]["clock_naive"] is False)


def edit_after_stop(world, *statements):
    assert world.ingestor.stop() == 0
    edit(world, *statements)


def test_detail(mesh):
    world = mesh
    row = next(iter(listed(world).values()))
    one = world.get(f"/api/observers/{row['id']}")
    assert one.status == 200 and one.json == row
    assert world.get(f"/api/observers/{row['id'].lower()}").json == row
    for name in ("nobody", world.hidden):
        for path in ("", "/metrics", "/analytics"):
            answer = world.get(f"/api/observers/{name}{path}")
            assert answer.status == 404 and answer.json == {"error": "Observer not found"}
    edit_after_stop(world, f"UPDATE observers SET is_inactive = 1 WHERE identity = '{row['id']}'")
    world.wait("the list without it", lambda: row["id"] not in listed(world))
    assert world.get(f"/api/observers/{row['id']}").status == 200


def test_whom_the_list_of_the_server_forbids(mesh):
    """What stands in the database since before is hidden, too."""
    world = mesh
    gone = next(iter(listed(world)))
    assert world.server.stop() == 0
    world.write_config(observerBlacklist=[gone.lower()])
    world.start_server()
    world.wait("the list", lambda: world.get("/api/observers").status == 200)
    assert gone not in listed(world)
    assert world.get(f"/api/observers/{gone}").status == 404
    assert all(row["observerID"] != gone for row in world.get("/api/observers/clock-skew").json)


def test_the_node_of_an_observer(mesh):
    world = mesh
    key, lat, lon, role = world.query("SELECT hex(public_key), lat, lon, role FROM nodes WHERE lat IS NOT NULL"
                                      " AND role = 2 LIMIT 1")[0]
    edit_after_stop(world, f"UPDATE observers SET identity = '{key}' WHERE identity = '{INVENTED}'")
    row = world.wait("its node", lambda: (r := listed(world).get(key)) and r["lat"] is not None and r)
    assert (row["lat"], row["lon"], row["nodeRole"]) == (lat, lon, "repeater") and role == 2
    assert world.get(f"/api/observers/{key}").json == row


def test_the_last_hour_is_exact(mesh):
    """Rows of the hours before lie between those of the last, as after a late drain."""
    world = mesh
    edit_after_stop(world,
                    f"UPDATE observations SET receipt_ms = receipt_ms - {2 * HOUR_MS} WHERE id % 3 = 0",
                    "INSERT INTO hours (hour, first_observation, last_observation) SELECT max(hour) - 2, 1,"
                    " (SELECT max(id) FROM observations) FROM hours WHERE true ON CONFLICT DO NOTHING")
    want = dict(world.query("SELECT r.identity, count(*) FROM observations o JOIN observers r ON r.id = o.observer_id"
                            " WHERE o.id % 3 <> 0 GROUP BY r.id"))
    world.wait("the counts", lambda: {k: v["packetsLastHour"] for k, v in listed(world).items()
                                      if v["packetsLastHour"]} == want)
    busiest = max(want, key=want.get)
    assert world.get(f"/api/observers/{busiest}").json["packetsLastHour"] == want[busiest]


# --- metrics --------------------------------------------------------------------------------------

@pytest.fixture(name="curve")
def _curve(mesh):
    """Three days of samples of one observer: it starts anew once, and measures nothing at times."""
    world = mesh
    observer, number = world.query("SELECT identity, id FROM observers ORDER BY id LIMIT 1")[0]
    now = int(time.time() * 1000) // SLOT_MS * SLOT_MS
    samples, uptime, tx, recv, errors = [], 1000, 0.0, 0, 0
    for n in range(3 * 288, 0, -1):
        at = now - n * SLOT_MS + 1000
        uptime, tx, recv, errors = uptime + 300, tx + n % 30, recv + n % 17, errors + n % 3
        if n == 100:
            uptime, tx, recv, errors = 10, 0.0, 0, 0
        samples.append((number, at, n.to_bytes(4, "big"), at, 4000 - n, uptime, -110 + n % 7 if n % 5 else None,
                        tx, None, errors, None, recv))
    edit_after_stop(world, ("INSERT INTO observer_metrics (observer_id, envelope_ms, payload_hash, receipt_ms,"
                            " battery_mv, uptime_secs, noise_floor, tx_air_secs, rx_air_secs, recv_errors,"
                            " packets_sent, packets_recv) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", samples))
    world.observer, world.samples = observer, samples
    return world


def metrics(world, **query):
    text = "&".join(f"{key}={value}" for key, value in query.items())
    answer = world.get(f"/api/observers/{world.observer}/metrics?{text}")
    assert answer.status == 200, answer
    return answer.json


def rounded(value):
    """A half goes away from zero; Python's own goes to the even one."""
    return None if value is None else math.copysign(math.floor(abs(value) * 1000 + 0.5) / 1000, value)


def points_by_hand(samples, since, bucket):
    """The definitions of series.h, slowly."""
    groups = {}
    for n, sample in enumerate(samples):
        at = sample[3]
        if at < since:
            continue
        point = groups.setdefault(at // bucket * bucket if bucket else at,
                                  {"noise": [], "battery": [], "tx": [], "err": [], "reboot": False, "last": sample})
        point["last"] = sample
        point["battery"].append(sample[4])
        point["noise"] += [sample[6]] if sample[6] is not None else []
        before = samples[n - 1] if n else None
        if before is None:
            continue
        if not sample[5] > before[5]:
            point["reboot"] = True
            continue
        point["tx"].append((sample[7] - before[7], (at - before[3]) / 1000))
        point["err"].append((sample[9] - before[9], sample[11] - before[11]))
    out = []
    for at, p in groups.items():
        seconds, heard = sum(s for _, s in p["tx"]), sum(a + b for a, b in p["err"])
        out.append({"timestamp": at, "noise_floor": rounded(statistics.fmean(p["noise"])) if p["noise"] else None,
                    "battery_mv": rounded(statistics.fmean(p["battery"])), "tx_air_secs": p["last"][7],
                    "recv_errors": p["last"][9], "packets_recv": p["last"][11], "rx_airtime_pct": None,
                    "tx_airtime_pct": rounded(100 * sum(a for a, _ in p["tx"]) / seconds) if seconds else None,
                    "recv_error_rate": rounded(100 * sum(a for a, _ in p["err"]) / heard) if heard else None,
                    **({"is_reboot_sample": True} if p["reboot"] else {})})
    return out


def comparable(points):
    return [{**p, "timestamp": ms_of(p["timestamp"]), "noise_floor": rounded(p["noise_floor"]),
             "battery_mv": rounded(p["battery_mv"])} for p in points]


@pytest.mark.parametrize("resolution,bucket", [("5m", 0), ("1h", HOUR_MS), ("1d", 24 * HOUR_MS)])
def test_curves(curve, resolution, bucket):
    since = curve.samples[100][3]
    answer = metrics(curve, since=since, resolution=resolution)
    assert (answer["observer_id"], answer["complete"]) == (curve.observer, True)
    assert comparable(answer["metrics"]) == points_by_hand(curve.samples, since, bucket)
    assert [ms_of(at) for at in answer["reboots"]] == [curve.samples[-100][3]]


def test_the_window_of_a_curve(curve):
    now = time.time() * 1000
    default = metrics(curve)["metrics"]
    assert [ms_of(p["timestamp"]) for p in default] == [s[3] for s in curve.samples if s[3] >= now - 24 * HOUR_MS]
    first, last = curve.samples[10][3], curve.samples[20][3]
    for since, until in ((time_of(first), time_of(last)), (first, last)):
        got = metrics(curve, since=since, until=until)["metrics"]
        assert [ms_of(p["timestamp"]) for p in got] == [s[3] for s in curve.samples[10:21]]
    assert metrics(curve, since=last, until=first)["metrics"] == []
    assert metrics(curve, since=0)["complete"] is False  # 173 days at most
    for key, value in (("resolution", "2h"), ("since", "yesterday"), ("until", "x")):
        answer = curve.get(f"/api/observers/{curve.observer}/metrics?{key}={value}")
        assert answer.status == 400 and answer.json["field"] == key


@pytest.mark.parametrize("window,step", [("24h", 1), ("1h", 1), ("3d", 3)])
def test_the_summary(curve, window, step):
    answer = curve.get_whole(f"/api/observers/metrics/summary?window={window}")
    assert (answer["window"], answer["step_seconds"], answer["complete"]) == (window, step * 300, True)
    row = next(r for r in answer["observers"] if r["observer_id"] == curve.observer)
    slots = {"24h": 288, "1h": 12, "3d": 864}[window]
    newest = int(time.time() * 1000) // SLOT_MS
    seen = [s for s in curve.samples if s[3] // SLOT_MS > newest - slots][::step]
    noise = [s[6] for s in seen if s[6] is not None]
    assert abs(row["sample_count"] - len(seen)) <= 2  # of this minute's own statuses
    assert abs(row["avg_noise_floor_24h"] - statistics.fmean(noise)) < 0.5
    assert row["max_noise_floor_24h"] == max(noise)
    assert len(row["sparkline"]) == 48 and all(v is None or -110 <= v <= -104 for v in row["sparkline"])
    for wrong in ("1y", "h", "0h", "-1d", "999d", "24h;"):
        answer = curve.get(f"/api/observers/metrics/summary?window={wrong}")
        assert answer.status == 400 and answer.json["field"] == "window", wrong


# --- analytics, clocks ----------------------------------------------------------------------------

def test_analytics(mesh):
    world = mesh
    identity, number = world.query("SELECT r.identity, r.id FROM observers r ORDER BY packet_count DESC LIMIT 1")[0]
    rows = world.query("SELECT t.type, o.snr, o.rssi, t.sender, lower(hex(t.hash)) FROM observations o"
                       " JOIN transmissions t ON t.id = o.transmission_id WHERE o.observer_id = ? AND o.direction = 0"
                       " ORDER BY o.id DESC", number)
    answer = world.get_whole(f"/api/observers/{identity}/analytics?days=1")
    assert sum(part["count"] for part in answer["timeline"]) == len(rows)
    assert len(answer["timeline"]) == 25 and len(answer["timeline"][0]["label"]) == 13
    types = {}
    for row in rows:
        types[str(row[0])] = types.get(str(row[0]), 0) + 1
    assert answer["packetTypes"] == types
    # All of it came within this minute: two parts at most, and a node counts once in each.
    senders = len({row[3] for row in rows if row[3]})
    assert senders <= sum(part["count"] for part in answer["nodesTimeline"]) <= 2 * senders
    assert sum(s["count"] for s in answer["snrDistribution"]) == sum(row[1] is not None for row in rows)
    assert [p["hash"] for p in answer["recentPackets"]] == [row[4] for row in rows[:20]]
    assert all({"decoded_json", "path_json", "payload_type", "rssi", "snr", "timestamp"} <= set(p)
               for p in answer["recentPackets"])
    assert answer["window"]["observations"] == len(rows) and answer["window"]["complete"] is True
    invented = world.get(f"/api/observers/{INVENTED}/analytics").json
    assert invented["snrDistribution"] == [{"range": "2 to 4", "count": 10}]
    assert len(invented["timeline"]) == 43
    for days, parts in (("0", 43), ("x", 43), ("1000", 366)):
        assert len(world.get(f"/api/observers/{identity}/analytics?days={days}").json["timeline"]) == parts


def test_types_and_snr_are_summed_or_looked_at(mesh):
    """Hourly sums up to their position, receptions behind it: each once, at every moment."""
    world = mesh
    identity, number = world.query("SELECT r.identity, r.id FROM observers r ORDER BY packet_count DESC LIMIT 1")[0]
    want = {str(kind): count for kind, count in world.query(
        "SELECT t.type, count(*) FROM observations o JOIN transmissions t ON t.id = o.transmission_id"
        " WHERE o.observer_id = ? AND o.direction = 0 GROUP BY 1", number)}
    steps = {}
    for (snr,) in world.query("SELECT snr FROM observations WHERE observer_id = ? AND direction = 0 AND snr IS NOT NULL", number):
        steps[math.floor(snr / 2) * 2] = steps.get(math.floor(snr / 2) * 2, 0) + 1
    assert world.ingestor.stop() == 0
    last = world.scalar("SELECT max(id) FROM observations")
    for n, position in enumerate((0, last // 2, last)):
        edit(world, "DELETE FROM rollups WHERE kind IN (10, 11)",
             "INSERT INTO rollups (kind, key, hour, observations, transmissions) SELECT 10,"
             " o.observer_id * 16 + t.type, o.receipt_ms / 3600000, count(*), 0 FROM observations o JOIN transmissions t"
             f" ON t.id = o.transmission_id WHERE o.id <= {position} AND o.direction = 0 GROUP BY 2, 3",
             "INSERT INTO rollups (kind, key, hour, observations, transmissions) SELECT 11,"
             " observer_id * 128 + CAST(snr + 64 AS INTEGER), receipt_ms / 86400000 * 24, count(*), 0 FROM observations"
             f" WHERE id <= {position} AND direction = 0 AND snr IS NOT NULL GROUP BY 2, 3",
             f"UPDATE jobs SET position = {position} WHERE name = 'count_late'")
        for days in (1 + n, 30 + n):  # an answer that was kept proves nothing
            answer = world.get_whole(f"/api/observers/{identity}/analytics?days={days}")
            assert answer["packetTypes"] == want
            assert sum(want.values()) == sum(part["count"] for part in answer["timeline"])
            assert {s["range"]: s["count"] for s in answer["snrDistribution"] if s["count"]} == \
                {f"{low} to {low + 2}": n for low, n in steps.items()}
            assert answer["window"]["snrFrom"] <= answer["window"]["from"]


def test_clock_skew(mesh):
    world = mesh
    rows = {row["observerID"]: row for row in world.get("/api/observers/clock-skew").json}
    for identity, number in world.query("SELECT identity, id FROM observers"):
        offsets = [row[0] for row in world.query(
            "SELECT envelope_ms - receipt_ms FROM observations WHERE observer_id = ? ORDER BY id DESC LIMIT 20",
            number) if row[0] is not None]
        if offsets:
            assert rows[identity]["samples"] == len(offsets)
            assert rows[identity]["offsetSec"] == pytest.approx(statistics.median(offsets) / 1000)
        else:
            assert identity not in rows
    assert abs(rows[NAIVE]["offsetSec"] - 7 * 3600) < 60
