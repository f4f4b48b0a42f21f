# SPDX-License-Identifier: MIT
"""A full disk: the flusher waits and says so, the ring keeps, and nothing is lost once there
is room again."""

import re

import pytest
from disks import Unavailable, fill, tmpfs
from messages import packets
from mqtt_lite import Client

SIZE_MB = 4


@pytest.fixture
def small_disk(world):
    try:
        with tmpfs(world.dir / "small", SIZE_MB) as folder:
            yield folder
            world.ingestor.kill()
    except Unavailable as why:
        pytest.skip(f"needs to mount a tmpfs (root): {why}")


def test_database_on_a_full_disk(world, broker, small_disk):
    world.add_source(broker, qos=1, persistentSession=True)
    world.start(server=True, dbPath="small/weir.db", statsFile="data/ingestor-stats.json", spoolDir="data/spool")
    with Client(broker.port) as client:
        client.publish_all(packets(100), qos=1)
        world.wait_drained(100)
        reserve = small_disk / "weir.db.reserve"
        assert reserve.stat().st_blocks * 512 >= 1 << 20
        fill(small_disk, leave=64 << 10)
        client.publish_all(packets(5000, start=100), qos=1)
    world.wait("the writer's complaint", lambda: world.stats()["write_errors"] > 0)
    world.wait("5100 received", lambda: world.ledger()["received"] == 5100)
    assert not reserve.exists(), "the reserve is there to be used"
    assert world.ledger()["queued"] > 0 and world.ledger()["unaccounted"] == 0
    flusher = world.wait_worker("flusher")
    world.wait("a warning", lambda: world.get("/api/healthz").json["status"] == "warn")
    world.wait("the recovery, counted", lambda: world.stats()["flusherRecoveries"] > 0)
    world.wait("and its metric", lambda: re.search(rb"\nweir_flusher_recoveries_total [1-9]", world.get("/metrics").body))
    (small_disk / "ballast").unlink()

    ledger = world.wait_drained(5100, timeout=60)
    assert ledger["committed"] == 5100 and not any(ledger["dropped"].values()), ledger
    assert world.count("transmissions") == 5100
    assert world.scalar("PRAGMA integrity_check") == "ok"
    assert world.worker_pid("flusher") == flusher, "a full disk is no reason to die"
    world.wait("the reserve, made again", reserve.exists)


def test_ring_on_a_full_disk(world, small_disk):
    """A source whose ring can't be made has failed, says why, and leaves the other alone."""
    brokers = {name: world.start_broker(name) for name in ("first", "second")}
    for name, broker in brokers.items():
        world.add_source(broker, name)
    world.start(live=False, ingestBufferBytes=2 << 20, spoolDir="small/spool", maxProcessRestarts=1000)
    # 4 MB hold one ring of 2 MB (and the database elsewhere), never two.
    live = world.wait("one live source", lambda: next((n for n in brokers if world.is_live(n)), None))
    other = next(name for name in brokers if name != live)
    world.wait("the other's failure", lambda: not world.is_live(other)
               and world.ingestor.log_lines(r"(?i)space"))
    with Client(brokers[live].port) as client:
        client.publish_all(packets(100))
    assert world.wait_drained(100, source=live)["committed"] == 100
