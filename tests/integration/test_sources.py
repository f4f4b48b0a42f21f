# SPDX-License-Identifier: MIT
"""One bad source beside a good one: the good one's receipts and commits go on, and healthz names
the bad one."""

import fcntl
import re
import resource
import struct
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness import PATIENCE
from load import Load
from messages import packet, packets
from mqtt_lite import Client
from rude_broker import MODES, RudeBroker

WATCH_SECONDS = 6
BAD_TRY_SECONDS = 4  # of connecting to a bad one: who waits with it stands still for so long
INTERVAL_S = 0.05
RING_HEAD_BYTES = 208  # struct ring_static (common/ring/ring_format.h)
UNRESOLVABLE = "mqtt://no-such-host.invalid:1883"


class Metronome(threading.Thread):
    """One new transmission every 50 ms."""

    def __init__(self, broker):
        super().__init__(daemon=True)
        self.broker, self.sent, self._ending = broker, 0, threading.Event()

    def run(self):
        with Client(self.broker.port) as client:
            while not self._ending.wait(INTERVAL_S):
                client.publish(*packet(self.sent))
                client.push()
                self.sent += 1
            client.flush()

    def end(self):
        self._ending.set()
        self.join(10)
        return self.sent


def longest_gap(world, seconds):
    """The longest time in which the database's newest row stayed the same, watched from outside."""
    start = last_change = time.monotonic()
    newest, gap = world.count("transmissions"), 0.0
    while (now := time.monotonic()) < start + seconds:
        count = world.count("transmissions")
        gap = max(gap, now - last_change)
        if count != newest:
            newest, last_change = count, now
        time.sleep(0.02)  # the grain of this measurement
    return gap


@pytest.mark.parametrize("manners", ["silent", "deaf", "unresolvable", "garbage", "closes", "huge", "malformed"])
def test_bad_source_beside_a_good_one(world, broker, manners):
    with ExitStack() as stack:
        if manners == "unresolvable":
            bad = UNRESOLVABLE
        else:
            bad = stack.enter_context(RudeBroker(manners))
        world.add_source(broker, "good")
        world.add_source(bad, "bad", connectTimeoutSec=BAD_TRY_SECONDS)
        world.start(server=True, live=False, maxProcessRestarts=1000)
        world.wait_live("good")
        good_pid = world.wait_worker("receiver", "good")
        metronome = Metronome(broker)
        metronome.start()
        world.wait("the first rows", lambda: world.count("transmissions") > 0)

        gap = longest_gap(world, WATCH_SECONDS)
        receipts = world.query("SELECT receipt_ms FROM observations ORDER BY id")
        sent = metronome.end()

        steps = [b[0] - a[0] for a, b in zip(receipts, receipts[1:])]
        assert gap < BAD_TRY_SECONDS * PATIENCE, f"no commit for {gap:.2f} s"
        assert max(steps) < 1000 * BAD_TRY_SECONDS * PATIENCE, f"no receipt for {max(steps)} ms"
        ledger = world.wait_drained(sent, source="good")
        assert ledger["committed"] == sent, ledger
        assert world.worker_pid("receiver", "good") == good_pid
        check_named(world)


def check_named(world):
    def named():
        health = world.get("/api/healthz")
        checks = health.json["checks"]
        return (health.status == 200 and health.json["status"] == "warn" and checks["source:bad"]["status"] == "warn"
                and checks["source:bad"]["output"] and checks["source:good"]["status"] == "pass")
    world.wait("healthz that names the bad source", named)
    sources = {s["name"]: s for s in world.get("/api/mqtt/status").json["sources"]}
    assert sources["good"]["connected"]


@pytest.mark.parametrize("manners", ["refuses", "mute_suback", "drip"])
def test_retries_a_rude_broker(world, manners):
    assert manners in MODES
    with RudeBroker(manners) as rude:
        world.add_source(rude, "rude", connectTimeoutSec=2)
        world.start(live=False)
        rude.wait_connections(2, timeout=45 * PATIENCE)
        status = world.wait("an error said", lambda: world.source_status("rude").get("lastError") and
                            world.source_status("rude"))
        assert not world.is_live("rude"), status


def test_denied_subscription_is_reported_not_churned(world):
    """SUBACK 0x80: the operator must act; connecting again and again would not help."""
    with RudeBroker("denies") as rude:
        world.add_source(rude, "denied")
        world.start(server=True, live=False)
        world.wait("the SUBACK code", lambda: world.source_status("denied")["subscriptions"][0]["suback"] == 0x80)
        world.wait_next_sample(5)
        assert rude.connections <= 2, f"{rude.connections} connections in 5 s"

        def is_warned():
            check = world.get("/api/healthz").json["checks"]["source:denied"]
            return check["status"] == "warn" and check["output"]
        world.wait("a warning", is_warned)


