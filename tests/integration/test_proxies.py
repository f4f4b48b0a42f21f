# SPDX-License-Identifier: MIT
"""The live feed through nginx, HAProxy and Caddy, configured as packaging/proxy says."""

import shutil
import time

import pytest
from harness import ROOT, Program, free_port, http_request
from live_client import Closed, Stream, WebSocket, read_until_closed
from messages import packets
from mqtt_lite import Client

PATHS = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
NGINX = """
worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/nginx-error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {dir}/nginx-body; proxy_temp_path {dir}/nginx-proxy;
    fastcgi_temp_path {dir}/nginx-1; uwsgi_temp_path {dir}/nginx-2; scgi_temp_path {dir}/nginx-3;
    include {dir}/weir.conf;
}}
"""


def example(world, name, listens, port):
    """The file as it stands, but for the two ports."""
    text = (ROOT / "packaging/proxy" / name).read_text(encoding="utf-8")
    ours = f"127.0.0.1:{world.config['port']}"
    assert text.count("127.0.0.1:3000") == 1 and text.count(listens) == 1
    return text.replace("127.0.0.1:3000", ours).replace(listens, f"{listens.split()[0]} 127.0.0.1:{port}")


def nginx(world, port):
    (world.dir / "weir.conf").write_text(example(world, "nginx.conf", "listen 80", port))
    config = world.dir / "nginx.conf"
    config.write_text(NGINX.format(dir=world.dir))
    return ["-c", config, "-e", world.dir / "nginx-error.log", "-p", world.dir]


def haproxy(world, port):
    config = world.dir / "haproxy.cfg"
    config.write_text(example(world, "haproxy.cfg", "bind :80", port))
    return ["-db", "-f", config]


def caddy(world, port):
    """By the name in it Caddy would ask for a certificate."""
    text = (ROOT / "packaging/proxy/Caddyfile").read_text(encoding="utf-8")
    assert text.count("127.0.0.1:3000") == 1 and text.count("mesh.example.org {") == 1
    config = world.dir / "Caddyfile"
    config.write_text("{\n admin off\n}\n" + text.replace("127.0.0.1:3000", f"127.0.0.1:{world.config['port']}")
                      .replace("mesh.example.org {", f"http://127.0.0.1:{port} {{"))
    return ["run", "--adapter", "caddyfile", "--config", config]


@pytest.fixture(params=[nginx, haproxy, caddy], ids=lambda made: made.__name__)
def proxied(request, world, broker):
    """(world, the proxy's port)"""
    name = request.param.__name__
    binary = shutil.which(name, path=PATHS)
    if binary is None:
        pytest.skip(f"NOT TESTED: {name} is not installed (scripts/bootstrap)")
    world.add_source(broker)
    world.start(server=True)
    port = free_port()
    program = Program(name, [binary, *request.param(world, port)], world.dir).start()
    world.programs.append(program)
    world.wait(name, lambda: http_request(port, "/api/livez").status == 200)
    return world, port


def publish(broker, messages):
    with Client(broker.port) as client:
        return client.publish_all(messages)


def test_events_pass_at_once(proxied, broker):
    world, port = proxied
    with Stream(port) as stream:
        assert stream.status == 200
        stream.begin()  # held back, this would not come
        for number in range(20):
            began = time.monotonic()
            publish(broker, packets(1, start=number))
            stream.packets(1)
            assert time.monotonic() - began < 2, "held back until more came"
        last_id = stream.last_id
    publish(broker, packets(30, start=100))
    world.wait("them", lambda: world.count("observations") == 50)
    with Stream(port, last_id=last_id) as stream:
        stream.hello()
        assert [e["observation_id"] for e in stream.packets(30)] == list(range(last_id + 1, last_id + 31))


def test_websockets_pass(proxied, broker):
    world, port = proxied
    page = f"http://127.0.0.1:{port}"
    with Stream(world.config["port"]) as stream, WebSocket(port, "/", origin=page) as listener:
        assert listener.status == 101
        stream.begin()
        publish(broker, packets(5))
        for event in stream.packets(5):
            assert listener.message()["data"]["observation_id"] == event["observation_id"]
        listener.send(9, b"ping")
        assert listener.frame() == (10, b"ping")
        listener.send(8, b"\x03\xe8")
        assert listener.frame() == (8, b"\x03\xe8")
    with WebSocket(port, "/", origin="http://evil.example") as listener:
        assert listener.status == 403


def test_the_end_of_the_server_passes(proxied):
    world, port = proxied
    with Stream(port) as stream, WebSocket(port) as listener:
        stream.begin()
        world.server.stop()
        read_until_closed(stream)
        with pytest.raises(Closed):
            listener.message()
