# SPDX-License-Identifier: MIT
"""The tools of the ingestor: --import, --redecode, --replay, --record, and who may run beside whom.

What an import must give is counted here a second time, from the frames, with hashlib and the
cryptography package: the recount shares no code with the programs.
"""

import base64
import fcntl
import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from harness import BUILD, PATIENCE, child_pids, ledger_sum, run_ok, run_tool, send_signal
from messages import ADVERT, ROOT, content_hash, frame, packet, packets, payload_text, recorded
from mqtt_lite import Client

TRACE = 9
EXIT_USAGE, EXIT_BAD_DATA, EXIT_IO, EXIT_LOCKED = 64, 65, 74, 75
# A recorded message of the hashtag channel #test.
TEXT_OF_TEST = ("15419535D92F365EB798ABCF98ADE9AD5564C03150295EB15B8BE1B388EBB7733D3112CABD42830928E0AF2222"
                "05834112BA9A47D6E344")
FIRST_SEEN = "2026-03-29T17:35:00Z"
FIRST_SEEN_MS = 1774805700000


# --- the recount ----------------------------------------------------------------------------------

def parse_frame(raw):
    """(type, path size, path, payload, path_len byte) or None; protocol.md 1.1 to 1.3."""
    at = 5 if raw and raw[0] & 3 in (0, 3) else 1
    if len(raw) <= at or len(raw) > 255 or raw[0] >> 6 != 0:
        return None
    size, count = (raw[at] >> 6) + 1, raw[at] & 63
    if size == 4 or size * count > 64 or at + 1 + size * count > len(raw):
        return None
    path, payload = raw[at + 1:at + 1 + size * count], raw[at + 1 + size * count:]
    if len(payload) > 184:
        return None
    return raw[0] >> 2 & 15, size, path, payload, raw[at]


def hash_of(parsed):
    """protocol.md 1.4."""
    kind, _, _, payload, path_len = parsed
    trace = bytes([path_len, 0]) if kind == TRACE else b""
    return hashlib.sha256(bytes([kind]) + trace + payload).digest()[:8]


def is_signed(payload):
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(payload[:32]).verify(
            payload[36:100], payload[:36] + payload[100:132])
        return True
    except Exception:  # noqa: BLE001  (whatever it says, it is not signed)
        return False


def recount(path):
    """{hash: set of (observer, path size, path, time in ms)}, the keys of its nodes,
    and refused rows."""
    db = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    found, keys, refused = {}, set(), 0
    rows = db.execute(
        "SELECT t.raw_hex, o.path_json, o.observer_idx, o.timestamp, t.first_seen FROM observations o"
        " JOIN transmissions t ON t.id = o.transmission_id").fetchall()
    names = dict(db.execute("SELECT rowid, id FROM observers"))
    for raw_hex, path_json, observer, stamp, first_seen in rows:
        parsed = parse_frame(bytes.fromhex(raw_hex))
        if parsed is None or (parsed[0] == ADVERT and not is_signed(parsed[3])):
            refused += 1
            continue
        kind, size, hops, payload, _ = parsed
        if kind == ADVERT:
            keys.add(payload[:32])
        if kind != TRACE and path_json is not None:
            texts = json.loads(path_json)
            hops = bytes.fromhex("".join(texts))
            size = len(texts[0]) // 2 if texts else size
        ms = stamp * 1000
        if not stamp:
            parsed_time = time.strptime(first_seen[:19] + " UTC", "%Y-%m-%dT%H:%M:%S %Z")
            ms = (int(time.mktime(parsed_time)) - time.timezone) * 1000
        name = names.get(observer, observer) if isinstance(observer, int) else observer
        found.setdefault(hash_of(parsed), set()).add((name, size, hops, ms))
    return found, keys, refused


def imported(world):
    found = {}
    for row in world.query("SELECT t.hash, r.identity, o.path_size, o.path, o.receipt_ms FROM observations o JOIN"
                           " transmissions t ON t.id = o.transmission_id JOIN observers r ON r.id = o.observer_id"):
        found.setdefault(row[0], set()).add(row[1:])
    return found


SHIFTING = ("commits", "updated_ms", "created_ms", "checked_ms", "refused_from_ms")


def dump(world, skip=()):
    """All rows of all tables by their contents: ids are replaced by what they name."""
    db = sqlite3.connect(f"file:{world.db_path}?mode=ro", uri=True)
    names = {
        "transmission_id": dict(db.execute("SELECT id, hex(hash) FROM transmissions")),
        "observer_id": dict(db.execute("SELECT id, identity FROM observers")),
        "sender": dict(db.execute("SELECT id, hex(public_key) FROM nodes")),
        "channel_id": dict(db.execute("SELECT id, name FROM channels")),
        "scope_id": dict(db.execute("SELECT id, name FROM scopes")),
    }
    result = {}
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    for table in tables:
        if table in skip or table.startswith("sqlite_"):
            continue
        cursor = db.execute(f"SELECT * FROM {table}")
        columns = [column[0] for column in cursor.description]
        rows = []
        for row in cursor:
            entry = {c: names[c].get(v, v) if c in names else v for c, v in zip(columns, row)
                     if c not in ("id", "source_id") and c not in SHIFTING}
            if table == "rollups" and entry["kind"] in (1, 2):
                entry["key"] = names["observer_id" if entry["kind"] == 1 else "sender"].get(entry["key"])
            if table.startswith("hash"):
                entry = {"hash": next(iter(entry.values()))[:4]}
            rows.append(tuple(repr(value) for value in entry.values()))
        # In which of the tables a hash stands depends on the batches; one holds four bytes of each.
        name = "hashes" if table.startswith("hash") else table
        result[name] = sorted(result.get(name, []) + rows)
    db.close()
    return result


