# SPDX-License-Identifier: MIT
"""WebSockets as brokers and proxies legally speak them: every message arrives once, every
end is named and recovered from."""

import os
import socket
import threading
import time
from contextlib import ExitStack

import pytest
from certificates import Authority
from harness import PATIENCE, free_port
from messages import packet
from mqtt_lite import Client
from ws_broker import Tunnel, WsBroker

GOOD = ["plain", "packets", "bytes", "fragments", "endless", "empty", "joined", "pings", "split_answer", "long_answer",
        "early_hints", "other_case", "no_subprotocol"]
BAD = {
    "401": "HTTP 401 .Unauthorized.",
    "403": "HTTP 403 .Forbidden.",
    "404": "HTTP 404 .Not Found.",
    "503": "HTTP 503 .Service Unavailable.",
    "301": "HTTP 301, moved to https://elsewhere.example/mqtt",
    "too_long_answer": "more than 16 KiB",
    "other_subprotocol": "another subprotocol",
    "extension": "an extension",
    "wrong_accept": "wrong Sec-WebSocket-Accept",
    "no_http": "speaks no HTTP",
    "silent": "no answer to the upgrade",
    "text_frames": "text message",
    "masked": "frame that is none",
    "bad_opcode": "frame that is none",
    "no_mqtt": "speaks no MQTT",
    "close_1012": "code 1012 .restart., restarting",
}


def publish_and_check(world, broker, first, count):
    with Client(broker.port) as client:
        client.publish_all([packet(n) for n in range(first, first + count)], qos=1)
    world.wait("all messages", lambda: world.count("transmissions") >= first + count)
    assert world.count("observations") == first + count


@pytest.mark.parametrize("habit", GOOD)
def test_framing(world, broker, habit):
    with WsBroker(broker.port, habit, path="/mqtt/v1") as front:
        world.add_source(front.url, qos=1, persistentSession=True)
        world.start()
        publish_and_check(world, broker, 0, 2000)
        front.end_all()
        front.wait_connections(2, 15 * PATIENCE)
        world.wait_live()
        publish_and_check(world, broker, 2000, 100)
        assert world.ingestor.stop() == 0
        world.wait("a close frame", lambda: front.closes >= 1)
        assert front.close_codes[-1] in (1000, 1001)  # whoever was first: we, or the broker
        assert not front.complaints
        assert set(front.paths) == {"/mqtt/v1"}
        if habit == "pings":
            assert front.pongs > 0


@pytest.mark.parametrize("habit", BAD)
def test_failure_is_named(world, broker, habit):
    with WsBroker(broker.port, habit, path="/x") as front:
        world.add_source(front.url, connectTimeoutSec=2)
        world.start(live=False)
        world.wait(f"the reason: {BAD[habit]}", lambda: world.ingestor.log_lines(BAD[habit]))
        front.wait_connections(2, 20 * PATIENCE)
        front.habit = "plain"
        world.wait_live(timeout=40)
        assert not world.source_status("main").get("lastError")


def test_path_is_slash_then_mqtt(world, broker):
    """Without a path "/" is asked for; refused, "/mqtt" follows at once, and the log says so."""
    with WsBroker(broker.port, path="/mqtt") as front:
        world.add_source(f"ws://localhost:{front.port}")
        world.start()
        assert front.paths == ["/", "/mqtt"]
        world.wait("a word of it", lambda: world.ingestor.log_lines("trying another WebSocket path"))
        front.end_all()
        front.wait_connections(3)
        world.wait_live()
        assert front.paths == ["/", "/mqtt", "/mqtt"]


def test_path_mqtt_when_slash_is_mute(world, broker):
    """Upgraded, but no CONNACK: the other path is next."""
    with WsBroker(broker.port, "mute") as front:
        world.add_source(f"ws://localhost:{front.port}", connectTimeoutSec=2)
        world.start(live=False)
        front.wait_connections(2, 30 * PATIENCE)
        world.wait("both paths", lambda: front.paths[:2] == ["/", "/mqtt"])


