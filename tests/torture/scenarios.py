# SPDX-License-Identifier: MIT
"""scenarios - all parts of the torture by name, in the order in which they are run: what takes an
hour comes last."""

import time
import traceback

import broker
import cluster
import disk
import kill
import observers
import power
import readers
import signals
import soak
from arena import Outcome, Skipped

PARTS = {**kill.PARTS, **power.PARTS, **disk.PARTS, **broker.PARTS, **observers.PARTS, **signals.PARTS, **cluster.PARTS,
         **{name: part for name, part in readers.PARTS.items() if name != "readers.pin"}, **soak.PARTS,
         "readers.pin": readers.PARTS["readers.pin"]}
SCENARIOS = {name: module.__doc__.split(" - ", 1)[1].replace("\n", " ").split(". ")[0].split(": ")[0]
             for name, module in {"kill": kill, "power": power, "disk": disk, "broker": broker, "observers": observers,
                                  "signals": signals, "cluster": cluster, "readers": readers, "soak": soak}.items()}


def parts_of(name):
    """The parts that a scenario's or a part's name means; none = no such name."""
    return [part for part in PARTS if part == name or part.split(".")[0] == name]


def run_part(arena, name):
    """Its outcome, whatever happens; what ended it too early is wrong."""
    began = time.monotonic()
    if arena.is_over():
        return Outcome(name, skipped="the time (--minutes) was over before its turn")
    try:
        outcome = PARTS[name](arena)
    except Skipped as why:
        outcome = Outcome(skipped=str(why))
    except Exception as error:
        arena.say(traceback.format_exc())
        outcome = Outcome(wrong=[str(error).splitlines()[0] if str(error) else repr(error)])
    outcome.name, outcome.seconds = name, round(time.monotonic() - began, 1)
    return outcome
