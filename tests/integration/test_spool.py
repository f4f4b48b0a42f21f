# SPDX-License-Identifier: MIT
"""The spool folder as files: an older one put back, rings deleted, replaced and cut under the
programs. Each time: what the broker took is stored or counted, and a line says what happened."""

import fcntl
import json
import os
import shutil
from contextlib import contextmanager

import pytest
from harness import ledger_sum, make_random
from messages import frame, packets
from mqtt_lite import Client


KEY = "a-key-of-a-test-0123456789"


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
        world.replace_worker("receiver")  # a second writer, before any reader
    ledger = world.wait_drained(90 + again)
    assert stored(world) == {frame(n) for n in range(90 + again)}
    assert ledger["received"] == ledger["committed"] == ledger_sum(ledger) == 90 + again, ledger
    assert world.ingestor.log_lines(r"(?i)error.*ring has gone back.*records=50"), world.ingestor.log()
    world.kill_everything()
    world.restart_ingestor()
    assert world.wait_drained(90 + again)["received"] == 90 + again
    assert len(world.ingestor.log_lines(r"ring has gone back")) == 1


# --- under the running programs -------------------------------------------------------------------

def wait_put_back(world, receiver, inode=None, connects=2):
    world.wait_worker("receiver", other_than=receiver)
    world.wait("the ring under its name", lambda: rings(world) and rings(world)[0].stat().st_ino != inode)
    world.wait("the next connection", lambda: world.source_status("main")["connectCount"] == connects
               and world.is_live("main"))
    assert world.ingestor.log_lines(r"(?i)error.*spoolDir was changed under us"), world.ingestor.log()


def assert_all(world, count, ledger):
    assert stored(world) == {frame(n) for n in range(count)}
    assert ledger["received"] == ledger["committed"] == ledger_sum(ledger) == count, ledger


def delete(world):
    """The ring may be back before the folder is empty."""
    shutil.rmtree(world.data / "spool", ignore_errors=True)


def replace_by_copy(world):
    path = rings(world)[0]
    copy = world.dir / "copy"
    shutil.copyfile(path, copy)
    os.rename(copy, path)


def replace_by_junk(world):
    junk = world.dir / "junk"
    junk.write_bytes(b"junk" * 3000)
    os.rename(junk, rings(world)[0])


@pytest.mark.parametrize("harm", [delete, replace_by_copy, replace_by_junk], ids=["deleted", "copy", "junk"])
@pytest.mark.parametrize("killed", [False, True], ids=["goes on", "killed"])
def test_the_ring_is_put_back(world, broker, harm, killed):
    """With messages in it that the flusher has not seen: it stands still, then all is killed."""
    world.add_source(broker)
    world.start()
    publish(broker, 20, 0)
    world.wait_drained(20)
    receiver, inode = world.wait_worker("receiver"), rings(world)[0].stat().st_ino
    with world.stopped("flusher"):
        publish(broker, 30, 20)
        world.wait_in_ring(30)
        harm(world)
        wait_put_back(world, receiver, inode)
        world.wait_in_ring(30)
        publish(broker, 10, 50)
        world.wait_in_ring(40)
        if killed:
            world.kill_everything()
    if killed:
        world.restart_ingestor()
    assert_all(world, 60, world.wait_drained(60))
    publish(broker, 10, 60)
    assert_all(world, 70, world.wait_drained(70))
    world.ingestor.stop()
    world.restart_ingestor()
    publish(broker, 10, 70)
    assert_all(world, 80, world.wait_drained(80))
    assert len(rings(world)) == 1


