# SPDX-License-Identifier: MIT
"""The recorded packets through a real broker: every row that should be there, none twice."""

import json

import pytest
from harness import ledger_sum
from messages import ADVERT, TXT_MSG, frame, packet, recorded
from mqtt_lite import Client

WAYS = {
    "qos0": ({"qos": 0}, {}),
    "qos1": ({"qos": 1, "persistentSession": True}, {}),
    "durable": ({"qos": 1, "persistentSession": True}, {"ingestAsync": False}),
}
TABLES = ("transmissions", "observations", "observers", "nodes")


@pytest.fixture
def corpus():
    files = {name: recorded(name) for name in ("packets", "status", "multi_observer")}
    missing = [name for name, found in files.items() if found is None]
    if missing:
        pytest.skip(f"recorded messages are not here ({', '.join(missing)}); set WEIR_CORPUS")
    return files


def publish(broker, messages, qos):
    with Client(broker.port) as client:
        return client.publish_all(messages, qos=qos)


def expect_stats(world, rows):
    def matches():
        totals = world.get("/api/stats").json
        found = (totals["totalTransmissions"], totals["totalObservations"], totals["totalObservers"],
                 totals["totalNodesAllTime"])
        return found == tuple(rows[table] for table in TABLES)
    world.wait(f"/api/stats with {rows}", matches)


@pytest.mark.parametrize("way", WAYS)
def test_recorded_packets(world, broker, corpus, way):
    source, keys = WAYS[way]
    world.add_source(broker, **source)
    world.start(server=True, **keys)
    qos = source["qos"]

    sent = publish(broker, corpus["packets"] + corpus["status"], qos)
    ledger = world.wait_drained(sent, timeout=60)
    rows = dict(zip(TABLES, (499, 499, 31, 90)))
    assert world.counts(*TABLES) == rows
    expect_stats(world, rows)
    assert sum(ledger["rejected"].values()) == 1, ledger
    assert (ledger["received"], ledger["committed"]) == (531, 530)

    sent += publish(broker, corpus["multi_observer"], qos)
    ledger = world.wait_drained(sent, timeout=60)
    rows = dict(zip(TABLES, (549, 1597, 31, 94)))
    assert world.counts(*TABLES) == rows
    expect_stats(world, rows)
    assert ledger["duplicate"] == 13, ledger
    assert ledger["rejected"]["signature"] == 4, ledger

    sent += publish(broker, corpus["packets"] + corpus["status"] + corpus["multi_observer"], qos)
    ledger = world.wait_drained(sent, timeout=60)
    assert world.counts(*TABLES) == rows
    assert ledger["duplicate"] == 13 + 1646 - 5, ledger
    assert sum(ledger["rejected"].values()) == 2 * 5, ledger
    assert not any(ledger["dropped"].values()) and ledger["dead"] == 0, ledger
    assert ledger_sum(ledger) == ledger["received"] == sent


def test_ids_rise_in_order_of_commit(world, broker, corpus):
    world.add_source(broker)
    world.start()
    world.wait_drained(publish(broker, corpus["packets"] + corpus["multi_observer"], 0))
    for table, time in (("transmissions", "first_ms"), ("observations", "receipt_ms")):
        sql = world.scalar("SELECT sql FROM sqlite_schema WHERE name = ?", table)
        assert "id INTEGER PRIMARY KEY" in sql
        rows = world.query(f"SELECT id, {time} FROM {table} ORDER BY id")
        assert rows[0][0] == 1
        assert all(a[0] < b[0] and a[1] <= b[1] for a, b in zip(rows, rows[1:]))


def test_observation_count_is_the_number_of_rows(world, broker, corpus):
    world.add_source(broker)
    world.start()
    world.wait_drained(publish(broker, corpus["packets"] + corpus["multi_observer"], 0))
    wrong = world.query("SELECT id FROM transmissions t WHERE observation_count !="
                        " (SELECT count(*) FROM observations WHERE transmission_id = t.id)")
    assert wrong == []
    orphans = world.query("SELECT id FROM observations WHERE observer_id NOT IN (SELECT id FROM observers)")
    assert orphans == []
    meta = world.query("SELECT transmissions, observations, observers, nodes FROM meta")[0]
    assert meta == tuple(world.count(table) for table in TABLES)


def test_short_payloads_are_stored_but_adverts(world, broker):
    world.add_source(broker)
    world.start()
    with Client(broker.port) as client:
        for kind in (TXT_MSG, ADVERT):
            raw = frame(1, kind)[:4 if kind == TXT_MSG else 60]
            topic, payload = packet(1, kind=kind)
            payload = json.loads(payload) | {"raw": raw.hex(), "len": str(len(raw))}
            client.publish(topic, json.dumps(payload))
        client.flush()
    ledger = world.wait_drained(2)
    assert ledger["committed"] == 1 and ledger["rejected"] == {**ledger["rejected"], "advert": 1}, ledger
    assert world.query("SELECT type, length(raw) FROM transmissions") == [(TXT_MSG, 4)]
