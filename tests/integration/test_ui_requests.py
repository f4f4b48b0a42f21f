# SPDX-License-Identifier: MIT
"""A client that is not ours: every request that CoreScope's pages were seen to send
(ui_requests.py) is asked, and every field that their code reads is there, with its type."""

import functools
import json
import os
import re
import subprocess
import threading
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from pathlib import Path

import harness
import pytest
from harness import PATIENCE, run_ok
from live_client import Closed, WebSocket
from messages import ROOT, flood, recorded
from mqtt_lite import Client
from test_config_api import GIVEN
from test_nodes_api import neighbors
from ui_requests import FIELDS, NOT_YET, REQUESTS, SHAPES, WEBSOCKET

KEY = "a-key-that-nobody-knows-4711"
WORKLOAD_MESSAGES = 20_000
FEED_MESSAGES = 500  # that a listener is shown
CONFIG = {
    **GIVEN, "apiKey": KEY, "clientRxCoverage": {"enabled": True},
    "healthThresholds": {"infraDegradedHours": 24, "infraSilentHours": 72, "nodeDegradedHours": 1, "nodeSilentHours": 24,
                         "observerOnlineMinutes": 10, "observerStaleMinutes": 60},
    "timestamps": {"defaultMode": "ago", "timezone": "local", "formatPreset": "iso", "customFormat": "",
                   "allowCustomFormat": False},
    "map": {"tiles": {"darkDefault": "a", "lightDefault": "b", "darkUrl": "c", "lightUrl": "d", "providers": {}}},
    "branding": {"siteName": "x", "tagline": "x", "logoUrl": "x", "faviconUrl": "x", "homeUrl": "x"},
    "theme": {"accent": "#4a9eff", "background": "#000"}, "markerStroke": {"color": "#fff", "width": 1, "opacity": 1},
    "home": {"heroTitle": "x", "heroSubtitle": "x", "steps": [], "checklist": [], "footerLinks": []},
    "hashRegions": ["#snoco", "#ottawa"],
    "channelKeys": {entry["name"]: entry["key"] for entry in
                    json.loads((ROOT / "tests/fixtures/channel_keys.json").read_text())},
}


# What this world has nothing for, and what no world has (peers and foreign catalogues).
MAY_BE_EMPTY = ("entries", "peerInteractions", "candidates", "reboots", "recentSlow", "slowQueries", "snrValues",
                "inconsistent_nodes", "resolutions")


# --- shapes ---------------------------------------------------------------------------------------

@functools.cache
def shape_of(text):
    """One object for each: what need not be in every place (`~`) is met for all of its shape's."""
    return parse(text)[0]


def parse(text, at=0):
    """(shape, end): a name, ["list", shape], ["null", shape], ["object", {name: (mark, shape)}]
    or ["json", object]."""
    word = re.compile(r"\w*").match(text, at)[0]
    at += len(word)
    if word in ("", "json") and text[at] == "{":
        shape, at = parse_members(text, at + 1)
        shape = ["json", shape] if word else shape
    elif word == "" and text[at] == "[":
        item, at = parse(text, at + 1)
        assert text[at] == "]", text[at:]
        shape, at = ["list", item], at + 1
    else:
        shape = shape_of(SHAPES[word]) if word in SHAPES else word
        assert word in SHAPES or word in CHECKS, (word, text[at:])
    return (["null", shape], at + 5) if text[at:at + 5] == "|null" else (shape, at)


def parse_members(text, at):
    members = {}
    while text[at] != "}":
        found = re.compile(r",? *([\w/_-]+|\*)([?~]?): *").match(text, at)
        assert found, text[at:]
        shape, at = parse(text, found.end())
        members[found[1]] = (found[2], shape)
    return ["object", members], at + 1


CHECKS = {
    "str": lambda v: isinstance(v, str),
    "bool": lambda v: isinstance(v, bool),
    "int": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "num": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "any": lambda v: True,
}


