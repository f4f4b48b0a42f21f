# SPDX-License-Identifier: MIT
"""A full buffer: exact numbers in the ledger, few lines in the log, and the right
messages refused."""

import re

from harness import ledger_sum
from messages import REQ, frame, packet, packets
from mqtt_lite import Client


def test_full_buffer(world, broker):
    world.add_source(broker)
    world.start(ingestBufferSize=100, maxUnhealthySeconds=60)
    with Client(broker.port) as client:
        with world.stopped("flusher"):
            client.publish_all(packets(500))
            world.wait("500 received", lambda: world.ledger()["received"] == 500)
            ledger = world.ledger("main")
            assert ledger["dropped"] == {**ledger["dropped"], "queue_full": 400}, ledger
            assert ledger["queued"] == 100 and ledger["unaccounted"] == 0, ledger
            assert world.stats()["queue"]["main"]["records"] == 100
            assert world.worker("receiver")["backpressureSinceUnix"] > 0
            world.wait("the first line", lambda: world.ingestor.log_lines(r" dropping messages"))
            world.wait_stats("the time of the loss", lambda s: s["lastLossUnix"] > 0)
        ledger = world.wait_drained(500)
        assert ledger["committed"] == 100 and ledger_sum(ledger) == 500, ledger
        # The oldest stay: what was accepted is never revoked.
        assert {row[0] for row in world.query("SELECT raw FROM transmissions")} == {frame(n) for n in range(100)}
        world.wait("the recovery line", lambda: world.ingestor.log_lines(r"no longer dropping"), 5)
        client.publish_all(packets(50, start=500))
    assert world.wait_drained(550)["committed"] == 150
    assert "backpressureSinceUnix" not in world.worker("receiver")
    check_log(world, 400)


def check_log(world, dropped):
    """First, at most one a second, recovery; all with the capacity; the last one with the sum."""
    lines = world.ingestor.log_lines(r"dropping messages")
    assert 2 <= len(lines) <= 12, lines
    assert all(re.search(r"\b100\b", line) for line in lines), lines
    assert not re.search("still|no longer", lines[0]) and "no longer" in lines[-1], lines
    assert re.search(rf"dropped=\"?{dropped}\b", lines[-1]), lines[-1]


def test_soft_threshold_keeps_first_sightings(world, broker):
    """Above 0.9 a repeat is refused, a packet never seen enters, until the buffer is full."""
    world.add_source(broker)
    world.start(ingestBufferSize=100, maxUnhealthySeconds=60)
    with Client(broker.port) as client, world.stopped("flusher"):
        client.publish_all(packets(95, kind=REQ))
        client.publish_all([packet(94, observer=f"OTHER{n}", kind=REQ) for n in range(30)])
        client.publish_all(packets(20, start=95, kind=REQ))
        world.wait("145 received", lambda: world.ledger()["received"] == 145)
        dropped = world.ledger("main")["dropped"]
        assert (dropped["soft_backpressure"], dropped["queue_full"]) == (30, 15), dropped
    ledger = world.wait_drained(145)
    assert ledger["committed"] == 100 and ledger_sum(ledger) == 145, ledger
    assert world.count("transmissions") == 100


def test_burst_of_the_buffer_size(world, broker):
    world.add_source(broker)
    world.start(ingestBufferBytes=64 << 20)
    with Client(broker.port, timeout=30) as client:
        client.publish_all(packets(50000))
    ledger = world.wait_drained(50000, timeout=60)
    assert not any(ledger["dropped"].values()) and ledger["committed"] == 50000, ledger


def test_full_buffer_at_qos_1_loses_nothing(world, broker):
    """With a persistent session the broker keeps what the ring can't take."""
    world.add_source(broker, qos=1, persistentSession=True, keepAliveSeconds=10)
    world.start(ingestBufferSize=100, maxUnhealthySeconds=60)
    with Client(broker.port) as client, world.stopped("flusher"):
        client.publish_all(packets(1000), qos=1)
        world.wait_full()
    ledger = world.wait_drained(1000, timeout=60)
    assert not any(ledger["dropped"].values()), ledger
    assert ledger["committed"] == 1000 and world.count("transmissions") == 1000, ledger


def test_observer_flood_is_filtered(world, broker):
    """One observer's flood costs that observer; the others' messages all enter."""
    world.add_source(broker)
    world.start(observerMaxPerSecond=5)
    with Client(broker.port) as client:
        client.publish_all(packet(n, observer="LOUD") for n in range(1000))
        client.publish_all(packet(1000 + n, observer=f"CALM{n % 10}") for n in range(100))
    ledger = world.wait_drained(1100)
    calm = world.scalar("SELECT count(*) FROM observations JOIN observers o ON o.id = observer_id"
                        " WHERE o.identity LIKE 'CALM%'")
    assert calm == 100
    assert 1000 - 50 - 50 <= ledger["filtered"]["rate"] <= 950, ledger
    assert ledger_sum(ledger) == 1100
    world.wait("the limit is said", lambda: world.ingestor.log_lines("observerMaxPerSecond"))


def test_limits_of_the_writer_are_said(world, broker):
    """Messages of observers beyond maxObservers are filtered: the log says so, not each time."""
    world.add_source(broker)
    world.start(maxObservers=2)
    with Client(broker.port) as client:
        client.publish_all(packet(n, observer=f"O{n % 10}") for n in range(200))
    ledger = world.wait_drained(200)
    assert ledger["filtered"]["max_observers"] == 160, ledger
    lines = world.wait("the limit is said", lambda: world.ingestor.log_lines("reason=max_observers"))
    assert len(lines) < 20 and "option=maxObservers" in lines[0], lines
