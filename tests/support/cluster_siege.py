# SPDX-License-Identifier: MIT
"""cluster_siege - two ingestors that hear the same, two shards of ClickHouse behind a bad network:
what is received is in the store exactly once, whatever is killed, stopped or spoiled.

    with ClusterSiege(broker, servers, random, rate=400, faults=0.3) as siege:
        siege.begin("a_database")
        siege.rounds(10)
        wrong = siege.judge()
"""

import os
import signal
import time

from clickhouse import ClickHouse
from faulty_front import FaultyFront
from harness import Watching, World, is_alive, run_ok, send_signal, stopped
from kill_loop import kill_one
from load import Load
from messages import number_of

VICTIMS = ("receiver", "flusher", "supervisor", "everything", "sender", "shard", "stop")
KEY = "hash, observer, direction, path_size, path"
STOP_S = 0.5
PAUSE_S = 0.3
# How two ingestors have the load's messages (its observers are OBS0 to OBS39): what a source of the
# one and of the other is. In all but the first, no message comes to both.
SHARED = {"topics": ["$share/weir/meshcore/#"], "mqttVersion": 5}
PARTS = [{"topics": [f"meshcore/+/OBS{n}/#" for n in range(first, first + 20)]} for first in (0, 20)]
KEPT = {"qos": 1, "persistentSession": True}
FORMS = {
    "everything": [KEPT, KEPT],
    "parts": [{**KEPT, **part} for part in PARTS],
    "shared": [{**KEPT, **SHARED}] * 2,
    "shared, not kept": [{"qos": 1, "keepAliveSeconds": 5, **SHARED}] * 2,
}


def total(servers, database, sql):
    return sum(int(server.ask(sql.replace("DB.", f"{database}."))[0][0]) for server in servers)


def numbers(servers, database):
    """Of the packets in the store; each as often as it lies on a shard."""
    return [number_of(bytes.fromhex(raw)) for server in servers
            for (raw,) in server.ask(f"SELECT argMin(hex(raw), (first_ms, raw)) FROM {database}.tx GROUP BY hash")]


def wait_acknowledged(world, count, timeout=30):
    def check(stats):
        ledger = stats["ledger"]["total"]
        return ledger["received"] >= count and ledger["queued"] == 0 and ledger["unaccounted"] == 0
    return world.wait_stats(f"{count} messages, all acknowledged", check, timeout)


def kill_sender(world, shard):
    stats = world.stats() or {"workers": []}
    pid = next((w["pid"] for w in stats["workers"] if w["name"] == f"sender:{shard}"), None)
    return bool(pid) and is_alive(pid) and send_signal(pid, signal.SIGKILL)


