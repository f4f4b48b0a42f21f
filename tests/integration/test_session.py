# SPDX-License-Identifier: MIT
"""Persistent sessions: what the broker keeps for a source, what it has lost, who takes it back."""

import contextlib
import signal
import subprocess
import threading

from messages import packet
from mqtt_lite import Client

ID = "weir-session-test"


def add_persistent(world, broker, name="main", **keys):
    return world.add_source(broker, name, qos=1, persistentSession=True, clientId=ID, **keys)


def has_session(broker):
    """Looking keeps it."""
    with Client(broker.port, client_id=ID, clean=False) as client:
        return client.session_present


def reload(world):
    world.write_config()
    before = len(world.ingestor.log_lines("configuration reloaded"))
    world.ingestor.signal(signal.SIGHUP)
    world.wait("the reload", lambda: len(world.ingestor.log_lines("configuration reloaded")) > before)


def test_topic_that_was_taken_out_is_unsubscribed(world, broker):
    source = add_persistent(world, broker, topics=["meshcore/#", "other/#"])
    world.start()
    assert world.ingestor.stop() == 0
    source["topics"] = ["meshcore/#"]
    world.write_config()
    world.restart_ingestor()
    world.wait("the broker's answer", lambda: "other/#" not in (world.data / "spool/main.session").read_text())
    assert "meshcore/#" in (world.data / "spool/main.session").read_text()
    with Client(broker.port) as client:
        client.publish("other/topic", b"{}", qos=1)
        client.publish(*packet(1), qos=1)
        client.flush()
    assert world.wait_drained(1)["received"] == 1
    assert world.source_status("main")["sessionsLost"] == 0


def test_session_that_the_broker_lost_is_said(world, broker):
    """mosquitto without persistence forgets; a first connect is no loss."""
    add_persistent(world, broker)
    world.start(server=True)
    world.wait_next_sample()
    assert world.source_status("main")["sessionsLost"] == 0
    assert world.get("/api/healthz").json["checks"]["source:main"]["status"] == "pass"
    broker.kill()
    broker.start()
    world.wait("the count", lambda: world.source_status("main")["sessionsLost"] == 1, 40)
    world.wait_live()
    world.wait("the warning", lambda: "no session" in world.get("/api/healthz").json["checks"]["source:main"]["output"])
    assert len(world.ingestor.log_lines("the broker says it has no session")) == 1
    assert world.ingestor.stop() == 0
    broker.kill()
    broker.start()
    world.restart_ingestor()  # known over a restart of the ingestor, too
    world.wait_stats("the count", lambda s: s["source_statuses"][0]["sessionsLost"] == 1)


def test_password_file_is_read_before_each_connect(world):
    passwords, token = world.dir / "passwords", world.dir / "token"
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "u", "right"], check=True)
    broker = world.start_broker(options=[f"password_file {passwords}"])
    token.write_text("expired\n")
    token.chmod(0o600)
    world.add_source(broker, "token", username="u", passwordFile=str(token))
    world.start(live=False)
    world.wait("the refusal", lambda: "not authorized" in world.source_status("token")["lastError"])
    token.write_text("right\n")
    world.wait_live("token", timeout=40)


class Stream(threading.Thread):
    """Publishes packet after packet at QoS 1, each after the broker's answer to the one before."""

    def __init__(self, broker):
        super().__init__()
        self.broker, self.over, self.count = broker, threading.Event(), 0

    def run(self):
        with Client(self.broker.port) as client:
            while not self.over.is_set():
                client.publish(*packet(self.count, observer=f"OBS{self.count % 40}"), qos=1)
                client.flush()
                self.count += 1
                self.over.wait(0.002)


@contextlib.contextmanager
def streaming(world, broker):
    stream = Stream(broker)
    stream.start()
    try:
        world.wait("a stream", lambda: stream.count > 50)
        yield stream
        reached = stream.count
        world.wait("more of it", lambda: stream.count > reached + 50)
    finally:
        stream.over.set()
        stream.join()


