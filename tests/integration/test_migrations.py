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


def check_not_ready(world, old):
    """Before: readyz said 200 while most routes said 503, and the log named a missing table each
    second."""
    ready = world.wait("readyz that tells", lambda: (a := world.get("/api/readyz")).status == 503 and a)
    assert ready.json["reason"] == "schema", ready
    assert f"schema {old} is older" in world.get("/api/healthz").json["checks"]["database"]["output"]
    answer = world.get("/api/packets")
    assert answer.status == 503 and "of an older version" in answer.json["error"] and answer.headers["Retry-After"]
    assert not world.server.log_lines("a question failed")


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
    world.server.env = world.env  # a reader writes the log's index
    faults.arm(DISK, 1, FOR_EVER, kills=True)
    world.add_source(broker, qos=1, persistentSession=True)
    world.start(server=True, maxProcessRestarts=1000)
    with Client(broker.port) as client:
        client.publish_all(packets(MESSAGES, run=RUN), qos=1)
    # Nothing of the database can be written, and all is taken from the broker.
    world.wait_in_ring(MESSAGES)
    assert version(world) == old
    check_not_ready(world, old)
    for nth in (2, 9, 30):
        world.kill_everything()  # a new supervisor does not wait longer from death to death
        faults.arm(DISK, nth, 1, kills=True)
        world.restart_ingestor(live=False)
        world.wait(f"the kill at write {nth}", lambda: faults.is_spent(DISK) or version(world) == NEWEST)
    faults.disarm(DISK)
    world.wait("all stored", lambda: world.count("observations") == heard + MESSAGES)
    assert version(world) == NEWEST
    world.wait("readyz", lambda: world.get("/api/readyz").status == 200)
    assert {row[0] for row in world.query("SELECT raw FROM transmissions")} == \
        kept | {frame(n, run=RUN) for n in range(MESSAGES)}
    assert world.scalar("PRAGMA integrity_check") == "ok"
    assert world.ingestor.stop() == 0
    assert objects(world.db_path) == new_objects