# What belongs to rings and sources, not to the mesh.
RINGS = ("sources", "ring_cursors", "ring_outcomes", "chain_receivers", "chain_outcomes")
# Events of a run: which source, and at most 20 a second.
REFUSALS = ("refusals", "refusal_hours", "refusal_slots")


# --- import ---------------------------------------------------------------------------------------

def corpus_file(name):
    for folder in filter(None, (os.environ.get("WEIR_CORPUS"), ROOT / "../shared/corpus/train")):
        for path in (Path(folder) / name, Path(folder).parent / name):
            if path.exists():
                return path
    pytest.skip(f"{name} is not here; set WEIR_CORPUS")


@pytest.mark.parametrize("name", ["corescope-e2e-fixture.db", "corescope-e2e-fixture-2026-03.db"])
def test_import_equals_a_recount(world, name):
    path = corpus_file(name)
    expected, keys, refused = recount(path)
    out, _ = run_ok(world, "--import", path)
    assert imported(world) == expected
    assert {row[0] for row in world.query("SELECT public_key FROM nodes")} == keys
    committed = sum(len(rows) for rows in expected.values())
    assert f"committed {committed}" in out and f"rejected.frame {refused}" in out, out
    assert world.count("observers") == 31
    assert world.query("SELECT name FROM sources") == [("import",)]
    counted = world.query("SELECT transmissions, observations, observers, nodes FROM meta")[0]
    assert counted == tuple(world.count(t) for t in ("transmissions", "observations", "observers", "nodes"))

    before = dump(world)
    out, _ = run_ok(world, "--import", path)
    assert "nothing added" in out
    assert dump(world) == before


RELAYS = """
    WITH RECURSIVE hop (receipt, size, path, i) AS (
      SELECT o.receipt_ms, o.path_size, o.path, 0 FROM observations o JOIN transmissions t ON t.id = o.transmission_id
        WHERE o.direction = 0 AND o.route < 2 AND t.type <> 9 AND length(o.path) > 0
      UNION ALL SELECT receipt, size, path, i + 1 FROM hop WHERE (i + 1) * size < length(path)),
    meant AS (SELECT DISTINCT receipt, substr(path, 1 + i * size, size) AS bytes, size FROM hop)
    SELECT node, max(receipt) FROM (
      SELECT receipt, min(n.id) AS node FROM meant m JOIN nodes n ON substr(n.public_key, 1, m.size) = m.bytes
        AND (m.size > 1 OR (n.first_ms <= m.receipt AND n.last_ms >= m.receipt - 7 * 86400000))
      GROUP BY receipt, bytes HAVING count(*) = 1) GROUP BY node ORDER BY node"""
RELAYED = "SELECT id, last_relayed_ms FROM nodes WHERE last_relayed_ms NOT NULL ORDER BY id"


@pytest.mark.parametrize("name", ["corescope-e2e-fixture.db", "corescope-e2e-fixture-2026-03.db"])
def test_import_and_redecode_say_who_relayed_and_count_the_rest_of_what_is_counted_late(world, name):
    def counted():
        return [world.query(sql) for sql in (
            "SELECT kind, sum(observations), sum(transmissions) FROM rollups WHERE kind >= 8 GROUP BY kind",
            "SELECT * FROM node_observers", "SELECT * FROM hours")]
    run_ok(world, "--import", corpus_file(name))
    late = counted()
    sums = {kind: (heard, first) for kind, heard, first in late[0]}
    network = world.query("SELECT sum(observations), sum(transmissions) FROM rollups WHERE kind = 0")[0]
    assert sums[8] == sums[10] == (network[0], 0) and sums[9] == (0, network[1]), sums
    assert sum(row[2] for row in late[1]) == world.scalar("SELECT sum(observations) FROM rollups WHERE kind = 2") > 0
    relayed = world.query(RELAYED)
    assert len(relayed) > 10 and relayed == world.query(RELAYS)
    with sqlite3.connect(world.db_path) as db:
        db.execute("UPDATE nodes SET last_relayed_ms = NULL")
        db.executescript("DELETE FROM rollups; DELETE FROM node_observers; DELETE FROM hours")
    run_ok(world, "--redecode")
    assert world.query(RELAYED) == relayed
    assert counted() == late


