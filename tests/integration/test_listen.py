# SPDX-License-Identifier: MIT
"""Where the server listens: Unix sockets and IPv6 beside the ports that every other test uses."""

import http.client
import os
import signal
import socket
import stat
import subprocess

import pytest
from harness import PATIENCE


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=5 * PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def ask(connection, path):
    """The status; None when nobody listens."""
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except OSError:
        return None
    finally:
        connection.close()


def start(world, **config):
    world.write_config(mqttSources=[], **config)
    world.server.start()


def test_unix_sockets(world):
    main, health = world.dir / "http.sock", world.dir / "health.sock"
    start(world, host=f"unix:{main}", healthHost=f"unix:{health}", accessLog=True)
    for path in (main, health):
        world.wait(f"an answer on {path}", lambda: ask(UnixConnection(path), "/api/livez") == 200)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
    assert ask(UnixConnection(main), "/api/stats") == 200 and ask(UnixConnection(health), "/api/stats") == 404
    world.wait("the line", lambda: world.server.log_lines(r"path=/api/livez .*client=unix$"))
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", world.config["port"]), 1)
    world.server.kill()
    assert main.exists() and health.exists()
    world.server.start()  # over what was left behind
    world.wait("an answer again", lambda: ask(UnixConnection(health), "/api/livez") == 200)
    world.wait("an answer again", lambda: ask(UnixConnection(main), "/api/livez") == 200)
    world.server.signal(signal.SIGTERM)
    assert world.server.wait_exit() == 0
    assert not main.exists() and not health.exists()


def test_a_socket_is_not_taken_from_who_listens(world):
    path = world.dir / "http.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        start(world, host=f"unix:{path}", healthPort=0)
        assert world.server.wait_exit() == 74
        assert world.server.log_lines("another program listens there")
        assert path.exists()


def test_the_probes_stay_on_a_port_beside_a_socket(world):
    start(world, host=f"unix:{world.dir}/http.sock")
    world.wait("the probe", lambda: ask(http.client.HTTPConnection("127.0.0.1", world.config["healthPort"], timeout=5),
                                        "/api/livez") == 200)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["::1", "::"])
def test_ipv6(world, host):
    start(world, host=host, accessLog=True)
    for port in (world.config["port"], world.config["healthPort"]):
        world.wait("an answer", lambda: ask(http.client.HTTPConnection("::1", port, timeout=5), "/api/livez") == 200)
        ipv4 = ask(http.client.HTTPConnection("127.0.0.1", port, timeout=5), "/api/livez")
        assert ipv4 == (200 if host == "::" else None)
    world.wait("the line", lambda: world.server.log_lines(r"path=/api/livez .*client=::1$"))


@pytest.mark.parametrize("mistake, said", [
    ({"host": "unix:here.sock"}, "host: must have an absolute path behind unix:"),
    ({"host": "unix:/" + "x" * 107}, "host: has too long a path"),
    ({"host": "[::1]"}, "an IPv6 one without brackets"),
    ({"host": "unix:/a", "healthHost": "unix:/a"}, "healthHost: must be another socket"),
])
def test_check_config_says_what_is_wrong(world, mistake, said):
    world.write_config(mqttSources=[], **mistake)
    done = subprocess.run([world.build / "server", "--config", world.config_path, "--check-config"], capture_output=True,
                          text=True, timeout=30 * PATIENCE)
    assert done.returncode == 78 and said in done.stdout + done.stderr
