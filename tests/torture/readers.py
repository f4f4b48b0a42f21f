# SPDX-License-Identifier: MIT
"""readers - who listens to the live feed and reads nothing, and who reads the database in one
transaction for an hour (P3, P4)."""

import sqlite3
import threading
import time

from arena import Siege
from harness import percentile
from live_client import Closed, Stream

LOG_AT_REST = 64 << 20  # "64 MB at rest" (README)
PAGE = 4096
WARNED_S = 600  # the log is four times its size at rest long before, and no checkpoint was whole


class Listening(threading.Thread):
    """A listener that reads: each observation's id follows the one before."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.stream = Stream(port).begin()
        self.last, self.events, self.wrong, self.is_over = self.stream.last_id, 0, [], False

    def run(self):
        try:
            while not self.is_over:
                event = self.stream.any()
                if event is None:
                    continue
                kind, at, _ = event
                if kind != "message" or at != self.last + 1:
                    self.wrong.append(f"{kind} {at} behind {self.last}")
                self.last, self.events = at, self.events + 1
        except (Closed, OSError) as error:
            if not self.is_over:
                self.wrong.append(f"ended: {type(error).__name__}")


def probe(siege, took):
    answer = siege.world.get("/api/healthz")
    took.append(answer.seconds)
    siege.hold(f"healthz says {answer.status}", answer.status == 200)
    siege.rest(0.1)


def slow(arena):
    with Siege(arena, "readers.slow") as siege:
        siege.begin()
        port, took = siege.world.config["port"], []
        stuck = [Stream(port, small=True).begin() for _ in range(arena.count(200, 20))]
        good = [Listening(port) for _ in range(5)]
        for listener in good:
            listener.start()
        until = arena.until(arena.count(120, 3))
        while time.monotonic() < until:
            probe(siege, took)
        for listener in good:
            listener.is_over = True
            siege.hold(f"a listener: {listener.wrong[:2]}", not listener.wrong)
        siege.rounds = len(stuck)
        siege.figures.update({"events of those that read": sum(listener.events for listener in good),
                              "healthz p99, ms": round(1000 * percentile(took, .99), 1)})
        outcome = siege.judge()
        for stream in stuck:
            stream.close()
        return outcome


def pinned(arena):
    """The log grows by what is written, and no commit waits for the reader; when it has gone the
    log begins anew."""
    with Siege(arena, "readers.pin", rate=200) as siege:
        world = siege.world
        siege.begin(groupCommitMs=200)
        log = world.db_path.with_name(world.db_path.name + "-wal")
        reader = sqlite3.connect(f"file:{world.db_path}?mode=ro", uri=True, isolation_level=None)
        reader.execute("BEGIN")
        count = reader.execute("SELECT count(*) FROM observations").fetchone()[0]
        began, took, latency = time.monotonic(), [], []
        until = arena.until(arena.count(60 * arena.pin_minutes, 5))
        while time.monotonic() < until:
            probe(siege, took)
            latency.append(world.stats()["commit"].get("msP99") or 0)
        seconds = time.monotonic() - began
        siege.hold("the snapshot moved", reader.execute("SELECT count(*) FROM observations").fetchone()[0] == count)
        largest = log.stat().st_size
        said = world.get("/api/healthz").json["checks"]["wal"]["status"]
        siege.hold(f"healthz says {said} of a log of {largest} bytes", seconds < WARNED_S or said == "warn")
        reader.execute("COMMIT")
        reader.close()
        world.wait("the log to begin anew", lambda: log.stat().st_size <= max(LOG_AT_REST + PAGE, largest / 2)
                   if largest > LOG_AT_REST else True, 120)
        third = max(1, len(latency) // 3)
        siege.rounds = 1
        siege.figures.update({
            "minutes": round(seconds / 60, 1), "log, MB": round(largest / 2**20, 1),
            "log afterwards, MB": round(log.stat().st_size / 2**20, 1),
            "commit p99, ms: first and last third": [round(percentile(part, .5), 1) for part in
                                                     (latency[:third], latency[-third:])],
            "healthz p99, ms": round(1000 * percentile(took, .99), 1)})
        return siege.judge()


PARTS = {"readers.slow": slow, "readers.pin": pinned}