class CoreScope:
    """A CoreScope database of a shape that the test chooses."""

    def __init__(self, world, observations="observer_idx INTEGER", more="", transmissions=""):
        self.path = world.dir / "corescope.db"
        self.db = sqlite3.connect(self.path)
        self.db.executescript(f"""
            CREATE TABLE transmissions (id INTEGER PRIMARY KEY AUTOINCREMENT, raw_hex TEXT NOT NULL,
              hash TEXT NOT NULL, first_seen TEXT NOT NULL {transmissions});
            CREATE TABLE observations (id INTEGER PRIMARY KEY AUTOINCREMENT, transmission_id INTEGER NOT NULL,
              {observations}, direction TEXT, snr REAL, rssi REAL, score INTEGER, path_json TEXT,
              timestamp {'TEXT' if 'observer_id' in observations else 'INTEGER'} NOT NULL {more});""")

    def add_observers(self, *rows, columns="id, name, iata, last_seen, first_seen"):
        self.db.execute(f"CREATE TABLE observers ({columns.replace('id,', 'id TEXT PRIMARY KEY,', 1)})")
        self.db.executemany(f"INSERT INTO observers VALUES ({','.join('?' * len(rows[0]))})", rows)

    def add(self, raw, *observations, first_seen=FIRST_SEEN):
        """observations: dicts of columns. Returns the transmission's id."""
        raw = raw if isinstance(raw, str) else raw.hex()
        number = self.db.execute("INSERT INTO transmissions (raw_hex, hash, first_seen) VALUES (?, 'old', ?)",
                                 (raw, first_seen)).lastrowid
        for row in observations:
            row = {"transmission_id": number, "timestamp": 1774805000, **row}
            self.db.execute(f"INSERT INTO observations ({','.join(row)}) VALUES ({','.join('?' * len(row))})",
                            list(row.values()))
        return number

    def done(self):
        self.db.commit()
        self.db.close()
        return self.path


def test_import_of_the_v2_shape(world):
    """observer_id and observer_name instead of observer_idx, times as text, no
    table of observers."""
    source = CoreScope(world, "observer_id TEXT, observer_name TEXT")
    source.add(frame(1), {"observer_id": "OBS1", "observer_name": "One", "timestamp": "2026-03-29T17:36:00.500Z",
                          "snr": 5.5, "rssi": -90, "direction": "TX"})
    source.add(frame(2), {"observer_id": "OBS2", "observer_name": None, "timestamp": "2026-03-29 17:37:00"})
    source.add(frame(3), {"observer_id": "OBS2", "observer_name": "Two", "timestamp": "no time"})
    run_ok(world, "--import", source.done())
    rows = world.query("SELECT r.identity, r.name, o.receipt_ms, o.direction, o.snr, o.rssi FROM observations o"
                       " JOIN observers r ON r.id = o.observer_id ORDER BY o.id")
    assert rows == [("OBS1", "One", 1774805760500, 1, 5.5, -90), ("OBS2", "Two", 1774805820000, 0, None, None),
                    ("OBS2", "Two", FIRST_SEEN_MS, 0, None, None)]


def test_import_takes_the_observations_own_frame(world):
    """raw_hex of the observation wins; without it the recorded path is put into the frame of
    the transmission."""
    source = CoreScope(world, more=", raw_hex TEXT")
    source.add_observers(("OBS1", "One", "SJC", FIRST_SEEN, FIRST_SEEN))
    two = frame(1, path=b"\xaa\xbb")
    source.add(two, {"observer_idx": 1, "raw_hex": frame(1, path=b"\x01\x02\x03").hex(), "path_json": '["FF"]'},
               {"observer_idx": 1, "path_json": '["C0FE","0102"]'}, {"observer_idx": 1, "path_json": None},
               {"observer_idx": 1, "path_json": "[]"}, {"observer_idx": 1, "path_json": '["zz"]'},
               {"observer_idx": 1, "path_json": '["AA","BBCC"]'})
    out, _ = run_ok(world, "--import", source.done())
    assert world.query("SELECT path_size, path FROM observations ORDER BY id") == [
        (1, b"\x01\x02\x03"), (2, b"\xc0\xfe\x01\x02"), (1, b"\xaa\xbb"), (1, b"")]
    assert world.query("SELECT hash, observation_count FROM transmissions") == [(content_hash(two), 4)]
    assert "rejected.envelope 2" in out, out


def test_import_leaves_the_path_of_a_trace(world):
    """protocol.md 4.10: path_json of a TRACE is its planned route; the frame's path
    holds SNR values."""
    raw = bytes([TRACE << 2 | 2, 2, 0x30, 0xF4]) + b"\x01\x02\x03\x04" + bytes(4) + b"\x00" + b"\xaa\xbb\xcc"
    source = CoreScope(world)
    source.add(raw, {"observer_idx": 1, "path_json": '["AA","BB","CC"]'})
    run_ok(world, "--import", source.done())
    assert world.query("SELECT path FROM observations") == [(b"\x30\xf4",)]
    assert world.query("SELECT hash FROM transmissions") == [(hash_of(parse_frame(raw)),)]


def test_import_counts_what_it_refuses(world):
    source = CoreScope(world, transmissions=", created_at TEXT")
    source.add_observers(("OBS1", "One", "SJC", FIRST_SEEN, FIRST_SEEN), ("BAD", "", "", "", ""))
    source.add("zz", {"observer_idx": 1})
    source.add("C10000", {"observer_idx": 1})  # version 3
    source.add("", {"observer_idx": 1})
    source.add(frame(1, kind=ADVERT), {"observer_idx": 1})
    forged = bytes([ADVERT << 2 | 1, 0]) + bytes(range(1, 101))
    source.add(forged, {"observer_idx": 1})
    source.add(frame(2), {"observer_idx": 2})
    source.add(frame(3), {"observer_idx": 1, "timestamp": 0}, first_seen="9999-01-01T00:00:00Z")
    source.add(frame(4), {"observer_idx": None}, {"observer_idx": 77})
    source.add(frame(5))
    world.write_config(observerBlacklist=["bad"])
    out, _ = run_ok(world, "--import", source.done())
    assert ("committed 2, duplicate 1, filtered.no_frame 1, filtered.observer 1, rejected.envelope 1, rejected.hex 1,"
            " rejected.frame 1, rejected.advert 1, rejected.signature 1") in out, out
    assert '3 rows name no observer and stand under "unknown", which counts as none' in out
    assert "2 observers became 1: 1 kept out by the lists of the configuration" in out
    assert world.query("SELECT o.receipt_ms, r.identity FROM observations o JOIN observers r ON r.id = o.observer_id"
                       " ORDER BY o.id") == [(1774805000000, "unknown"), (FIRST_SEEN_MS, "unknown")]
    assert world.count("nodes") == 0


