# SPDX-License-Identifier: MIT
"""A running ingestor with storeUrl: what is received is in ClickHouse exactly once, whatever ends
in between. Against real servers of Debian's (tests/support/clickhouse.py)."""

import itertools
import os
import re

import pytest
from cluster_siege import KEY, ClusterSiege, numbers, total, two_shards, wait_acknowledged
from harness import make_random, run_ok
from messages import packet
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


def test_what_is_received_is_in_the_store(world, broker, servers, database):
    world.add_source(broker)
    world.write_config(**keys([server.url for server in servers], database))
    run_ok(world, "--store-init")
    old = "(day, hour, receipt_ms, hash, observer, direction, path_size, path, has, source, type, route, scope_code)"
    servers[0].ask(f"INSERT INTO {database}.obs {old} VALUES (9000, 216000, 777600000000, 1, 1, 0, 1, '', 0, '', 1, 1, -1)")
    world.start(server=True, ingestorName="ams-1")
    sent = [packet(n, observer=f"OBS{n % 5}") for n in range(300)]
    with Client(broker.port) as client:
        client.publish_all(sent)
        stats = wait_acknowledged(world, 300)
        assert stats["ledger"]["total"]["committed"] == 300
        client.publish_all(sent[:100])  # copies
        stats = wait_acknowledged(world, 400)
    assert (stats["ledger"]["total"]["committed"], stats["ledger"]["total"]["duplicate"]) == (300, 100)
    assert sorted(numbers(servers, database)) == list(range(300))
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
        world.wait("the shard's name in healthz",
                   lambda: "has not answered" in shard_check(world, 1), 15)
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
    assert total(servers, database, "SELECT count() FROM DB.obs WHERE day = 9000") == 0  # retention
    [(name, stats_there)] = servers[0].ask(f"SELECT name, argMax(stats, ver) FROM {database}.ingestors GROUP BY name")
    assert name == "ams-1" and '"ledger"' in stats_there
    world.wait("the observers", lambda: total(servers, database, "SELECT uniqExact(id) FROM DB.observers") == 5, 15)
    assert world.ingestor.stop() == 0


def test_without_the_key_nothing_is_left_behind(world, broker, servers, database):
    """Blocks that wait can't be forgotten by taking storeUrl out of the file."""
    world.add_source(broker)
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
    wait_acknowledged(world, 50)
    assert sorted(numbers(servers, database)) == list(range(50))


@pytest.mark.crash
def test_kills_and_a_bad_network(broker, servers, database):
    with ClusterSiege(broker, servers, make_random("test_cluster"), faults=0.3) as siege:
        siege.begin(database)
        siege.rounds(ROUNDS)
        wrong = siege.judge()
        print(f"published {siege.published}, {siege.figures()}")
        assert wrong == []
