# SPDX-License-Identifier: MIT
"""cluster - two ingestors and two shards of ClickHouse: kill -9 of ingestors' processes, senders
and shards, stopped shards, a network that spoils what passes (P1, P2)."""

import time

from arena import Outcome, Skipped
from clickhouse import BINARY
from cluster_siege import ClusterSiege, two_shards, wait_acknowledged
from harness import World


def besiege(arena, name, faults, rounds):
    if BINARY is None:
        raise Skipped("there is no clickhouse-server")
    home, servers = World(f"torture-{name}"), two_shards()
    try:
        broker = home.start_broker()
        with ClusterSiege(broker, servers, arena.random(name), rate=arena.count(2000, 400), faults=faults) as siege:
            siege.begin("weir")
            siege.rounds(rounds, is_over=arena.is_over)
            wrong = siege.judge(timeout=300)
            return Outcome(rounds=sum(siege.done.values()), sent=siege.published, stored=siege.stored,
                           figures=siege.figures(), wrong=wrong)
    finally:
        home.close()
        for server in servers:
            server.close()


def kills(arena):
    return besiege(arena, "cluster.kills", 0.0, arena.count(100, 7))


def network(arena):
    return besiege(arena, "cluster.network", 0.4, arena.count(100, 7))


def away(arena):
    """One shard is not there while messages come: its blocks wait, the other goes on; then how fast
    it catches up."""
    if BINARY is None:
        raise Skipped("there is no clickhouse-server")
    home, servers = World("torture-cluster.away"), two_shards()
    try:
        broker = home.start_broker()
        with ClusterSiege(broker, servers, arena.random("cluster.away"), rate=arena.count(5000, 1000),
                          ingestors=1) as siege:
            siege.begin("weir")
            servers[1].kill()
            until = arena.until(arena.count(120, 6))
            while time.monotonic() < until:
                time.sleep(0.2)  # so long the shard is away
                siege.watchers[0].look()
            waiting = siege.worlds[0].stats()["outbox"][1]
            servers[1].start()
            began = time.monotonic()
            wrong = siege.judge(timeout=300)
            seconds = time.monotonic() - began
            if waiting["rows"] <= 0 or waiting["awaySeconds"] <= 0:
                wrong.append(f"the shard was away, and its outbox says {waiting}")
            wait_acknowledged(siege.worlds[0], siege.published)
            return Outcome(rounds=1, sent=siege.published, stored=siege.stored, wrong=wrong,
                           figures={"waited rows": waiting["rows"], "bytes": waiting["bytes"],
                                    "rows/s caught up": int(waiting["rows"] / max(seconds, 0.001))})
    finally:
        home.close()
        for server in servers:
            server.close()


PARTS = {"cluster.kills": kills, "cluster.network": network, "cluster.away": away}
