# SPDX-License-Identifier: MIT
"""faults - the other side of fault_preload.c: makes a program's disk fail and its clock jump."""

import mmap
import struct

from arena import Skipped
from harness import BUILD

NTH, LENGTH, OPERATIONS, FIRED, KILLS = 0, 8, 16, 24, 32  # struct plan
DISK, RING, WALL_MS, SIZE = 0, 40, 80, 88  # struct faults
FOR_EVER = 1 << 62
LIBRARY = BUILD / "tests/libweir_faults.so"


class Faults:
    def __init__(self, world):
        if not LIBRARY.exists():
            raise Skipped(f"{LIBRARY} is not built")
        path = world.dir / "faults"
        path.write_bytes(bytes(SIZE))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), SIZE)
        for program in (world.ingestor, world.server):
            program.env = {**world.env, "LD_PRELOAD": str(LIBRARY), "TORTURE_FAULTS": str(path)}

    def _get(self, at):
        return struct.unpack_from("<Q", self.map, at)[0]

    def _set(self, at, value):
        struct.pack_into("<q", self.map, at, value)

    def arm(self, plan, nth, length, kills=False):
        """The nth operation from now on fails, and those behind it, `length` in all. kills: it ends
        its process."""
        self._set(plan + NTH, 0)
        self._set(plan + KILLS, kills)
        self._set(plan + OPERATIONS, 0)
        self._set(plan + FIRED, 0)
        self._set(plan + LENGTH, length)
        self._set(plan + NTH, nth)

    def disarm(self, plan):
        self._set(plan + NTH, 0)

    def is_spent(self, plan):
        return self._get(plan + FIRED) >= self._get(plan + LENGTH)

    def fired(self, plan):
        return self._get(plan + FIRED)

    def set_wall(self, seconds):
        self._set(WALL_MS, int(seconds * 1000))