def test_the_spool_is_deleted_and_the_flusher_reads_on(world, broker):
    """Everything in the folder is made again: locks, and a receiver that dies comes back."""
    world.add_source(broker)
    world.start()
    publish(broker, 20, 0)
    world.wait_drained(20)
    receiver = world.wait_worker("receiver")
    delete(world)
    wait_put_back(world, receiver)
    spool = world.data / "spool"
    world.wait("the locks", lambda: (spool / "lock").exists() and (spool / "main.w").exists())
    world.wait("the supervisor's word", lambda: world.ingestor.log_lines(r"(?i)error.*made again"))
    world.replace_worker("receiver")
    world.wait("the next connection", lambda: world.source_status("main")["connectCount"] == 3 and world.is_live("main"))
    publish(broker, 30, 20)
    assert_all(world, 50, world.wait_drained(50))
    with open(spool / "lock", "rb") as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_spool_that_is_gone_at_the_start(world, broker):
    """Deleted while nobody could put it back: the chain is named, with its counts, once, and its
    row stays in the ledger."""
    world.add_source(broker)
    world.start()
    publish(broker, 40, 0)
    world.wait_drained(40)
    with world.stopped("receiver"):
        delete(world)
        world.kill_everything()
    world.restart_ingestor()
    world.wait("the line", lambda: world.ingestor.log_lines(r"(?i)error.*no ring file is left.*received=40.*stored=40"))
    publish(broker, 10, 40)
    assert_all(world, 50, world.wait_drained(50))
    world.kill_everything()
    world.restart_ingestor()
    assert_all(world, 50, world.wait_drained(50))
    assert len(world.ingestor.log_lines(r"no ring file is left")) == 1


def test_what_is_known_to_be_lost_with_the_spool_is_counted(world, broker):
    """The last commit saw how much waited behind it."""
    world.add_source(broker)
    world.start(groupCommitMaxRows=50)
    with world.stopped("flusher"):
        publish(broker, 20000, 0)
        world.wait_in_ring(20000)
    world.wait("some of them", lambda: world.count("transmissions") > 0)
    with world.stopped("flusher"), world.stopped("receiver"):
        delete(world)
        world.kill_everything()
    kept = world.count("transmissions")
    assert kept < 20000, "too fast for this test"
    world.restart_ingestor()
    ledger = world.wait_drained(20000)
    assert ledger["committed"] == kept and ledger["dropped"]["gap"] == 20000 - kept, ledger
    assert ledger["received"] == ledger_sum(ledger) == 20000
    assert world.ingestor.log_lines(rf"(?i)error.*no ring file is left.*lost={20000 - kept}")


@pytest.mark.parametrize("attached", [True, False], ids=["known to the database", "never seen"])
def test_who_knew_the_ring_is_dead_and_the_ring_deleted(world, broker, attached):
    """Both that had it open: what the receiver said last is what the ledger counts."""
    world.add_source(broker)
    if attached:
        world.start()
        publish(broker, 20, 0)
        world.wait_drained(20)
        before = 20
    else:
        world.start()
        world.ingestor.stop()
        delete(world)
        (world.data / "spool").mkdir()
        before = 0
        with absent_flusher(world):
            world.restart_ingestor()
            publish(broker, 30, before)
            world.wait_in_ring(30)
            lose_all(world)
    if attached:
        with world.stopped("flusher"):
            publish(broker, 30, before)
            world.wait_in_ring(30)
            lose_all(world)
    world.wait("the loss, counted", lambda: world.ledger()["dropped"]["gap"] == 30)
    assert world.ingestor.log_lines(r"(?i)error.*no ring file is left.*lost=30"), world.ingestor.log()
    world.wait_live()
    world.wait("a connection", lambda: world.source_status("main")["connectCount"] >= 2)
    publish(broker, 10, before + 30)
    ledger = world.wait_drained(before + 40)
    assert ledger["committed"] == before + 10 and ledger["dropped"]["gap"] == 30, ledger
    assert ledger["received"] == ledger_sum(ledger) == before + 40, ledger
    world.kill_everything()
    world.restart_ingestor()
    again = world.wait_drained(before + 40)
    assert again == ledger, (ledger, again)


def lose_all(world):
    """The ring's file, the receiver and the flusher, in one moment; not the supervisor."""
    with world.stopped("receiver"):
        delete(world)
        for kind in ("flusher", "receiver"):
            world.kill_worker(kind)


