# SPDX-License-Identifier: MIT
"""What a broker kept comes again with each connection: no sign of life of who sent it
(protocol.md 7.3)."""

import json

from messages import packet
from mqtt_lite import Client

OLD = "2026-03-29T15:27:30"  # without a zone, and long ago


def last_seen(world):
    return dict(world.query("SELECT identity, last_ms FROM observers"))


def test_retained_messages_are_no_sign_of_life(world, broker):
    world.add_source(broker)
    topic, payload = packet(1, observer="DEAD", timestamp=OLD)
    with Client(broker.port) as client:
        client.publish(topic, payload, retain=True)
        client.publish("meshcore/TST/GONE/status", json.dumps({"status": "online", "timestamp": OLD}), retain=True)
        client.flush()
    world.start()
    world.wait_drained(2)
    assert last_seen(world) == {"DEAD": None, "GONE": None}
    with Client(broker.port) as client:
        client.publish(topic, payload)
        client.publish("meshcore/TST/GONE/status", json.dumps({"status": "online"}))
        client.flush()
    world.wait_drained(4)
    alive = last_seen(world)
    assert alive["DEAD"] and alive["GONE"]
    assert world.ingestor.stop() == 0
    world.restart_ingestor()
    world.wait_drained(6)
    assert last_seen(world) == alive
    assert world.scalar("SELECT count(*) FROM observations") == 1
