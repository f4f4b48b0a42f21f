# SPDX-License-Identifier: MIT
"""--health and --top: how the ingestor is, for people and monitors that look from outside."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

import messages
from harness import ROOT, World, run_tool
from mqtt_lite import Client
from terminal import Terminal


@pytest.fixture(scope="module")
def world():
    made = World("watch")
    main, other = made.start_broker(), made.start_broker("other")
    made.add_source(main)
    made.add_source(other, "other")
    made.start(server=True)
    yield made
    made.close()


def publish(world, begin, end):
    with Client(world.brokers[0].port) as client:
        client.publish_all(messages.packets(end - begin, begin), qos=1)


def health(world):
    code, out, _ = run_tool(world, "--health")
    assert out.count("\n") == 1 and out.endswith("\n"), out
    return code, out


def wait_health(world, code, text):
    return world.wait(f"--health {code} with {text}", lambda: next(
        (out for found, out in [health(world)] if found == code and text in out), None))


@contextmanager
def top(world, rows=24, columns=80):
    terminal = Terminal([world.build / "ingestor", "--config", world.config_path, "--top"], world.env, rows, columns)
    try:
        yield terminal
    finally:
        terminal.close()


def test_health_is_what_healthz_says(world):
    publish(world, 0, 20)
    world.wait_drained(20)
    line = wait_health(world, 0, "WEIR OK - Ingesting from 2 of 2 sources")
    assert re.search(r"\| age=\d\.\ds;4 connected=2;;;0;2 queue=0;;;0;\d+ received=\d+c committed=\d+c lost=0c", line)
    world.wait("the same of healthz", lambda: world.get("/api/healthz").json["status"] == "pass")
    world.brokers[1].stop()
    wait_health(world, 1, "WEIR WARNING - source:other: ")
    world.wait("the same of healthz",
               lambda: world.get("/api/healthz").json["checks"]["source:other"]["status"] == "warn")
    world.brokers[1].start()
    world.wait_live("other", timeout=40)
    wait_health(world, 0, "WEIR OK")


def test_health_without_an_ingestor(tmp_path, world):
    config = tmp_path / "config.json"
    config.write_text('{"dbPath": "weir.db", "mqttSources": []}')
    argv = [world.build / "ingestor", "--config", config, "--health"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=world.env)
    assert done.returncode == 2 and done.stdout.startswith("WEIR CRITICAL - ingestor: no statistics file")
    assert str(tmp_path / "ingestor-stats.json") in done.stdout and done.stderr == ""
    (tmp_path / "ingestor-stats.json").write_text("{")
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=world.env)
    assert done.returncode == 3 and done.stdout.startswith("WEIR UNKNOWN - ")
    assert not (tmp_path / "weir.db").exists()


def test_top_lives_in_a_terminal(world):
    with top(world) as terminal:
        screen = terminal.wait("the sources", lambda text: "other" in text and re.search(r"received +[\d.]+ /s", text))
        assert screen.startswith("OK  ingestor") and "flusher" in screen and "unaccounted 0" in screen
        assert "q quit" in screen.splitlines()[-1]
        publish(world, 100, 200)
        terminal.wait("a rate", lambda text: re.search(r"received +[1-9][\d.]* /s .*█", text))
        terminal.resize(12, 40)
        terminal.wait("the small window", lambda text: text.startswith("OK") and "SOURCE" in text)
        terminal.resize(40, 150)
        terminal.wait("the large window", lambda text: "LAST EXIT" in text and "main" in text)
        terminal.type("p")
        terminal.wait("a pause", lambda text: "PAUSED" in text)
        terminal.type("q")
        assert terminal.wait_exit() == 0


def test_top_gives_the_terminal_back_at_a_signal(world):
    with top(world, 10, 60) as terminal:
        terminal.wait("the screen", lambda text: "SOURCE" in text)
        terminal.signal(signal.SIGTERM)
        assert terminal.wait_exit() == 0


def test_top_once_is_plain(world):
    code, out, err = run_tool(world, "--top", "--once")
    assert code == 0 and err == "" and "\x1b" not in out
    assert re.search(r"^received +\d", out, re.M) and re.search(r"^main +live", out, re.M)  # two samples: a rate
    code, _, err = run_tool(world, "--top")
    assert code == 64 and "--top --once" in err
    code, _, err = run_tool(world, "--once")
    assert code == 64 and "goes with --top" in err
    env = {**world.env, "TERM": "no-such-terminal"}
    reader, writer = os.openpty()
    argv = [world.build / "ingestor", "--config", world.config_path, "--top"]
    done = subprocess.run(argv, stdin=writer, stdout=writer, stderr=subprocess.PIPE, text=True, env=env, check=False,
                          timeout=20)
    os.close(reader)
    os.close(writer)
    assert done.returncode == 64 and "no-such-terminal" in done.stderr


# --- what packaging says of the metrics -----------------------------------------------------------

sys.path.insert(0, str(ROOT / "scripts/lib"))
import metrics  # noqa: E402  (needs the path above)

PARTS = re.compile(r"_(bucket|sum|count)$")


def named_in(expressions):
    """The metrics that PromQL expressions name: what stands before a brace, a bracket, an operator;
    no function, no label."""
    text = re.sub(r'"[^"]*"', '""', "\n".join(expressions))
    return set(re.findall(r"\b(?:weir|process)_\w+", text))


def of_rules():
    text = (ROOT / "packaging/prometheus/weir.rules.yml").read_text()
    return re.findall(r"expr: (?:>-\n((?:          .*\n)+)|(.*)\n)", text)


def of_board():
    board = json.loads((ROOT / "packaging/grafana/weir.json").read_text())
    return [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]


def labels_published(text):
    """{family: its labels} of what has a sample, without those that its kind brings."""
    found = {}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text, re.M):
        found.setdefault(PARTS.sub("", name), set()).update(set(re.findall(r'(\w+)="', labels)) - {"le", "quantile"})
    return found


def metrics_of_a_fresh_sample(world):
    """{name: kind}, or None: of a sample that is not true any more the gauges are left out."""
    found = dict(re.findall(r"^# TYPE (\S+) (\S+)$", world.get("/metrics").body.decode(), re.M))
    return found if "weir_retention_waits_seconds" in found else None


def test_metrics_that_rules_and_board_name_exist(world):
    published = world.wait("a fresh sample", lambda: metrics_of_a_fresh_sample(world))
    listed = {name: kind for name, kind, _, _ in metrics.metrics()}
    assert {name: listed.get(name) for name in published} == published  # the list has them all, as they are
    told = {name: set(labels.split(", ")) - {"", "quantile"} for name, _, labels, _ in metrics.metrics()}
    found = labels_published(world.get("/metrics").body.decode())
    assert len(found) > 80
    assert {name: labels for name, labels in found.items() if labels != told[name]} == {}
    never_yet = {name for name in listed if name.endswith("_timestamp_seconds")}
    rules, board = named_in(a or b for a, b in of_rules()), named_in(of_board())
    assert len(rules) > 15 and len(board) > 25
    for name in rules | board:
        family = name if name in listed else PARTS.sub("", name)
        of_the_store = family.startswith("weir_outbox_") and family in listed  # with storeUrl: test_cluster
        assert family in published or family in never_yet or of_the_store, name
    for name in board:  # a rate is of what only grows
        assert listed[PARTS.sub("", name) if name not in listed else name] != "gauge" or not any(
            re.search(rf"(rate|increase)\({name}\b", expression) for expression in of_board()), name


def test_metrics_are_documented():
    page = metrics.PAGE.read_text()
    assert metrics.page_with_table(page) == page, "run: python3 scripts/lib/metrics.py --write"
    alerts = re.findall(r"- alert: (\w+)", (ROOT / "packaging/prometheus/weir.rules.yml").read_text())
    assert re.findall(r"^\| `(Weir\w+)` \|", page, re.M) == alerts


def test_a_stopped_ingestor_is_critical(world):
    """The last one: what it leaves is no world for others."""
    assert world.ingestor.stop() == 0
    assert health(world)[1].startswith("WEIR CRITICAL - ingestor: stopped ")
    world.wait("healthz, for which that is a warning",
               lambda: world.get("/api/healthz").json["checks"]["ingestor"]["status"] == "warn")
    assert world.get("/api/healthz").status == 200
    out = run_tool(world, "--top", "--once")[1]
    assert out.startswith("CRITICAL") and re.search(r"^main +unknown", out, re.M)
