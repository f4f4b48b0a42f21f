# SPDX-License-Identifier: MIT
"""mqtts:// and wss://: whose certificate is taken, and why another one is not."""

import re

import pytest
from certificates import Authority
from harness import free_port, run_tool
from messages import packet
from mqtt_lite import Client
from ws_broker import WsBroker

KINDS = {"mqtts": False, "wss": True}


@pytest.fixture
def ca(world):
    return Authority(world.dir)


def front_of(broker, kind, certificate, **keys):
    return WsBroker(broker.port, websocket=KINDS[kind], tls=certificate, **keys)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["name", "ip", "client", "client12", "own_ca", "unchecked"])
def test_certificate_is_accepted(world, broker, ca, kind, case):
    keys, name = {"caFile": ca.cert}, "localhost"
    certificate = ca.issue("server", ["localhost"])
    if case == "ip":
        certificate, name = ca.issue("server", ["127.0.0.1"]), "127.0.0.1"
    elif case.startswith("client"):
        certificate.client_ca = ca.cert
        certificate.tls12 = case == "client12"
        mine = ca.issue("me", [])
        keys |= {"certFile": mine.cert, "keyFile": mine.key}
    elif case == "own_ca":
        certificate = ca.self_signed("self", ["localhost"])
        keys = {"caFile": certificate.cert}
    elif case == "unchecked":
        certificate = ca.issue("server", ["elsewhere.example"], days=(-20, -10))
        keys = {"rejectUnauthorized": False}
    with front_of(broker, kind, certificate, name=name) as front:
        world.add_source(front.url, qos=1, persistentSession=True, **keys)
        world.start()
        with Client(broker.port) as client:
            client.publish_all([packet(n) for n in range(2000)], qos=1)
        world.wait("all messages", lambda: world.count("transmissions") == 2000)
        assert world.ingestor.stop() == 0
        assert not front.complaints


def refusing(case, ca, folder):
    """(the front's certificate, the source's keys, what lastError says)"""
    good, keys = ca.issue("server", ["localhost"]), {"caFile": ca.cert}
    other = Authority(folder, "other")
    if case == "expired":
        return ca.issue("server", ["localhost"], days=(-20, -10)), keys, "certificate is refused: expired"
    if case == "not_yet":
        return ca.issue("server", ["localhost"], days=(10, 20)), keys, "not yet valid"
    if case == "other_host":
        return ca.issue("server", ["elsewhere.example"]), keys, "another host than localhost"
    if case == "unknown_ca":
        return good, {}, "unknown CA .give its certificate as caFile"
    if case == "other_ca":
        return good, {"caFile": other.cert}, "unknown CA, caFile is of another one"
    if case == "self_signed":
        return ca.self_signed("self", ["localhost"]), {}, "self-signed .give it as caFile"
    if case == "no_ca_file":
        return good, {"caFile": str(folder / "absent.pem")}, "caFile: .*absent.pem can't be read"
    if case == "key_as_ca":
        return good, {"caFile": good.key}, "caFile: .*server.key is no certificate"
    mine, foreign = ca.issue("me", []), ca.issue("foreign", [])
    if case == "foreign_key":
        return good, {**keys, "certFile": mine.cert, "keyFile": foreign.key}, "keyFile: .*foreign.key is not the key of"
    if case == "no_key":
        return good, {**keys, "certFile": mine.cert, "keyFile": str(folder / "absent")}, "keyFile: .*absent can't be read"
    if case == "no_cert":
        return good, {**keys, "certFile": str(folder / "absent"), "keyFile": mine.key}, "certFile: .*absent can't be read"
    good.client_ca = ca.cert
    good.tls12 = case.endswith("12")
    if case.startswith("missing_client"):
        return good, keys, "client certificate"
    strange = other.issue("strange", [])
    return good, {**keys, "certFile": strange.cert, "keyFile": strange.key}, "client certificate"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["expired", "not_yet", "other_host", "unknown_ca", "other_ca", "self_signed", "no_ca_file",
                                  "key_as_ca", "foreign_key", "no_key", "no_cert", "missing_client", "missing_client12",
                                  "strange_client", "strange_client12"])
def test_refusal_names_its_reason(world, broker, ca, kind, case):
    certificate, keys, text = refusing(case, ca, world.dir)
    with front_of(broker, kind, certificate) as front:
        world.add_source(front.url, connectTimeoutSec=3, **keys)
        world.start(live=False)
        world.wait(f"the reason: {text}", lambda: world.ingestor.log_lines(f"not connected.*{text}"))
        assert not world.is_live("main")


@pytest.mark.parametrize("kind", KINDS)
def test_no_tls_on_the_other_side(world, broker, kind):
    """mqtts to a plain port, wss to a plain WebSocket."""
    with front_of(broker, kind, None) as front:
        world.add_source(f"{kind}://localhost:{front.port}", connectTimeoutSec=3)
        world.start(live=False)
        world.wait("the reason", lambda: world.ingestor.log_lines("not connected.*(speaks no TLS|TLS handshake)"))


def test_plain_to_a_tls_port(world, broker, ca):
    with front_of(broker, "mqtts", ca.issue("server", ["localhost"])) as front:
        world.add_source(f"ws://localhost:{front.port}/x", connectTimeoutSec=3)
        world.start(live=False)
        world.wait("the reason", lambda: world.ingestor.log_lines("not connected.*(ended|reset|lost|no HTTP)"))


def test_refused_port_is_named(world):
    port = free_port()
    world.add_source(f"wss://localhost:{port}")
    world.start(live=False)
    world.wait("the reason", lambda: world.ingestor.log_lines(
        f"can't connect to localhost port {port}: Connection refused"))


def check_config(world):
    code, out, err = run_tool(world, "--check-config")
    return code, out + err


@pytest.mark.parametrize("case", ["no_ca_file", "key_as_ca", "foreign_key", "no_key", "no_cert"])
def test_check_config_reads_the_files(world, ca, case):
    _, keys, text = refusing(case, ca, world.dir)
    world.add_source("mqtts://localhost:1", **keys)
    world.write_config()
    code, said = check_config(world)
    assert code == 78 and re.search(text, said), (code, said)
    world.config["mqttSources"][0]["broker"] = "mqtt://localhost:1"  # where they are not used
    world.write_config()
    assert check_config(world)[0] == 0


def test_check_config_accepts_good_files(world, ca):
    mine = ca.issue("me", [])
    world.add_source("wss://localhost:1", caFile=ca.cert, certFile=mine.cert, keyFile=mine.key)
    world.write_config()
    assert check_config(world)[0] == 0
