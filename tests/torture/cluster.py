# SPDX-License-Identifier: MIT
"""cluster - two ingestors and two shards of ClickHouse: kill -9 of ingestors' processes, senders
and shards, stopped shards, a network that spoils what passes (P1, P2)."""

import http.client
import json
import os
import signal
import threading
import time
from contextlib import ExitStack, contextmanager

from arena import Outcome, Skipped
from clickhouse import BINARY, ClickHouse
from cluster_siege import FORMS, VICTIMS, ClusterSiege, total, two_shards
from harness import World, child_pids, stopped
from live_client import Closed, Stream
from zookeeper import ZooKeeper, lacking


@contextmanager
def two_machines(name):
    """A home for brokers, and two shards."""
    if BINARY is None:
        raise Skipped("there is no clickhouse-server")
    with ExitStack() as stack:
        servers = two_shards()
        for server in servers:
            stack.callback(server.close)
        home = World(f"torture-{name}")
        stack.callback(home.close)
        yield home, servers


@contextmanager
def reader(*replicas):
    """A server elsewhere, that reads the store."""
    world = World("torture-reader")
    try:
        urls = [",".join(server.url for server in shard) for shard in zip(*replicas)]
        world.write_config(storeUrl=urls, storeDatabase="weir", storeUser="default", storeReplicated=len(replicas) > 1,
                           storeReaderUser="reader")
        world.start_server()
        yield world
    finally:
        world.close()


def besiege(arena, name, faults, rounds):
    with two_machines(name) as (home, servers):
        with ClusterSiege(home.start_broker(), servers, arena.random(name), rate=arena.count(5000, 400), faults=faults) as siege:
            siege.begin("weir")
            siege.rounds(rounds, is_over=arena.is_over)
            wrong = siege.judge(timeout=300)
            return Outcome(rounds=sum(siege.done.values()), sent=siege.published, stored=siege.stored,
                           figures={"sent/s": int(siege.published / siege.seconds), **siege.figures()}, wrong=wrong)


def kills(arena):
    return besiege(arena, "cluster.kills", 0.0, arena.count(100, 7))


def network(arena):
    return besiege(arena, "cluster.network", 0.4, arena.count(100, 7))


# --- replicas -------------------------------------------------------------------------------------

OLD = "(day, hour, receipt_ms, hash, observer, direction, path_size, path, has, source, type, route, scope_code)"


def replicas(arena):
    """Two replicas of each shard, kept equal by ZooKeeper: any of them killed or stopped, and it,
    too; with one of each away all is read and written; old rows go from both."""
    why = lacking()
    if why or BINARY is None:
        raise Skipped(why or "there is no clickhouse-server")
    with ExitStack() as stack:
        keeper = ZooKeeper()
        stack.callback(keeper.close)
        pairs = []
        for name in ("a", "b"):
            pairs.append([ClickHouse(keeper.replica(shard, name)) for shard in (0, 1)])
            for server in pairs[-1]:
                stack.callback(server.close)
        servers, sisters = pairs
        home = World("torture-replicas")
        stack.callback(home.close)
        with ClusterSiege(home.start_broker(), servers, arena.random("cluster.replicas"), rate=arena.count(1000, 300),
                          victims=(*VICTIMS, "keeper"), sisters=sisters, keeper=keeper) as siege, reader(servers, sisters) as there:
            siege.begin("weir", storeReplicated=True)
            sisters[1].ask(f"INSERT INTO weir.obs {OLD} VALUES (9000, 216000, 777600000000, 1, 1, 0, 1, '', 0, '', 1, 1, -1)")
            siege.rounds(arena.count(40, 8), is_over=arena.is_over)
            there.wait("the store is read", lambda: there.get("/api/readyz").status == 200, 30)
            wrong = one_of_each(siege, there, servers) + one_of_each(siege, there, sisters) + siege.judge(timeout=300)
            home.wait("the end of old rows", lambda: not any(total(replicas, "weir", "SELECT count() FROM DB.obs WHERE day = 9000")
                                                             for replicas in pairs), 60)
            return Outcome(rounds=sum(siege.done.values()) + 2, sent=siege.published, stored=siege.stored, wrong=wrong,
                           figures=siege.figures())


