# SPDX-License-Identifier: MIT
"""The spool folder as files: an older one put back."""

import fcntl
import os
import shutil
from contextlib import contextmanager

import pytest
from harness import ledger_sum
from messages import frame, packets
from mqtt_lite import Client


def rings(world):
    return sorted((world.data / "spool").glob("*.ring"))


def publish(broker, count, start):
    """Acknowledged by the broker; the receivers have them a moment later."""
    with Client(broker.port) as client:
        client.publish_all(packets(count, start=start), qos=1)


def stored(world):
    return {row[0] for row in world.query("SELECT raw FROM transmissions")}


@contextmanager
def absent_flusher(world):
    """The receivers run, and the flusher waits for its lock."""
    with open(world.data / "weir.db.lock", "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def copy_into(saved, spool, in_place):
    """As `cp` writes: over the file that is there, or into a new one."""
    if not in_place:
        shutil.rmtree(spool)
        spool.mkdir()
    for path in saved.glob("*.ring"):
        with open(path, "rb") as source, open(spool / path.name, "r+b" if in_place else "wb") as target:
            shutil.copyfileobj(source, target)


@pytest.mark.parametrize("in_place", [True, False], ids=["in place", "new file"])
@pytest.mark.parametrize("again", [30, 50, 70], ids=["fewer", "as many", "more"])
def test_an_older_spool_is_put_back_in_the_same_boot(world, broker, in_place, again):
    """The same numbers, other messages: what came after the restore is not taken for what the
    database has of before."""
    world.add_source(broker)
    world.start()
    spool, saved = world.data / "spool", world.dir / "saved"
    publish(broker, 40, 0)
    world.wait_drained(40)
    world.ingestor.stop()
    shutil.copytree(spool, saved)
    world.restart_ingestor()
    publish(broker, 50, 40)
    world.wait_drained(90)
    world.ingestor.stop()
    copy_into(saved, spool, in_place)

    with absent_flusher(world):
        world.restart_ingestor()
        publish(broker, again, 90)
        world.wait("all of them in the ring", lambda: world.stats()["queue"]["main"]["records"] >= again)
        receiver = world.kill_worker("receiver")  # a second writer, before any reader
        world.wait_worker("receiver", other_than=receiver)
    ledger = world.wait_drained(90 + again)
    assert stored(world) == {frame(n) for n in range(90 + again)}
    assert ledger["received"] == ledger["committed"] == ledger_sum(ledger) == 90 + again, ledger
    assert world.ingestor.log_lines(r"(?i)error.*ring has gone back.*records=50"), world.ingestor.log()
    world.kill_everything()
    world.restart_ingestor()
    assert world.wait_drained(90 + again)["received"] == 90 + again
    assert len(world.ingestor.log_lines(r"ring has gone back")) == 1
