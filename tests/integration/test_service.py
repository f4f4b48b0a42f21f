# SPDX-License-Identifier: MIT
"""Both programs under a service manager: what they tell it (a socket in systemd's place), the
reload of the server, who may read what."""

import http.client
import json
import signal
import socket
import subprocess

import pytest
from harness import PATIENCE
from messages import recorded
from mqtt_lite import Client


class Manager:
    """Systemd's end of NOTIFY_SOCKET for one program."""

    def __init__(self, world, program):
        self.path = world.dir / f"{program.name}.notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.settimeout(10 * PATIENCE)
        self.heard = ""
        program.env = dict(world.env, NOTIFY_SOCKET=str(self.path), WATCHDOG_USEC="2000000")

    def wait(self, *words):
        """All that was said until each of the words was; what comes later is for the next wait."""
        while not all(word in self.heard for word in words):
            self.heard += self.socket.recv(4096).decode() + "\n"
        heard, self.heard = self.heard, ""
        return heard


def reload(program, world):
    position = program.log_size()
    program.signal(signal.SIGHUP)
    world.wait("the reload", lambda: "reloaded" in program.log_since(position))
    return program.log_since(position)


def test_both_tell_systemd(world, broker):
    ingestor, server = Manager(world, world.ingestor), Manager(world, world.server)
    world.add_source(broker)
    world.start(server=True, shutdownDelaySeconds=0)
    ingestor.wait("READY=1", "STATUS=", "WATCHDOG=1")
    server.wait("READY=1", "STATUS=Serving; healthz: ", "WATCHDOG=1")

    # The server: what it can take over, what it can't, and what it refuses.
    world.write_config(accessLog=True, logLevel="debug", httpCacheMB=9, groupCommitMs=100)
    said = reload(world.server, world)
    assert 'keys=httpCacheMB' in said and "changed=\"accessLog, logLevel\"" in said, said
    server.wait("RELOADING=1\nMONOTONIC_USEC=", "READY=1")
    position = world.server.log_size()
    world.get("/api/livez")
    world.wait("the access log", lambda: "path=/api/livez" in world.server.log_since(position))
    world.config_path.write_text('{"accessLog": "perhaps"}')
    world.server.signal(signal.SIGHUP)
    world.wait("the refusal", lambda: "configuration not reloaded" in world.server.log_since(position))
    assert "accessLog" in world.server.log_since(position)
    server.wait("RELOADING=1", "READY=1")
    position = world.server.log_size()
    world.get("/api/livez")
    world.wait("the access log, still", lambda: "path=/api/livez" in world.server.log_since(position))
    assert world.get("/api/livez").status == 200

    # The ingestor warns of its own keys alone.
    world.write_config(httpCacheMB=10, groupCommitMs=50)
    said = reload(world.ingestor, world)
    assert "keys=" not in said and "flusher_restarted=1" in said, said
    ingestor.wait("RELOADING=1", "READY=1")

    for manager, program in ((server, world.server), (ingestor, world.ingestor)):
        program.signal(signal.SIGTERM)
        manager.wait("STOPPING=1\nEXTEND_TIMEOUT_USEC=", "STATUS=Draining")
        assert program.wait_exit() == 0


