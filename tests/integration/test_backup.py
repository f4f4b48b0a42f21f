# SPDX-License-Identifier: MIT
"""GET /api/backup, server --backup: a copy as one transaction sees it, while messages come in."""

import http.client
import os
import socket
import sqlite3
import subprocess
import threading
import time

import pytest
from harness import PATIENCE, rss_anon_kib
from messages import packets
from mqtt_lite import Client

KEY = {"X-API-Key": "a-key-that-nobody-knows-4711"}


def start(world, broker, count=2000, **keys):
    world.add_source(broker)
    world.start(server=True, apiKey=KEY["X-API-Key"], **{"stateDir": "state", **keys})
    with Client(broker.port) as client:
        client.publish_all(packets(count))
    world.wait_drained(count)


def state_files(world):
    """Copies, whole or not."""
    others = ("backup.lock", "backup-last", "backup-last.tmp", "server-history.bin")
    return sorted(path.name for path in (world.dir / "state").iterdir() if path.name not in others)


def ask(world):
    return world.get("/api/backup", headers=KEY)


def take(world):
    """The copy's bytes; while it is made every answer says when to come back."""
    def check():
        answer = ask(world)
        if answer.status == 503:
            assert 1 <= int(answer.headers["Retry-After"]) <= 60 and "ask again" in answer.json["error"], answer
            return None
        return answer
    answer = world.wait("the copy", check)
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "application/vnd.sqlite3", answer.headers
    assert answer.headers["Cache-Control"] == "no-store" and "weir-" in answer.headers["Content-Disposition"]
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    return answer.body


def check_copy(path):
    """What one transaction saw: the totals that the writer keeps are those of the rows."""
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        transmissions, observations, nodes, observers = db.execute(
            "SELECT transmissions, observations, nodes, observers FROM meta").fetchone()
        counted = db.execute("SELECT (SELECT count(*) FROM transmissions), (SELECT count(*) FROM observations),"
                             " (SELECT count(*) FROM nodes), (SELECT count(*) FROM observers)").fetchone()
        committed = db.execute("SELECT coalesce(sum(n), 0) FROM ring_outcomes WHERE outcome = 'committed'").fetchone()[0]
    db.close()
    assert counted == (transmissions, observations, nodes, observers)
    assert committed == observations, "rows and cursor are of one transaction"
    return observations


def test_copy_and_restore_while_messages_come_in(world, broker):
    start(world, broker)
    stop = threading.Event()
    sent = [2000]

    def publish():
        with Client(broker.port) as client:
            while not stop.is_set():
                sent[0] += client.publish_all(packets(50, start=sent[0]))
    thread = threading.Thread(target=publish)
    thread.start()
    try:
        copies = [take(world) for _ in range(3)]
    finally:
        stop.set()
        thread.join()
    assert state_files(world) == [], "sent copies are gone"
    told = world.wait("the last copy to be told of", lambda: (b := world.get("/api/ops/snapshot").json["storage"]["backup"])["bytes"] == len(copies[-1]) and b)
    assert time.time() - 60 < told["lastUnix"] <= time.time(), told
    path = world.dir / "copy.db"
    counts = []
    for body in copies:
        path.write_bytes(body)
        counts.append(check_copy(path))
    assert 2000 <= counts[0] <= counts[1] <= counts[2] <= sent[0], counts
    world.wait_drained(sent[0], timeout=60)
    # As README says: stop, delete the log, mv, start. What came since is a gap, and said.
    assert world.ingestor.stop() == 0
    for name in ("weir.db-wal", "weir.db-shm"):
        (world.data / name).unlink(missing_ok=True)
    path.rename(world.db_path)
    world.restart_ingestor()
    gap = sent[0] - counts[2]
    world.wait("the difference to be counted", lambda: world.ledger()["dropped"]["gap"] == gap)
    with Client(broker.port) as client:
        client.publish_all(packets(10, start=sent[0]))
    world.wait("messages to be stored", lambda: world.count("observations") == counts[2] + 10)


def test_who_may_not_and_where_it_can_not(world, broker):
    start(world, broker, count=10, stateDir="")
    assert world.get("/api/backup").status == 401
    answer = ask(world)
    assert answer.status == 501 and "set stateDir" in answer.json["error"], answer
    # What stands there is no folder: said, and the server goes on.
    (world.dir / "file").write_text("")
    world.server.stop()
    world.write_config(stateDir="file")
    world.start_server()
    answer = ask(world)
    assert answer.status == 500 and "stateDir" in answer.json["error"], answer
    assert world.server.log_lines("no backups can be made")


