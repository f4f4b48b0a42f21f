# SPDX-License-Identifier: MIT
"""--export-corescope: a database of CoreScope's in its final shape, and --import of it gives
the same rows."""

import re
import sqlite3
from pathlib import Path

import pytest
from harness import World, run_ok, run_tool
from messages import fixture_path

PROTOCOL = {  # the columns in CoreScope's order
    "nodes": "public_key name role lat lon last_seen first_seen advert_count battery_mv temperature_c foreign_advert"
             " default_scope multibyte_sup multibyte_evidence",
    "observers": "id name iata last_seen first_seen packet_count model firmware client_version radio battery_mv"
                 " uptime_secs noise_floor inactive last_packet_at clock_skew_seconds clock_skew_count_24h"
                 " clock_last_naive_at can_relay can_relay_seen",
    "transmissions": "id raw_hex hash first_seen route_type payload_type payload_version decoded_json from_pubkey"
                     " last_seen created_at channel_hash scope_name",
    "observations": "id transmission_id observer_idx direction snr rssi score path_json timestamp resolved_path raw_hex",
    "observer_metrics": "observer_id timestamp noise_floor tx_air_secs rx_air_secs recv_errors battery_mv packets_sent"
                        " packets_recv",
    "dropped_packets": "id hash raw_hex reason observer_id observer_name node_pubkey node_name dropped_at",
    "neighbor_edges": "node_a node_b count last_seen",
    "client_receptions": "id rx_pubkey heard_key heard_keylen rssi snr lat lon pos_acc_m rx_at ingested_at src",
    "client_observers": "pubkey name last_seen", "_migrations": "name",
    "_async_migrations": "name status started_at ended_at error",
}
PROTOCOL["inactive_nodes"] = PROTOCOL["nodes"]
INDEXES = """nodes_last_seen nodes_foreign_advert inactive_nodes_last_seen observers_last_seen transmissions_hash
    transmissions_first_seen transmissions_payload_type transmissions_from_pubkey tx_channel_hash tx_scope_name
    tx_last_seen_zero observations_transmission_id observations_observer_idx observations_timestamp observations_tx_ts
    observations_observer_idx_timestamp observations_dedup observer_metrics_timestamp dropped_observer dropped_node
    client_recept_heard_geo client_recept_latlon client_recept_rxat""".split()

# What both databases must agree on; times in whole seconds. Which of the receptions of one second
# was the first, and so whose frame the transmission has, does not come back: there the tests hold
# that it is the frame of one of them, and that the export has the true one.
SAME = {
    "transmissions": "SELECT hex(hash), iif((SELECT count(DISTINCT hex(path)) FROM observations o WHERE o.transmission_id = t.id"
                     " AND o.receipt_ms / 1000 = t.first_ms / 1000) > 1, NULL, hex(raw)), type, route, first_ms / 1000,"
                     " observation_count FROM transmissions t",
    "observations": "SELECT hex(t.hash), r.identity, o.direction, o.path_size, hex(o.path), o.route, o.scope_code, o.snr,"
                    " o.rssi, o.score, o.receipt_ms / 1000 FROM observations o JOIN transmissions t ON"
                    " t.id = o.transmission_id JOIN observers r ON r.id = o.observer_id",
    "nodes": "SELECT hex(public_key), name, role, lat, lon, first_ms / 1000, advert_count FROM nodes",
    "observers": "SELECT identity, name, iata, model, firmware, client_version, rtrim(radio, char(13)), battery_mv, uptime_secs, noise_floor"
                 " FROM observers",
    "messages": "SELECT hex(t.hash), c.name, m.sender, m.text, m.sender_time FROM messages m JOIN transmissions t ON"
                " t.id = m.transmission_id JOIN channels c ON c.id = m.channel_id",
    "metrics": "SELECT r.identity, m.receipt_ms / 300000, m.battery_mv, m.noise_floor, m.tx_air_secs, m.rx_air_secs,"
               " m.recv_errors, m.packets_sent, m.packets_recv FROM observer_metrics m JOIN observers r ON"
               " r.id = m.observer_id",
}


@pytest.fixture(scope="module")
def worlds():
    """Ours, with recorded messages of many kinds; the export of it; another one with the
    import of that."""
    ours, back = World("export"), World("exportback")
    keys = {"retention": {"packetDays": 0, "metricsDays": 0, "rollupDays": 0}, "newObserversPerMinute": 0}
    for world in (ours, back):
        world.write_config(**keys)
    for name in ("packets", "multi_observer", "status", "mesh_messages"):
        run_ok(ours, "--replay", fixture_path(name))
    file = ours.dir / "meshcore.db"
    out = run_ok(ours, "--export-corescope", file)[0]
    told = run_ok(back, "--import", file)[0]
    yield ours, back, file, out, told
    ours.close()
    back.close()


