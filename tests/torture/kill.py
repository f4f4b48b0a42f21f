# SPDX-License-Identifier: MIT
"""kill - kill -9 of supervisor, receiver, flusher, server, or all of them, in random moments
(P2)."""

from arena import Siege
from kill_loop import VICTIMS, kill_rounds


def anything(arena):
    with Siege(arena, "kill", rate=arena.count(5000, 1000), is_bounded=True) as siege:
        siege.begin(ingestBufferBytes=64 << 20)
        killed = kill_rounds(siege.world, arena.count(arena.kills, 8), siege.random, (*VICTIMS, "server"),
                             is_over=arena.is_over)
        siege.rounds = sum(killed.values())
        siege.figures["killed"] = killed
        return siege.judge()


PARTS = {"kill": anything}
