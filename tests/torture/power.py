# SPDX-License-Identifier: MIT
"""power - the power fails: what was not synced is gone, the machine has booted anew (P2).

A file system in a file holds database and rings; EXT4_IOC_SHUTDOWN ends it without writing its
journal, and the ingestor's next life has another boot id, mounted over /proc in a namespace of its
own. The broker has power all the time. Lost may be what was received within the sync interval
before the cut, and nothing that came before it.
"""

import time
import uuid
from bisect import bisect_right
from itertools import groupby

from arena import Siege, Skipped
from disks import Ext4, Unavailable

SYNC_MS = 100
NEVER = 10**9
ALLOWED_MS = {"interval": 1000, "none": 1500}  # generous: a sync itself takes as long as a busy disk wants
BOOTED = ('mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"')


def cut_rounds(siege, disk):
    """[(when the power began to go, when it was gone)]"""
    world, arena, cuts = siege.world, siege.arena, []
    for _ in range(arena.count(20, 1)):
        if arena.is_over():
            break
        time.sleep(siege.random.uniform(0.2, 1.5))  # the random moment, not a wait for something
        began = time.monotonic()
        world.kill_everything()  # what ran on without a disk would acknowledge what it can't keep
        disk.cut_power()
        cuts.append((began, time.monotonic()))
        disk.unmount()
        disk.mount()
        boot(world)
        world.restart_ingestor()
        siege.flows()
    return cuts


def boot(world):
    (world.dir / "boot_id").write_text(f"{uuid.uuid4()}\n")


def runs_of(missing):
    """[(first, last)] of numbers that lie together."""
    for _, run in groupby(enumerate(missing), lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        yield numbers[0], numbers[-1]


def losses(missing, times, cuts):
    """Milliseconds before its cut that the oldest of each lost run was published."""
    for first, _ in runs_of(missing):
        at = bisect_right([gone for _, gone in cuts], times[first])
        yield 1000 * max(0.0, cuts[at][0] - times[first]) if at < len(cuts) else NEVER


def power(arena, name, spool_sync, **config):
    with Siege(arena, f"power.{name}", keeps_times=True) as siege:
        world = siege.world
        try:
            disk = Ext4(world.dir / "disk", 512)
            disk.mount()
        except Unavailable as error:
            raise Skipped(str(error)) from None
        try:
            boot(world)
            world.ingestor.argv = ["/usr/bin/unshare", "-m", "sh", "-c", BOOTED, world.dir / "boot_id",
                                   *world.ingestor.argv]
            siege.begin(server=False, dbPath="disk/weir.db", spoolDir="disk/spool", spoolSync=spool_sync,
                        syncIntervalMs=SYNC_MS, statsFile="data/ingestor-stats.json", **config)
            cuts = cut_rounds(siege, disk)
            lost = []
            siege.rounds = len(cuts)

            def allowed(missing):
                lost.extend(losses(missing, siege.load.times, cuts))
                siege.figures["lost at the tails"] = len(missing)
                siege.figures["longest tail, ms"] = round(max(lost, default=0))
                return len(missing) if max(lost, default=0) <= ALLOWED_MS[spool_sync] else 0
            return siege.judge(allowed, still_s=2)
        finally:
            world.ingestor.kill()
            disk.__exit__()


PARTS = {"power.interval": lambda arena: power(arena, "interval", "interval"),
         "power.none": lambda arena: power(arena, "none", "none"),
         # synced beside the writer, each batch committed at once
         "power.single": lambda arena: power(arena, "single", "interval", groupCommitMs=0)}
