# SPDX-License-Identifier: MIT
"""The live feed: who listens gets every reception once, whatever ends in between."""

import json
import sqlite3

import harness
import pytest
from live_client import Closed, Stream, WebSocket, read_until_closed
from messages import packet, packets
from mqtt_lite import Client

PACKET_FIELDS = {
    "id", "raw_hex", "hash", "first_seen", "timestamp", "route_type", "payload_type", "decoded_json", "observer_id",
    "observer_name", "observer_iata", "snr", "rssi", "path_json", "direction", "observation_count"}


@pytest.fixture
def running(world, broker):
    world.add_source(broker)
    world.start(server=True)
    return world


def port(world):
    return world.config["port"]


def publish(broker, messages):
    with Client(broker.port) as client:
        return client.publish_all(messages)


def observations(world, after=0):
    return [row[0] for row in world.query("SELECT id FROM observations WHERE id > ? ORDER BY id", after)]


def wait_for(world, count):
    world.wait(f"{count} observations", lambda: world.count("observations") >= count)


def ids(events):
    return [event["observation_id"] for event in events]


def metric(world, name):
    for line in world.get("/metrics").body.decode().splitlines():
        if line.startswith(f"weir_live_{name} "):
            return int(line.split()[1])
    raise AssertionError(f"no weir_live_{name}")


def wait_alone(world, count):
    world.wait(f"{count} listeners", lambda: metric(world, "clients") == count)


# --- the two feeds --------------------------------------------------------------------------------


def test_a_stream_gets_each_reception(running, broker):
    publish(broker, packets(5))
    wait_for(running, 5)
    with Stream(port(running)) as stream:
        assert stream.status == 200
        for line in ("Content-Type: text/event-stream", "Cache-Control: no-store", "X-Accel-Buffering: no",
                     "Connection: close"):
            assert line in stream.head
        assert "Content-Length" not in stream.head and "Transfer-Encoding" not in stream.head
        assert stream.hello()["version"] == running.get("/api/stats").json["version"]
        assert stream.retry == 3000
        publish(broker, packets(40, start=5))
        events = stream.packets(40)
        assert ids(events) == observations(running)[5:]
        for event in events:
            assert PACKET_FIELDS <= set(event), PACKET_FIELDS - set(event)
            assert "packet" not in event and event["decoded"]["header"]["payloadTypeName"]
        assert metric(running, "clients") == 1 and metric(running, "events_total") >= 40
    wait_alone(running, 0)


def test_a_websocket_gets_what_corescopes_clients_read(running, broker):
    with WebSocket(port(running), "/any/path") as listener, Stream(port(running)) as stream:
        assert listener.status == 101
        stream.begin()
        publish(broker, packets(10))
        for event in stream.packets(10):
            message = listener.message()
            assert message["type"] == "packet" and set(message) == {"type", "data"}
            data = message["data"]
            assert PACKET_FIELDS <= set(data) and PACKET_FIELDS <= set(data["packet"])
            assert "packet" not in data["packet"]
            assert {**data, "packet": None} == {**event, "packet": None}
            assert data["packet"] == {name: data[name] for name in data["packet"]}
            assert json.loads(data["decoded_json"]) == data["decoded"]["payload"]


def test_each_observer_of_one_packet_is_one_event(running, broker):
    with Stream(port(running)) as stream:
        stream.begin()
        publish(broker, [packet(1, observer=name) for name in ("OBS1", "OBS2", "OBS3")])
        events = stream.packets(3)
        assert len({event["id"] for event in events}) == 1
        assert [event["observer_id"] for event in events] == ["OBS1", "OBS2", "OBS3"]


