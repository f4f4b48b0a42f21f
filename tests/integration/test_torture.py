# SPDX-License-Identifier: MIT
"""The short form of scripts/torture: those of its parts that no other test is, for seconds each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import ROOT, make_random

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "torture"))

from arena import Arena  # noqa: E402  (needs the path above)
from faults import LIBRARY  # noqa: E402
from scenarios import PARTS, run_part  # noqa: E402

pytestmark = pytest.mark.skipif(not LIBRARY.exists(), reason="in a sanitizer's build the tests of each kind must do")

# broker.stop, .kill and .half-open, disk.full and .read-only, signals.stop, readers and soak have
# tests of their own kind: test_lifecycle, test_sources, test_disk_full, test_database_file,
# test_hang, test_live, test_wal.
SHORT = ("kill", "power.interval", "power.none", "power.single", "disk.eio", "disk.eio-ring", "broker.lossy", "broker.flood",
         "observers", "signals.descriptors", "signals.clock")


@pytest.mark.parametrize("part", SHORT)
def test_short(part):
    seed = make_random(part).randrange(1 << 32)
    outcome = run_part(Arena(seed, is_short=True), part)
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    assert not outcome.wrong, outcome
    assert outcome.sent > 0 and outcome.unaccounted == 0, outcome


def test_the_program_and_its_report(tmp_path):
    report = tmp_path / "report.json"
    argv = [sys.executable, str(ROOT / "scripts/torture"), "signals.reload", "--short", "--seed", "7", "--json", str(report)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done
    assert "| signals.reload |" in done.stdout and "| holds" in done.stdout
    said = json.loads(report.read_text())
    assert said["seed"] == 7
    assert [(o["name"], o["verdict"], o["unaccounted"]) for o in said["outcomes"]] == [("signals.reload", "holds", 0)]


def test_what_it_is_asked_for_must_be_there():
    done = subprocess.run([sys.executable, str(ROOT / "scripts/torture"), "peace"], capture_output=True, text=True, check=False)
    assert done.returncode == 64 and "no scenario peace" in done.stderr
    assert set(SHORT) <= set(PARTS)
