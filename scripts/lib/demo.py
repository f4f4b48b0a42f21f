# SPDX-License-Identifier: MIT
"""Plays recorded packets through a private broker, ingestor and server, until Ctrl-C.

Run by scripts/demo. Everything is made in temporary folders on free loopback ports and removed at
the end, also after Ctrl-C.
"""

import argparse
import http.client
import signal
import sys

from demo_play import STEPS, Report, keep_playing, play

import harness  # found by demo_play
from mqtt_lite import Client, MqttError

# What follows from the recordings, with the key of Public alone.
DERIVED = {
    "channel messages": ("SELECT count(*) FROM messages", 169),
    "of them readable": ("SELECT count(text) FROM messages", 14),
    "observations in the hourly sums": ("SELECT sum(observations) FROM rollups WHERE kind = 0", 1597),
    "adverts put aside for their signature": ("SELECT count(*) FROM dropped_packets", 4),
}


def check_step(world, report, names, received, expected):
    print(f"{' and '.join(names)}: {received} messages received in all")
    world.wait_drained(received)
    for table, count in expected.items():
        report.check(f"rows in {table}", world.count(table), count)
    report.check_ledger(world.wait_drained(received), received)


def check_derived(world, report):
    print("what follows from them")
    for what, (sql, expected) in DERIVED.items():
        report.check(what, world.scalar(sql), expected)


def check_server(world, report):
    print("server")
    for path in ("/api/livez", "/api/readyz", "/api/healthz", "/api/perf/io", "/api/mqtt/status", "/"):
        report.check(f"GET {path}", world.get(path).status, 200)
    report.check("GET /metrics on healthPort", world.get_health("/metrics").status, 200)
    report.check_shown(world)


def verify(world, client):
    report = Report()
    received = 0
    for names, expected in STEPS:
        received += play(client, names)
        check_step(world, report, names, received, expected)
    check_derived(world, report)
    check_server(world, report)
    print("end")
    report.check("ingestor's exit status after SIGTERM", world.ingestor.stop(), 0)
    report.check("server's exit status after SIGTERM", world.server.stop(), 0)
    return report.end(world)


def run(once):
    world = harness.World("demo")
    try:
        # The recordings are played in a burst that no radio could send: so no limit an observer.
        broker = world.start_broker()
        world.add_source(broker, "demo", qos=1)
        world.start(server=True, observerMaxPerSecond=0)
        with Client(broker.port) as client:
            if once:
                return verify(world, client)
            return keep_playing([world], client, [f"http://127.0.0.1:{world.config['port']}/"])
    finally:
        world.close()


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__.splitlines()[0])
    parser.add_argument("--once", action="store_true", help="verify the result end to end, exit 0 or 1")
    parser.add_argument("--cluster", action="store_true",
                        help="two shards of ClickHouse, two ingestors, two servers behind nginx")
    given = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # clean up as after Ctrl-C
    try:
        if given.cluster:
            import demo_cluster  # asks for what only it needs
            return demo_cluster.run(given.once)
        return run(given.once)
    except KeyboardInterrupt:
        print("\ndemo: ended")
        return 1 if given.once else 0
    except (AssertionError, OSError, http.client.HTTPException, MqttError) as error:
        print(f"demo: FAILED: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
