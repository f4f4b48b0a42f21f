# SPDX-License-Identifier: MIT
"""cluster - two ingestors and two shards of ClickHouse: kill -9 of ingestors' processes, senders
and shards, stopped shards, a network that spoils what passes (P1, P2)."""

import time

from arena import Outcome, Skipped
from clickhouse import BINARY
from cluster_siege import FORMS, ClusterSiege, two_shards, wait_acknowledged
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


IN_FLIGHT = 20
MEMBERS = ("everything", "hang", "receiver", "supervisor")


def forms(arena):
    """Each way in which two ingestors have their messages, with members killed and stopped: what
    its row in the README says is lost, and no more."""
    if BINARY is None:
        raise Skipped("there is no clickhouse-server")
    home, servers = World("torture-cluster.forms"), two_shards()
    outcome = Outcome(rounds=0, sent=0, stored=0, figures={}, wrong=[])
    try:
        for number, form in enumerate(FORMS):
            # Its own: sessions of members that never come back go on taking their part.
            broker = home.start_broker(f"broker-{number}", options=(f"max_inflight_messages {IN_FLIGHT}",))
            with ClusterSiege(broker, servers, arena.random(f"cluster.forms {form}"), rate=arena.count(1000, 300),
                              form=form, victims=MEMBERS) as siege:
                siege.begin(f"weir_{number}")
                siege.rounds(arena.count(24, len(MEMBERS)), is_over=arena.is_over)
                # A session that is not kept ends with its connection, and takes what is on its way.
                spared = IN_FLIGHT * sum(siege.done.values()) if "not kept" in form else 0
                outcome.wrong += [f"{form}: {text}" for text in siege.judge(timeout=300, spared=spared)]
                outcome.rounds += sum(siege.done.values())
                outcome.sent += siege.published - siege.lost
                outcome.stored += siege.stored
                outcome.figures[form] = f"{siege.published} sent, {siege.lost} lost"
        return outcome
    finally:
        home.close()
        for server in servers:
            server.close()


PARTS = {"cluster.forms": forms, "cluster.kills": kills, "cluster.network": network, "cluster.away": away}