def test_half_open_connection_is_noticed(world):
    """A broker that stops answering is found out after 1.5 keep-alives, as the help says (the
    library alone takes 3), and connected to from a fresh process, uncharged."""
    with RudeBroker("half_open") as rude:
        world.add_source(rude, "half", keepAliveSeconds=6)
        world.start(live=False)
        world.wait_live("half")
        pid = world.wait_worker("receiver", "half")
        lost = world.wait("the loss", lambda: world.source_status("half")["processRenewals"] == 1 and
                          world.source_status("half"), 9 + 6)  # 1.5 keep-alives, and a sample
        assert "nothing read for 1.5 keepAliveSeconds (6)" in lost["lastError"]
        rude.wait_connections(2, timeout=10 * PATIENCE)
        assert world.wait_worker("receiver", "half", other_than=pid)
        assert not world.ingestor.log_lines("worker died")
        assert not world.stats()["workerUnhealthy"]


def test_quiet_connection_is_not_taken_for_dead(world, broker):
    """No message, but answers to pings: nothing is connected anew."""
    world.add_source(broker, "quiet", keepAliveSeconds=5)
    world.start()
    seq = world.stats()["seq"]
    world.wait_stats("two keep-alives and more", lambda s: s["seq"] >= seq + 13, 30)
    assert world.source_status("quiet")["connectCount"] == 1


def test_attempts_after_a_loss_come_from_a_fresh_process(world):
    """Five attempts that fail after a lost connection: a new process, which goes on with the
    backoff."""
    broker = world.start_broker()
    world.add_source(broker, "lost")
    world.start()
    pid = world.wait_worker("receiver", "lost")
    broker.kill()
    fresh = world.wait_worker("receiver", "lost", other_than=pid, timeout=60)
    world.wait("the count", lambda: world.source_status("lost")["processRenewals"] == 1)
    status = world.source_status("lost")
    assert status["nextRetryUnix"] - time.time() > 5, f"the sixth attempt waits 15 to 30 s: {status}"
    assert status["lastError"]
    broker.start()
    world.wait_live("lost", timeout=40)
    assert world.worker_pid("receiver", "lost") == fresh


def test_end_at_the_subscription_is_named_and_slows_down(world):
    with RudeBroker("forbids") as rude:
        world.add_source(rude, "forbidden")
        world.start(live=False)
        rude.wait_connections(2)
        world.wait("the reason", lambda: "at our subscription (access rights?)"
                   in world.source_status("forbidden")["lastError"])


def test_lower_qos_than_asked_for_is_a_warning(world):
    with RudeBroker("polite") as rude:
        world.add_source(rude, "low", qos=1, persistentSession=True)
        world.start(server=True)
        text = "broker grants QoS 0 where 1 was asked for: meshcore/#"
        world.wait("a warning", lambda: (check := world.get("/api/healthz").json["checks"]["source:low"])["status"] ==
                   "warn" and text in check["output"])
        assert world.ingestor.log_lines(text)


def test_two_clients_with_one_id_are_suspected(world, broker):
    """No broker says why it ends a connection whose clientId comes a second time."""
    for name in ("one", "two"):
        world.add_source(broker, name, clientId="weir-same")
    world.start(live=False)
    hint = "another client with this clientId?"
    world.wait("the suspicion", lambda: world.ingestor.log_lines(re.escape(hint)), 60)


def test_refusal_of_mqtt_5_has_its_reason(world):
    passwords = world.dir / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "u", "right"], check=True)
    broker = world.start_broker(options=[f"password_file {passwords}"])
    world.add_source(broker, "v5", mqttVersion=5, username="u", password="wrong")
    world.start(live=False)
    world.wait("the reason", lambda: world.source_status("v5")["lastError"] == "Not authorized")


def test_passwords_are_masked_everywhere(world, broker):
    password = "s3cr@t:pass"
    world.add_source(f"mqtt://user:s3cr%40t%3Apass@127.0.0.1:{broker.port}", "url")
    world.add_source(broker, "key", username="user", password=password)
    world.start(server=True)
    answers = [world.get(path).body.decode() for path in ("/api/mqtt/status", "/api/healthz", "/metrics")]
    for text in [*answers, world.stats_path.read_text(), world.ingestor.log(), world.server.log()]:
        assert password not in text and "s3cr" not in text


