# SPDX-License-Identifier: MIT
"""The database as a file: replaced, deleted, linked, read-only, somebody else's."""

import os
import sqlite3

import pytest
from disks import Unavailable, remount, tmpfs
from harness import BUILD, Program, ledger_sum, run_tool
from messages import packets
from mqtt_lite import Client

EXIT_LOCKED, EXIT_CONFIG = 75, 78
OTHER_UID = 65534
DB_FILES = ("", "-wal", "-shm")


def side(world, suffix):
    return world.db_path.with_name(world.db_path.name + suffix)


def publish(world, broker, count, start=0, received=None):
    with Client(broker.port) as client:
        client.publish_all(packets(count, start=start), qos=1)
    return world.wait_drained(received if received is not None else start + count)


def checks(world):
    return {name: check[0] if isinstance(check, list) else check
            for name, check in world.get("/api/healthz").json["checks"].items()}


def backup(world, path):
    source = sqlite3.connect(f"file:{world.db_path}?mode=ro", uri=True)
    with sqlite3.connect(path) as target:
        source.backup(target)
    target.execute("PRAGMA journal_mode = DELETE")
    target.close()
    source.close()


def assert_whole(world, ledger, received, gap):
    assert ledger["received"] == received and ledger_sum(ledger) == received, ledger
    assert ledger["dropped"].get("gap", 0) == gap, ledger
    assert world.scalar("PRAGMA integrity_check") == "ok"
    assert world.count("transmissions") == received - gap


# --- replaced, deleted ----------------------------------------------------------------------------

def test_a_backup_put_over_the_database(world, broker):
    world.add_source(broker)
    world.start(server=True)
    publish(world, broker, 50)
    saved = world.dir / "backup.db"
    backup(world, saved)
    publish(world, broker, 30, start=50)
    flusher = world.wait_worker("flusher")
    os.rename(saved, world.db_path)
    world.wait("the loss, counted", lambda: world.ledger()["dropped"]["gap"] == 30)
    assert world.ingestor.log_lines(r"(?i)error.*replaced or deleted.*weir\.db")
    world.wait("healthz to name it", lambda: checks(world).get("database_file", {}).get("status") == "warn")
    ledger = publish(world, broker, 20, start=80)
    assert_whole(world, ledger, 100, gap=30)
    assert world.worker_pid("flusher") == flusher
    world.ingestor.stop()
    assert world.scalar("PRAGMA integrity_check") == "ok"


@pytest.mark.parametrize("gone", [DB_FILES, ("",)], ids=["all", "alone"])
def test_the_database_is_deleted(world, broker, gone):
    world.add_source(broker)
    world.start(server=True)
    publish(world, broker, 40)
    for suffix in gone:
        side(world, suffix).unlink()
    world.wait("the loss, counted", lambda: world.ledger()["dropped"]["gap"] == 40)
    assert_whole(world, publish(world, broker, 10, start=40), 50, gap=40)


def test_the_database_is_emptied_in_place(world, broker):
    """`> weir.db`: the name still leads to the file, SQLite says OK to every commit,
    and nothing is stored."""
    world.add_source(broker)
    world.start(server=True)
    publish(world, broker, 40)
    os.truncate(world.db_path, 0)
    world.wait("the loss, counted", lambda: world.ledger()["dropped"]["gap"] == 40)
    assert world.ingestor.log_lines(r"error.*emptied.*weir\.db")
    world.wait("healthz to name it", lambda: checks(world).get("database_file", {}).get("status") == "warn")
    assert_whole(world, publish(world, broker, 10, start=40), 50, gap=40)


@pytest.mark.parametrize("looks", [True, False], ids=["running", "killed"])
def test_the_log_is_emptied_in_place(world, broker, looks):
    """`> weir.db-wal`: SQLite goes on behind the end that it remembers; its commits stand behind a
    hole, and a checkpoint would copy that into the database."""
    world.add_source(broker)
    world.start(server=True)
    publish(world, broker, 40)
    if looks:
        os.truncate(side(world, "-wal"), 0)
    else:
        world.kill_everything()
        os.truncate(side(world, "-wal"), 0)
        world.restart_ingestor()
    world.wait("it is noticed", lambda: world.ingestor.log_lines(r"error.*(-wal was emptied|emptied.*-wal)"))
    ledger = publish(world, broker, 10, start=40)
    assert ledger["received"] == 50 and ledger_sum(ledger) == 50, ledger
    assert world.scalar("PRAGMA integrity_check") == "ok"
    assert world.count("transmissions") + ledger["dropped"].get("gap", 0) == 50
    world.wait("the server to read it", lambda: world.get("/api/healthz").json["checks"]["database"])
    world.ingestor.stop()
    assert world.scalar("PRAGMA integrity_check") == "ok"


