# SPDX-License-Identifier: MIT
"""demo_play - what both forms of scripts/demo share: the recordings, what is in them, a report of
comparisons, and playing on until Ctrl-C."""

import itertools
import json
import sys
import time
from pathlib import Path

import demo_nodes

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

import harness  # noqa: E402  (needs the path above)
import messages  # noqa: E402

# What the recordings hold. protocol: one of the 500 packets has a frame that no parser may accept;
# in multi_observer, 13 messages repeat an observation and 4 adverts carry a bad signature.
STEPS = (
    (("packets", "status"), {"transmissions": 499, "observations": 499, "observers": 31, "nodes": 90}),
    (("multi_observer",), {"transmissions": 549, "observations": 1597, "observers": 31, "nodes": 94}),
)
SLOW_PER_SECOND = 5
ADVERT = 4
ADVERTS_EVERY = 40  # messages: eight seconds
ENCRYPTED = (0, 1, 2, 5, 8)  # REQ, RESPONSE, TXT_MSG, GRP_TXT, PATH: their contents nobody here can check


class Report:
    """Prints each comparison; remembers whether all held."""

    def __init__(self):
        self.is_good = True

    def check(self, what, found, expected):
        good = found == expected
        self.is_good &= good
        print(f"  {'ok    ' if good else 'FAILED'} {what}: {found}" + ("" if good else f", expected {expected}"))

    def check_ledger(self, ledger, received, of=""):
        self.check(f"ledger{of}: received", ledger["received"], received)
        self.check(f"ledger{of}: sum of the outcomes", harness.ledger_sum(ledger), received)
        self.check(f"ledger{of}: unaccounted", ledger["unaccounted"], 0)

    def check_shown(self, world, of=""):
        """The totals that the server of the world gives for all steps."""
        expected = STEPS[-1][1]
        totals = {"totalTransmissions": expected["transmissions"], "totalObservations": expected["observations"],
                  "totalObservers": expected["observers"], "totalNodesAllTime": expected["nodes"]}

        def are_shown():
            stats = world.get("/api/stats").json
            return all(stats.get(key) == value for key, value in totals.items())
        try:
            world.wait("the totals in /api/stats", are_shown, 20)
        except AssertionError:
            pass  # the comparison below says what is wrong
        stats = world.get("/api/stats").json
        for key, value in totals.items():
            self.check(f"/api/stats{of} {key}", stats.get(key), value)

    def end(self, *worlds):
        """The exit status."""
        print("demo: all as expected" if self.is_good else "demo: FAILED")
        if not self.is_good:
            for world in worlds:
                print(world.describe(), file=sys.stderr)
        return 0 if self.is_good else 1


def play(client, names):
    return client.publish_all(itertools.chain.from_iterable(map(messages.recorded, names)), qos=1)


def made_new(text, number):
    """The same reception of a packet that was never sent: an encrypted one with another end, so
    that the live view has something to show. Any other stays as it is, a duplicate."""
    raw = json.loads(text).get("raw")
    if not raw or type_of(raw) not in ENCRYPTED or len(raw) < 40:
        return text
    return text.replace(raw, f"{raw[:-8]}{number & 0xFFFFFFFF:08X}")


def type_of(raw):
    return int(raw[:2], 16) >> 2 & 15


def is_advert(text):
    raw = json.loads(text).get("raw")
    return bool(raw) and type_of(raw) == ADVERT


def placed_keys(recording):
    """Whose adverts tell a position."""
    found = set()
    for _, text, _ in filter(lambda message: is_advert(message[1]), recording):
        raw = bytes.fromhex(json.loads(text)["raw"])
        at = 5 if raw[0] & 3 in (0, 3) else 1  # of the path's length: transport codes come before
        key = at + 1 + ((raw[at] >> 6) + 1) * (raw[at] & 63)
        if raw[key + 100:] and raw[key + 100] & demo_nodes.HAS_PLACE:
            found.add(raw[key:key + 32].hex())
    return found


def observers_of(recording):
    """[(topic, name, id)] of those who sent packets and lie on the map, always in one order."""
    found, placed = {}, placed_keys(recording)
    for topic, text, _ in recording:
        told = json.loads(text)
        if topic.endswith("/packets") and told.get("origin_id", "").lower() in placed:
            found[topic] = (topic, told["origin"], told["origin_id"])
    return sorted(found.values())


def keep_playing(worlds, client, addresses):
    """Until Ctrl-C, or until a program of the worlds ends."""
    count = sum(play(client, names) for names, _ in STEPS)
    print(f"{count} recorded messages played; now {SLOW_PER_SECOND} a second, the encrypted ones as new packets, "
          f"and adverts of {len(demo_nodes.NODES)} nodes that are only here")
    print("\n" + "\n".join(f"    {address}" for address in addresses) + "\n")
    print(f"files in {', '.join(str(world.dir) for world in worlds)}; Ctrl-C ends and removes everything", flush=True)
    names = itertools.chain.from_iterable(names for names, _ in STEPS)
    recording = list(itertools.chain.from_iterable(map(messages.recorded, names)))
    # A recorded advert is the same packet again: its sender would seem to be heard, by nobody.
    others = [message for message in recording if not is_advert(message[1])]
    fresh = demo_nodes.adverts(observers_of(recording))
    for number, (topic, text, _) in enumerate(itertools.cycle(others)):
        for world in worlds:
            for program in (*world.programs, *world.brokers):
                if not program.is_running:
                    world.fail(f"{program.name} ended")
        for more in next(fresh) if number % ADVERTS_EVERY == 0 else ():
            client.publish(*more, qos=1)
        client.publish(topic, made_new(text, number), qos=1)
        client.flush()
        time.sleep(1 / SLOW_PER_SECOND)
    return 0
