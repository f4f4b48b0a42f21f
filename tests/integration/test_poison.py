# SPDX-License-Identifier: MIT
"""A record that kills the flusher ends in dead_letter; its neighbours are stored."""

import json

from messages import packet
from mqtt_lite import Client

POISON = "poison-4711"


def test_poison_record(world, broker):
    world.env["WEIR_TEST_CRASH_ON"] = POISON
    world.add_source(broker, qos=1, persistentSession=True)
    world.start()
    messages = [packet(n) for n in range(100)]
    messages[50] = packet(50, note=POISON)
    with Client(broker.port) as client:
        client.publish_all(messages, qos=1)
    ledger = world.wait_drained(100)
    assert (ledger["committed"], ledger["dead"]) == (99, 1), ledger
    assert world.count("transmissions") == 99
    source, topic, payload, reason = world.query("SELECT source, topic, payload, reason FROM dead_letter")[0]
    assert (source, topic) == ("main", messages[50][0]) and reason
    assert json.loads(payload) == json.loads(messages[50][1])
    flusher = world.worker("flusher")
    assert flusher["restarts"] == 2 and flusher["lastExit"] == "signal 6", flusher
    assert world.worker("receiver")["restarts"] == 0


def test_several_poison_records(world, broker):
    world.env["WEIR_TEST_CRASH_ON"] = POISON
    world.add_source(broker)
    world.start(maxProcessRestarts=100)
    with Client(broker.port) as client:
        client.publish_all([packet(n, note=POISON if n % 20 == 10 else "") for n in range(60)])
    ledger = world.wait_drained(60, timeout=60)
    assert (ledger["committed"], ledger["dead"]) == (57, 3), ledger
    assert world.count("dead_letter") == 3


def test_outside_kill_is_never_charged(world, broker):
    """Three SIGKILLs while a record is in flight are no reason to give it up."""
    world.add_source(broker)
    world.start(maxProcessRestarts=100)
    with Client(broker.port) as client:
        for n in range(3):
            client.publish_all([packet(n)])
            pid = world.wait_worker("flusher")
            world.wait("a commit", lambda n=n: world.count("transmissions") == n + 1)
            world.kill_worker("flusher")
            world.wait_worker("flusher", other_than=pid, timeout=40)
    ledger = world.wait_drained(3)
    assert (ledger["committed"], ledger["dead"]) == (3, 0), ledger