def test_import_of_observers_and_metrics(world):
    """What is known of an observer counts as said when it was last seen; a future
    last_seen is none."""
    source = CoreScope(world)
    source.add_observers(
        ("OBS1", "One\x07\x9b<b>", "SJC", FIRST_SEEN, "2026-03-01T00:00:00.250Z", "T3", "v1", 3700, -101.5, 0, 0),
        ("OBS2", "Two", "OAK", "9999-03-29T17:35:00Z", "2026-03-02T00:00:00Z", None, None, None, None, 0, 1),
        columns="id, name, iata, last_seen, first_seen, model, firmware, battery_mv, noise_floor, can_relay,"
                " can_relay_seen")
    source.db.executescript("""
        CREATE TABLE observer_metrics (observer_id TEXT NOT NULL, timestamp TEXT NOT NULL, noise_floor REAL,
          battery_mv INTEGER, packets_recv INTEGER, PRIMARY KEY (observer_id, timestamp));
        INSERT INTO observer_metrics VALUES ('OBS1', '2026-03-29T17:30:00Z', -100, 3600, 7),
          ('OBS1', '2026-03-29T17:35:00Z', NULL, 3601, 8), ('NOBODY', '2026-03-29T17:35:00Z', 1, 2, 3);""")
    source.add(frame(1), {"observer_idx": 1})
    out, _ = run_ok(world, "--import", source.done())
    assert "1 observers without packets, 2 metrics" in out, out
    rows = world.query("SELECT identity, name, iata, first_ms, last_ms, last_packet_ms, model, firmware, battery_mv,"
                       " noise_floor, can_relay, packet_count, status_count FROM observers ORDER BY identity")
    assert rows == [
        ("OBS1", "One<b>", "SJC", 1772323200250, FIRST_SEEN_MS, 1774805000000, "T3", "v1", 3700, -101.5, None, 1, 0),
        ("OBS2", "Two", "OAK", 1772409600000, None, None, None, None, None, None, 0, 0, 0)]
    assert world.query("SELECT receipt_ms, noise_floor, battery_mv, packets_recv FROM observer_metrics"
                       " ORDER BY receipt_ms") == [(1774805400000, -100, 3600, 7), (FIRST_SEEN_MS, None, 3601, 8)]


def test_import_says_which_nodes_became_ours(world):
    """Nodes come from verified adverts alone: of the file's own table the others are told."""
    source = CoreScope(world)
    key = FAR_ADVERT[4:68]
    source.db.executescript(f"""
        CREATE TABLE nodes (public_key TEXT PRIMARY KEY, first_seen TEXT);
        CREATE TABLE inactive_nodes (public_key TEXT PRIMARY KEY, first_seen TEXT);
        INSERT INTO nodes VALUES ('{key.lower()}', '2026-01-01T00:00:00Z'), ('{"ab" * 32}', ''), ('bot', NULL);
        INSERT INTO inactive_nodes VALUES ('{key.upper()}', '2025-01-01T00:00:00Z');""")
    source.add(FAR_ADVERT, {"observer_idx": None})
    out, _ = run_ok(world, "--import", source.done())
    assert ("4 nodes became 1: 1 without a verified advert among the packets, 1 there twice,"
            " 1 without a key of 64 hex digits") in out, out
    assert world.query("SELECT first_ms FROM nodes") == [(1735689600000,)]
    assert "observers became" not in out
    world.start_server()
    world.wait("totals", lambda: "totalObservers" in world.get("/api/stats").json)
    assert world.get("/api/stats").json["totalObservers"] == 0  # "unknown" is nobody


def test_import_of_observers_in_two_spellings(world):
    """CoreScope makes two observers when a publisher changes case (protocol.md 3): one row, spelled
    as a live message spells it: a key in upper case, of a free name the smallest spelling."""
    source = CoreScope(world)
    source.add_observers(*[(name, "", "", FIRST_SEEN, FIRST_SEEN)
                           for name in ("ab" * 32, "roof", "Roof", "AB" * 32, "cd" * 32, "tower")])
    source.add(frame(1), {"observer_idx": 6})
    out, _ = run_ok(world, "--import", source.done())
    assert "3 observers without packets" in out, out
    assert "6 observers became 4: 2 there twice" in out, out
    assert world.query("SELECT identity FROM observers ORDER BY identity") == [
        ("AB" * 32,), ("CD" * 32,), ("Roof",), ("tower",)]
    assert world.scalar("SELECT observers FROM meta") == 4