def one_of_each(siege, there, away):
    """One replica of each shard away: what is sent is acknowledged, and answers are whole."""
    for server in away:
        server.kill()
    world = siege.worlds[0]
    before = [shard["acknowledgedRows"] for shard in world.stats()["outbox"]]
    world.wait_stats("rows that the others took", lambda stats: all(
        shard["acknowledgedRows"] > rows and shard["oldestSeconds"] < 5 for shard, rows in zip(stats["outbox"], before)), 60)
    there.wait("it is known who is away", lambda: all(
        len([replica for replica in shard["replicas"] if not replica["reachable"]]) == 1
        for shard in there.get("/api/perf/clickhouse").json["shards"]), 20)
    answer = there.get("/api/packets?limit=100")
    wrong = [] if answer.status == 200 and len(answer.json["packets"]) == 100 and "partial" not in answer.json else [
        f"with one replica of each shard: {answer}"]
    for server in away:
        server.start()
    return wrong


# --- a shard that is away for long ----------------------------------------------------------------

# Two minutes of it are an hour of a hundred a second; less than what the live feed tells a second.
AWAY_RATE, AWAY_S = 3000, 120
GAP_S = 30  # the feed says so when the shard is back
FULL_BYTES = 4 << 20  # of a minute
BATCH_BYTES = 1 << 20  # what is on its way when the outbox is found full