def test_both_paths_refused_are_named(world, broker):
    with WsBroker(broker.port, path="/ws") as front:
        world.add_source(f"ws://localhost:{front.port}")
        world.start(live=False)
        error = world.wait("an error", lambda: world.source_status("main").get("lastError"))
        assert "path /: HTTP 404" in error and "path /mqtt: HTTP 404" in error


@pytest.mark.parametrize("kind", ["ws", "wss"])
def test_proxy(world, broker, kind):
    """CONNECT, with the proxy's own credentials; the proxy looks the broker's name up."""
    ca = Authority(world.dir)
    certificate = ca.issue("server", ["localhost"]) if kind == "wss" else None
    with WsBroker(broker.port, path="/x", tls=certificate) as front, Tunnel("user:pass word") as tunnel:
        world.add_source(front.url, proxy=f"http://user:pass%20word@127.0.0.1:{tunnel.port}", qos=1,
                         persistentSession=True, **({"caFile": ca.cert} if certificate else {}))
        world.start(server=True)
        publish_and_check(world, broker, 0, 100)
        assert set(tunnel.targets) == {("CONNECT", f"localhost:{front.port}")}
        for text in [world.ingestor.log(), world.stats_path.read_text(), world.get("/api/mqtt/status").body.decode()]:
            assert "pass word" not in text and "pass%20word" not in text


@pytest.mark.parametrize("case", ["407", "403", "unresolvable", "absent"])
def test_proxy_failure_is_named(world, broker, case):
    with WsBroker(broker.port, path="/x") as front, Tunnel("a:b" if case == "407" else None,
                                                           403 if case == "403" else 200) as tunnel:
        absent = free_port()
        proxy, text = {
            "407": (f"http://127.0.0.1:{tunnel.port}", "the proxy refuses the way to localhost port .*: HTTP 407 .user"),
            "403": (f"http://127.0.0.1:{tunnel.port}", "the proxy refuses the way to localhost port .*: HTTP 403"),
            "unresolvable": ("http://no-such-proxy.invalid:3128", "can't resolve no-such-proxy.invalid"),
            "absent": (f"http://127.0.0.1:{absent}", f"can't connect to the proxy 127.0.0.1 port {absent}"),
        }[case]
        world.add_source(front.url, proxy=proxy, connectTimeoutSec=3)
        world.start(live=False)
        world.wait(f"the reason: {text}", lambda: world.ingestor.log_lines(f"not connected.*{text}"))


def test_proxies_of_the_environment_are_not_used(world, broker):
    """http_proxy in a service's environment took even a plain broker on loopback away."""
    world.env |= dict.fromkeys(["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"],
                               "http://127.0.0.1:1")
    with WsBroker(broker.port, path="/x") as front:
        world.add_source(broker, "plain")
        world.add_source(front.url, "ws")
        world.start()


def test_name_with_an_address_that_refuses(world, broker):
    """localhost is ::1 and 127.0.0.1 here; the front listens on one of them only."""
    if not socket.has_ipv6 or len({a[0] for a in socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)}) < 2:
        pytest.skip("localhost has one address")
    with WsBroker(broker.port, path="/x") as front:
        world.add_source(front.url, "ws")
        world.add_source(f"mqtt://localhost:{broker.port}", "plain")
        world.start()


def test_dead_connection_is_noticed_within_the_keepalive(world, broker):
    """A front that forwards nothing more: over after one and a half of keepAliveSeconds."""
    with WsBroker(broker.port, path="/x") as front:
        world.add_source(front.url, keepAliveSeconds=5)
        world.start()
        front.is_frozen.set()
        began = time.monotonic()
        world.wait("the end", lambda: world.ingestor.log_lines("connection dead: nothing read"), 14)
        assert time.monotonic() - began < 1.5 * 5 + 6 * PATIENCE  # the library alone takes 3 of them
        front.is_frozen.clear()
        world.wait_live(timeout=20)


