# SPDX-License-Identifier: MIT
"""kill_loop - kill -9 of anything in random moments, and the look whether every message is there
exactly once."""

import signal
import time

from harness import LIVE_STATES, is_alive, send_signal
from messages import number_of

VICTIMS = ("receiver", "flusher", "supervisor", "everything")
SETTLED_SHARE = 0.33
PAUSE_S = 0.15


def kill_one(world, victim):
    """Returns what was really killed: a worker that does not run just now is spared by the
    supervisor's death."""
    if victim == "server":
        world.server.kill()
        world.server.start()
        return victim
    pid = world.worker_pid(victim, "main" if victim == "receiver" else None) if victim in VICTIMS[:2] else None
    if pid and send_signal(pid, signal.SIGKILL):
        return victim
    if victim == "everything":
        world.kill_everything()
    else:
        # The kernel ends the workers with their parent; a new supervisor must find its locks free.
        workers = [w["pid"] for w in (world.stats() or {"workers": []})["workers"] if w["pid"]]
        world.ingestor.kill()
        world.wait("the end of orphaned workers", lambda: not any(is_alive(pid) for pid in workers))
        victim = "supervisor"
    world.restart_ingestor(live=False)
    return victim


def settle(world):
    """Everything is up again; a source that holds is, too: the broker sends what it kept for the
    session before it answers the subscription, at the pace at which the ring gets room."""
    world.wait_live(timeout=40, states=(*LIVE_STATES, "holding"))
    sample = world.wait_next_sample(1)
    world.wait_stats("all workers running and nothing unaccounted",
                     lambda s: s["seq"] >= sample["seq"] and s["ledger"]["total"]["unaccounted"] == 0
                     and all(w["state"] == "running" for w in s["workers"]), 40)
    if world.server.is_running:
        world.wait("healthz that does not fail", lambda: world.get("/api/healthz").status == 200)


def kill_rounds(world, rounds, random, victims=VICTIMS, look=lambda: None, is_over=lambda: False):
    """{victim: how often}"""
    killed = dict.fromkeys(victims, 0)
    for _ in range(rounds):
        if is_over():
            break
        time.sleep(random.uniform(0, PAUSE_S))  # the random moment, not a wait for something
        killed[kill_one(world, random.choice(victims))] += 1
        look()
        if random.random() < SETTLED_SHARE:
            settle(world)
    return killed


def count_numbers(world, published):
    """(numbers that are not there, transmissions that are no number of ours, those that are there
    or were heard more than once), of messages 0 to published - 1 of messages.packet."""
    seen = bytearray(published)
    foreign = twice = 0
    for raw, count in world.query("SELECT raw, observation_count FROM transmissions"):
        number = number_of(raw)
        if number is None or number >= published:
            foreign += 1
            continue
        twice += seen[number] or count != 1
        seen[number] = 1
    missing = [n for n in range(published) if not seen[n]] if seen.count(0) else []
    return missing, foreign, twice


def check_exactly_once(world, published):
    missing, foreign, twice = count_numbers(world, published)
    assert not missing and not foreign, f"{len(missing)} missing, {foreign} foreign of {published}"
    assert not twice, f"{twice} transmissions stand there or were counted twice"
    assert world.count("observations") == published
    assert world.scalar("PRAGMA integrity_check") == "ok"
