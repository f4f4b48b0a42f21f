# SPDX-License-Identifier: MIT
"""Starts, stops, restarts and reloads: what an operator does to the ingestor, in any order."""

import fcntl
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from harness import BUILD, PATIENCE, Broker, child_pids, make_random, run_tool
from messages import packet, packets
from mqtt_lite import Client, MqttError


def publish(broker, messages, qos=1):
    with Client(broker.port) as client:
        return client.publish_all(messages, qos=qos)


def goodbye(world):
    """(flushed, left) of the last closing line."""
    lines = world.ingestor.log_lines(r"\d+ flushed, \d+ left in the buffer")
    assert lines, f"no closing line\n{world.describe()}"
    return tuple(int(n) for n in re.search(r"(\d+) flushed, (\d+) left", lines[-1]).groups())


# --- brokers --------------------------------------------------------------------------------------

def test_all_brokers_down_at_start(world):
    brokers = [Broker(world.dir, f"broker{n}") for n in range(2)]  # ports chosen, nobody listens
    world.brokers += brokers
    for n, broker in enumerate(brokers):
        world.add_source(broker, f"s{n}", connectTimeoutSec=2)
    world.start(server=True, live=False)
    world.wait("errors said", lambda: all(s["lastError"] for s in world.stats()["source_statuses"]))
    assert world.ingestor.is_running
    brokers[1].start()
    world.wait_live("s1", timeout=45)
    assert world.source_status("s0")["connected"] is False
    publish(brokers[1], packets(10))
    assert world.wait_drained(10)["committed"] == 10
    brokers[0].start()
    world.wait_live("s0", timeout=45)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_broker_restart(world, broker, how):
    world.add_source(broker, qos=1, persistentSession=True)
    world.start()
    publish(broker, packets(10))
    world.wait_drained(10)
    receiver = world.wait_worker("receiver")
    getattr(broker, how)()
    world.wait("the disconnect", lambda: not world.source_status("main")["connected"])
    broker.start()
    world.wait_live(timeout=45)
    publish(broker, packets(10, start=10))
    assert world.wait_drained(20)["committed"] == 20
    status = world.source_status("main")
    assert (status["connectCount"], status["disconnectCount"]) == (2, 1), status
    assert world.worker_pid("receiver") == receiver, "a broker's restart is no reason to replace the receiver"


def test_session_of_a_persistent_broker_survives(world):
    """What was published while the ingestor was down arrives when it is back."""
    broker = world.start_broker(persistence=True)
    world.add_source(broker, qos=1, persistentSession=True)
    world.start()
    world.ingestor.stop()
    publish(broker, packets(500))
    world.restart_ingestor()
    assert world.wait_drained(500)["committed"] == 500


