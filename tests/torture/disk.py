# SPDX-License-Identifier: MIT
"""disk - a disk that is full, fails, or can't be written any more: the rings hold, nothing is lost
(P1, P2, P6)."""

import time

from arena import Siege, Skipped
from disks import Unavailable, fill, remount, tmpfs
from faults import DISK, RING, Faults

ELSEWHERE = {"statsFile": "data/ingestor-stats.json", "spoolDir": "data/spool"}


def write_errors(siege):
    return siege.world.stats()["write_errors"]


def on_a_small_disk(arena, name, harm, megabytes, rounds, server=True):
    """harm(siege, folder): one round of it."""
    with Siege(arena, name, rate=500) as siege:
        try:
            with tmpfs(siege.world.dir / "small", megabytes) as folder:
                siege.begin(server=server, dbPath="small/weir.db", **ELSEWHERE)
                for _ in range(rounds):
                    if arena.is_over():
                        break
                    harm(siege, folder)
                    siege.rounds += 1
                outcome = siege.judge()
                siege.world.ingestor.stop()
                return outcome
        except Unavailable as error:
            raise Skipped(str(error)) from None


def become_full(siege, folder):
    before = write_errors(siege)
    fill(folder, leave=siege.random.randrange(256) << 10)
    siege.world.wait("the writer's complaint", lambda: write_errors(siege) > before, 40)
    siege.world.wait("a warning", lambda: siege.world.get("/api/healthz").json["status"] == "warn")
    (folder / "ballast").unlink()
    siege.flows(timeout=90)


def become_read_only(siege, folder):
    """A file system with files open for writing can't be made so: it happens while nobody has one
    (a server has the log's index open)."""
    world = siege.world
    world.kill_everything()
    remount(folder, "ro")
    world.restart_ingestor(live=False)
    world.wait("the reason", lambda: "ead-only" in (world.stats()["commit"].get("error") or ""), 40)
    remount(folder, "rw")
    siege.flows(timeout=90)


def full(arena):
    return on_a_small_disk(arena, "disk.full", become_full, 48, arena.count(10, 1))


def read_only(arena):
    return on_a_small_disk(arena, "disk.read-only", become_read_only, 256, arena.count(10, 1), server=False)


def failing(arena, name, plan, rounds, most):
    """EIO at the nth operation, the most-th at the latest, and at those behind it."""
    with Siege(arena, name) as siege:
        faults = Faults(siege.world)
        siege.begin()
        fired = 0
        for _ in range(rounds):
            if arena.is_over():
                break
            nth = siege.random.randrange(1, most)
            # Each failure doubles the wait for the next try.
            faults.arm(plan, nth, siege.random.choice(arena.count((1, 1, 2, 3, 5), (1,))))
            bound = time.monotonic() + 20
            while not faults.is_spent(plan) and time.monotonic() < bound:
                siege.rest(0.02)
            fired += faults.fired(plan)
            faults.disarm(plan)
            siege.flows(timeout=90)
            siege.rounds += 1
        siege.figures["operations that failed"] = fired
        siege.hold("none failed", fired > 0)
        return siege.judge()


PARTS = {"disk.full": full, "disk.read-only": read_only,
         "disk.eio": lambda arena: failing(arena, "disk.eio", DISK, arena.count(40, 2), arena.count(400, 40)),
         # ten syncs a second
         "disk.eio-ring": lambda arena: failing(arena, "disk.eio-ring", RING, arena.count(20, 1), 20)}
