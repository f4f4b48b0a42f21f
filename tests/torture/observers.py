# SPDX-License-Identifier: MIT
"""observers - a hundred thousand invented observers beside a real one (P3, P5, P6)."""

from arena import Outcome, Siege
from harness import percentile, rss_anon_kib
from messages import packet
from mqtt_lite import Client

REAL = 500


def private_mb(world):
    pids = {"flusher": world.worker_pid("flusher"), "receiver": world.worker_pid("receiver"), "server": world.server.pid}
    return {name: round((rss_anon_kib(pid) or 0) / 1024, 1) for name, pid in pids.items()}


def invented(arena):
    with Siege(arena, "observers") as siege:
        world, count = siege.world, arena.count(100000, 2000)
        most = arena.count(50000, 1000)
        broker = world.start_broker()
        world.add_source(broker, qos=1, persistentSession=True)
        world.start(server=True, maxObservers=most, ingestBufferBytes=64 << 20)
        before, took = private_mb(world), []
        with Client(broker.port, timeout=60) as client:
            client.publish_all([packet(0, observer="REAL")], qos=1)
            world.wait_drained(1)
            for start in range(1, count + 1, 1000):
                client.publish_all((packet(n, observer=f"FAKE{n}") for n in range(start, min(start + 1000, count + 1))), qos=1)
                took.append(world.get("/api/healthz").seconds)
            first = count + 1
            client.publish_all((packet(n, observer="REAL") for n in range(first, first + REAL)), qos=1)
        sent = count + 1 + REAL
        ledger = world.wait_drained(sent, timeout=300)
        after = private_mb(world)
        over = count + 1 - most
        siege.hold(f"{ledger['filtered'].get('max_observers')} refused, not {over}",
                   ledger["filtered"].get("max_observers") == over)
        real = world.scalar("SELECT packet_count FROM observers WHERE identity = 'REAL'")
        siege.hold(f"{real} of {REAL + 1} messages of the real one", real == REAL + 1)
        lists = [world.get_at_once("/api/observers?limit=100") for _ in range(5)]
        siege.hold(f"/api/observers says {lists[0].status}", all(answer.status == 200 for answer in lists))
        world.wait("the limit, said in the log", lambda: world.ingestor.log_lines("reason=max_observers"))
        siege.figures.update({
            "healthz p99, ms": round(1000 * percentile(took, .99), 1),
            "/api/observers, ms": round(1000 * max(answer.seconds for answer in lists)),
            "private MB before": before, "after": after})
        filtered = sum(ledger["filtered"].values())
        return Outcome(siege.name, count, sent, ledger["committed"], {"filtered.max_observers": filtered},
                       sent - ledger["committed"] - filtered - sum(ledger["dropped"].values()), siege.figures, siege.wrong)


PARTS = {"observers": invented}