def test_backpressure_reaches_the_broker(world, broker):
    """A full ring holds the callback; the relay reads no more than its buffers; nothing is lost."""
    with WsBroker(broker.port, "pings", path="/x") as front:
        world.add_source(front.url, qos=1, persistentSession=True)
        world.start(ingestBufferSize=100)
        with world.stopped("flusher"):
            with Client(broker.port) as client:
                client.publish_all([packet(n) for n in range(3000)], qos=1)
            world.wait_full()
        ledger = world.wait_drained(3000)
        assert ledger["committed"] == 3000 and not any(ledger["dropped"].values()), ledger
        assert front.connections == 1 and not front.complaints


@pytest.mark.parametrize("stage", ["tls", "upgrade", "connack"])
def test_stop_while_the_broker_says_nothing(world, broker, stage):
    """A stop never waits for an attempt."""
    habit = {"tls": "silent", "upgrade": "silent", "connack": "mute"}[stage]
    with WsBroker(broker.port, habit, path="/x") as front:
        world.add_source(front.url.replace("ws:", "wss:") if stage == "tls" else front.url)
        world.start(live=False)
        front.wait_connections(1)
        world.wait_next_sample()
        began = time.monotonic()
        assert world.ingestor.stop() == 0
        assert time.monotonic() - began < 8 * PATIENCE


CUT_STEP = int(os.environ.get("WEIR_CUT_STEP", "10"))
LANES = 8
LIVED_S = 11  # a connection that lived: it resets the backoff


class Lane(threading.Thread):
    """One source behind a front that ends each connection after N bytes, for its share of all N."""

    def __init__(self, world, broker, front, number):
        super().__init__(daemon=True)
        self.world, self.broker, self.front, self.number = world, broker, front, number
        self.sent, self.slowest, self.error = 0, 0.0, None

    def run(self):
        try:
            for cut in range(self.number * CUT_STEP, 301, CUT_STEP * LANES):
                self.round(cut)
        except BaseException as error:  # the test's thread reports it
            self.error = error

    def publish(self, count):
        with Client(self.broker.port) as client:
            client.publish_all([packet(n, region=f"R{self.number:02}", run=self.number)
                                for n in range(self.sent, self.sent + count)], qos=1)
        self.sent += count

    def stored(self):
        return self.world.scalar("SELECT count(*) FROM observations o JOIN sources s ON s.id = o.source_id "
                                 "WHERE s.name = ?", f"lane{self.number}")

    def round(self, cut):
        name = f"lane{self.number}"
        self.world.wait(f"{name} to have lived", lambda: self.world.is_live(name) and time.time() > LIVED_S +
                        self.world.source_status(name)["lastConnectUnix"], 40)
        seen = self.front.connections
        self.front.cut_after = cut
        began = time.monotonic()
        self.front.end_all()
        self.publish(5)
        self.front.wait_connections(seen + 1, 10 * PATIENCE)
        self.front.cut_after = None
        self.publish(5)
        self.world.wait(f"{name} back after a cut at {cut}", lambda: self.stored() >= self.sent)
        self.slowest = max(self.slowest, time.monotonic() - began)


@pytest.mark.crash
def test_connection_that_ends_at_every_byte(world, broker):
    """A proxy that ends a connection after N bytes, N from 0 to 300: back within 10 s each time,
    nothing acknowledged lost."""
    with ExitStack() as stack:
        lanes = []
        for number in range(LANES):
            front = stack.enter_context(WsBroker(broker.port, path="/mqtt"))
            world.add_source(front.url, f"lane{number}", qos=1, persistentSession=True,
                             topics=[f"meshcore/R{number:02}/#"])
            lanes.append(Lane(world, broker, front, number))
        world.start()
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        assert not [lane.error for lane in lanes if lane.error]
        assert max(lane.slowest for lane in lanes) < 10 * PATIENCE
        sent = sum(lane.sent for lane in lanes)
        ledger = world.wait_drained(sent)
        assert ledger["committed"] == sent, ledger