@pytest.mark.parametrize("kept", [0, 4096, 4096 + 2000], ids=["all", "records", "some records"])
def test_the_ring_is_cut_short(world, broker, kept):
    world.add_source(broker)
    world.start()
    publish(broker, 20, 0)
    world.wait_drained(20)
    flusher = world.wait_worker("flusher")
    with world.stopped("flusher"):
        publish(broker, 30, 20)
        world.wait_in_ring(30)
        os.truncate(rings(world)[0], kept)
        world.wait("the complaint", lambda: world.ingestor.log_lines(r"(?i)error.*spoolDir was changed under us"))
    ledger = world.wait_drained(50)
    assert ledger["committed"] == 20 and ledger["dropped"]["gap"] == 30, ledger
    publish(broker, 10, 50)
    ledger = world.wait_drained(60)
    assert ledger["committed"] == 30 and ledger["received"] == ledger_sum(ledger) == 60, ledger
    assert stored(world) == {frame(n) for n in [*range(20), *range(50, 60)]}
    assert world.wait_worker("flusher") == flusher
    assert not world.ingestor.log_lines(r"signal 7"), "nobody dies of SIGBUS"


def test_the_whole_data_folder_is_deleted(world, broker):
    """Database, rings, locks: what was stored is gone and counted, what comes is stored."""
    world.add_source(broker)
    world.start()
    publish(broker, 40, 0)
    world.wait_drained(40)
    receiver = world.wait_worker("receiver")
    shutil.rmtree(world.data, ignore_errors=True)  # some of it may be back before the folder is empty
    wait_put_back(world, receiver)
    world.wait("the loss, counted", lambda: world.ledger()["dropped"]["gap"] == 40)
    publish(broker, 10, 40)
    ledger = world.wait_drained(50)
    assert ledger["committed"] == 10 and ledger["received"] == ledger_sum(ledger) == 50, ledger
    assert stored(world) == {frame(n) for n in range(40, 50)}


def test_the_folder_is_moved_away_and_back(world, broker):
    """What comes back is a former state; the ring of today takes its name again."""
    world.add_source(broker)
    world.start()
    publish(broker, 20, 0)
    world.wait_drained(20)
    spool, away = world.data / "spool", world.data / "away"
    receiver = world.wait_worker("receiver")
    os.rename(spool, away)
    wait_put_back(world, receiver)

    def move_back():
        """Again, where the supervisor has made it anew in between."""
        shutil.rmtree(spool)
        os.rename(away, spool)
        return True

    publish(broker, 30, 20)
    world.wait_drained(50)
    receiver = world.wait_worker("receiver")
    with world.stopped("receiver"):  # the flusher meets it first
        world.wait("the folder back", move_back)
        world.wait("its line", lambda: len(world.ingestor.log_lines(r"file of an open ring.*file=replaced")) == 2)
        world.wait_next_sample(2)
    wait_put_back(world, receiver, connects=3)
    publish(broker, 10, 50)
    assert_all(world, 60, world.wait_drained(60))
    world.kill_everything()
    world.restart_ingestor()
    assert_all(world, 60, world.wait_drained(60))
    assert not world.ingestor.log_lines(r"ring has gone back")


def cut(world):
    os.truncate(rings(world)[0], 0)


def move_away(world):
    os.rename(world.data / "spool", world.dir / f"away-{os.urandom(4).hex()}")