def test_reload_of_what_the_server_answers_by(world, broker):
    """Each key that it takes over counts for the next request; none of them costs a connection."""
    world.add_source(broker)
    world.start(server=True, theme={"accent": "#111111"}, regions={"SJC": "San Jose"})
    with Client(broker.port) as client:
        client.publish_all(recorded("packets")[:200])
    world.wait("nodes", lambda: world.get("/api/nodes").json["total"] > 3)
    node = next(n for n in world.get("/api/nodes").json["nodes"] if n["name"])
    assert world.get("/api/config/theme").json["theme"] == {"accent": "#111111"}
    tag = world.get("/api/config/theme").headers["ETag"]
    keep = http.client.HTTPConnection("127.0.0.1", world.config["port"], timeout=10 * PATIENCE)
    keep.request("GET", "/api/livez")
    keep.getresponse().read()

    world.write_config(theme={"accent": "#222222"}, hiddenNamePrefixes=[node["name"]], regions={"SJC": "Saint Joe"},
                       corsAllowedOrigins=["https://map.example.org"], areas={"x": {"label": "X", "latMin": 0,
                       "latMax": 1, "lonMin": 0, "lonMax": 1}}, hashChannels=["#made-up"])
    said = reload(world.server, world)
    assert "keys=" not in said, said
    fresh = world.get("/api/config/theme", headers={"If-None-Match": tag, "Origin": "https://map.example.org"})
    assert fresh.status == 200 and fresh.json["theme"] == {"accent": "#222222"}
    assert fresh.headers["Access-Control-Allow-Origin"] == "https://map.example.org"
    assert [area["key"] for area in world.get("/api/config/areas").json] == ["x"]
    assert world.get("/api/config/regions").json["SJC"] == "Saint Joe"
    assert world.get(f"/api/nodes/{node['public_key']}").status == 404
    assert node["public_key"] not in world.get("/api/nodes?limit=500").body.decode()

    world.write_config(readApiKey="a key for reading, first", hiddenNamePrefixes=[])
    reload(world.server, world)
    assert world.get("/api/nodes").status == 401 and world.get("/api/livez").status == 200
    key = {"X-API-Key": "a key for reading, first"}
    assert world.get(f"/api/nodes/{node['public_key']}", headers=key).status == 200
    login = json.dumps({"key": key["X-API-Key"]})
    cookie = world.get("/api/login", method="POST", body=login).headers["Set-Cookie"].split(";")[0]
    assert world.get("/api/nodes", headers={"Cookie": cookie}).status == 200
    world.write_config(readApiKey="a key for reading, second")
    reload(world.server, world)
    assert world.get("/api/nodes", headers=key).status == 401
    assert world.get("/api/nodes", headers={"Cookie": cookie}).status == 401, "a new key ends all logins"
    assert world.get("/api/login", method="POST", body=login).status == 401

    del world.config["readApiKey"]
    world.write_config(rateLimitPerSecond=1)
    reload(world.server, world)
    world.wait("429", lambda: world.get("/api/stats").status == 429)
    world.write_config(rateLimitPerSecond=0)
    reload(world.server, world)
    assert world.get("/api/stats").status == 200
    keep.request("GET", "/api/livez")  # the connection of the beginning
    assert keep.getresponse().status == 200
    keep.close()


def test_the_watchdogs_signal_ends_a_server_that_answers_nothing(world):
    """It blocks all others in all its threads, and systemd would wait long for its kill -9."""
    world.write_config()
    world.start_server()
    world.server.signal(signal.SIGABRT)
    assert world.server.wait_exit(5) == -signal.SIGABRT


def test_messages_name_the_program_as_it_was_called(tmp_path, world):
    for name in ("ingestor", "server"):
        called = tmp_path / f"weir-{name}"
        called.symlink_to(world.build / name)
        shown = subprocess.run([called, "--help"], capture_output=True, text=True, check=True).stdout
        assert shown.startswith(f"weir-{name} - ") and f"  weir-{name} --config" in shown
        assert f" {name} --" not in shown and "$0" not in shown
        refused = subprocess.run([called, "--nonsense"], capture_output=True, text=True, check=False)
        assert refused.returncode == 64 and refused.stderr.startswith(f"weir-{name}: ")
    refused = subprocess.run([tmp_path / "weir-ingestor", "--decode", "0"], capture_output=True, text=True, check=False)
    assert refused.stderr.startswith("weir-ingestor: --decode: ")


def test_the_server_needs_no_password_of_a_broker(world, broker):
    """It runs as another user, who may not read it."""
    world.add_source(broker, username="u", passwordFile="secret")
    world.write_config()
    for program, expected in (("server", 0), ("ingestor", 78)):
        done = subprocess.run([world.build / program, "--config", world.config_path, "--check-config"], text=True,
                              capture_output=True, check=False, env=world.env)
        assert done.returncode == expected, done.stdout + done.stderr


@pytest.mark.parametrize("program, key, others", [
    ("server", "webhookSecretFile", {"webhookUrl": "http://127.0.0.1:1/"}),
    ("server", "storeReaderPasswordFile", {"storeUrl": ["http://127.0.0.1:1"], "storeReaderUser": "reader"}),
    ("ingestor", "storePasswordFile", {"storeUrl": ["http://127.0.0.1:1"]}),
])
def test_a_check_reads_the_files_of_secrets(world, program, key, others):
    """As a start would; those of the other program are its own."""
    world.write_config(**{key: "absent", **others})
    for asked, expected in (("server", 78 if program == "server" else 0), ("ingestor", 78 if program == "ingestor" else 0)):
        done = subprocess.run([world.build / asked, "--config", world.config_path, "--check-config"], text=True,
                              capture_output=True, check=False, env=world.env)
        assert done.returncode == expected, done.stdout + done.stderr
        if expected:
            assert f"key={key}" in done.stderr and "absent" in done.stderr