def test_a_reader_makes_the_index_anew_before_the_writer_looks(world, broker):
    """It tells of a log that the writer then empties: believed, it gave I/O errors for ever."""
    world.add_source(broker)
    world.start(server=True)
    publish(world, broker, 40)
    with world.stopped("flusher"):
        side(world, "-shm").unlink()
        world.wait("the reader opens anew", lambda: world.server.log_lines(r"opened anew"))
        world.wait("its index", side(world, "-shm").exists)
    world.wait("it is noticed", lambda: world.ingestor.log_lines(r"replaced or deleted"))
    assert_whole(world, publish(world, broker, 10, start=40), 50, gap=0)


@pytest.mark.parametrize("gone", ["-wal", "-shm", ".lock"])
def test_a_file_beside_the_database_is_deleted(world, broker, gone):
    """What the log held goes into the database first: nothing is lost."""
    world.add_source(broker)
    world.start(server=True)
    publish(world, broker, 40)
    side(world, gone).unlink()
    world.wait("it is noticed", lambda: world.ingestor.log_lines(r"replaced or deleted"))
    world.wait("and made again", side(world, gone).exists)
    assert_whole(world, publish(world, broker, 10, start=40), 50, gap=0)
    world.kill_everything()
    world.restart_ingestor()
    assert_whole(world, world.wait_drained(50), 50, gap=0)


def test_replaced_by_what_is_not_ours(world, broker):
    """At run time it is waited out: the rings hold."""
    world.add_source(broker)
    world.start(server=True)
    publish(world, broker, 10)
    kept = world.dir / "kept.db"
    backup(world, kept)
    junk = world.dir / "junk"
    junk.write_bytes(b"x" * 5000)
    os.rename(junk, world.db_path)
    world.wait("the complaint", lambda: "SQLite" in (world.stats()["commit"].get("error") or ""))
    with Client(broker.port) as client:
        client.publish_all(packets(10, start=10), qos=1)
    world.wait("healthz", lambda: checks(world)["commit"]["status"] == "warn")
    assert world.ingestor.is_running
    os.rename(kept, world.db_path)
    assert_whole(world, world.wait_drained(20, timeout=60), 20, gap=0)


def test_what_the_database_refuses_is_a_loss(world, broker):
    """Every row is refused, the commits go on: a warning, not a pass with nothing stored."""
    world.add_source(broker)
    world.start(server=True)
    with sqlite3.connect(world.db_path, timeout=20) as db:
        db.execute("CREATE TRIGGER no BEFORE INSERT ON observations BEGIN SELECT RAISE(ABORT, 'no'); END")
    world.wait("healthz that passes", lambda: world.get("/api/healthz?strict=1").status == 200)
    with Client(broker.port) as client:
        client.publish_all(packets(5))
    world.wait("the loss", lambda: world.get("/api/healthz?strict=1").status == 503
               and world.get("/api/healthz").json["checks"]["loss"]["output"].startswith("5 messages lost"))
    assert world.ledger()["rejected"]["store"] == 5 and world.stats()["lastLossUnix"] > 0


def test_a_symbolic_link_does_not_evade_the_lock(world, broker):
    world.add_source(broker)
    world.start()
    link = world.dir / "link.db"
    link.symlink_to(world.db_path)
    second = world.dir / "second.json"
    second.write_text('{"mqttSources": [], "dbPath": "link.db", "spoolDir": "other", "statsFile": "other/stats.json"}')
    run = Program("second", [BUILD / "ingestor", "--config", second], world.dir, world.env)
    world.programs.append(run)
    run.start()
    world.wait("the second to be turned away", lambda: run.log_lines(r"lock held by another process"))
    assert not (world.dir / "link.db.lock").exists() and not (world.dir / "link.db.reserve").exists()


# --- readers of another user ----------------------------------------------------------------------

@pytest.fixture
def other_user(world):
    if os.geteuid() != 0:
        pytest.skip("needs root: the programs run as two users")
    os.chmod(world.dir, 0o777)
    world.data.mkdir(exist_ok=True)
    os.chmod(world.data, 0o777)
    return OTHER_UID