def ask(path, sql, *parameters):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        return db.execute(sql, parameters).fetchall()


def test_the_shape_is_corescopes(worlds):
    _, _, file, _, _ = worlds
    for table, columns in PROTOCOL.items():
        assert [row[0] for row in ask(file, "SELECT name FROM pragma_table_info(?)", table)] == columns.split(), table
    found = {row[0] for row in ask(file, "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql NOT NULL")}
    assert found == {f"idx_{name}" for name in INDEXES}
    assert len(ask(file, "SELECT name FROM _migrations")) == 22
    assert ask(file, "SELECT DISTINCT status FROM _async_migrations") == [("done",)]
    assert ask(file, "PRAGMA auto_vacuum") == [(2,)] and ask(file, "PRAGMA journal_mode") == [("wal",)]
    assert ask(file, "PRAGMA integrity_check") == [("ok",)] and ask(file, "PRAGMA foreign_key_check") == []
    assert not [path for path in file.parent.iterdir() if path.name.startswith("meshcore.db.part")]


def test_the_import_of_it_gives_the_same_rows(worlds):
    ours, back, file, out, told = worlds
    assert "left out" not in out and "duplicate 0" in told or "duplicate" not in told
    for what, sql in SAME.items():
        ours_rows, back_rows = set(ours.query(sql)), set(back.query(sql))
        assert sorted(ours_rows - back_rows, key=repr)[:3] == sorted(back_rows - ours_rows, key=repr)[:3], what
    of_first_second = ask(file, "SELECT upper(t.hash), o.raw_hex FROM observations o JOIN transmissions t ON"
                                " t.id = o.transmission_id WHERE o.timestamp = (SELECT min(timestamp) FROM observations"
                                " WHERE transmission_id = t.id)")
    assert {tuple(row) for row in back.query("SELECT hex(hash), hex(raw) FROM transmissions")} <= set(of_first_second)
    assert ours.count("observations") > 300 and ours.count("nodes") > 20 and ours.count("messages") > 10


def test_the_rows_are_as_corescope_has_them(worlds):
    ours, _, file, _, _ = worlds
    assert sorted(ask(file, "SELECT upper(hash), raw_hex FROM transmissions")) == sorted(
        tuple(row) for row in ours.query("SELECT hex(hash), hex(raw) FROM transmissions"))
    for raw, key, channel, decoded in ask(file, "SELECT raw_hex, from_pubkey, channel_hash, decoded_json"
                                                " FROM transmissions WHERE payload_type IN (4, 5)"):
        assert re.fullmatch(r"[0-9A-F]+", raw) and decoded.startswith('{"type":"')
        assert (key is None) != ("ADVERT" in decoded[:20]) and (channel is None) == ("ADVERT" in decoded[:20]), decoded
    assert {row[0] for row in ask(file, "SELECT DISTINCT role FROM nodes")} <= {"repeater", "companion", "room", "sensor"}
    count, named = ask(file, "SELECT count(*), count(observer_id) FROM packets_v")[0]
    assert count == named == ours.count("observations")
    # One packet was sent and received on the same path: there CoreScope's unique index
    # knows no difference.
    assert ask(file, "SELECT count(*) FROM observations WHERE path_json IS NULL") == [(1,)]
    assert ask(file, "SELECT count(*) FROM observations WHERE json_valid(coalesce(path_json, '[]')) = 0") == [(0,)]
    assert ask(file, "SELECT count(*) FROM transmissions WHERE json_valid(decoded_json) = 0") == [(0,)]
    stamp = ask(file, "SELECT min(first_seen) FROM transmissions")[0][0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stamp)
    assert ask(file, "SELECT count(*) FROM neighbor_edges WHERE node_a >= node_b") == [(0,)]


def test_nothing_is_overwritten_and_nothing_half_is_left(worlds, tmp_path):
    ours, _, file, _, _ = worlds
    before = file.read_bytes()
    code, _, err = run_tool(ours, "--export-corescope", file)
    assert code == 64 and "is there already" in err and file.read_bytes() == before
    missing = tmp_path / "no-such-folder" / "meshcore.db"
    assert run_tool(ours, "--export-corescope", missing)[0] == 74
    full = Path("/dev/full")
    assert run_tool(ours, "--export-corescope", full)[0] == 64
    (tmp_path / "x.db.part").write_text("left by a kill")
    run_ok(ours, "--export-corescope", tmp_path / "x.db")
    assert [path.name for path in tmp_path.iterdir()] == ["x.db"]


def test_beside_a_running_ingestor(world, broker):
    world.add_source(broker)
    world.start()
    run_ok(world, "--export-corescope", world.dir / "meshcore.db")
    assert ask(world.dir / "meshcore.db", "SELECT count(*) FROM transmissions") == [(0,)]
    assert not world.ingestor.log_lines(" error ")
