# SPDX-License-Identifier: MIT
"""Databases that earlier programs left (tests/fixtures/version_<n>.sql): each becomes today's,
whenever it is killed on the way, and what comes meanwhile waits in the ring."""

import re
import sqlite3
import sys
from pathlib import Path

import pytest
from harness import ROOT
from messages import frame, packets
from mqtt_lite import Client

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "torture"))

from arena import Skipped  # noqa: E402  (needs the path above)
from faults import DISK, FOR_EVER, Faults  # noqa: E402

FIXTURES = {int(path.stem.removeprefix("version_")): path for path in (ROOT / "tests/fixtures").glob("version_*.sql")}
NEWEST = int(re.search(r"#define SCHEMA_VERSION (\d+)", (ROOT / "common/db/schema.h").read_text())[1])
RUN = 7  # of the messages: no kept file has it
MESSAGES = 50


def test_every_version_has_a_kept_file():
    assert sorted(FIXTURES) == list(range(1, NEWEST))


def objects(path):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        return {row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'")}


def version(world):
    return world.scalar("PRAGMA user_version")


@pytest.fixture(scope="module")
def new_objects(tmp_path_factory):
    """What a database of today's program has."""
    from harness import World
    made = World("migrations")
    try:
        made.start()
        made.wait("a database", lambda: version(made) == NEWEST)
        made.ingestor.stop()
        return objects(made.db_path)
    finally:
        made.close()


@pytest.mark.parametrize("old", sorted(FIXTURES))
def test_an_earlier_database_becomes_todays(world, broker, new_objects, old):
    world.data.mkdir()
    with sqlite3.connect(world.db_path) as db:
        db.execute("PRAGMA journal_mode = WAL")  # as every program of ours leaves it
        db.executescript(FIXTURES[old].read_text())
        kept = {row[0] for row in db.execute("SELECT raw FROM transmissions")}
        heard = db.execute("SELECT count(*) FROM observations").fetchone()[0]
    db.close()
    try:
        faults = Faults(world)
    except Skipped as why:
        pytest.skip(str(why))
    faults.arm(DISK, 1, FOR_EVER, kills=True)
    world.add_source(broker, qos=1, persistentSession=True)
    world.start(maxProcessRestarts=1000)
    with Client(broker.port) as client:
        client.publish_all(packets(MESSAGES, run=RUN), qos=1)
    # Nothing of the database can be written, and all is taken from the broker.
    world.wait_in_ring(MESSAGES)
    assert version(world) == old
    for nth in (2, 9, 30):
        world.kill_everything()  # a new supervisor does not wait longer from death to death
        faults.arm(DISK, nth, 1, kills=True)
        world.restart_ingestor(live=False)
        world.wait(f"the kill at write {nth}", lambda: faults.is_spent(DISK) or version(world) == NEWEST, 30)
    faults.disarm(DISK)
    world.wait("all stored", lambda: world.count("observations") == heard + MESSAGES, 30)
    assert version(world) == NEWEST
    assert {row[0] for row in world.query("SELECT raw FROM transmissions")} == \
        kept | {frame(n, run=RUN) for n in range(MESSAGES)}
    assert world.scalar("PRAGMA integrity_check") == "ok"
    assert world.ingestor.stop() == 0
    assert objects(world.db_path) == new_objects
