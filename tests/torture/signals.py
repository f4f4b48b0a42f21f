# SPDX-License-Identifier: MIT
"""signals - processes that stand still, have no descriptors, are told to reload once a second, and
clocks that jump (P1 to P4)."""

import os
import resource
import signal
import time
from pathlib import Path

from arena import Siege
from faults import Faults
from harness import child_pids, send_signal

HUNG_S = 2  # maxUnhealthySeconds: a longer stop is a hang, and the worker is replaced
DAY_S = 86400
JUMPS_S = (3600, -3600, DAY_S, -DAY_S, 400 * DAY_S, -5 * 365 * DAY_S, 10 * 365 * DAY_S)


def pid_of(world, kind):
    """None: not just now."""
    return {"supervisor": world.ingestor.pid, "server": world.server.pid}.get(kind) or world.worker_pid(kind)


KINDS = ("supervisor", "receiver", "flusher", "server")


def stop(arena):
    with Siege(arena, "signals.stop") as siege:
        siege.begin(maxUnhealthySeconds=HUNG_S)
        counts = dict.fromkeys(KINDS, 0)
        for n in range(arena.count(40, len(KINDS))):
            if arena.is_over():
                break
            kind = KINDS[n % len(KINDS)]
            pid = siege.world.wait(f"a {kind}", lambda k=kind: pid_of(siege.world, k), 40)
            if not send_signal(pid, signal.SIGSTOP):
                continue
            siege.rest(siege.random.uniform(0.2, arena.count(2, 1) * HUNG_S))
            send_signal(pid, signal.SIGCONT)
            counts[kind] += 1
            siege.flows()
        siege.rounds = sum(counts.values())
        siege.figures.update({"stopped": counts, "hangs": siege.world.stats()["watchdogPanicCount"]})
        siege.world.wait("healthz", lambda: siege.world.get("/api/healthz").status == 200)
        return siege.judge()


def starve(pid):
    """No descriptor above those that are open; returns the limits of before."""
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    highest = max(int(fd.name) for fd in Path(f"/proc/{pid}/fd").iterdir())
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, limits[1]))
    return limits


def descriptors(arena):
    """Each process in turn, and a worker dies meanwhile."""
    with Siege(arena, "signals.descriptors") as siege:
        world = siege.world
        siege.begin()
        for n in range(arena.count(12, len(KINDS))):
            if arena.is_over():
                break
            kind = KINDS[n % len(KINDS)]
            pid = world.wait(f"a {kind}", lambda k=kind: pid_of(world, k), 40)
            try:
                limits = starve(pid)
            except (OSError, ValueError):
                continue  # it has just ended
            victim = pid_of(world, siege.random.choice(("receiver", "flusher")))
            if victim:
                send_signal(victim, signal.SIGKILL)
            siege.rest(siege.random.uniform(0.5, arena.count(4, 1)))
            for each in (pid, *child_pids(pid)):  # a child has what its parent had
                try:
                    resource.prlimit(each, resource.RLIMIT_NOFILE, limits)
                except ProcessLookupError:
                    pass  # it was the victim
            siege.flows()
            siege.rounds += 1
        world.wait("healthz", lambda: world.get("/api/healthz").status == 200)
        return siege.judge()


def clock(arena):
    """The wall clock of all of Weir's processes; the monotonic one goes on. Nothing is deleted
    for its age, nothing stops."""
    with Siege(arena, "signals.clock") as siege:
        world, faults = siege.world, Faults(siege.world)
        siege.begin()
        jumps = list(JUMPS_S) * arena.count(3, 1)
        siege.random.shuffle(jumps)
        for seconds in jumps[:arena.count(len(jumps), 4)]:
            if arena.is_over():
                break
            before = siege.stored()
            faults.set_wall(seconds)
            siege.flows(100)
            siege.hold(f"rows are gone after a jump by {seconds} s", siege.stored() >= before)
            world.wait("healthz that does not fail", lambda: world.get("/api/healthz").status == 200)
            faults.set_wall(0)
            siege.flows()
            siege.rounds += 2
        return siege.judge()


def reload(arena):
    """SIGHUP to both programs once a second, each time with another key of theirs changed."""
    with Siege(arena, "signals.reload") as siege:
        world = siege.world
        siege.begin()
        for n in range(arena.count(60, 3)):
            if arena.is_over():
                break
            began = time.monotonic()
            choice = siege.random.randrange(3)
            if choice == 0:
                world.config["mqttSources"][0]["keepAliveSeconds"] = 30 + n % 7
            elif choice == 1:
                world.config["groupCommitMs"] = 20 + n % 7
            else:
                world.config["logLevel"] = ("info", "warn")[n % 2]
            world.write_config()
            os.kill(world.ingestor.pid, signal.SIGHUP)
            os.kill(world.server.pid, signal.SIGHUP)
            siege.rounds += 1
            siege.rest(1 - (time.monotonic() - began))
        siege.flows()
        siege.hold("the supervisor ended", world.ingestor.is_running)
        siege.hold("the server ended", world.server.is_running)
        return siege.judge()


PARTS = {"signals.stop": stop, "signals.descriptors": descriptors, "signals.clock": clock, "signals.reload": reload}
