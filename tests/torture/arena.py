# SPDX-License-Identifier: MIT
"""arena - what every scenario has: a seed, a bound, and a siege: the programs under load while
something is done to them, and the verdict of a ledger that is not theirs.

The external ledger: a publisher numbers its messages and sends them at QoS 1; what the broker
acknowledged must stand in the database exactly once, but for what the programs said they dropped.
"""

import random
import sys
import time
from dataclasses import asdict, dataclass, field

from harness import PATIENCE, POLL_S, Watching, World, ledger_sum
from kill_loop import count_numbers
from load import Load

RATE = 1000
STILL_S = 5  # nothing was stored for so long: nothing comes any more


class Skipped(Exception):
    """Not here: says why."""


@dataclass
class Outcome:
    """One line of the report. wrong: what does not hold; empty = all does."""

    name: str = ""
    rounds: int = 0
    sent: int = 0
    stored: int = 0
    dropped: dict = field(default_factory=dict)  # by the programs' own ledger
    unaccounted: int = 0  # sent, and neither stored nor dropped nor allowed to be lost
    figures: dict = field(default_factory=dict)
    wrong: list = field(default_factory=list)
    skipped: str = ""
    seconds: float = 0

    @property
    def verdict(self):
        return "SKIPPED" if self.skipped else "WRONG" if self.wrong else "holds"

    def as_dict(self):
        return {**asdict(self), "verdict": self.verdict}


class Arena:
    def __init__(self, seed, is_short=False, minutes=150.0, kills=1000, pin_minutes=60):
        self.seed, self.is_short, self.kills, self.pin_minutes = seed, is_short, kills, pin_minutes
        self.deadline = time.monotonic() + 60 * minutes

    def random(self, name):
        """Each scenario has its own, so that one alone is the same as among all."""
        return random.Random(f"{self.seed} {name}")

    def count(self, full, short):
        return short if self.is_short else full

    def is_over(self):
        return time.monotonic() >= self.deadline

    def until(self, seconds):
        """When so many seconds are over, or our time."""
        return min(time.monotonic() + seconds, self.deadline)

    def say(self, text):
        print(f"  {text}", file=sys.stderr, flush=True)


class Siege:
    """with Siege(arena, "kill") as siege: siege.begin(); ...; return siege.judge()"""

    def __init__(self, arena, name, rate=RATE, is_bounded=False, **load_keys):
        """is_bounded: the load waits for what is stored (load.py); the database stays in place."""
        self.arena, self.name, self.rate, self.load_keys = arena, name, rate, load_keys
        self.is_bounded = is_bounded
        self.random = arena.random(name)
        self.rounds, self.figures, self.wrong = 0, {}, []
        self.world = World(f"torture-{name}")
        self.broker = self.load = self.watching = None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.world.close(keep=bool(self.wrong) or kind is not None and issubclass(kind, AssertionError))

    def begin(self, server=True, broker=None, url=None, source=None, **config):
        """The programs run, the source is live, the load begins. url: the way to the broker, where
        it is another than the load's."""
        self.broker = broker or self.world.start_broker()
        self.world.add_source(url or self.broker, qos=1, persistentSession=True, **(source or {}))
        self.world.start(server=server, maxProcessRestarts=1000000, **{"groupCommitMs": 20, **config})
        self.watching = Watching(self.world)
        self.watching.start()
        self.load = Load(self.broker, self.rate, stored=self.stored if self.is_bounded else None, **self.load_keys)
        self.load.start()
        self.flows()
        return self

    def stored(self):
        return self.world.scalar("SELECT transmissions FROM meta")

    def flows(self, count=20, timeout=60):
        """Waits until so many more are stored."""
        before = self.world.wait("the database", lambda: [self.stored()], timeout)[0]
        self.world.wait(f"{count} more stored", lambda: self.stored() >= before + count, timeout)

    def hold(self, what, condition):
        if not condition:
            self.wrong.append(what)

    def rest(self, seconds):
        """What is measured goes on for so long."""
        time.sleep(max(0.0, min(seconds, self.arena.deadline - time.monotonic())))

    def wait_all(self, published, still_s):
        """Until all is stored, or nothing comes any more."""
        last, since = -1, time.monotonic()
        while last < published and time.monotonic() - since < still_s * PATIENCE:
            now = self.stored()
            if now != last:
                last, since = now, time.monotonic()
            time.sleep(POLL_S)

    def judge(self, may_lose=lambda missing: 0, still_s=STILL_S):
        """may_lose: of the missing numbers, how many may be."""
        published = self.load.end()
        self.world.wait_live(timeout=60)
        self.wait_all(published, still_s)
        self.world.wait_next_sample(2)
        ledger = self.world.wait_drained(0, timeout=60)
        missing, foreign, twice = count_numbers(self.world, published)
        dropped = {reason: n for reason, n in ledger["dropped"].items() if n}
        unaccounted = max(0, len(missing) - may_lose(missing) - sum(dropped.values()))
        self.hold(f"{unaccounted} of {published} are nowhere, the first {missing[:3]}", not unaccounted)
        self.hold(f"{foreign} that nobody sent", not foreign)
        self.hold(f"{twice} stand there or were counted twice", not twice)
        self.hold(f"the ledger's sum {ledger_sum(ledger)} is not {ledger['received']}",
                  ledger_sum(ledger) == ledger["received"])
        self.hold("integrity_check", self.world.scalar("PRAGMA integrity_check") == "ok")
        self.wrong += self.watching.end()[:5]
        if self.load.waited >= 1:
            self.figures["load waited, s"] = round(self.load.waited)
        self.figures.update({"samples": self.watching.watcher.seen, "worst unaccounted": self.watching.worst,
                             "received": ledger["received"], "redelivered": ledger["duplicate"]})
        return Outcome(self.name, self.rounds, published, published - len(missing), dropped, unaccounted,
                       self.figures, self.wrong)