def test_filters(running, broker):
    with Stream(port(running), "/api/live?observer=obs2,OBS9") as one, \
            Stream(port(running), "/api/live?region=xyz") as other, \
            WebSocket(port(running), "/?type=3") as third:
        one.begin(), other.begin()
        publish(broker, [packet(1), packet(2, observer="OBS2"), packet(3, observer="OBS3", region="XYZ"),
                                  packet(4, kind=3), packet(5, observer="OBS2")])
        assert [e["observer_id"] for e in one.packets(2)] == ["OBS2", "OBS2"]
        assert [e["observer_iata"] for e in other.packets(1)] == ["XYZ"]
        assert third.message()["data"]["payload_type"] == 3


@pytest.mark.parametrize("query", ["type=16", "type=advert", "region=" + ",".join("abcdefghijklmnopq")])
def test_a_bad_filter_is_named(running, query):
    answer = running.get(f"/api/live?{query}")
    assert answer.status == 400 and answer.json["field"] == query.split("=")[0]


def test_origins(running):
    for origin, status in ((None, 101), (f"http://127.0.0.1:{port(running)}", 101), ("http://evil.example", 403),
                           ("null", 403)):
        with WebSocket(port(running), origin=origin) as listener:
            assert listener.status == status, origin


def test_what_a_websocket_may_say(running):
    with WebSocket(port(running)) as listener:
        listener.send(1, b"ignored")
        listener.send(9, b"are you there?")
        assert listener.frame() == (10, b"are you there?")
        listener.send(8, b"\x03\xe8bye")
        assert listener.frame() == (8, b"\x03\xe8")
        read_until_closed(listener)
    with WebSocket(port(running)) as listener:
        listener.send(1, b"x" * 513)
        assert listener.frame() == (8, b"\x03\xf1")
        read_until_closed(listener)
    with WebSocket(port(running)) as listener:
        listener.socket.sendall(b"\x81\x02hi")  # not masked
        assert listener.frame() == (8, b"\x03\xea")
        read_until_closed(listener)


# --- coming back ----------------------------------------------------------------------------------


def test_resume_over_kill_9_of_the_server(running, broker):
    """Nothing is missing and nothing comes twice, wherever the server was killed."""
    seen = []
    last_id = None
    for round_ in range(4):
        with Stream(port(running), last_id=last_id) as stream:
            if last_id is None:
                stream.begin()
            else:
                stream.hello()
            publish(broker, packets(200, start=round_ * 200))
            seen += stream.packets(50 + round_ * 37)
            last_id = stream.last_id
            running.server.kill()
        publish(broker, packets(100, start=10000 + round_ * 100))
        running.start_server()
    wait_for(running, 1200)
    with Stream(port(running), last_id=last_id) as stream:
        stream.hello()
        seen += stream.packets(1200 - len(seen))
        publish(broker, packets(1, start=50000))
        seen += stream.packets(1)
    assert ids(seen) == observations(running)
    assert metric(running, "gaps_total") == 0


def test_many_come_back_to_different_places(running, broker):
    publish(broker, packets(600))
    wait_for(running, 600)
    running.server.kill()
    running.start_server()
    all_ids = observations(running)
    streams = [Stream(port(running), last_id=all_ids[at]) for at in (500, 10, 599, 300, 0)]
    streams.append(Stream(port(running), f"/api/live?lastEventId={all_ids[400]}"))
    for stream, at in zip(streams, (500, 10, 599, 300, 0, 400)):
        stream.hello()
        assert ids(stream.packets(599 - at)) == all_ids[at + 1:]
        stream.close()


def test_what_is_gone_is_a_gap(running, broker):
    publish(broker, packets(50))
    wait_for(running, 50)
    newest = observations(running)[-1]
    with Stream(port(running), last_id=newest + 1000) as stream:  # of another database
        stream.hello()
        assert stream.event() == ("gap", newest, {"after": newest + 1000, "until": newest})
    with Stream(port(running), last_id="x17") as stream:
        stream.hello()
        assert stream.event() == ("gap", newest, {"until": newest})
    assert metric(running, "gaps_total") == 2