# From CoreScope's tests: 36.757308 north, 121.504264 west.
FAR_ADVERT = ("120073CFF971E1CB5754A742C152B2D2E0EB108A19B246D663ED8898A72C4A5AD86EA6768E66694B025EDF6939D5C44CFF71"
              "9C5D5520E5F06B20680A83AD9C2C61C3227BBB977A85EE462F3553445FECF8EDD05C234ECE217272E503F14D6DF2B1B9B133"
              "890C923CDF3002F8FDC1F85045414BF09F8CB3")


@pytest.mark.parametrize("moved", [{"latMin": 30, "latMax": 40, "lonMin": -130, "lonMax": -120},
                                   {"polygon": [[30, -130], [40, -130], [40, -110]]},
                                   {"polygon": [[50, 0], [51, 0], [51, 1]], "bufferKm": 20000}])
def test_import_looks_anew_when_the_area_was_moved(world, moved):
    """The area decides about rows, wherever its corners are; their number need not change."""
    source = CoreScope(world)
    source.add(FAR_ADVERT, {})
    path = source.done()
    small = ({"polygon": [[50, 0], [51, 0], [51, 1]], "bufferKm": 10} if "polygon" in moved else
             {"latMin": 50, "latMax": 51, "lonMin": 0, "lonMax": 1})
    world.write_config(geo_filter=small, foreignAdverts="drop")
    out, _ = run_ok(world, "--import", path)
    assert "filtered.geo 1" in out and world.count("nodes") == 0, out
    out, _ = run_ok(world, "--import", path)
    assert "imported before" in out, out
    world.write_config(geo_filter=moved, foreignAdverts="drop")
    out, _ = run_ok(world, "--import", path)
    assert "1 transmissions" in out and world.count("nodes") == 1, out


