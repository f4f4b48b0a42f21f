# SPDX-License-Identifier: MIT
"""/api/perf/history: what was, over restarts."""

import itertools
import time

import pytest
from messages import packets
from mqtt_lite import Client


def history(world, query=""):
    return world.get(f"/api/perf/history{query}").json


def known(answer, name, kind="mean"):
    return [value for value in answer["series"][name][kind] if value is not None]


def test_rates_and_gauges_of_the_last_seconds(world, broker):
    world.add_source(broker)
    world.start(server=True)
    world.wait_live()
    world.wait("a rate", lambda: known(history(world), "received"))
    sent = itertools.count(0, 50)
    with Client(broker.port) as client:
        def hundreds_are_stored():  # a second that a busy machine lost is in no series, so more come
            client.publish_all(packets(50, start=next(sent)), qos=1)
            answer = history(world)
            return answer if sum(known(answer, "stored")) >= 150 else None
        answer = world.wait("hundreds in the history", hundreds_are_stored)
    assert answer["step"] == 1 and answer["time"] == sorted(answer["time"]) and len(answer["time"]) == 901
    assert answer["to"] - answer["from"] == 900 and abs(answer["to"] - time.time()) < 5
    for name, series in answer["series"].items():
        assert len(series["mean"]) == len(series["min"]) == len(series["max"]) == 901, name
        for low, mean, high in zip(series["min"], series["mean"], series["max"]):
            assert (low is None) == (mean is None) == (high is None)
            assert low is None or low <= mean * 1.0001 + 1e-6 and mean <= high * 1.0001 + 1e-6
    assert known(answer, "sourcesConnected")[-1] == 1
    assert known(answer, "lost")[-1] == 0 and min(known(answer, "received")) >= 0


def test_a_restart_is_a_gap(world, broker):
    world.add_source(broker)
    world.start(server=True, stateDir="state")
    world.wait("a figure", lambda: known(history(world), "queued"))
    world.ingestor.kill()
    world.wait("nothing is known of it", lambda: history(world)["series"]["queued"]["mean"][-1] is None)
    world.ingestor.start()
    world.wait("known again", lambda: history(world)["series"]["queued"]["mean"][-2] is not None)
    assert all(value >= 0 for value in known(history(world), "received"))
    before = world.wait("a bucket of ten seconds", lambda: (lambda a: known(a, "walBytes") and a)(history(world, "?step=10")))
    world.server.stop()
    world.server.start()
    world.wait("the server", lambda: world.try_get("/api/livez"))
    assert (world.dir / "state/server-history.bin").exists()
    from_s = before["time"][0]
    after = world.wait("what was before", lambda: (lambda a: a if len(known(a, "walBytes")) >= 1 else None)(
        history(world, f"?from={from_s - 4000}&to={before['to']}")))
    assert after["step"] >= 10


@pytest.mark.parametrize("query,field", [("?from=yesterday", "from"), ("?series=received,nothing", "series"), ("?from=200&to=100", "from")])
def test_what_can_not_be_read_is_named(world, query, field):
    world.write_config(mqttSources=[])
    world.start_server()
    answer = world.get(f"/api/perf/history{query}")
    assert answer.status == 400 and answer.json["field"] == field


def test_series_are_chosen(world):
    world.write_config(mqttSources=[])
    world.start_server()
    answer = history(world, "?series=walBytes,requests&step=60")
    assert sorted(answer["series"]) == ["requests", "walBytes"] and answer["step"] == 60
