# SPDX-License-Identifier: MIT
"""soak - half an hour of an ordinary day with pages open: memory, descriptors, log and latency stay
as they are (P5, P6)."""

import os
import threading
import time

from arena import Siege
from harness import http_request, percentile, rss_anon_kib
from readers import LOG_AT_REST, Listening

PAGES = 3
# What an open page asks (cmd/server/web): the ops page once a second, the lists every few.
OFTEN = "/api/ops/snapshot?events=200"
SELDOM = ("/api/packets?limit=50", "/api/nodes?limit=50", "/api/observers", "/api/channels", "/api/stats")
GROWTH = 1.05  # between the middle and the end, as tests/bench/soak has it
SLACK_KIB = 2048
PROBES_S = 1


class Page(threading.Thread):
    """Asks as an open page does."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.is_over, self.answers, self.waits, self.wrong = port, False, 0, 0, []

    def ask(self, path):
        answer = http_request(self.port, path)
        self.answers += 1
        if answer.status == 503 and answer.headers["Retry-After"]:
            self.waits += 1  # a busy machine's answer that is late is asked for again
        elif answer.status != 200:
            self.wrong.append(f"{path}: {answer.status}")

    def run(self):
        turn = 0
        while not self.is_over:
            try:
                self.ask(OFTEN)
                self.ask(SELDOM[turn % len(SELDOM)])
            except Exception as error:
                self.wrong.append(repr(error))
            turn += 1
            time.sleep(1)  # the page's own pace


def measure(siege):
    world = siege.world
    pids = {"flusher": world.worker_pid("flusher"), "receiver": world.worker_pid("receiver"),
            "supervisor": world.ingestor.pid, "server": world.server.pid}
    return {"kib": {name: rss_anon_kib(pid) for name, pid in pids.items()},
            "descriptors": {name: len(os.listdir(f"/proc/{pid}/fd")) for name, pid in pids.items()},
            "log": world.db_path.with_name(world.db_path.name + "-wal").stat().st_size,
            "commit": world.stats()["commit"].get("msP99") or 0}


def judge_growth(siege, seen, took):
    middle, last = seen[len(seen) // 2], seen[-1]
    for name, kib in last["kib"].items():
        most = middle["kib"][name] * GROWTH + SLACK_KIB
        siege.hold(f"{name}: {middle['kib'][name]} KiB in the middle, {kib} at the end", siege.arena.is_short or kib <= most)
        siege.hold(f"{name}: {middle['descriptors'][name]} descriptors in the middle, {last['descriptors'][name]} at the end",
                   last["descriptors"][name] <= middle["descriptors"][name] + 4)
    log = max(sample["log"] for sample in seen)
    siege.hold(f"the log had {log} bytes", log <= LOG_AT_REST + (8 << 20))
    third = max(1, len(took) // 3)
    siege.figures.update({
        "private MB, middle": {name: round(kib / 1024, 1) for name, kib in middle["kib"].items()},
        "end": {name: round(kib / 1024, 1) for name, kib in last["kib"].items()},
        "descriptors": last["descriptors"], "log at most, MB": round(log / 2**20, 1),
        "commit p99, ms": [round(middle["commit"], 1), round(last["commit"], 1)],
        "healthz p99, ms: first and last third": [round(1000 * percentile(part, .99), 1) for part in
                                                  (took[:third], took[-third:])]})


def ordinary_day(arena):
    with Siege(arena, "soak", rate=5000) as siege:
        world = siege.world
        siege.begin(groupCommitMs=200, sqliteCacheMB=8, ingestBufferBytes=64 << 20)
        # What fills first is no growth: the caches of pages and of hashes.
        before = arena.count(150000, 100)
        world.wait("caches that are full", lambda: siege.load.published >= before, 300)
        siege.load.rate = 100
        world.wait("all of it stored", lambda: siege.stored() >= before, 120)
        port = world.config["port"]
        pages = [Page(port) for _ in range(PAGES)] + [Listening(port)]
        for page in pages:
            page.start()
        began, seen, took = time.monotonic(), [measure(siege)], []
        until = arena.until(arena.count(30 * 60, 4))
        while time.monotonic() < until:
            took.append(world.get_health("/api/healthz").seconds)
            siege.rest(PROBES_S)
            if time.monotonic() - began > len(seen) * arena.count(20, 1):
                seen.append(measure(siege))
        for page in pages:
            page.is_over = True
        siege.hold(f"a page: {[page.wrong[:2] for page in pages]}", not any(page.wrong for page in pages))
        siege.rounds = round((time.monotonic() - began) / 60)
        siege.figures.update({"answers": sum(page.answers for page in pages[:PAGES]),
                              "of them told to wait": sum(page.waits for page in pages[:PAGES])})
        judge_growth(siege, seen, took)
        return siege.judge()


PARTS = {"soak": ordinary_day}