def as_user(program, uid):
    """setpriv keeps the rest; the programs need no name for a uid."""
    program.argv = ["/usr/bin/setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *program.argv]


def test_a_server_of_another_user_never_locks_the_ingestor_out(world, broker, other_user):
    world.add_source(broker)
    as_user(world.ingestor, 65533)
    as_user(world.server, other_user)
    world.write_config()
    os.chmod(world.config_path, 0o644)
    world.ingestor.start()
    world.wait_live()
    publish(world, broker, 10)
    world.ingestor.stop()
    # kept for readers when it ends
    assert all(side(world, suffix).exists() for suffix in DB_FILES)
    os.chmod(world.db_path, 0o644)
    for suffix in DB_FILES[1:]:
        side(world, suffix).unlink()
    world.server.start()
    world.wait("the server to wait, and say so", lambda: "another user" in checks(world)["database"]["output"])
    assert not side(world, "-shm").exists()
    world.ingestor.start()
    world.wait_live()
    world.wait("the database to be readable", lambda: checks(world)["database"]["status"] == "pass")
    assert publish(world, broker, 10, start=10)["committed"] == 20
    world.ingestor.stop()
    world.server.kill()
    world.server.start()
    world.wait("a server without an ingestor", lambda: checks(world)["database"]["status"] == "pass")


def test_a_log_that_another_user_made_is_named_or_deleted(world, broker, other_user):
    """Made by a reader of before, or by a person's shell."""
    world.add_source(broker)
    as_user(world.ingestor, 65533)
    world.write_config()
    os.chmod(world.config_path, 0o644)
    world.ingestor.start()
    world.wait_live()
    publish(world, broker, 10)
    world.ingestor.stop()
    for suffix in DB_FILES[1:]:
        os.truncate(side(world, suffix), 0)
        os.chown(side(world, suffix), other_user, other_user)
        os.chmod(side(world, suffix), 0o644)
    world.ingestor.start()
    world.wait_live()
    assert publish(world, broker, 10, start=10)["committed"] == 20
    world.ingestor.stop()
    os.chown(world.db_path, other_user, other_user)
    os.chmod(world.db_path, 0o644)
    world.ingestor.start()
    world.wait("the file and its owner", lambda: f"belongs to uid {other_user}" in world.stats()["commit"]["error"])
    assert "weir.db" in world.stats()["commit"]["error"]


# --- at the start ---------------------------------------------------------------------------------

def corescope_database(path):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE observers (id TEXT)")
        db.execute("CREATE TABLE transmissions (id INTEGER PRIMARY KEY, raw_hex TEXT, hash TEXT, first_seen TEXT)")
        db.execute("CREATE TABLE observations (id INTEGER PRIMARY KEY, transmission_id INTEGER)")
    db.close()


def assert_two_lines(world, err):
    """What to type: a name of its own, and the import of what stands there."""
    assert "dbPath is CoreScope's database: nothing of it was changed" in err, err
    assert f"1 of 2, in the configuration: set dbPath to {world.data}/weir-new.db\n" in err, err
    assert f"2 of 2, in a shell: ingestor --config {world.config_path} --import {world.db_path}\n" in err, err


@pytest.mark.parametrize("what", ["foreign", "junk", "folder", "newer"])
@pytest.mark.parametrize("flags", [(), ("--redecode",)], ids=["run", "tool"])
def test_a_database_that_is_not_ours_is_left_as_it_is(world, what, flags):
    world.data.mkdir()
    path = world.db_path
    if what == "folder":
        path.mkdir()
    elif what == "junk":
        path.write_bytes(b"junk" * 2000)
    else:
        corescope_database(path)
        if what == "newer":
            with sqlite3.connect(path) as db:
                db.execute("PRAGMA application_id = 1466263922")
                db.execute("PRAGMA user_version = 99")
            db.close()
    before = None if what == "folder" else path.read_bytes()
    world.write_config()
    code, _, err = run_tool(world, *flags)
    assert code == EXIT_CONFIG, (code, err)
    assert str(path) in err
    if what == "foreign":
        assert_two_lines(world, err)
    assert before is None or path.read_bytes() == before
    assert [entry.name for entry in world.data.iterdir() if entry.name.startswith("weir.db")] == ["weir.db"]


def test_import_of_the_file_that_dbpath_names(world):
    world.data.mkdir()
    corescope_database(world.db_path)
    before = world.db_path.read_bytes()
    world.write_config()
    code, _, err = run_tool(world, "--import", world.db_path)
    assert code == EXIT_CONFIG, (code, err)
    assert_two_lines(world, err)
    assert world.db_path.read_bytes() == before


@pytest.fixture
def read_only_disk(world):
    try:
        with tmpfs(world.dir / "disk", 16) as folder:
            remount(folder, "ro")
            yield folder
            world.ingestor.kill()
    except Unavailable as why:
        pytest.skip(f"needs to mount a tmpfs (root): {why}")


def test_read_only_disk_at_the_start(world, broker, read_only_disk):
    """The rings hold, the flusher waits and says why."""
    world.add_source(broker)
    world.start(server=True, dbPath="disk/weir.db", spoolDir="data/spool", statsFile="data/ingestor-stats.json")
    flusher = world.wait_worker("flusher")
    world.wait("the reason", lambda: "Read-only" in world.stats()["commit"]["error"])
    with Client(broker.port) as client:
        client.publish_all(packets(20), qos=1)
    world.wait_in_ring(20)
    world.wait("a second try", lambda: len(world.ingestor.log_lines(r"not writable")) >= 2)
    assert world.worker_pid("flusher") == flusher
    remount(read_only_disk, "rw")
    assert world.wait_drained(20, timeout=60)["committed"] == 20
