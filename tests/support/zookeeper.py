# SPDX-License-Identifier: MIT
"""zookeeper - one ZooKeeper of a test's own on loopback (Debian's libzookeeper-java, and a Java),
and what a ClickHouse server needs in its configuration to be a replica."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from harness import PATIENCE, POLL_S, free_port, tail

JARS = Path("/usr/share/java")
# What a server alone, without TLS and its page, is made of.
WANTED = ("zookeeper", "zookeeper-jute", "slf4j-api", "slf4j-nop", "metrics-core", "commons-cli", "commons-io", "netty-all",
          "netty", "snappy-java", "jackson-annotations", "jackson-core", "jackson-databind")
CONFIG = """clientPort={port}
clientPortAddress=127.0.0.1
dataDir={dir}
tickTime=500
maxSessionTimeout=20000
admin.enableServer=false
"""
REPLICA = """<zookeeper><node><host>127.0.0.1</host><port>{port}</port></node><session_timeout_ms>5000</session_timeout_ms></zookeeper>
<macros><cluster>tests</cluster><shard>{shard}</shard><replica>{replica}</replica></macros>
<interserver_http_host>127.0.0.1</interserver_http_host>
"""


def lacking():
    """Why there can be none; None = there can."""
    if shutil.which("java") is None or not (JARS / "zookeeper.jar").exists():
        return "NO ZooKeeper: apt-get install libzookeeper-java openjdk-17-jre-headless (scripts/bootstrap --replicas)"
    return None


class ZooKeeper:
    """Started in the constructor."""

    def __init__(self):
        self.process, self.port = None, free_port()
        self.dir = Path(tempfile.mkdtemp(prefix="weir-zookeeper-"))
        (self.dir / "zoo.cfg").write_text(CONFIG.format(port=self.port, dir=self.dir / "data"))
        try:
            self.start()
        except BaseException:  # also Ctrl-C: nobody else knows of it yet
            self.close()
            raise

    def start(self):
        jars = [str(path) for path in (JARS / f"{name}.jar" for name in WANTED) if path.exists()]
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["java", "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", ":".join(jars),
                 "org.apache.zookeeper.server.ZooKeeperServerMain", str(self.dir / "zoo.cfg")],
                cwd=self.dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 30 * PATIENCE
        while not self.answers():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"no ZooKeeper:\n{tail(self.dir / 'log')}")
            time.sleep(POLL_S)

    def answers(self):
        """`srvr`, the only word that it takes without being told to."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"srvr")
                return b"Mode: standalone" in connection.recv(4096)
        except OSError:
            return False

    def replica(self, shard, name):
        """For ClickHouse(more=...)."""
        return REPLICA.format(port=self.port, shard=shard, replica=name)

    def kill(self):
        if self.process is not None:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def close(self):
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)