def test_backlog_of_one_source_leaves_a_late_one(world):
    """A ring made while another source never lets the flusher rest is read all the same."""
    busy, late = world.start_broker("busy"), world.start_broker("late")
    world.add_source(busy, "busy")
    world.add_source(late, "late")
    (world.data / "spool").mkdir(parents=True)
    with open(world.data / "spool/late.w", "w", encoding="ascii") as lock:  # the late receiver waits for it
        fcntl.flock(lock, fcntl.LOCK_EX)
        world.start(live=False, groupCommitMaxRows=2)
        world.wait_live("busy")
        load = Load(busy)
        load.start()
        world.wait("a backlog", lambda: world.count("transmissions") > 100)
    world.wait_live("late")
    with Client(late.port) as client:
        client.publish_all(packets(10, run=1))
    world.wait("the late messages", lambda: world.scalar(
        "SELECT count(*) FROM observations o JOIN sources s ON s.id = o.source_id WHERE s.name = 'late'") == 10)
    load.end()


def test_a_backlog_has_the_room_that_other_sources_leave(world):
    busy, idle = world.start_broker("busy"), world.start_broker("idle")
    world.add_source(busy, "busy")
    world.add_source(idle, "idle")
    world.start(groupCommitMaxRows=100)
    with world.stopped("flusher"):
        with Client(busy.port) as client:
            client.publish_all(packets(1000))
        world.wait_in_ring(1000, "busy")
    world.wait_drained(1000, source="busy")
    world.wait_stats("commits of 100", lambda stats: stats["commit"]["rowsP50"] == 100)


def ring_of(world, source):
    return next((world.data / "spool").glob(f"{source}-*.ring"))


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def write_newer_ring(of, path):
    """A ring of the same source, of a version to come: in the fixed head magic, version ..., and
    at its end the crc."""
    head = bytearray(of.read_bytes()[:RING_HEAD_BYTES])
    struct.pack_into("<I", head, 8, 99)
    struct.pack_into("<I", head, RING_HEAD_BYTES - 4, crc32c(head[:-4]))
    path.write_bytes(head + of.read_bytes()[RING_HEAD_BYTES:])


def test_a_ring_that_is_not_read_is_named(world):
    """The flusher can't open one of a source's rings (a newer format), so that the source's other
    ring waits for it: another source's messages are stored as before, healthz names the ring, the
    reason and the source; nothing is lost once the ring is away."""
    good, odd = world.start_broker("good"), world.start_broker("odd")
    world.add_source(good, "good")
    world.add_source(odd, "odd")
    world.start(server=True)
    newer = world.data / "spool" / f"odd-{'0' * 32}.ring"
    write_newer_ring(ring_of(world, "odd"), newer)
    world.replace_worker("flusher")
    for number, broker in enumerate((good, odd)):
        with Client(broker.port) as client:
            client.publish_all(packets(10, run=number))
    world.wait_drained(10, source="good")

    def named():
        health = world.get("/api/healthz?strict=1")
        checks = health.json["checks"]
        return (health.status == 503 and "10 messages wait" in checks["source:odd"]["output"]
                and "version 99" in checks["rings"]["output"] and checks["source:good"]["status"] == "pass")
    world.wait("healthz that names source and ring", named)
    assert len(world.ingestor.log_lines("ring file can't be opened")) <= 2
    newer.unlink()
    world.wait_drained(20, timeout=40)
    world.wait("healthz that passes", lambda: world.get("/api/healthz?strict=1").status == 200)


def test_no_descriptor_for_the_folder_stops_no_source(world, broker):
    """No descriptor is left when a receiver makes a ring: what is read already goes on."""
    world.add_source(broker)
    world.start(server=True)
    flusher = world.wait_worker("flusher")
    used = {int(fd.name) for fd in Path(f"/proc/{flusher}/fd").iterdir()}
    lowest_free = next(fd for fd in range(1024) if fd not in used)
    resource.prlimit(flusher, resource.RLIMIT_NOFILE, (lowest_free, 1024))
    world.kill_worker("receiver")  # its successor announces its ring: the flusher looks into the folder
    world.wait("the folder that can't be listed",
               lambda: "Too many open files" in world.get("/api/healthz").json["checks"]["rings"]["output"])
    world.wait_live()
    with Client(broker.port) as client:
        client.publish_all(packets(10))
    assert world.wait_drained(10)["committed"] == 10
    assert world.stats()["flusherRecoveries"] == 0
    resource.prlimit(flusher, resource.RLIMIT_NOFILE, (1024, 1024))
    world.wait("healthz that passes", lambda: world.get("/api/healthz?strict=1").status == 200, 40)