def check_went_over(world, count):
    world.wait("every message", lambda: world.count("transmissions") == count)
    assert world.count("observations") == count
    for line in ("session ended", "no session", "session is left", "not connected"):
        assert not world.ingestor.log_lines(line), line


def test_renamed_source_goes_on_with_its_session(world, broker):
    """What is published meanwhile waits at the broker; the two receivers never meet there."""
    source = add_persistent(world, broker, topics=["meshcore/#", "other/#"])
    world.start()
    spool = world.data / "spool"
    with streaming(world, broker) as stream:
        source.update(name="renamed", topics=["meshcore/#"])
        reload(world)
        world.wait_live("renamed")
        world.wait("the old topic's end", lambda: "other/#" not in (spool / "renamed.session").read_text())
    check_went_over(world, stream.count)
    assert world.ingestor.log_lines("unsubscribing.*topic=other/#")
    assert not (spool / "main.session").exists()
    status = world.source_status("renamed")
    assert (status["connectCount"], status["disconnectCount"], status["sessionsLost"]) == (1, 0, 0)


def test_sources_that_exchange_their_client_ids_keep_both_sessions(world, broker):
    one = add_persistent(world, broker, topics=["meshcore/#"])
    two = add_persistent(world, broker, "second", topics=["second/#"])
    two["clientId"] = "weir-second"
    world.start()
    with streaming(world, broker) as stream:
        for key in ("clientId", "topics"):
            one[key], two[key] = two[key], one[key]
        reload(world)
        world.wait("both", lambda: all(world.source_status(name)["connectCount"] == 2 for name in ("main", "second")))
        world.wait_live("main", "second")
    check_went_over(world, stream.count)
    assert not world.ingestor.log_lines("unsubscribing")  # each session has its topic


def test_session_of_a_source_renamed_meanwhile_goes_over_at_a_start(world, broker):
    source = add_persistent(world, broker)
    world.start()
    assert world.ingestor.stop() == 0
    with Client(broker.port) as client:
        client.publish(*packet(1), qos=1)
        client.flush()
    source["name"] = "renamed"
    world.write_config()
    world.restart_ingestor()
    check_went_over(world, 1)
    assert not (world.data / "spool/main.session").exists()


def test_session_of_a_removed_source_is_ended_at_reload(world, broker):
    add_persistent(world, broker)
    world.start()
    world.config["mqttSources"] = []
    reload(world)
    world.wait("the end of the session", lambda: world.ingestor.log_lines("warn .*session ended at the broker.*lost"))
    assert not has_session(broker)
    assert not (world.data / "spool/main.session").exists()


def test_session_of_an_old_client_id_is_ended_at_reload(world, broker):
    source = add_persistent(world, broker)
    world.start()
    source["clientId"] = "weir-another"
    reload(world)
    world.wait("the end of the session", lambda: world.ingestor.log_lines("session ended at the broker"))
    world.wait("the new one", lambda: "weir-another" in (world.data / "spool/main.session").read_text())
    assert not has_session(broker)


def test_session_kept_by_a_reload_that_changes_something_else(world, broker):
    source = add_persistent(world, broker)
    world.start()
    source["silenceSeconds"] = 4000
    reload(world)
    world.wait("a new receiver", lambda: world.source_status("main")["connectCount"] == 2)
    assert world.source_status("main")["sessionsLost"] == 0
    assert not world.ingestor.log_lines("session ended")


def test_session_of_a_source_removed_meanwhile_is_named_at_a_start(world, broker):
    add_persistent(world, broker)
    world.start()
    assert world.ingestor.stop() == 0
    world.config["mqttSources"] = []
    world.write_config()
    world.restart_ingestor()
    world.wait("the line", lambda: world.ingestor.log_lines(f"a session is left at a broker.*clientId={ID}"))
    assert has_session(broker)