class Walk:
    """What is wrong, which of the fields that are only here and there were met, and which lists
    had something in them: what is always empty has every field."""

    def __init__(self):
        self.wrong, self.sometimes, self.lists = defaultdict(set), {}, {}

    def check(self, shape, value, where):
        if isinstance(shape, str):
            if not CHECKS[shape](value):
                self.wrong[where].add(f"no {shape}: {str(value)[:60]!r}")
            return
        kind, inner = shape
        if kind == "null":
            return value is None or self.check(inner, value, where)
        if kind == "list" and isinstance(value, list):
            self.lists[where] = self.lists.get(where, False) or value != []
            for item in value:
                self.check(inner, item, where + "[]")
        elif kind == "json" and isinstance(value, str):
            self.check(inner, json.loads(value), where + "→")
        elif kind == "object" and isinstance(value, dict):
            self.check_members(inner, value, where)
        else:
            self.wrong[where].add(f"no {kind}: {str(value)[:60]!r}")
        return None

    def check_members(self, members, value, where):
        if "*" in members:
            self.lists[where] = self.lists.get(where, False) or value != {}
            for item in value.values():
                self.check(members["*"][1], item, where + "{}")
            return
        for name, (mark, shape) in members.items():
            here = f"{where}.{name}"
            if mark == "~":
                first, met = self.sometimes.get((id(members), name), (here, False))
                self.sometimes[id(members), name] = first, met or name in value
            if name in value:
                self.check(shape, value[name], here)
            elif mark == "":
                self.wrong[here].add("is not there")

    def complaints(self, with_sometimes):
        never = [f"{where}: is nowhere" for where, met in self.sometimes.values() if with_sometimes and not met]
        empty = [f"{where}: is always empty" for where, met in self.lists.items()
                 if with_sometimes and not met and not where.endswith(MAY_BE_EMPTY)]
        return [f"{where}: {' / '.join(sorted(texts)[:3])}" for where, texts in self.wrong.items()] + never + empty


# --- asking ---------------------------------------------------------------------------------------