@pytest.mark.crash
def test_restarts_in_random_orders(world, broker, crash_rounds):
    random = make_random("test_restarts_in_random_orders")
    world.add_source(broker, qos=1, persistentSession=True)
    world.start(server=True)
    published = 0
    for _ in range(max(1, crash_rounds // 5)):
        parts = [broker, world.ingestor, world.server]
        random.shuffle(parts)
        for part in parts:
            random.choice([part.kill, part.stop])()
        random.shuffle(parts)
        print("start order:", [part.name for part in parts])
        for part in parts:
            part.start()
        world.wait_live(timeout=45)
        publish(broker, packets(20, start=published))
        published += 20
        world.wait("the rows", lambda n=published: world.count("transmissions") == n)
        world.wait("the server's totals", lambda n=published:
                   world.get("/api/stats").json["totalTransmissions"] == n)
    assert world.wait_drained(published)["unaccounted"] == 0


# --- SIGHUP ---------------------------------------------------------------------------------------

def test_sighup(world):
    """One source added, one removed, one changed, one untouched."""
    brokers = {name: world.start_broker(name) for name in ("same", "changed", "removed", "added")}
    for name in ("same", "changed", "removed"):
        world.add_source(brokers[name], name)
    world.start()
    for n, name in enumerate(("same", "changed", "removed")):
        publish(brokers[name], packets(10, start=10 * n))
    world.wait_drained(30)
    before = {name: world.wait_worker("receiver", name) for name in ("same", "changed", "removed")}
    connects = world.source_status("same")["connectCount"]

    sources = world.config["mqttSources"]
    sources[:] = [s for s in sources if s["name"] != "removed"]
    sources[1]["topics"] = ["meshcore/+/+/packets"]
    world.add_source(brokers["added"], "added")
    world.write_config()
    world.ingestor.signal(signal.SIGHUP)

    world.wait_live("same", "added")
    world.wait_worker("receiver", "changed", other_than=before["changed"])
    world.wait_live("changed")
    world.wait("the removed one gone", lambda: world.worker("receiver", "removed") is None)
    assert world.worker_pid("receiver", "same") == before["same"]
    assert world.source_status("same")["connectCount"] == connects
    for n, name in enumerate(("same", "changed", "added"), start=3):
        publish(brokers[name], packets(10, start=10 * n))
    ledger = world.wait_drained(60)
    assert ledger["committed"] == 60, ledger
    assert world.ledger("removed")["committed"] == 10, "the removed source's row stays in the ledger"
    names = {s["name"] for s in world.stats()["source_statuses"]}
    assert names == {"same", "changed", "added"}
    assert world.worker_pid("receiver", "same") == before["same"]


def test_sighup_with_a_broken_file_changes_nothing(world, broker):
    world.add_source(broker)
    world.start()
    pids = world.wait_worker("receiver"), world.wait_worker("flusher")
    world.config_path.write_text('{"groupCommitMs": "soon", "prot": 1}')
    position = world.ingestor.log_size()
    world.ingestor.signal(signal.SIGHUP)
    world.wait("the complaints", lambda: "groupCommitMs" in world.ingestor.log_since(position)
               and "prot" in world.ingestor.log_since(position))
    world.wait_next_sample()
    assert (world.worker_pid("receiver"), world.worker_pid("flusher")) == pids
    publish(broker, packets(10))
    assert world.wait_drained(10)["committed"] == 10


def test_sighup_of_a_flusher_key(world, broker):
    world.add_source(broker)
    world.start(groupCommitMs=200)
    receiver, flusher = world.wait_worker("receiver"), world.wait_worker("flusher")
    world.write_config(groupCommitMs=0)
    world.ingestor.signal(signal.SIGHUP)
    world.wait_worker("flusher", other_than=flusher)
    assert world.worker_pid("receiver") == receiver
    publish(broker, packets(100))
    assert world.wait_drained(100)["committed"] == 100


def test_sighup_of_what_the_writer_alone_reads_of_a_source(world, broker):
    """No connection is cut for it, nor for how the log is written, which all processes change."""
    world.add_source(broker, silenceSeconds=0)
    world.start()
    publish(broker, packets(5))
    world.wait_drained(5)
    receiver, flusher = world.wait_worker("receiver"), world.wait_worker("flusher")
    connects = world.source_status("main")["connectCount"]
    world.config["mqttSources"][0]["iataFilter"] = ["NIL"]
    world.write_config(logFormat="json")
    position = world.ingestor.log_size()
    world.ingestor.signal(signal.SIGHUP)
    world.wait_worker("flusher", other_than=flusher)
    publish(broker, packets(7, start=5))
    assert world.wait_drained(12)["filtered"]["iata"] == 7
    assert world.worker_pid("receiver") == receiver
    assert world.source_status("main")["connectCount"] == connects
    broker.kill()
    world.wait("the receiver's word", lambda: '"source":"main"' in world.ingestor.log_since(position)
               .split("configuration reloaded")[1])
    lines = world.ingestor.log_since(position).split("configuration reloaded", 1)[1].splitlines()[1:]
    assert all(json.loads(line) for line in lines), lines


def test_sighup_with_a_receiver_that_hangs(world, broker):
    world.add_source(broker)
    world.start(maxUnhealthySeconds=2)
    old = world.wait_worker("receiver")
    os.kill(old, signal.SIGSTOP)
    world.config["mqttSources"][0]["topics"] = ["meshcore/#", "other/#"]
    world.write_config()
    world.ingestor.signal(signal.SIGHUP)
    world.wait_worker("receiver", other_than=old)


def test_removed_source_stays_in_the_ledger(world, broker):
    world.add_source(broker, "kept")
    world.add_source(broker, "removed", topics=["meshcore/+/+/packets"])
    world.start()
    publish(broker, packets(20))
    world.wait_drained(20, source="removed")
    del world.config["mqttSources"][1]
    world.write_config()
    world.ingestor.signal(signal.SIGHUP)
    world.wait("the ring deleted", lambda: world.ingestor.log_lines("ring drained and deleted"))
    world.wait_next_sample()
    before = world.ledger("removed")
    assert before["received"] == 20
    world.ingestor.stop()
    world.restart_ingestor()
    world.wait_next_sample()
    assert world.ledger("removed") == before


# --- configuration --------------------------------------------------------------------------------

def test_zero_sources(world):
    world.start(server=True, apiKey="a-key-that-nobody-knows-4711")
    stats = world.wait_stats("the statement", lambda s: "source" in s["status"].lower())
    assert stats["source_statuses"] == []
    assert [w["kind"] for w in stats["workers"] if w["kind"] == "receiver"] == []
    health = world.wait("a warning", lambda: world.get("/api/healthz").json["status"] == "warn" and
                        world.get("/api/healthz"))
    assert health.status == 200
    assert any("source" in check["output"] for check in health.json["checks"].values() if check["status"] == "warn")
    assert world.ingestor.stop() == 0


@pytest.mark.parametrize("given, used", [(-5, 1), (2000000, 1000000)])
def test_buffer_size_is_clamped(world, broker, given, used):
    world.add_source(broker)
    world.write_config(ingestBufferSize=given)
    code, out, err = run_tool(world, "--check-config")
    line = f"ingestBufferSize {given} clamped to {used} (default 50000)"
    assert code == 0 and (out + err).count(line) == 1, (out, err)
    world.start()
    assert len(world.ingestor.log_lines(re.escape(line))) == 1
    world.wait("the capacity", lambda: world.stats()["queue"]["main"]["capacity"] == used)
    publish(broker, packets(1))
    assert world.wait_drained(1)["committed"] == 1


def test_buffer_size_zero_means_the_default(world, broker):
    world.add_source(broker)
    world.start(ingestBufferSize=0)
    world.wait("the capacity", lambda: world.stats()["queue"]["main"]["capacity"] == 50000)
    assert world.ingestor.log_lines("ingestBufferSize") == []


def test_configuration_errors_all_at_once(world):
    world.config = {"prot": 3000, "groupCommitMs": "x", "softThreshold": 7, "flusherProcesses": 2,
                    "mqttSources": [{"name": "a", "broker": "gopher://x"}]}
    world.write_config()
    world.ingestor.start()
    assert world.ingestor.wait_exit() == 78
    log = world.ingestor.log()
    for part in ("prot", "did you mean", "groupCommitMs", "softThreshold", "flusherProcesses", "broker"):
        assert part in log, f"{part!r} is not in\n{log}"


def test_second_supervisor_names_the_first(world, broker):
    world.add_source(broker)
    world.start()
    code, out, err = run_tool(world, timeout=10)
    assert code == 75
    assert re.search(rf"\b{world.ingestor.pid}\b", out + err), err
    publish(broker, packets(5))
    assert world.wait_drained(5)["committed"] == 5


def test_second_with_another_spool_folder_names_the_first(world, broker):
    """Their stats file is the same: they would overwrite each other's."""
    world.add_source(broker)
    world.start()
    code, _, err = run_tool(world, "--set", "spoolDir=data/other", timeout=20)
    assert code == 75, err
    assert re.search(rf"writes this stats file.*\bpid={world.ingestor.pid}\b", err), err
    pid = world.wait_next_sample()["pid"]
    assert pid == world.ingestor.pid


class Dying(threading.Thread):
    """A process that was killed and holds its lock for less than the second that is waited."""

    def __init__(self, path):
        super().__init__()
        self.path, self.holds = path, threading.Event()
        self.start()
        self.holds.wait()

    def run(self):
        with open(self.path, "r+", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.holds.set()
            time.sleep(0.3)


@pytest.mark.parametrize("name", ["spool/lock", "ingestor-stats.json.lock"])
def test_start_right_after_a_kill(world, broker, name):
    world.add_source(broker)
    world.start()
    world.kill_everything()
    dying = Dying(world.data / name)
    world.ingestor.start()
    world.wait_live()
    dying.join()
    assert not world.ingestor.log_lines("another ingestor")


def test_tool_right_after_a_kill(world, broker):
    world.add_source(broker)
    world.start()
    world.wait_next_sample()
    world.kill_everything()
    dying = Dying(world.data / "spool/lock")
    code, _, err = run_tool(world, "--redecode", timeout=20)
    dying.join()
    assert code == 0, err


CLOSED = 'exec "$@" <&- >&- 2>&-'


def start_closed(world, program):
    program.process = subprocess.Popen(["/bin/sh", "-c", CLOSED, "sh", *program.argv], env=world.env,
                                       start_new_session=True)


def test_closed_standard_descriptors(world, broker):
    """Nothing that is opened takes their numbers, so no log goes into it."""
    world.add_source(broker)
    world.write_config()
    start_closed(world, world.ingestor)
    start_closed(world, world.server)
    world.wait_live()
    publish(broker, packets(10))
    assert world.wait_drained(10)["committed"] == 10
    world.wait("the server to answer", lambda: world.try_get("/api/livez"))
    for pid in (world.ingestor.pid, world.server.pid, *child_pids(world.ingestor.pid)):
        assert [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)] == ["/dev/null"] * 3
    assert (world.data / "spool/lock").read_text() == f"{world.ingestor.pid}\n"
    assert world.ingestor.stop() == 0


@pytest.mark.parametrize("program", ["ingestor", "server"])
def test_answer_that_nobody_gets_is_an_error(world, program):
    world.write_config()
    done = subprocess.run(["/bin/sh", "-c", CLOSED, "sh", BUILD / program, "--config", world.config_path,
                           "--check-config"], timeout=20 * PATIENCE, check=False, env=world.env)
    assert done.returncode == 74


def test_changed_buffer_size_keeps_what_waits(world, broker):
    world.add_source(broker, qos=1, persistentSession=True)
    world.start(maxUnhealthySeconds=60, drainTimeoutSeconds=0)
    os.kill(world.wait_worker("flusher"), signal.SIGSTOP)
    publish(broker, packets(50))
    world.wait("50 received", lambda: world.ledger()["received"] == 50)
    world.ingestor.stop()
    world.write_config(ingestBufferSize=77)
    world.restart_ingestor()
    publish(broker, packets(50, start=50))
    assert world.wait_drained(100)["committed"] == 100
    world.wait("the new size", lambda: world.stats()["queue"]["main"]["capacity"] == 77)


def test_much_smaller_buffer_after_a_restart(world, broker):
    """The memory limit of a receiver must leave room for the old ring, which is sealed first."""
    world.add_source(broker)
    world.start(ingestBufferBytes=1 << 30)
    world.ingestor.stop()
    world.start(ingestBufferBytes=8 << 20)


# --- the end --------------------------------------------------------------------------------------

def test_sigterm_drains(world, broker):
    world.add_source(broker, qos=1, persistentSession=True)
    world.start(groupCommitMs=200)
    publish(broker, packets(2000))
    world.wait("all received", lambda: world.ledger()["received"] == 2000)
    assert world.ingestor.stop() == 0
    assert goodbye(world)[1] == 0
    assert world.count("transmissions") == 2000
    wal = world.db_path.with_name("weir.db-wal")
    assert not wal.exists() or wal.stat().st_size == 0, "the last checkpoint truncates the WAL"


@pytest.mark.parametrize("deadline", [0, 1])
def test_drain_deadline(world, broker, deadline):
    """A flusher that hangs does not hold up the end; the ring keeps what it left."""
    world.add_source(broker, qos=1, persistentSession=True)
    world.start(maxUnhealthySeconds=60, drainTimeoutSeconds=deadline)
    os.kill(world.wait_worker("flusher"), signal.SIGSTOP)
    publish(broker, packets(50))
    world.wait("50 received", lambda: world.ledger()["received"] == 50)
    started = time.monotonic()
    assert world.ingestor.stop() == 0
    assert time.monotonic() - started < (deadline + 10) * PATIENCE
    assert goodbye(world) == (0, 50)
    world.restart_ingestor()
    assert world.wait_drained(50)["committed"] == 50


def test_sigterm_before_the_database_is_ready(world, broker):
    """The flusher waits for its lock; receiving goes on, and the end does not wait."""
    world.add_source(broker, qos=1, persistentSession=True)
    world.data.mkdir()
    with open(world.data / "weir.db.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        world.start()
        publish(broker, packets(20))
        world.wait("20 received", lambda: world.ledger()["received"] == 20)
        started = time.monotonic()
        assert world.ingestor.stop() == 0
        assert time.monotonic() - started < 10 * PATIENCE
        assert goodbye(world) == (0, 20)
    world.restart_ingestor()
    assert world.wait_drained(20)["committed"] == 20


def test_second_sigterm_ends_at_once(world, broker):
    world.add_source(broker)
    world.start(maxUnhealthySeconds=60, drainTimeoutSeconds=60)
    os.kill(world.wait_worker("flusher"), signal.SIGSTOP)
    publish(broker, packets(5))
    world.wait("5 received", lambda: world.ledger()["received"] == 5)
    world.ingestor.signal(signal.SIGTERM)
    world.wait("the drain", lambda: world.ingestor.log_lines("draining"))
    started = time.monotonic()
    world.wait("the end", lambda: world.ingestor.signal(signal.SIGTERM) or not world.ingestor.is_running)
    assert time.monotonic() - started < 10 * PATIENCE
    assert world.ingestor.wait_exit() == 0
    assert world.ingestor.log_lines("second signal")


def test_two_signals_at_once_are_one_wish(world, broker):
    """timeout(1) sends TERM to its child and the group. Two numbers here: equal ones may merge."""
    world.add_source(broker, qos=1, persistentSession=True)
    world.start(server=True, groupCommitMs=1000, shutdownDelaySeconds=1)
    publish(broker, packets(2000))
    world.wait("all received", lambda: world.ledger()["received"] == 2000)
    for program, last_words in ((world.ingestor, "left in the buffer"), (world.server, "stopped")):
        program.signal(signal.SIGSTOP)  # so that both wait for it
        program.signal(signal.SIGINT)
        program.signal(signal.SIGTERM)
        program.signal(signal.SIGCONT)
        assert program.wait_exit() == 0
        assert program.log_lines(last_words) and not program.log_lines("second signal")
    assert goodbye(world)[1] == 0
    assert world.count("transmissions") == 2000


def test_second_signal_ends_the_server_at_once(world):
    world.write_config(shutdownDelaySeconds=60)
    world.start_server()
    started = time.monotonic()
    world.wait("the end", lambda: world.server.signal(signal.SIGTERM) or not world.server.is_running)
    assert time.monotonic() - started < 10 * PATIENCE
    assert world.server.wait_exit() == 0


def test_group_signal_ends_in_order(world, broker):
    """Ctrl-C and systemd signal the whole group; the workers obey the supervisor all the same."""
    world.add_source(broker, qos=1, persistentSession=True)
    world.start()
    publish(broker, packets(500))
    os.killpg(world.ingestor.pid, signal.SIGINT)
    assert world.ingestor.wait_exit() == 0
    world.restart_ingestor()
    assert world.wait_drained(500)["committed"] == 500


def test_parked_source_does_not_end_the_others(world):
    """A receiver that spends its budget is parked as failed; the rest goes on."""
    brokers = {name: world.start_broker(name) for name in ("good", "bad")}
    for name, broker in brokers.items():
        world.add_source(broker, name)
    world.start(server=True, maxProcessRestarts=2)
    for _ in range(3):
        pid = world.kill_worker("receiver", "bad")
        world.wait("its end", lambda p=pid: world.worker("receiver", "bad")["pid"] != p)
        if world.worker("receiver", "bad")["state"] == "failed":
            break
    world.wait("the parked receiver", lambda: world.worker("receiver", "bad")["state"] == "failed")
    assert world.ingestor.is_running
    publish(brokers["good"], packets(10))
    assert world.wait_drained(10, source="good")["committed"] == 10
    world.wait("a warning", lambda: world.get("/api/healthz").json["status"] == "warn")


def test_flusher_that_spends_its_budget_ends_the_supervisor(world, broker):
    world.add_source(broker)
    world.start(maxProcessRestarts=1)
    while world.ingestor.is_running:
        pid = world.worker_pid("flusher")
        if pid:
            os.kill(pid, signal.SIGKILL)
            world.wait("its end", lambda p=pid: not world.ingestor.is_running
                       or world.worker("flusher")["pid"] != p)
    assert world.ingestor.wait_exit() == 70


def own_writes(pid):
    return int(re.search(r"^syscw: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.M).group(1))


def test_the_io_of_a_dead_worker_counts_once(world, broker):
    """The kernel adds it to the supervisor's, whoever we are."""
    world.add_source(broker)
    world.start(groupCommitMs=0, syncIntervalMs=1)
    flusher, published = world.wait_worker("flusher"), 0
    while (writes := own_writes(flusher)) < 600:  # how many go into a commit is the machine's choice
        publish(broker, packets(20, start=published))
        published += 20
        world.wait_drained(published)
    before = world.wait_next_sample()["procIO"]["syscallsWriteTotal"]
    assert before >= writes
    world.replace_worker("flusher")
    after = world.wait_next_sample()["procIO"]["syscallsWriteTotal"]
    assert before <= after < before + writes / 2


def test_stats_file_is_whole_and_private(world, broker):
    world.add_source(broker)
    world.start()
    stats = world.wait_next_sample()
    assert world.stats_path.stat().st_mode & 0o777 == 0o640
    for key in ("sampledAt", "startedAt", "schema", "bootId", "pid", "seq", "ledger", "workers", "queue", "commit",
                "procIO", "writer_perf", "source_liveness", "source_statuses", "tx_inserted", "tx_dupes",
                "obs_inserted", "node_upserts", "observer_upserts", "write_errors", "sig_drops", "walCommits",
                "groupCommitFlushes", "backfillUpdates", "watchdogLastTickUnix", "watchdogPanicCount"):
        assert key in stats, f"{key} is not in {json.dumps(stats)}"
    kinds = sorted((w["kind"], w["source"]) for w in stats["workers"] if w["source"])
    assert kinds == [("receiver", "main")]
    assert world.worker("flusher")["source"] is None
    assert set(stats["ledger"]["total"]) >= {"received", "committed", "duplicate", "filtered", "rejected", "dropped",
                                             "dead", "queued", "unaccounted"}


def test_unreachable_broker_raises_in_the_client(world, broker):
    """The harness itself: a broker that is gone is an error, not an endless wait."""
    with Client(broker.port, timeout=2) as client:
        broker.kill()
        with pytest.raises((MqttError, OSError)):
            client.publish_all([packet(0)], qos=1)