def test_a_filtered_stream_keeps_its_place(running, broker):
    """What it did not want is no gap when it comes back: the place comes with the comments."""
    with Stream(port(running), "/api/live?type=3") as stream:
        first = stream.begin().last_id
        publish(broker, packets(30))
        wait_for(running, 30)
        while stream.last_id < first + 30:  # or the socket's patience ends
            assert stream.any() is None
        assert stream.last_id == observations(running)[-1]


# --- who does not read ----------------------------------------------------------------------------


def test_who_reads_nothing_costs_the_others_nothing(running, broker):
    """Cut off, or told of a gap; the others see everything, and probes answer."""
    slow = [Stream(port(running), small=True) for _ in range(5)]
    for stream in slow:
        stream.begin()
    with Stream(port(running)) as reader:
        begin = reader.begin().last_id
        sent = 0
        while metric(running, "cut_off_total") + metric(running, "gaps_total") < 5:
            with Client(broker.port) as client:
                sent += client.publish_all(packets(2000, start=sent))
            got = ids(reader.packets(2000))
            assert got == list(range(begin + 1 + sent - 2000, begin + 1 + sent))
            answer = running.get("/api/healthz")
            assert answer.status == 200 and answer.seconds < 1 * harness.PATIENCE
            assert sent < 60000, "the log has no end"
        for stream in slow:
            try:
                while stream.event()[0] != "gap":
                    pass
            except Closed:  # it comes back, and is told then
                with Stream(port(running), last_id=stream.last_id) as back:
                    back.hello()
                    assert back.event()[0] == "gap"
            stream.close()


# --- limits, and the end --------------------------------------------------------------------------


def test_no_more_than_maxLiveClients(world, broker):
    world.add_source(broker)
    world.start(server=True, maxLiveClients=2)
    with Stream(port(world)) as one, WebSocket(port(world)) as two:
        one.begin()
        assert two.status == 101
        with Stream(port(world)) as third:
            assert third.status == 200
            assert read_until_closed(third).startswith(b"retry: 30000\n")
        with WebSocket(port(world)) as fourth:
            assert fourth.status == 503 and "Retry-After" in fourth.head
    wait_alone(world, 0)
    with Stream(port(world)) as again:
        again.begin()


def test_the_end_of_the_server(world, broker):
    world.add_source(broker)
    world.start(server=True, shutdownDelaySeconds=4)
    with Stream(port(world)) as stream, WebSocket(port(world)) as listener:
        stream.begin()
        world.server.signal(15)
        world.wait("readyz to fail", lambda: world.get("/api/readyz").json.get("reason") == "draining")
        with Stream(port(world)) as late:
            assert read_until_closed(late).startswith(b"retry: 30000\n")
        read_until_closed(stream)
        assert listener.frame() == (8, b"\x03\xe9")
        read_until_closed(listener)
    assert world.server.wait_exit() == 0


def test_a_database_that_comes_later_and_is_replaced(world, broker):
    world.add_source(broker)
    world.write_config()
    world.start_server()
    with Stream(port(world)) as stream:
        stream.hello()
        world.start()
        with Client(broker.port) as client:
            client.publish_all(packets(20))
        # Where it begins depends on what was there when the database could first be read.
        while stream.last_id != 20:
            assert (stream.any() or ("message",))[0] == "message"
    world.ingestor.stop()
    with Stream(port(world)) as stream:
        assert stream.begin().last_id == 20
        with sqlite3.connect(world.db_path) as db:
            db.execute("DELETE FROM observations WHERE id > 5")
            db.execute("UPDATE meta SET commits = commits + 1")
        assert stream.event() == ("gap", 5, {"after": 20, "until": 5})


def test_without_listeners_nothing_is_rendered(running, broker):
    publish(broker, packets(500))
    wait_for(running, 500)
    assert metric(running, "events_total") == 0
    with Stream(port(running)) as stream:
        stream.begin()
        assert metric(running, "events_total") == 0