class Things:
    """What the requests are asked about: what this database has."""

    def __init__(self, world):
        since = datetime.now(timezone.utc) - timedelta(hours=12)
        ids = world.query("SELECT type, max(id) FROM transmissions GROUP BY type UNION ALL SELECT 0, max(transmission_id)"
                          " FROM messages WHERE text NOT NULL HAVING count(*) > 0")
        observer = world.query("SELECT identity, iata FROM observers ORDER BY status_count > 1 DESC, packet_count DESC LIMIT 1")[0]
        raw, packet_hash = world.query("SELECT hex(raw), lower(hex(hash)) FROM transmissions WHERE type = 4"
                                       " ORDER BY observation_count DESC, id DESC LIMIT 1")[0]
        key = world.scalar("SELECT lower(hex(public_key)) FROM nodes ORDER BY advert_count DESC, id LIMIT 1")
        listener = world.query("SELECT lower(o.identity) FROM observers o JOIN nodes n ON hex(n.public_key) = upper(o.identity)"
                               " ORDER BY o.status_count DESC, o.packet_count DESC LIMIT 1")
        relay = world.scalar("SELECT lower(hex(public_key)) FROM nodes ORDER BY last_relayed_ms DESC NULLS LAST LIMIT 1")
        path = world.query("SELECT path, path_size FROM observations o JOIN transmissions t ON t.id = o.transmission_id WHERE o.route"
                           " IN (0, 1) AND t.type <> 9 AND direction = 0 AND length(path) >= 2 * path_size ORDER BY o.id DESC LIMIT 1") or [(b"\x11\x22", 1)]
        stretch = [path[0][0][i * path[0][1]:(i + 1) * path[0][1]].hex() for i in range(2)]
        byte = world.scalar("SELECT lower(hex(substr(public_key, 1, 1))) FROM nodes GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
        channel = world.query("SELECT name FROM channels WHERE is_encrypted = 0 ORDER BY message_count DESC LIMIT 1")
        self.values = {
            "listener": listener[0][0] if listener else key,
            "since": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "until": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "observer": observer[0], "iata": observer[1], "hash": packet_hash,
            "hex": raw, "key": key, "relay": relay, "prefix": key[:4], "byte": byte, "stretch": ",".join(stretch), "hops": f"{key[:2]},{relay[:4]}", "letters": "re",
            "channel": (channel[0][0] if channel else "enc_11").replace("#", "%23"), "id of each type": [row[1] for row in ids],
        }

    def fill(self, text):
        """All that it stands for."""
        found = re.search(r"{([\w ]+)}", text)
        if found is None:
            return [text]
        values = self.values[found[1]]
        values = values if isinstance(values, list) else [values]
        return [text.replace(found[0], str(value)) for value in values]

    def fill_all(self, text):
        done = self.fill(text)
        return done if done == [text] else [one for part in done for one in self.fill_all(part)]


def ask(world, things, path, body):
    headers = {"X-API-Key": KEY}
    if body is None:
        return [(p, world.get("/api/" + p, headers=headers)) for p in things.fill_all(path)]
    text = things.fill_all(json.dumps(body).replace("{\"", "\0"))[0].replace("\0", "{\"")
    return [(path, world.get("/api/" + path, method="POST", body=text, headers={**headers, "Content-Type": "application/json"}))]


def walk(world, with_sometimes):
    walked, things, wrong = Walk(), Things(world), []
    for name, path, pages, *body in REQUESTS:
        for asked, answer in ask(world, things, path, body[0] if body else None):
            if name in NOT_YET:
                wrong += [] if answer.status in (404, 405) else [f"{asked} ({pages}): {answer.status}: take it off NOT_YET"]
            elif answer.status != 200:
                wrong.append(f"{asked} ({pages}): {answer}")
            else:
                walked.check(shape_of(FIELDS[name]), answer.json, name)
    wrong += walked.complaints(with_sometimes)
    assert not wrong, "\n".join(wrong)


def settle(world):
    world.wait("the first run of the background", lambda: "window" in world.get("/api/nodes").json)
    world.wait("the adverts", lambda: world.get("/api/nodes/clock-skew").status == 200)
    world.wait("rates", lambda: "readBytesPerSec" in world.get("/api/perf/io").json)
    world.wait("a sample", lambda: world.get("/api/perf/write-sources").json["sources"])


def listen(feed):
    """What comes, in a thread: who does not read is cut off."""
    events = []

    def read():
        try:
            while True:
                events.append(feed.message())
        except (Closed, OSError):
            pass
    threading.Thread(target=read, daemon=True).start()
    return events


def own_messages(identity):
    """Of one observer that is a node, what nobody recorded: statuses with figures, signals,
    scopes."""
    now = datetime.now(timezone.utc)
    stats = {"battery_mv": 3900, "uptime_secs": 5000, "noise_floor": -110, "tx_air_secs": 5, "rx_air_secs": 50, "recv_errors": 1,
             "packets_recv": 100, "packets_sent": 10}
    for minutes in (12, 6, 0):
        more = {key: value + 10 * (12 - minutes) for key, value in stats.items()}
        yield f"meshcore/MRY/{identity}/status", json.dumps({
            "status": "online", "origin": "x", "origin_id": identity, "stats": more,
            "timestamp": (now - timedelta(minutes=minutes)).isoformat()})
    for number, scope in enumerate([None, None, "#snoco", "#ottawa"]):
        yield f"meshcore/MRY/{identity}/packets", json.dumps({
            "origin": "x", "origin_id": identity, "type": "PACKET", "direction": "rx", "SNR": number, "RSSI": -90 - number,
            "timestamp": now.isoformat(), "raw": flood(number, scope=scope).hex().upper()})


# --- the worlds -----------------------------------------------------------------------------------

def test_every_shape_is_one_and_every_request_has_its_fields():
    for text in [*FIELDS.values(), WEBSOCKET]:
        shape, end = parse(text)
        assert end == len(text) and shape, text[end:]
    assert {request[0] for request in REQUESTS} == set(FIELDS)
    assert NOT_YET <= set(FIELDS)


@pytest.fixture(scope="module", name="mesh")
def _mesh():
    world = harness.World("ui")
    try:
        broker = world.start_broker()
        world.add_source(broker)
        world.start(server=True, **CONFIG)
        names = ("packets", "multi_observer", "mesh_messages", "status")
        messages = [(topic, text) for name in names for topic, text, _ in recorded(name) if topic.startswith("meshcore/")]
        with WebSocket(world.config["port"]) as feed, Client(broker.port) as client:
            world.wait("the listener", lambda: world.get("/api/health").json["websocket"]["clients"] == 1)
            world.events = listen(feed)
            sent = client.publish_all(messages[:FEED_MESSAGES])
            world.wait_drained(sent)
            world.wait("every reception", lambda: len(world.events) == world.count("observations"))
            sent += client.publish_all(messages[FEED_MESSAGES:])
            world.wait_drained(sent)
            keys = [row[0].hex() for row in world.query("SELECT public_key FROM nodes ORDER BY id LIMIT 2")]
            listener = world.scalar("SELECT o.identity FROM observers o JOIN nodes n ON hex(n.public_key) = upper(o.identity)"
                                    " ORDER BY o.packet_count DESC LIMIT 1")
            sent += client.publish_all([neighbors([(keys[0], "#north", "responded"), (keys[1], "", "timeout")]),
                                        *own_messages(listener)])
            world.wait_drained(sent)
        world.server.stop()
        world.start_server()
        settle(world)
        world.broker = broker
        yield world
    finally:
        world.close()


def test_on_recorded_messages(mesh):
    walk(mesh, with_sometimes=True)
    assert mesh.get("/api/healthz").headers["X-CoreScope-Load-Status"] == "ready"


def test_the_live_feed(mesh):
    walked = Walk()
    for event in mesh.events:
        walked.check(shape_of(WEBSOCKET), event, "websocket")
    complaints = walked.complaints(with_sometimes=True)
    assert len(mesh.events) >= 400 and not complaints, "\n".join(complaints)


def test_after_20000_messages_made_from_the_recorded_ones(mesh):
    before = mesh.stats()["ledger"]["total"]["received"]
    done = subprocess.run([mesh.build / "tests/bench_publish", "--port", str(mesh.broker.port), "--count",
                           str(WORKLOAD_MESSAGES), "--seed", "13", "--rate", "10000"], cwd=ROOT, capture_output=True,
                          text=True, timeout=60 * PATIENCE)
    assert done.returncode == 0, done
    mesh.wait_drained(before + WORKLOAD_MESSAGES, timeout=60)
    mesh.server.stop()  # its background counts once a minute, and at once after a start
    mesh.start_server()
    settle(mesh)
    walk(mesh, with_sometimes=False)  # which nodes these are is chance: the keys are new each time


def corpus_file(name):
    for folder in filter(None, (os.environ.get("WEIR_CORPUS"), ROOT / "../shared/corpus/train")):
        path = Path(folder) / name
        if path.exists():
            return path
    return pytest.skip(f"{name} is not here; set WEIR_CORPUS")


@pytest.mark.parametrize("name", ["corescope-e2e-fixture.db", "corescope-e2e-fixture-2026-03.db"])
def test_on_an_imported_database(world, name):
    path = corpus_file(name)
    world.write_config(**CONFIG, retention={"packetDays": 0, "nodeDays": 0, "observerDays": 0})
    run_ok(world, "--import", path)
    world.start(server=True)
    settle(world)
    walk(world, with_sometimes=False)