class ClusterSiege:
    def __init__(self, broker, servers, random, rate=400, faults=0.0, ingestors=2, form="everything", victims=VICTIMS,
                 hang_s=STOP_S, sisters=(), keeper=None):
        """servers: one of each shard; sisters: its other replica each, kept equal by the keeper."""
        self.broker, self.servers, self.sisters, self.random = broker, servers, list(sisters), random
        self.everyone, self.keeper = [*servers, *sisters], keeper
        self.worlds = [World(f"siege{n}") for n in range(ingestors)]
        self.watchings = []
        self.fronts = [FaultyFront(server.url, random) for server in self.everyone]
        self.load, self.faults = Load(broker, rate=rate), faults
        self.form, self.victims, self.hang_s = form, victims, hang_s
        self.database, self.published, self.stored, self.began, self.seconds = None, 0, 0, 0, 0
        self.done = dict.fromkeys(victims, 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.everyone:
            if server.process is not None:
                os.killpg(server.process.pid, signal.SIGCONT)
        for watching in self.watchings:
            watching.end()
        for world in self.worlds:
            world.close()
        for front in self.fronts:
            front.__exit__()

    def begin(self, database, **keys):
        self.database = database
        for number, (world, source) in enumerate(zip(self.worlds, FORMS[self.form])):
            world.add_source(self.broker, clientId=world.dir.name, **source)
            urls = [",".join(front.url for front in self.fronts[shard::len(self.servers)]) for shard in range(len(self.servers))]
            world.write_config(maxProcessRestarts=1000000, storeUrl=urls, storeDatabase=database, storeUser="default",
                               ingestorName=f"siege-{number}", **{"storeBatchMs": 500, **keys})
        run_ok(self.worlds[0], "--store-init")
        for world in self.worlds:
            world.start()
            self.watchings.append(Watching(world))
            self.watchings[-1].start()
        for front in self.fronts:
            front.faults = self.faults
        self.load.start()
        self.began = time.monotonic()

    def _do(self, victim):
        world, server = self.random.choice(self.worlds), self.random.choice(self.everyone)
        if victim == "sender":
            kill_sender(world, self.random.randrange(len(self.servers)))
        elif victim == "shard":
            server.kill()
            server.start()
        elif victim == "stop":
            os.killpg(server.process.pid, signal.SIGSTOP)
            time.sleep(STOP_S)  # so long it is stopped
            os.killpg(server.process.pid, signal.SIGCONT)
        elif victim == "keeper":
            self.keeper.kill()
            self.keeper.start()
        elif victim == "hang":
            with stopped(world.wait_worker("receiver")):
                time.sleep(self.hang_s)
        elif victim == "end":
            world.ingestor.stop(30)
            world.restart_ingestor(live=False)
        else:
            kill_one(world, victim)

    def rounds(self, count, is_over=lambda: False):
        for number in range(count):
            if is_over():
                break
            time.sleep(self.random.uniform(0, PAUSE_S))  # the random moment, not a wait for something
            victim = self.victims[number % len(self.victims)]
            self._do(victim)
            self.done[victim] += 1

    def _wait_acknowledged(self, spared, timeout):
        """Their ledgers, when all of them together have what was published (each, where all receive
        everything; elsewhere one may count what was delivered again, so the store is asked)."""
        if self.form == "everything":
            return [wait_acknowledged(world, self.published, timeout)["ledger"]["total"] for world in self.worlds]

        def have_all():
            is_quiet = all(ledger["queued"] == 0 and ledger["unaccounted"] == 0 for ledger in map(World.ledger, self.worlds))
            return is_quiet and total(self.servers, self.database, "SELECT uniqExact(hash) FROM DB.tx") >= self.published - spared
        self.worlds[0].wait(f"{self.published} messages between them", have_all, timeout)
        for world in self.worlds if spared else []:
            world.wait_next_sample()  # what is on its way yet
        self.worlds[0].wait("nothing more", have_all, timeout)
        return [world.ledger() for world in self.worlds]

    def judge(self, timeout=60, spared=0):
        """What does not hold, as sentences. spared: so many may be lost, in some forms."""
        self.seconds = time.monotonic() - self.began
        self.published = self.load.end()
        for front in self.fronts:
            front.faults = 0
        wrong = []
        for world in self.worlds:
            world.wait_live(timeout=40)
        for watching, ledger in zip(self.watchings, self._wait_acknowledged(spared, timeout)):
            if ledger["committed"] + ledger["duplicate"] != ledger["received"]:
                wrong.append(f"a ledger that loses: {ledger}")
            wrong += watching.end()[:5]
        if self.sisters:
            self.worlds[0].wait("equal replicas", self._are_equal, timeout)
        for servers in filter(None, (self.sisters, self.servers)):
            wrong += self._judge_store(servers, spared)
        return wrong

    def _are_equal(self):
        return all(len({tuple(server.ask(f"SELECT uniqExact(hash), uniqExact({KEY}) FROM {self.database}.obs"))
                        for server in pair}) == 1 for pair in zip(self.servers, self.sisters))

    def _judge_store(self, servers, spared):
        wrong = []
        there = sorted(numbers(servers, self.database))
        self.stored = len(set(there))
        self.lost = self.published - self.stored
        if len(there) != self.stored or not 0 <= self.lost <= spared or there[-1] >= self.published:
            wrong.append(f"{len(there)} packets in the store, {self.stored} of ours, sent {self.published}")
        receptions = total(servers, self.database, f"SELECT uniqExact({KEY}) FROM DB.obs")
        if receptions != self.stored:
            wrong.append(f"{receptions} receptions in the store of {self.stored} packets")
        return wrong

    def figures(self):
        spoiled = {kind: sum(front.done[kind] for front in self.fronts) for kind in self.fronts[0].done}
        return {"done": self.done, "spoiled": sum(spoiled.values()), "samples": sum(watching.watcher.seen for watching in self.watchings)}


def two_shards():
    return [ClickHouse(), ClickHouse()]
