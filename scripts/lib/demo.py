# SPDX-License-Identifier: MIT
"""Plays recorded packets through a private broker, ingestor and server, until Ctrl-C.

Run by scripts/demo. Everything is made in one temporary folder on free loopback ports and
removed at the end, also after Ctrl-C.
"""

import argparse
import http.client
import itertools
import json
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

import harness  # noqa: E402  (needs the path above)
import messages  # noqa: E402
from mqtt_lite import Client, MqttError  # noqa: E402

# What the recordings hold. protocol: one of the 500 packets has a frame that no parser may accept;
# in multi_observer, 13 messages repeat an observation and 4 adverts carry a bad signature.
STEPS = (
    (("packets", "status"), {"transmissions": 499, "observations": 499, "observers": 31, "nodes": 90}),
    (("multi_observer",), {"transmissions": 549, "observations": 1597, "observers": 31, "nodes": 94}),
)
# What follows from them, with the key of Public alone.
DERIVED = {
    "channel messages": ("SELECT count(*) FROM messages", 169),
    "of them readable": ("SELECT count(text) FROM messages", 14),
    "observations in the hourly sums": ("SELECT sum(observations) FROM rollups WHERE kind = 0", 1597),
    "adverts put aside for their signature": ("SELECT count(*) FROM dropped_packets", 4),
}
SLOW_PER_SECOND = 5
ENCRYPTED = (0, 1, 2, 5, 8)  # REQ, RESPONSE, TXT_MSG, GRP_TXT, PATH: their contents nobody here can check


class Report:
    """Prints each comparison; remembers whether all held."""

    def __init__(self):
        self.is_good = True

    def check(self, what, found, expected):
        good = found == expected
        self.is_good &= good
        print(f"  {'ok    ' if good else 'FAILED'} {what}: {found}" + ("" if good else f", expected {expected}"))


def play(client, names):
    return client.publish_all(itertools.chain.from_iterable(map(messages.recorded, names)), qos=1)


def check_step(world, report, names, received, expected):
    print(f"{' and '.join(names)}: {received} messages received in all")
    world.wait_drained(received)
    for table, count in expected.items():
        report.check(f"rows in {table}", world.count(table), count)
    ledger = world.wait_drained(received)
    report.check("ledger: received", ledger["received"], received)
    report.check("ledger: sum of the outcomes", harness.ledger_sum(ledger), received)
    report.check("ledger: unaccounted", ledger["unaccounted"], 0)


def check_derived(world, report):
    print("what follows from them")
    for what, (sql, expected) in DERIVED.items():
        report.check(what, world.scalar(sql), expected)


def check_server(world, report, expected):
    print("server")
    for path in ("/api/livez", "/api/readyz", "/api/healthz", "/api/perf/io", "/api/mqtt/status", "/"):
        report.check(f"GET {path}", world.get(path).status, 200)
    report.check("GET /metrics on healthPort", world.get_health("/metrics").status, 200)
    totals = {"totalTransmissions": expected["transmissions"], "totalObservations": expected["observations"],
              "totalObservers": expected["observers"], "totalNodesAllTime": expected["nodes"]}

    def are_shown():
        stats = world.get("/api/stats").json
        return all(stats[key] == value for key, value in totals.items())
    try:
        world.wait("the totals in /api/stats", are_shown, 5)
    except AssertionError:
        pass  # the comparison below says what is wrong
    stats = world.get("/api/stats").json
    for key, value in totals.items():
        report.check(f"/api/stats {key}", stats.get(key), value)


def verify(world, client):
    report = Report()
    received = 0
    for names, expected in STEPS:
        received += play(client, names)
        check_step(world, report, names, received, expected)
    check_derived(world, report)
    check_server(world, report, STEPS[-1][1])
    print("end")
    report.check("ingestor's exit status after SIGTERM", world.ingestor.stop(), 0)
    report.check("server's exit status after SIGTERM", world.server.stop(), 0)
    print("demo: all as expected" if report.is_good else "demo: FAILED")
    if not report.is_good:
        print(world.describe(), file=sys.stderr)
    return 0 if report.is_good else 1


def made_new(text, number):
    """The same reception of a packet that was never sent: an encrypted one with another end, so
    that the live view has something to show. Any other stays as it is, a duplicate."""
    raw = json.loads(text).get("raw")
    if not raw or int(raw[:2], 16) >> 2 & 15 not in ENCRYPTED or len(raw) < 40:
        return text
    return text.replace(raw, f"{raw[:-8]}{number & 0xFFFFFFFF:08X}")


def keep_playing(world, client):
    count = sum(play(client, names) for names, _ in STEPS)
    print(f"{count} recorded messages played; now {SLOW_PER_SECOND} a second, the encrypted ones as new packets")
    print(f"\n    http://127.0.0.1:{world.config['port']}/\n")
    print(f"files in {world.dir}; Ctrl-C ends and removes everything", flush=True)
    names = itertools.chain.from_iterable(names for names, _ in STEPS)
    recording = list(itertools.chain.from_iterable(map(messages.recorded, names)))
    for number, (topic, text, _) in enumerate(itertools.cycle(recording)):
        for program in (world.ingestor, world.server, *world.brokers):
            if not program.is_running:
                world.fail(f"{program.name} ended")
        client.publish(topic, made_new(text, number), qos=1)
        client.flush()
        time.sleep(1 / SLOW_PER_SECOND)
    return 0


def run(once):
    world = harness.World("demo")
    try:
        # The recordings are played in a burst that no radio could send: so no limit an observer.
        broker = world.start_broker()
        world.add_source(broker, "demo", qos=1)
        world.start(server=True, observerMaxPerSecond=0)
        with Client(broker.port) as client:
            return verify(world, client) if once else keep_playing(world, client)
    finally:
        world.close()


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__.splitlines()[0])
    parser.add_argument("--once", action="store_true", help="verify the result end to end, exit 0 or 1")
    once = parser.parse_args().once
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # clean up as after Ctrl-C
    try:
        return run(once)
    except KeyboardInterrupt:
        print("\ndemo: ended")
        return 1 if once else 0
    except (AssertionError, OSError, http.client.HTTPException, MqttError) as error:
        print(f"demo: FAILED: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