@pytest.mark.crash
def test_harm_at_random_moments(world, broker, crash_rounds):
    """Under load, and at times a worker dies of kill -9 at the same moment: the other one still has
    what is deleted. A persistent session, so that nothing is lost on the way."""
    chance = make_random("test_harm_at_random_moments")
    world.add_source(broker, qos=1, persistentSession=True, clientId="weir-harm")
    world.start(maxProcessRestarts=1000)
    sent = 0
    for _ in range(max(4, crash_rounds // 10)):
        harm = chance.choice([delete, replace_by_copy, replace_by_junk, cut, move_away])
        victim = chance.choice([None, "flusher", "receiver"] if harm is not cut else [None, "flusher"])
        with Client(broker.port) as client:
            client.publish_all(packets(300, start=sent), qos=1)
            harm(world)
            if victim:
                world.kill_worker(victim)
            client.publish_all(packets(300, start=sent + 300), qos=1)
        sent += 600
        world.wait("both workers", lambda: world.worker_pid("receiver") and world.worker_pid("flusher"))
        world.wait("what came, stored or counted",
                   lambda n=sent: world.count("transmissions") + world.ledger()["dropped"]["gap"] >= n)
    ledger = world.wait_drained(sent, timeout=60)
    kept = stored(world)
    assert kept <= {frame(n) for n in range(sent)}
    assert ledger["dropped"]["gap"] >= sent - len(kept), (sent - len(kept), ledger)
    assert ledger["received"] == ledger_sum(ledger), ledger
    assert not world.ingestor.log_lines(r"signal 7|signal 11|signal 6"), "nobody dies of it"


def test_the_injection_socket_is_made_again(world, broker):
    world.add_source(broker)
    world.start(server=True, apiKey=KEY)
    delete(world)
    world.wait("the socket", lambda: (world.data / "spool/inject.sock").is_socket())
    body = json.dumps({"hex": frame(7).hex(), "observer": "ME"})
    headers = {"X-API-Key": KEY, "Content-Type": "application/json"}

    def post():
        return world.get("/api/packets", method="POST", body=body, headers=headers).status == 202

    world.wait("an injected packet is accepted", post)
    world.wait("it is stored", lambda: frame(7) in stored(world))


# --- renamed while nobody runs --------------------------------------------------------------------

def two_waiting_rings(world, broker):
    """300 of one source and 200 of another, acknowledged, in their rings; then all is killed."""
    world.add_source(broker, topics=["meshcore/SJC/#"])
    world.add_source(broker, name="other", topics=["meshcore/LAX/#"])
    world.start()
    world.wait("both", lambda: world.is_live("main") and world.is_live("other"))
    with world.stopped("flusher"):
        with Client(broker.port) as client:
            client.publish_all(packets(300, region="SJC"), qos=1)
            client.publish_all(packets(200, start=300, region="LAX"), qos=1)
        for name, count in (("main", 300), ("other", 200)):
            world.wait_in_ring(count, name)
        world.kill_everything()


def swap(a, b, beside):
    os.rename(a, beside)
    os.rename(b, a)
    os.rename(beside, b)


def rename(a, b, beside):
    os.rename(a, a.parent / "anything.ring")


@pytest.mark.parametrize("misplace", [swap, rename])
def test_rings_under_wrong_names_are_put_right(world, broker, misplace):
    two_waiting_rings(world, broker)
    before = rings(world)
    misplace(*before, world.data / "spool" / "beside")
    world.restart_ingestor()
    world.wait("all of them", lambda: len(stored(world)) == 500)
    assert rings(world) == before
    assert not list((world.data / "spool").glob("*.damaged-*"))
    assert sum(world.ledger()["dropped"].values()) == 0
    world.kill_everything()
    world.restart_ingestor()
    world.wait("both", lambda: world.is_live("main") and world.is_live("other"))
    with Client(broker.port) as client:
        client.publish_all(packets(10, start=500, region="LAX"), qos=1)
    world.wait("the next", lambda: len(stored(world)) == 510)


def test_a_ring_is_overwritten_by_a_copy_of_another(world, broker):
    """The copy is no second ring; of the chain that had the file the ledger says what is known."""
    two_waiting_rings(world, broker)
    main, other = rings(world)
    shutil.copyfile(main, other)
    world.restart_ingestor()
    world.wait("what is left", lambda: len(stored(world)) == 300)
    world.wait("the copy, aside", lambda: list((world.data / "spool").glob("other-*.damaged-*")))
    world.wait("the line", lambda: world.ingestor.log_lines(r"(?i)error.*no ring file is left.*source=other"))
    world.wait("the warning", lambda: "moved aside" in (world.stats()["commit"]["ringsError"] or ""))
    assert main.exists() and stored(world) == {frame(n) for n in range(300)}


def test_a_damaged_ring_is_counted(world, broker):
    two_waiting_rings(world, broker)
    other = rings(world)[1]
    with open(other, "r+b") as file:
        file.seek(8)
        file.write(b"junk")
    world.restart_ingestor()
    world.wait("the loss, counted", lambda: world.ledger()["dropped"]["gap"] == 200)
    assert len(stored(world)) == 300
    assert world.ingestor.log_lines(r"(?i)error flusher ring file is damaged.*waiting=200"), world.ingestor.log()
    assert world.ingestor.log_lines(r"(?i)error flusher no ring file is left.*source=other.*lost=200")
    assert "waiting in it: 200" in world.stats()["commit"]["ringsError"]
