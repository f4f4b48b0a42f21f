# SPDX-License-Identifier: MIT
"""cluster - two ingestors and two shards of ClickHouse: kill -9 of ingestors' processes, senders
and shards, stopped shards, a network that spoils what passes (P1, P2)."""

import http.client
import json
import os
import signal
import time

from arena import Outcome, Skipped
from clickhouse import BINARY
from cluster_siege import FORMS, ClusterSiege, two_shards, wait_acknowledged
from harness import World, child_pids, stopped


def besiege(arena, name, faults, rounds):
    if BINARY is None:
        raise Skipped("there is no clickhouse-server")
    home, servers = World(f"torture-{name}"), two_shards()
    try:
        broker = home.start_broker()
        with ClusterSiege(broker, servers, arena.random(name), rate=arena.count(5000, 400), faults=faults) as siege:
            siege.begin("weir")
            siege.rounds(rounds, is_over=arena.is_over)
            wrong = siege.judge(timeout=300)
            return Outcome(rounds=sum(siege.done.values()), sent=siege.published, stored=siege.stored,
                           figures={"sent/s": int(siege.published / siege.seconds), **siege.figures()}, wrong=wrong)
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


NAMED_S, SILENT_S, BACK_S = 5, 75, 40  # until healthz says it, until it is well again


def warnings_of(world):
    return {name: check["output"] for name, check in world.get("/api/healthz").json["checks"].items() if check["status"] != "pass"}


class Watch:
    """What healthz says on the ingestor's machine (`here`), and at a server elsewhere (`there`)."""

    def __init__(self, here, there):
        self.worlds, self.figures, self.wrong = {"here": here, "there": there}, {}, []

    def _seconds(self, wanted, limit):
        """{where: how long it took; None = longer than that}. wanted: {where: condition}"""
        began, took = time.monotonic(), dict.fromkeys(wanted)
        while None in took.values() and time.monotonic() - began < limit:
            for where in [where for where, seconds in took.items() if seconds is None]:
                try:
                    if wanted[where](warnings_of(self.worlds[where])):
                        took[where] = round(time.monotonic() - began, 1)
                except (OSError, LookupError, TypeError, http.client.HTTPException):
                    pass
            time.sleep(0.1)
        return took

    def says(self, what, limit, **words):
        wanted = {where: lambda warnings, word=word: word in json.dumps(warnings, ensure_ascii=False) for where, word in words.items()}
        for where, took in self._seconds(wanted, 3 * limit).items():
            self.figures[f"{what}, {where}"] = took
            if took is None or took > limit:
                self.wrong.append(f"{what}: healthz {where} said so after {took} s: {warnings_of(self.worlds[where])}")

    def is_well(self, what):
        for where, took in self._seconds(dict.fromkeys(self.worlds, lambda warnings: not warnings), BACK_S).items():
            if took is None:
                self.wrong.append(f"{what}: healthz {where} is not well again: {warnings_of(self.worlds[where])}")


def hang_shard(watch, servers):
    os.killpg(servers[1].process.pid, signal.SIGSTOP)
    watch.says("a shard stopped", NAMED_S, here="shard:1", there="shard 1")
    os.killpg(servers[1].process.pid, signal.SIGCONT)
    watch.is_well("a shard stopped")


def kill_shard(watch, servers):
    servers[0].kill()
    watch.says("a shard killed", NAMED_S, here="shard:0", there="shard 0")
    servers[0].start()
    watch.is_well("a shard killed")


def hang_worker(watch, world, kind):
    with stopped(world.wait_worker(kind)):
        watch.says(f"a {kind} stopped", NAMED_S, here=f"worker:{kind}")
    watch.is_well(f"a {kind} stopped")


def hang_supervisor(watch, world):
    """Its processes go on, and nobody says so."""
    with stopped(world.ingestor.pid):
        watch.says("a supervisor stopped", NAMED_S, here='"ingestor": "stale')
    watch.is_well("a supervisor stopped")


def silence(watch, world, arena):
    """The other machine: all its processes stopped, or killed."""
    pids = [world.ingestor.pid, *child_pids(world.ingestor.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    watch.says("an ingestor stopped", SILENT_S, there="ingestor:siege-1")
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    watch.is_well("an ingestor stopped")
    if arena.is_short:
        return
    world.kill_everything()
    watch.says("an ingestor killed", SILENT_S, there="ingestor:siege-1")
    world.restart_ingestor()
    watch.is_well("an ingestor killed")


def health(arena):
    """How soon healthz says what is away, and that it is well again by itself."""
    if BINARY is None:
        raise Skipped("there is no clickhouse-server")
    home, servers, there = World("torture-cluster.health"), two_shards(), World("torture-reader")
    try:
        broker = home.start_broker()
        with ClusterSiege(broker, servers, arena.random("cluster.health"), rate=arena.count(500, 200)) as siege:
            siege.begin("weir", maxUnhealthySeconds=30, storeBatchMs=2000)
            here = siege.worlds[0]
            here.start_server()
            there.write_config(storeUrl=[server.url for server in servers], storeDatabase="weir", storeUser="default",
                               storeReaderUser="reader")
            there.start_server()
            watch = Watch(here, there)
            watch.is_well("the beginning")
            hang_shard(watch, servers)
            kill_shard(watch, servers)
            for kind in ("sender", "receiver", "flusher"):
                hang_worker(watch, here, kind)
            hang_supervisor(watch, here)
            silence(watch, siege.worlds[1], arena)
            wrong = watch.wrong + siege.judge(timeout=300)
            return Outcome(rounds=len(watch.figures), sent=siege.published, stored=siege.stored, wrong=wrong,
                           figures={f"{what}, s": took for what, took in watch.figures.items()})
    finally:
        for world in (there, home):
            world.close()
        for server in servers:
            server.close()


PARTS = {"cluster.forms": forms, "cluster.health": health, "cluster.kills": kills, "cluster.network": network, "cluster.away": away}