@pytest.fixture
def small(world):
    """A file system of 512 KiB."""
    path = world.dir / "state"
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", path], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"a tmpfs can't be mounted here: {done.stderr.decode().strip()}")
    yield path
    world.server.kill()
    subprocess.run(["umount", "-l", path], check=False)


def test_no_room(world, broker, small):
    start(world, broker)
    answer = ask(world)
    assert answer.status == 507 and "MB free" in answer.json["error"], answer
    assert state_files(world) == []
    failed = world.wait("it to be told", lambda: world.get("/api/ops/snapshot").json["storage"]["backup"])
    assert "MB free" in failed["error"] and failed["failedUnix"] > 0 and "lastUnix" not in failed
    done = subprocess.run([world.build / "server", "--config", world.config_path, "--backup", small / "c.db"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 74 and "MB free" in done.stderr and state_files(world) == [], done


def test_what_a_killed_server_leaves_is_gone(world, broker):
    start(world, broker)
    ask(world)
    world.server.kill()
    for name in ("weir-backup-1.db", "weir-backup-1.db.part", "weir-backup-1.db.part-journal"):
        (world.dir / "state" / name).write_text("")
    (world.dir / "state/mine.txt").write_text("")
    world.start_server()
    world.wait("only what is not ours", lambda: state_files(world) == ["mine.txt"])
    path = world.dir / "copy.db"
    path.write_bytes(take(world))
    assert check_copy(path) == 2000
    # A stop in the middle leaves nothing either.
    ask(world)
    assert world.server.stop() == 0 and state_files(world) == ["mine.txt"]


def test_clients_that_go_away_or_come_together(world, broker):
    start(world, broker)
    first = world.wait("the copy", lambda: (a := ask(world)).status == 200 and a)
    world.wait("another one", lambda: ask_head(world) == 200)
    name = state_files(world)
    connection = http.client.HTTPConnection("127.0.0.1", world.config["port"], timeout=10)
    connection.request("GET", "/api/backup", headers=KEY)
    answer = connection.getresponse()
    assert answer.status == 200 and answer.read(1000)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    answer.close()
    connection.close()
    assert state_files(world) == name, "it stays for the next one"
    bodies = []
    threads = [threading.Thread(target=lambda: bodies.append(ask(world))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = [a.body for a in bodies if a.status == 200]
    assert whole and all(body == whole[0] for body in whole), bodies
    assert all(a.status in (200, 503) for a in bodies), bodies
    assert len(whole[0]) == len(first.body)


def test_a_slow_client_costs_nobody_anything(world, broker):
    start(world, broker, count=6000, backupBytesPerSecond=200000)
    world.wait("it to be made", lambda: ask_head(world) == 200)
    size = os.path.getsize(world.dir / "state" / state_files(world)[0])
    before = rss_anon_kib(world.server.pid)
    with socket.create_connection(("127.0.0.1", world.config["port"])) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(f"GET /api/backup HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY['X-API-Key']}\r\n\r\n".encode())
        slow.settimeout(30 * PATIENCE)
        got = 0
        while got < 300000:
            data = slow.recv(4096)
            assert data
            got += len(data)
            if got % 65536 < 4096:
                assert world.get("/api/stats").seconds < 2 * PATIENCE
        assert size > 1000000 and got < size
        if PATIENCE == 1:  # a sanitizer's own memory grows with every allocation
            assert rss_anon_kib(world.server.pid) - before < 2048
    assert len(state_files(world)) == 1


def ask_head(world):
    return world.get("/api/backup", method="HEAD", headers=KEY).status


def test_the_tool(world, broker):
    start(world, broker)
    path = world.dir / "copy.db"
    argv = [world.build / "server", "--config", world.config_path, "--backup", path]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
    assert done.returncode == 0 and f"{path}, {path.stat().st_size} bytes, checked" in done.stdout, done
    assert check_copy(path) == 2000 and path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
    assert done.returncode == 64 and "overwrites nothing" in done.stderr and path.read_bytes() == before, done
    assert [p.name for p in world.dir.glob("copy.db*")] == ["copy.db"]

    def told():
        return world.get("/api/ops/snapshot").json["storage"]["backup"].get("bytes")
    world.wait("the server to know of it", lambda: told() == len(before), 15)
    assert world.server.stop() == 0
    world.server.start()
    world.wait("it to know still", lambda: told() == len(before))
