# SPDX-License-Identifier: MIT
"""--check-config --connect: which step towards each broker fails, and what to do about it; against
real mosquittos."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from certificates import Authority
from harness import World, free_port, run_tool
from rude_broker import RudeBroker

PLUGIN = next(iter(sorted(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))), None)


def password_file(folder):
    path = folder / "passwords"
    subprocess.run([shutil.which("mosquitto_passwd") or "/usr/bin/mosquitto_passwd", "-b", "-c", path, "weir", "right"],
                   check=True)
    path.chmod(0o644)
    return path


def forbidding(folder):
    """The options of a broker that answers each SUBSCRIBE with 0x80 (its acl_file would grant it
    and send nothing)."""
    path = folder / "dynamic.json"
    access = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    path.write_text(json.dumps({"defaultACLAccess": access, "clients": [], "groups": [], "roles": []}))
    path.chmod(0o666)
    return [f"plugin {PLUGIN}", f"plugin_opt_config_file {path}"]


@pytest.fixture(scope="module")
def answers():
    """{source: (its lines, its words)}, and the whole answer, of one run over all cases at once."""
    world = World("connect")
    world.dir.chmod(0o755)
    ca = Authority(world.dir)
    broker = world.start_broker(options=[f"password_file {password_file(world.dir)}"])
    certificate = ca.issue("server", ["elsewhere.example"])
    tls = world.start_broker("tls", options=[f"certfile {certificate.cert}", f"keyfile {certificate.key}"])
    user = {"username": "weir", "password": "right"}
    world.add_source(broker, "good", qos=1, persistentSession=True, topics=["meshcore/#", "$share/us/other/#"], **user)
    world.add_source(broker, "password", username="weir", password="wrong-secret")
    world.add_source(broker, "password5", username="weir", password="wrong-secret", mqttVersion=5)
    world.add_source(f"mqtt://localhost:{free_port()}", "port")
    world.add_source("mqtt://no-such-host.invalid:1883", "host")
    world.add_source(f"mqtts://localhost:{tls.port}", "tls", caFile=ca.cert)
    for name, days, more in (("expired", (-10, -1), []), ("client", (-1, 30), [f"cafile {ca.cert}", "require_certificate true"])):
        own = ca.issue(name, ["localhost"], days=days)
        other = world.start_broker(name, options=[f"certfile {own.cert}", f"keyfile {own.key}", *more])
        world.add_source(f"mqtts://localhost:{other.port}", name, caFile=ca.cert)
    world.add_source(f"mqtts://localhost:{tls.port}", "no_ca")
    world.add_source(f"mqtts://localhost:{tls.port}", "other_ca", caFile=Authority(world.dir, "other").cert)
    world.add_source(f"mqtts://localhost:{broker.port}", "no_tls", connectTimeoutSec=2)
    world.add_source(f"ws://localhost:{broker.port}/mqtt", "websocket", connectTimeoutSec=2)
    if PLUGIN:
        world.add_source(world.start_broker("forbids", options=forbidding(world.dir)), "acl")
    with RudeBroker("mute_suback") as mute, RudeBroker("silent") as silent:
        world.add_source(mute, "mute", connectTimeoutSec=2)
        world.add_source(silent, "silent", connectTimeoutSec=2)
        began = time.monotonic()
        code, out, err = run_tool(world, "--check-config", "--connect")
        took = time.monotonic() - began
    blocks = dict(re.findall(r"^source (\S+) .*\n((?:  .*\n)+)", out, re.M))
    yield {"code": code, "out": out, "err": err, "took": took, **blocks}
    world.close()


def test_a_good_source_is_granted_all(answers):
    good = answers["good"]
    assert re.search(r"name +ok .*127\.0\.0\.1", good) and re.search(r"TCP +ok .*answers", good)
    assert re.search(r"CONNACK +ok .*MQTT 3\.1\.1, user weir, clientId \S+-check", good)
    assert re.search(r"SUBACK +ok +meshcore/#: granted, QoS 1", good)
    assert re.search(r"SUBACK +ok +other/#: granted", good)  # no member of the group loses a message to us
    assert "FAILED" not in good


@pytest.mark.parametrize("source, step, why, advice", [
    ("password", "CONNACK", "refuses user name or password|not authorized", "password"),
    ("password5", "CONNACK", "[Nn]ot authorized|Bad user name", "password"),
    ("port", "TCP", "connection refused", "is the port right"),
    ("host", "name", "can't resolve no-such-host.invalid", "spelled|resolv.conf"),
    ("tls", "TLS", "another host than localhost", "the name that stands in the certificate"),
    ("expired", "TLS", "refused: expired", "have the broker's certificate renewed"),
    ("client", "TLS|CONNACK", "a client certificate", "certFile and keyFile"),
    ("no_ca", "TLS", "unknown CA", "set caFile to a PEM file"),
    ("other_ca", "TLS", "caFile is of another one", "correct caFile"),
    ("no_tls", "TLS", "", "speaks? (no )?TLS"),
    ("websocket", "WebSocket", "", "the path of the address"),
    pytest.param("acl", "SUBACK", r"meshcore/#: refused \(0x80\)", "access rights", marks=pytest.mark.skipif(
        PLUGIN is None, reason="mosquitto has no dynamic security plugin here")),
    ("mute", "SUBACK", "does not answer within 2 s", "see its log"),
    ("silent", "CONNACK", "does not answer", "port for MQTT"),
])
def test_a_failure_names_its_step_and_what_to_do(answers, source, step, why, advice):
    lines = answers[source].splitlines()
    failed = next(i for i, line in enumerate(lines) if "FAILED" in line)
    assert re.search(rf"(?:{step}) +FAILED .*(?:{why})", lines[failed]), answers[source]
    assert re.search(rf"do: .*(?:{advice})", lines[failed + 1]), answers[source]
    assert len(lines) == failed + 2  # nothing is tried behind it


def test_the_whole(answers):
    count = len([key for key in answers if key not in ("code", "out", "err", "took")])
    assert answers["code"] == 74
    assert answers["out"].startswith("configuration ok ") and answers["out"].endswith(f"1 of {count} sources can be reached\n")
    assert "wrong-secret" not in answers["out"] + answers["err"] and "right" not in re.sub("rights?,", "", answers["good"])
    assert answers["took"] < 30


def test_what_a_source_may_lose_is_said_where_several_ingestors_are_meant(world):
    def said(**keys):
        world.config["mqttSources"] = []
        world.add_source("mqtt://127.0.0.1:1", **keys)
        world.write_config()
        code, out, _ = run_tool(world, "--check-config")
        assert code == 0
        return out
    shared = {"topics": ["$share/weir/meshcore/#"], "mqttVersion": 5}
    assert "may lose" not in said()
    assert "costs what was on its way (mosquitto" in said(**shared, qos=1)
    assert "throws its part of the stream away" in said(**shared, persistentSession=True)
    out = said(**shared, qos=1, persistentSession=True)
    assert "its part of the stream waits for it" in out and "has no retained statuses" in out
    world.config["storeUrl"] = ["http://127.0.0.1:1"]
    assert "may lose: nothing, while the broker keeps" in said(qos=1, persistentSession=True)
    out = said()
    assert "only others have that receive the same" in out and "retained" not in out


def test_a_good_configuration_is_0(world, broker):
    world.add_source(broker)
    code, out, _ = run_tool(world, "--check-config", "--connect")
    assert code == 0 and out.endswith("1 of 1 sources can be reached\n")
    code, _, err = run_tool(world, "--connect")
    assert code == 64 and "goes with --check-config" in err
    world.write_config(mqttSources=[])
    code, out, _ = run_tool(world, "--check-config", "--connect")
    assert code == 0 and out.endswith("0 of 0 sources can be reached\n")
