# SPDX-License-Identifier: MIT
"""kill -9 of anything, in random moments, under load: every message is in the
database exactly once."""

import os

import pytest
from certificates import Authority
from harness import SampleWatcher, ledger_sum, make_random
from kill_loop import VICTIMS, check_exactly_once, kill_one, kill_rounds
from load import Load
from messages import packet
from mqtt_lite import Client
from ws_broker import WsBroker


@pytest.mark.crash
def test_kill_9_in_random_moments(world, broker, crash_rounds):
    kill_in_random_moments(world, broker, crash_rounds)


@pytest.mark.crash
@pytest.mark.parametrize("kind", ["ws", "wss"])
def test_kill_9_behind_a_websocket(world, broker, kind):
    """What was received is acknowledged by the broker itself: the relay in between owns nothing."""
    rounds = int(os.environ.get("WEIR_CRASH_ROUNDS", "10"))  # each costs what the plain ones do
    ca = Authority(world.dir)
    certificate = ca.issue("server", ["localhost"]) if kind == "wss" else None
    with WsBroker(broker.port, "joined", tls=certificate, path="/mqtt") as front:
        kill_in_random_moments(world, broker, rounds, front.url, **({"caFile": ca.cert} if certificate else {}))


def kill_in_random_moments(world, broker, crash_rounds, url=None, **keys):
    random = make_random("test_crash")
    world.add_source(url or broker, qos=1, persistentSession=True, **keys)
    world.start(maxProcessRestarts=1000000, groupCommitMs=20)
    watcher, load = SampleWatcher(world), Load(broker)
    load.start()
    killed = kill_rounds(world, crash_rounds, random, look=watcher.look)
    world.wait_live(timeout=40)
    published = load.end()
    world.wait(f"{published} transmissions", lambda: world.count("transmissions") >= published, 60)
    # The stats file is up to a second older than the database, and redelivered copies count
    # as received too.
    world.wait(f"{published} committed", lambda: world.ledger()["committed"] >= published, 60)
    ledger = world.wait_drained(published, timeout=60)
    print(f"killed {killed}, published {published}, received {ledger['received']}, samples {watcher.seen}")

    check_exactly_once(world, published)
    assert watcher.complaints == []
    assert ledger["committed"] == published, ledger
    assert ledger["dead"] == 0 and not any(ledger["dropped"].values()), ledger
    assert ledger_sum(ledger) == ledger["received"], ledger
    assert world.ingestor.stop() == 0
    check_exactly_once(world, published)


@pytest.mark.crash
@pytest.mark.parametrize("victim", VICTIMS)
def test_one_kill_with_a_full_ring(world, broker, victim):
    """The ring holds records that no database has seen when the victim dies."""
    world.add_source(broker, qos=1, persistentSession=True)
    world.start(groupCommitMs=20)
    with world.stopped("flusher"):
        with Client(broker.port) as client:
            client.publish_all([packet(n) for n in range(2000)], qos=1)
        world.wait("2000 messages received", lambda: world.ledger()["received"] >= 2000)
        kill_one(world, victim)
    world.wait_live()
    ledger = world.wait_drained(2000)
    assert ledger["committed"] == 2000, ledger
    check_exactly_once(world, 2000)


def test_known_messages_that_wait_to_be_written_count_once(world, broker):
    """Batches of nothing new stay in the ring for a while: a kill reads them once more."""
    world.add_source(broker)
    world.start()
    sent = [packet(n) for n in range(20)]
    with Client(broker.port) as client:
        client.publish_all(sent)
        world.wait_drained(20)
        for round_ in range(1, 4):
            client.publish_all(sent)
            world.wait("their receipt", lambda n=round_: world.ledger()["received"] >= 20 + 20 * n)
            world.kill_worker("flusher")
    ledger = world.wait_drained(80)
    assert (ledger["committed"], ledger["duplicate"]) == (20, 60), ledger
    check_exactly_once(world, 20)
    assert world.scalar("SELECT count(*) FROM transmissions WHERE last_ms > first_ms") == 20


def test_durable_acknowledgement(world, broker):
    """ingestAsync false: what was acknowledged to the broker is in the database, kill -9 or not."""
    world.add_source(broker, qos=1, persistentSession=True)
    world.start(ingestAsync=False, spoolSync="none")
    with Client(broker.port) as client:
        client.publish_all([packet(n) for n in range(300)], qos=1)
    world.wait("some commits", lambda: world.count("transmissions") > 0)
    world.kill_everything()
    for ring in (world.data / "spool").glob("*.ring"):
        ring.unlink()  # the broker keeps all that is not in the database; the ring is not needed for it
    world.restart_ingestor()
    world.wait("300 transmissions", lambda: world.count("transmissions") == 300)
    check_exactly_once(world, 300)