def big_corescope(world, count=20000):
    source = CoreScope(world)
    source.add_observers(*[(f"OBS{n}", f"Name {n}", "SJC", FIRST_SEEN, FIRST_SEEN) for n in range(20)])
    for number in range(count):
        source.add(frame(number // 2), {"observer_idx": number % 20 + 1, "timestamp": 1774805000 + number})
    return source.done()


def test_import_goes_on_after_kill(world):
    """kill -9 in the middle, as often as it takes: the same rows as in one go, none twice."""
    path = big_corescope(world)
    world.write_config(dbPath="whole/weir.db")
    run_ok(world, "--import", path)
    whole = dump(world)
    world.write_config(dbPath="parts/weir.db")
    argv = [str(BUILD / "ingestor"), "--config", str(world.config_path), "--import", str(path)]
    kills = 0
    for limit in (2000, 6000, 10000):
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=world.env)
        world.wait(f"{limit} rows", lambda n=limit: process.poll() is not None or (
            world.db_path.exists() and world.scalar("SELECT coalesce(max(position), 0) FROM jobs") >= n))
        kills += process.poll() is None
        process.kill()
        process.wait()
    _, err = run_ok(world, "--import", path)
    assert kills == 0 or "going on where the last import ended" in err
    parts = dump(world)
    for table in whole:
        assert parts[table] == whole[table], table


def test_import_again_after_the_file_has_grown(world):
    path = big_corescope(world, 100)
    run_ok(world, "--import", path)
    db = sqlite3.connect(path)
    db.execute("INSERT INTO transmissions (raw_hex, hash, first_seen) VALUES (?, '', ?)", (frame(999).hex(), FIRST_SEEN))
    db.execute("INSERT INTO observations (transmission_id, observer_idx, timestamp) VALUES (101, 1, 1774805000)")
    db.commit()
    db.close()
    out, _ = run_ok(world, "--import", path)
    assert "committed 1, duplicate 100" in out and "new: 1 transmissions, 1 observations" in out, out
    os.utime(path)
    out, _ = run_ok(world, "--import", path)
    assert "duplicate 101" in out and "nothing added" in out, out


def test_import_beside_a_running_corescope(world):
    """What stands in its WAL only is read; the file is left as it was."""
    path = big_corescope(world, 10)
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    db.execute("INSERT INTO transmissions (raw_hex, hash, first_seen) VALUES (?, '', ?)", (frame(999).hex(), FIRST_SEEN))
    db.execute("INSERT INTO observations (transmission_id, observer_idx, timestamp) VALUES (11, 1, 1774805000)")
    db.commit()
    before = path.read_bytes()
    out, _ = run_ok(world, "--import", path)
    assert "committed 11" in out, out
    assert path.read_bytes() == before
    db.close()


def test_import_shows_its_progress(world):
    """On a terminal one line with rows, rate and time left, which is wiped at the end."""
    path = big_corescope(world, 30000)
    world.write_config()
    shell = f"{BUILD / 'ingestor'} --config {world.config_path} --import {path}"
    done = subprocess.run(["script", "-qec", shell, "/dev/null"], capture_output=True, text=True, env=world.env,
                          timeout=60 * PATIENCE, stdin=subprocess.DEVNULL, check=True)
    shown = re.findall(r"import: (\d+) of 30000 rows \((\d+) %\), \d+ rows/s, \d+ s left", done.stdout)
    assert shown or "in 0.1 s" in done.stdout or "in 0.2 s" in done.stdout, done.stdout
    assert "committed 30000" in done.stdout


def test_import_refuses_what_is_no_corescope_database(world):
    text = world.dir / "notes.txt"
    text.write_text("no database " * 100)
    assert run_tool(world, "--import", text)[0] == EXIT_BAD_DATA
    assert run_tool(world, "--import", world.dir / "missing.db")[0] == EXIT_IO
    run_ok(world, "--redecode")  # makes an empty database of ours
    code, _, err = run_tool(world, "--import", world.db_path)
    assert code == EXIT_BAD_DATA and "no CoreScope database" in err


@pytest.mark.parametrize("flags", [("--redecode", "--import", "x"), ("--import", "x", "--record", "y"), ("--speed", "2"),
                                   ("--replay", "x", "--speed", "fast"), ("--replay", "x", "--speed", "-1")])
def test_flags_that_do_not_go_together(world, flags):
    code, _, err = run_tool(world, *flags)
    assert code == EXIT_USAGE and "--help" in err


# --- decode ---------------------------------------------------------------------------------------

def test_decode_answers_alone(world):
    """One object or one line, whatever the configuration warns about, and nothing is made
    in any folder."""
    world.dir.mkdir(exist_ok=True)
    world.config_path.write_text(json.dumps({"hashChannels": ["#test"], "runtime": {}, "apiKey": "short",
                                             "dbPath": "missing/weir.db"}))
    before = sorted(path.name for path in world.dir.iterdir())
    out, err = run_ok(world, "--decode", TEXT_OF_TEST)
    assert json.loads(out)["payload"]["channel"] == "#test" and out.count("\n") == 1 and err == ""
    for bad in ("", "0", "0E", "0x0E00", "0E00DEADBEEF ", "4E00DEADBEEF", "0EC0", "00" * 256):
        code, out, err = run_tool(world, "--decode", bad)
        assert (code, out, err.count("\n")) == (EXIT_BAD_DATA, "", 1), (bad, err)
    assert sorted(path.name for path in world.dir.iterdir()) == before


# --- locks ----------------------------------------------------------------------------------------

def test_tools_stop_while_an_ingestor_runs(world):
    path = big_corescope(world, 10)
    replay = world.dir / "replay.jsonl"
    replay.write_text("")
    world.start()
    world.wait_worker("flusher")
    for flags in (("--import", path), ("--redecode",)):
        code, _, err = run_tool(world, *flags)
        assert code == EXIT_LOCKED, err
        assert f"an ingestor is running (pid {world.ingestor.pid}): stop it first" in err
    code, _, err = run_tool(world, "--replay", replay)
    assert code == EXIT_LOCKED and str(world.ingestor.pid) in err
    assert world.ingestor.stop() == 0
    run_ok(world, "--import", path)


def test_a_flusher_waits_for_a_tool(world, broker):
    """An ingestor that is started during an import receives; its flusher waits, and nobody is
    charged for it. Here the test holds the lock that a tool holds."""
    path = big_corescope(world, 10)
    world.add_source(broker)
    world.write_config()
    run_ok(world, "--import", path)
    with open(f"{world.db_path}.lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        world.start()
        with Client(broker.port) as client:
            client.publish_all([(*m, False) for m in packets(50, start=100000)], qos=0)
        world.wait_stats("50 messages in the ring", lambda s: s["queue"]["sources"]["main"]["records"] >= 50
                         if "sources" in s["queue"] else s["ledger"]["total"]["received"] >= 50)
        world.wait_next_sample()
        assert world.count("observations") == 10
    world.wait_drained(50)
    assert world.count("observations") == 60


def test_healthz_names_who_holds_the_lock(world, broker):
    """Beside an --import nothing is stored, and no strict probe says pass while messages wait: not
    while the flusher waits for the lock, nor when it has ended (75) and is started again."""
    path = big_corescope(world)
    world.add_source(broker)
    world.write_config()
    tool = subprocess.Popen([str(BUILD / "ingestor"), "--config", str(world.config_path), "--import", str(path)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=world.env)
    try:
        world.wait("an import under way", lambda: world.scalar("SELECT max(position) FROM jobs") > 0)
        os.kill(tool.pid, signal.SIGSTOP)
        world.start(server=True)
        with Client(broker.port) as client:
            client.publish_all(packets(50, start=100000))
        world.wait_in_ring(50)
        world.wait("the messages in healthz",
                   lambda: "50 messages wait" in world.get("/api/healthz").json["checks"]["commit"]["output"], 3)
        said = set()

        def ended_and_named():
            probe = world.get("/api/healthz?strict=1")
            assert probe.status == 503, probe
            checks = probe.json["checks"]
            assert checks["commit"]["status"] == "warn", checks
            assert f"held by pid {tool.pid} (weir-import)" in checks["worker:flusher"]["output"], checks
            said.add(checks["worker:flusher"]["output"].split(",")[0])
            return "exit 75" in checks["worker:flusher"]["output"]
        world.wait("the flusher's end", ended_and_named)
        assert "waiting for lock" in said, said
    finally:
        tool.kill()
        tool.wait()
    world.wait_drained(50)
    world.wait("healthz that passes", lambda: world.get("/api/healthz?strict=1").status == 200)


# --- replay and record ----------------------------------------------------------------------------

def line_of(topic, payload, **keys):
    return json.dumps({"topic": topic, **keys})[:-1] + f', "payload": {payload}}}'


def test_replay(world):
    lines = [line_of(*m, receipt_us=1774805000000000 + n * 1000000) for n, m in enumerate(packets(3000))]
    lines.append(lines[0])
    file = world.dir / "in.jsonl"
    file.write_text("\n".join(lines) + "\n\n")
    world.write_config(ingestBufferSize=100, softThreshold=0.1, observerMaxPerSecond=1)
    _, err = run_ok(world, "--replay", file)
    assert "replayed: committed 3000, duplicate 1" in err and "messages=3001" in err, err
    assert world.count("transmissions") == 3000
    assert world.query("SELECT min(receipt_ms), max(receipt_ms) FROM observations") == [(1774805000000, 1774807999000)]
    assert world.query("SELECT name FROM sources") == [("replay",)]
    assert not list((world.dir / "data").glob("**/replay-*.ring"))

    _, err = run_ok(world, "--replay", file)  # again: everything is known, and the counts are of this run
    assert "replayed: duplicate 3001" in err, err


def test_replay_of_malformed_lines(world):
    topic, payload = packet(1)
    good = [line_of(topic, payload), json.dumps({"topic": topic, "payload_text": packet(2)[1]}),
            json.dumps({"topic": topic, "payload_base64": base64.b64encode(packet(3)[1].encode()).decode()})]
    bad = ["{", "[]", json.dumps({"payload": {}}), json.dumps({"topic": "t"}), json.dumps({"topic": "t", "payload": "x"}),
           json.dumps({"topic": "t", "payload": {}, "payload_text": ""}), json.dumps({"topic": "t", "payload_base64": "?"}),
           json.dumps({"topic": "t", "payload": {}, "qos": 3}), json.dumps({"topic": "t", "payload": {}, "receipt_us": -1}),
           "x" * (3 << 20)]
    file = world.dir / "in.jsonl"
    file.write_text("\n".join(bad + good + ["nonsense"] * 30))
    code, _, err = run_tool(world, "--replay", file)
    assert code == EXIT_BAD_DATA
    assert "replayed: committed 3" in err and f"malformed={len(bad) + 30}" in err
    assert "line=1 " in err and "line=10 " in err and "line=14 " in err
    assert err.count("line skipped") == 20
    assert world.count("observations") == 3


def test_replay_keeps_the_pace(world):
    lines = [line_of(*m, receipt_us=1774805000000000 + n * 1000000) for n, m in enumerate(packets(5))]
    file = world.dir / "in.jsonl"
    file.write_text("\n".join(lines))
    started = time.monotonic()
    run_ok(world, "--replay", file, "--speed", "4")
    assert time.monotonic() - started >= 1  # four seconds of record


def test_replay_is_no_mqtt_source(world):
    """While a replay runs the stats file and /api/mqtt/status are whole, and a
    reload is refused."""
    world.config["mqttSources"] = [{"name": "main", "broker": "mqtt://127.0.0.1:1", "topics": ["meshcore/#"]}]
    lines = [line_of(*m, receipt_us=1774805000000000 + n * 1000000) for n, m in enumerate(packets(1000))]
    file = world.dir / "in.jsonl"
    file.write_text("\n".join(lines))
    world.ingestor.argv += ["--replay", str(file), "--speed", "1"]
    world.start(server=True, live=False)
    stats = world.wait_stats("a message", lambda s: s["ledger"]["total"]["committed"] > 0)
    assert [w["name"] for w in stats["workers"]] == ["flusher", "replay"]
    assert stats["source_statuses"] == []
    assert stats["status"].startswith("Replaying")
    answer = world.get("/api/mqtt/status")
    assert answer.status == 200 and answer.json["sources"] == []
    world.ingestor.signal(signal.SIGHUP)
    world.wait("the refusal", lambda: "a recording is replayed" in world.ingestor.log())
    assert world.ingestor.stop() == 70  # stopped before its end
    assert world.count("observations") > 0


def test_killed_replay_again(world):
    lines = [line_of(*m, receipt_us=1774805000000000 + n * 100) for n, m in enumerate(packets(20000))]
    file = world.dir / "in.jsonl"
    file.write_text("\n".join(lines))
    world.ingestor.argv += ["--replay", str(file)]
    world.start(live=False)
    world.wait("some rows", lambda: world.count("observations") > 1000 or not world.ingestor.is_running)
    for pid in [world.ingestor.pid, *child_pids(world.ingestor.pid)]:
        send_signal(pid, signal.SIGKILL)
    world.ingestor.process.wait()
    run_ok(world, "--replay", file)
    assert world.counts("transmissions", "observations") == {"transmissions": 20000, "observations": 20000}


def test_record_and_replay_give_the_same_tables(world, broker):
    """Round trip, with what no JSON line could hold verbatim among it."""
    tools = [f"capture_tools/{path.stem}" for path in (ROOT / "tests/fixtures/capture_tools").iterdir()]
    corpus = [m for name in ("packets", "status", "testvectors", "mesh_messages", *sorted(tools))
              for m in recorded(name) or [] if m[0].startswith("meshcore/")]
    corpus += [(f"meshcore/client/c0ffee/{kind}", json.dumps({"timestamp": "2026-03-29T15:27:30Z", **payload}), False)
               for kind, payload in (("regions", {"target": "ab" * 32, "regions": ["eu", "de"]}),
                                     ("regions", {"target": "ab" * 32, "regions": []}),
                                     ("rf", {"raw": frame(1, path=b"\x01").hex(), "direction": "rx",
                                             "gps": {"lat": 1, "lon": 2}}), ("rf", {"noise_floor": -110}))]
    odd = [("meshcore/TST/OBS1/packets", b"\xff\x00not text", False), ("meshcore/TST/OBS1/packets", "two\nlines", False),
           (packet(1)[0], json.dumps(json.loads(packet(1)[1]), indent=2), False), ("meshcore/packets", "", False)]
    record = world.dir / "out.jsonl"
    world.add_source(broker)
    world.ingestor.argv += ["--record", str(record)]
    world.start(clientRxCoverage={"enabled": True}, clientRxObservations={"enabled": True})
    with Client(broker.port) as client:
        sent = client.publish_all(corpus + odd, qos=0)
    world.wait_drained(sent)
    world.ingestor.signal(signal.SIGHUP)  # a reload keeps the recording
    with Client(broker.port) as client:
        sent += client.publish_all([(*m, False) for m in packets(100, start=500)], qos=0)
    ledger = world.wait_drained(sent)
    assert ledger_sum(ledger) == sent
    assert world.ingestor.stop() == 0
    live = dump(world, skip=RINGS + REFUSALS)

    lines = record.read_text(encoding="utf-8").splitlines()
    assert len(lines) == sent
    assert record.stat().st_mode & 0o777 == 0o640
    assert all(json.loads(line)["source"] == "main" for line in lines)
    assert sum("payload_base64" in json.loads(line) for line in lines) >= 1
    verbatim = {text for _, text, _ in corpus if text.startswith("{") and "\n" not in text}
    found = {payload_text(line) for line in lines if '"payload":' in line}
    assert len(found & verbatim) >= len(verbatim) - 20  # others hold what is no UTF-8 text

    world.write_config(dbPath="again/weir.db", mqttSources=[])
    run_ok(world, "--replay", record)
    again = dump(world, skip=RINGS + REFUSALS)
    for table in live:
        assert again[table] == live[table], table


def test_a_recording_that_can_not_be_written(world, broker):
    """The first error ends it; what was received is stored all the same."""
    world.add_source(broker)
    world.ingestor.argv += ["--record", "/dev/full"]
    world.start()
    with Client(broker.port) as client:
        sent = client.publish_all([(*m, False) for m in packets(20)], qos=0)
    world.wait_drained(sent)
    assert world.count("observations") == 20
    assert len(world.ingestor.log_lines("recording ended, ingest goes on")) == 1
    assert world.ingestor.stop() == 0
    assert world.ingestor.log_lines("recording is not complete.*messages_missing=20")


def test_record_into_a_missing_folder(world):
    code, _, err = run_tool(world, "--record", world.dir / "no/such/folder/out.jsonl")
    assert code == EXIT_IO and "recording can't be written" in err


def test_replay_into_its_own_recording(world):
    """It would read what it has written itself, without end."""
    path = world.dir / "messages.jsonl"
    path.write_text('{"topic": "meshcore/TST/OBS1/packets", "payload": {}}\n')
    link = world.dir / "link.jsonl"
    link.symlink_to(path)
    before = path.read_text()
    for record in (path, link):
        code, _, err = run_tool(world, "--replay", path, "--record", record)
        assert code == EXIT_USAGE and "same file" in err
    assert path.read_text() == before


# --- redecode -------------------------------------------------------------------------------------

def test_redecode_opens_a_channel_that_is_added_later(world):
    """And closes it again when its name is taken away: derived rows follow from
    today's keys alone."""
    topic, payload = packet(1)
    payload = json.dumps(json.loads(payload) | {"raw": TEXT_OF_TEST, "len": str(len(TEXT_OF_TEST) // 2)})
    file = world.dir / "in.jsonl"
    file.write_text(line_of(topic, payload))
    run_ok(world, "--replay", file)
    sql = ("SELECT c.name, c.is_encrypted, m.text IS NULL FROM messages m JOIN channels c ON c.id = m.channel_id")
    closed = world.query(sql)
    assert closed == [("enc_D9", 1, 1)]
    world.write_config(hashChannels=["test"])
    out, _ = run_ok(world, "--redecode")
    assert "readable messages" in out
    assert world.query(sql) == [("#test", 0, 0)]
    world.write_config(hashChannels=[])
    run_ok(world, "--redecode")
    assert world.query(sql) == closed
    assert world.query("SELECT name FROM channels") == [("enc_D9",)]


def test_redecode_reads_the_history_with_a_new_key(world):
    """protocol.md 4.4, with the keys of the recordings: every message that one of them opens."""
    messages = [m for m in recorded("packets") or recorded("mesh_messages")]
    file = world.dir / "in.jsonl"
    file.write_text("\n".join(line_of(topic, payload) for topic, payload, _ in messages))
    run_ok(world, "--replay", file)
    closed = world.scalar("SELECT count(*) FROM messages WHERE text IS NULL")
    if closed == 0:
        pytest.skip("no message here that Public does not open")
    listed = corpus_file("channel_keys.json")
    keys = {entry["name"]: entry["key"] for entry in json.loads(listed.read_text())}
    world.write_config(channelKeys=keys)
    out, _ = run_ok(world, "--redecode")
    assert "readable messages" in out
    assert world.scalar("SELECT count(*) FROM messages WHERE text IS NULL") < closed
    before = dump(world)
    run_ok(world, "--redecode")
    assert dump(world) == before
