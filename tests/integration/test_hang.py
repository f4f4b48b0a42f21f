# SPDX-License-Identifier: MIT
"""A worker that stops turning is replaced in time, and nothing is lost by it."""

import os
import signal
import time

import pytest
from harness import PATIENCE
from messages import packet, packets
from mqtt_lite import Client


@pytest.mark.parametrize("kind", ["flusher", "receiver"])
def test_stopped_worker_is_replaced(world, broker, kind):
    world.add_source(broker, qos=1, persistentSession=True)
    world.start(maxUnhealthySeconds=2)
    with Client(broker.port) as client:
        client.publish_all(packets(100), qos=1)
        world.wait_drained(100)
        old = world.wait_worker(kind)
        os.kill(old, signal.SIGSTOP)
        stopped = time.monotonic()
        client.publish_all(packets(400, start=100), qos=1)
        world.wait("the word for it", lambda: world.worker(kind)["state"] == "suspended" or world.worker_pid(kind) != old, 5)
        new = world.wait_worker(kind, other_than=old)
        took = time.monotonic() - stopped
    assert took <= (2 + 8) * PATIENCE, f"{kind} {old} replaced by {new} after {took:.1f} s"
    ledger = world.wait_drained(500)
    assert ledger["committed"] == 500 and not any(ledger["dropped"].values()), ledger
    assert world.count("transmissions") == 500
    assert world.worker(kind)["lastExit"] == "hang"
    assert world.stats()["watchdogPanicCount"] == 1
    lines = world.ingestor.log_lines(r"hang")
    assert len(lines) == 1, lines
    assert kind != "receiver" or "main" in lines[0]


def test_hang_of_one_source_leaves_the_other(world):
    brokers = {name: world.start_broker(name) for name in ("good", "bad")}
    for name, broker in brokers.items():
        world.add_source(broker, name)
    world.start(maxUnhealthySeconds=6)
    good, bad = world.wait_worker("receiver", "good"), world.wait_worker("receiver", "bad")
    os.kill(bad, signal.SIGSTOP)
    with Client(brokers["good"].port) as client:
        for n in range(30):
            client.publish_all([packet(n)])
            world.wait(f"transmission {n}", lambda n=n: world.count("transmissions") == n + 1, 4)
    world.wait_worker("receiver", "bad", other_than=bad, timeout=20)
    assert world.worker_pid("receiver", "good") == good
