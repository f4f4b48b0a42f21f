# SPDX-License-Identifier: MIT
"""demo_cluster - scripts/demo --cluster: one broker, two ingestors that receive everything, two
shards of ClickHouse, two servers behind nginx; all on this machine.

An ingestor and a server share a configuration, as they would share a machine; but for
`ingestorName`, ports and folders both have the same one.
"""

import os
from contextlib import ExitStack

from demo_play import STEPS, Report, keep_playing, play

os.environ.pop("WEIR_CLICKHOUSE_URL", None)  # its users are made here, so it starts its own

import clickhouse  # noqa: E402  (these by demo_play's path)
import nginx  # noqa: E402
from cluster_siege import KEY, total  # noqa: E402
from harness import World, free_port, http_request, run_ok  # noqa: E402
from mqtt_lite import Client  # noqa: E402

NAMES = ("left", "right")
DATABASE = "weir"
# Distinct facts, whatever was sent twice or by both; over both shards.
FACTS = {
    "transmissions": "SELECT uniqExact(hash) FROM DB.tx",
    "observations": f"SELECT uniqExact({KEY}) FROM DB.obs",
    "observers": "SELECT uniqExact(id) FROM DB.observers",
    "nodes": "SELECT uniqExact(pubkey) FROM DB.nodes",
}
LISTS = ("/api/packets?limit=1000", "/api/nodes?limit=2000", "/api/observers", "/api/channels")
# What a server says of itself; the window that it has counted begins and ends with its own run.
OWN = ("server_time", "serverTime", "window")
REQUESTS = 20


class Cluster:
    """What runs; `close` ends it."""

    def __init__(self):
        self.stack = ExitStack()
        self.shards, self.worlds = [], []
        self.port = free_port()

    def start(self):
        print("starting two shards of ClickHouse, two ingestors, two servers, nginx", flush=True)
        for _ in NAMES:
            self.shards.append(clickhouse.ClickHouse())
            self.stack.callback(self.shards[-1].close)
        for name in NAMES:
            self.worlds.append(World(f"demo-{name}"))
            self.stack.callback(self.worlds[-1].close)
        self.broker = self.worlds[0].start_broker()
        for world, name in zip(self.worlds, NAMES):
            self.configure(world, name)
        run_ok(self.worlds[0], "--store-init")
        for world in self.worlds:
            world.start(server=True)
        nginx.start(self.worlds[0], [world.config["port"] for world in self.worlds], self.port)
        return self

    def configure(self, world, name):
        # The recordings are played in a burst that no radio could send: so no limit an observer.
        world.add_source(self.broker, "demo", qos=1, persistentSession=True, clientId=f"weir-{name}")
        password = world.dir / "store.pass"
        password.write_text(clickhouse.PASSWORD + "\n")
        world.write_config(ingestorName=name, observerMaxPerSecond=0, storeUrl=[shard.url for shard in self.shards],
                           storeDatabase=DATABASE, storeUser="weir", storePasswordFile=str(password),
                           storeReaderUser="reader", storeBatchMs=500)

    def get(self, path):
        return http_request(self.port, path)

    def close(self):
        self.stack.close()


# --- --once ---------------------------------------------------------------------------------------

def check_step(cluster, report, names, received, expected):
    print(f"{' and '.join(names)}: {received} messages published in all")
    for world, name in zip(cluster.worlds, NAMES):
        report.check_ledger(world.wait_drained(received, 30), received, f" of {name}")
    for what, sql in FACTS.items():
        count = lambda sql=sql: total(cluster.shards, DATABASE, sql)
        try:  # observers and nodes go every ten seconds
            cluster.worlds[0].wait(what, lambda: count() == expected[what], 25)
        except AssertionError:
            pass  # the comparison below says what is wrong
        report.check(f"{what} in the store, each once", count(), expected[what])


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key not in OWN}
    return [plain(item) for item in value] if isinstance(value, list) else value


def whole(world, path):
    """The answer once nothing is missing in it."""
    def answer():
        got = world.get(path)
        return got if got.status == 200 and "partial" not in got.json else None
    return plain(world.wait(path, answer).json)


def check_answers(cluster, report):
    print("both servers, through nginx")
    left, right = cluster.worlds
    for world, name in zip(cluster.worlds, NAMES):
        report.check_shown(world, f" of {name}")
        report.check(f"GET /metrics on healthPort of {name}", world.get_health("/metrics").status, 200)
    for path in LISTS:
        try:  # each looks at the store for itself, every few seconds
            left.wait("the same answers", lambda: whole(left, path) == whole(right, path), 20)
        except AssertionError:
            pass
        report.check(f"GET {path}: the same from both", whole(left, path) == whole(right, path), True)
    for path in ("/api/livez", "/api/readyz", "/api/healthz", "/api/perf/clickhouse", "/"):
        report.check(f"GET {path}", cluster.get(path).status, 200)
    report.check(f"servers that answered {REQUESTS} requests", len(ask_often(cluster, report)), 2)


def ask_often(cluster, report):
    """The servers that answered last, all rightly."""
    answers = [cluster.get("/api/stats") for _ in range(REQUESTS)]
    right = [answer for answer in answers if answer.status == 200 and
             answer.json.get("totalObservations") == STEPS[-1][1]["observations"]]
    report.check(f"right ones of {REQUESTS} answers", len(right), REQUESTS)
    return {answer.headers["X-Upstream"].split(", ")[-1] for answer in right}


def check_loss_of_a_server(cluster, report):
    print("a server is killed")
    left, right = cluster.worlds
    right.server.kill()
    report.check("servers that answer", ask_often(cluster, report), {f"127.0.0.1:{left.config['port']}"})
    right.start_server()

    def both_answer():
        found = {cluster.get("/api/livez").headers["X-Upstream"].split(", ")[-1] for _ in range(4)}
        return len(found) == 2
    left.wait("both servers behind nginx", both_answer)
    report.check("both again behind its restart", both_answer(), True)


def verify(cluster, client):
    report = Report()
    received = 0
    for names, expected in STEPS:
        received += play(client, names)
        check_step(cluster, report, names, received, expected)
    check_answers(cluster, report)
    check_loss_of_a_server(cluster, report)
    print("end")
    for world, name in zip(cluster.worlds, NAMES):
        report.check(f"{name} ingestor's exit status after SIGTERM", world.ingestor.stop(), 0)
        report.check(f"{name} server's exit status after SIGTERM", world.server.stop(), 0)
    return report.end(*cluster.worlds)


# --- both -----------------------------------------------------------------------------------------

def run(once):
    for package, binary in (("clickhouse-server", clickhouse.BINARY), ("nginx", nginx.BINARY)):
        if binary is None:
            raise FileNotFoundError(f"--cluster needs {package}: apt-get install {package}")
    cluster = Cluster()
    try:
        cluster.start()
        with Client(cluster.broker.port) as client:
            if once:
                return verify(cluster, client)
            addresses = [f"http://127.0.0.1:{cluster.port}/ (nginx)"]
            addresses += [f"http://127.0.0.1:{world.config['port']}/ (the server beside the ingestor {name})"
                          for world, name in zip(cluster.worlds, NAMES)]
            addresses += [f"{shard.url}/ (shard {number} of ClickHouse, database {DATABASE}, user reader)"
                          for number, shard in enumerate(cluster.shards)]
            return keep_playing(cluster.worlds, client, addresses)
    finally:
        cluster.close()
