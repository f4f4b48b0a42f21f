# SPDX-License-Identifier: MIT
"""The write-ahead log while readers read: it begins anew only when nobody is in it."""

import sqlite3
import threading
import time

from messages import frame, packet
from mqtt_lite import Client

TURN_S = 0.03  # a reader holds its snapshot for so long
LIMIT = 64 << 20
LARGE = LIMIT * 7 // 8  # a slow machine's last look may be a batch or two before the limit
BOUND = 4 * LIMIT  # a busy machine's readers outlast some of the flusher's attempts


def take_turns(path, is_over):
    """However slow the machine, one of two has a snapshot: the next begins before this one ends."""
    turns = [sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None) for _ in range(2)]
    turns[0].execute("BEGIN")
    while not is_over.is_set():
        turns[0].execute("SELECT max(id) FROM observations").fetchone()
        is_over.wait(TURN_S)
        turns[1].execute("BEGIN")
        turns[1].execute("SELECT max(id) FROM observations").fetchone()
        turns[0].execute("COMMIT")
        turns.reverse()
    for turn in turns:
        turn.close()


def test_readers_that_are_always_there_do_not_keep_the_log(world, broker):
    """Before: it grew for as long as they read, and every reader looked through all of it."""
    world.add_source(broker)
    world.start(groupCommitMs=10)
    log = world.db_path.with_name(world.db_path.name + "-wal")
    world.wait("the database", log.exists)
    is_over = threading.Event()
    readers = threading.Thread(target=take_turns, args=(world.db_path, is_over))
    sizes, told, sent = [0], [0], 0
    try:
        readers.start()
        with Client(broker.port) as client:
            def has_begun_anew():
                """Once large, and small again."""
                nonlocal sent
                for _ in range(20):
                    raw = frame(sent, path=bytes([sent % 199, sent % 97]) * 30) + bytes(120)  # fills the log sooner
                    client.publish(*packet(sent, observer=f"OBS{sent % 50}", raw=raw.hex().upper(), len=str(len(raw))), qos=0)
                    sent += 1
                client.flush()
                if sent % 5000 == 0:  # what is still with the broker is in no figure but this one
                    world.wait("the writer to keep up", lambda: world.ledger()["committed"] > sent - 1000, 60)
                sizes.append(log.stat().st_size)
                if sent % 1000 == 0:
                    told.append(world.stats()["checkpoints"]["logBytes"])
                return max(sizes) >= LARGE and sizes[-1] < LIMIT / 2
            deadline = time.monotonic() + 240
            while not has_begun_anew():
                assert sizes[-1] < BOUND, f"{sizes[-1]} bytes of log after {sent} messages"
                assert time.monotonic() < deadline, f"{max(sizes)} bytes after {sent} messages"
    finally:
        is_over.set()
        readers.join()
    assert LIMIT / 4 < max(told) <= max(sizes), "its length is told"
    ledger = world.wait_drained(sent)
    assert ledger["committed"] == sent, ledger