class Ear(threading.Thread):
    """Who listens, and when it was told of a gap."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.stream, self.gaps = Stream(world.config["port"], "/api/live?observer=OBS7"), []
        self.start()

    def run(self):
        try:
            while True:
                if self.stream.event()[0] == "gap":
                    self.gaps.append(time.monotonic())
        except (Closed, OSError, ValueError):
            pass  # the end


def outbox_of(siege, shard):
    return siege.worlds[0].stats()["outbox"][shard]


def catch_up(siege):
    """While more comes: until nothing waits for longer than a batch takes. Rows a second."""
    before, began = outbox_of(siege, 1)["acknowledgedRows"], time.monotonic()
    siege.worlds[0].wait("the rows that waited", lambda: outbox_of(siege, 1)["oldestSeconds"] < 5, 300)
    return (outbox_of(siege, 1)["acknowledgedRows"] - before) / (time.monotonic() - began)


def away(arena):
    """One shard is not there for an hour's messages: its blocks wait, the other goes on; then how
    fast it catches up, and that the live feed says what it could not tell."""
    with two_machines("cluster.away") as (home, servers):
        with ClusterSiege(home.start_broker(), servers, arena.random("cluster.away"), rate=arena.count(AWAY_RATE, 1000),
                          ingestors=1) as siege, reader(servers) as there:
            siege.begin("weir")
            there.wait("the store is read", lambda: there.get("/api/readyz").status == 200)
            ear = Ear(there)
            servers[1].kill()
            until, other = arena.until(arena.count(AWAY_S, 8)), 0
            while time.monotonic() < until:
                time.sleep(0.2)  # so long the shard is away
                other = max(other, outbox_of(siege, 0)["oldestSeconds"])
            waiting, ring = outbox_of(siege, 1), siege.worlds[0].stats()["queue"]["main"]
            servers[1].start()
            back = time.monotonic()
            rate = catch_up(siege)
            home.wait("the feed's gap", lambda: any(at > back for at in ear.gaps), GAP_S)
            wrong = siege.judge(timeout=300)
            if waiting["rows"] <= 0 or waiting["awaySeconds"] <= 0:
                wrong.append(f"the shard was away, and its outbox says {waiting}")
            if other > 5:
                wrong.append(f"rows for the shard that was there waited {other} s")
            return Outcome(rounds=1, sent=siege.published, stored=siege.stored, wrong=wrong,
                           figures={"away, s": waiting["awaySeconds"], "waited rows": waiting["rows"], "bytes": waiting["bytes"],
                                    "rows/s caught up, while more came": int(rate), "ring's highest": ring["highWater"],
                                    "gap said behind, s": round(min(at for at in ear.gaps if at > back) - back, 1), **siege.figures()})


def full(arena):
    """One shard is away until the outbox is full: it takes no more than it may, messages wait in
    the buffers and then at the broker, and all of them come."""
    limit = arena.count(FULL_BYTES, 1 << 20)
    with two_machines("cluster.full") as (home, servers):
        with ClusterSiege(home.start_broker(), servers, arena.random("cluster.full"), rate=arena.count(AWAY_RATE, 2000),
                          ingestors=1) as siege:
            siege.begin("weir", outboxBytes=limit)
            world = siege.worlds[0]
            world.start_server()
            servers[1].kill()
            world.wait("a full outbox in healthz", lambda: "outbox" in warnings_of(world), 120)
            most, highest, until = 0, 0, arena.until(arena.count(60, 5))
            while time.monotonic() < until:
                time.sleep(0.2)  # so long it is full
                stats = world.stats()
                most = max(most, sum(shard["bytes"] for shard in stats["outbox"]))
                highest = max(highest, stats["queue"]["main"]["records"])
            servers[1].start()
            wrong = siege.judge(timeout=300)
            world.wait("the end of the words", lambda: "outbox" not in warnings_of(world), 30)
            if most > limit + BATCH_BYTES:
                wrong.append(f"the outbox took {most} bytes, and may take {limit}")
            if highest == 0:
                wrong.append("nothing waited in the buffer")
            return Outcome(rounds=1, sent=siege.published, stored=siege.stored, wrong=wrong,
                           figures={"limit": limit, "outbox, bytes": most, "waited in the buffer": highest, **siege.figures()})


# --- how two ingestors have their messages --------------------------------------------------------

IN_FLIGHT = 20
MEMBERS = ("everything", "hang", "receiver", "supervisor", "end")
HANG_S = 10  # for longer than the broker waits for one whose session is not kept, which then ends


def forms(arena):
    """Each way in which two ingestors have their messages, with members killed, ended in order, and
    hung: what its row in the README says is lost, and no more."""
    outcome = Outcome(rounds=0, sent=0, stored=0, figures={}, wrong=[])
    with two_machines("cluster.forms") as (home, servers):
        for number, form in enumerate(FORMS):
            # Its own: sessions of members that never come back go on taking their part.
            broker = home.start_broker(f"broker-{number}", options=(f"max_inflight_messages {IN_FLIGHT}",))
            with ClusterSiege(broker, servers, arena.random(f"cluster.forms {form}"), rate=arena.count(1000, 300),
                              form=form, victims=MEMBERS, hang_s=arena.count(HANG_S, 0.5)) as siege:
                siege.begin(f"weir_{number}")
                siege.rounds(arena.count(5, 1) * len(MEMBERS), is_over=arena.is_over)
                # A session that is not kept ends with its connection, and takes what is on its way;
                # and of one that hangs, its half of the stream until the broker has noticed.
                spared = 0
                if "not kept" in form:
                    spared = int(IN_FLIGHT * sum(siege.done.values()) + siege.done["hang"] * siege.load.rate / 2 * siege.hang_s)
                outcome.wrong += [f"{form}: {text}" for text in siege.judge(timeout=300, spared=spared)]
                outcome.rounds += sum(siege.done.values())
                outcome.sent += siege.published - siege.lost
                outcome.stored += siege.stored
                outcome.figures[form] = f"{siege.published} sent, {siege.lost} lost"
    return outcome


# --- how soon healthz says so ---------------------------------------------------------------------

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
    with two_machines("cluster.health") as (home, servers):
        with ClusterSiege(home.start_broker(), servers, arena.random("cluster.health"), rate=arena.count(500, 200)) as siege:
            siege.begin("weir", maxUnhealthySeconds=30, storeBatchMs=2000)
            here = siege.worlds[0]
            here.start_server()
            with reader(servers) as there:
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


PARTS = {"cluster.replicas": replicas, "cluster.forms": forms, "cluster.health": health, "cluster.kills": kills, "cluster.network": network,
         "cluster.away": away, "cluster.full": full}
