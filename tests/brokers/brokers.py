# SPDX-License-Identifier: MIT
"""brokers - five real brokers as child processes, each in a folder of its own.

A class says what it needs (`missing`), how it is started, and where it listens. All keep their
sessions on disk where they can; none is a service of the machine.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from harness import Program, child_pids, free_port, send_signal, tail

HERE = Path(__file__).resolve().parent


class RealBroker:
    name, install, command, ws_path = "", "", "", "/mqtt"

    def __init__(self, folder):
        self.folder = Path(folder) / self.name
        self.folder.mkdir()
        self.port, self.ws_port = free_port(), free_port()
        self.environment = dict(os.environ)
        self.program = None


    def missing(self):
        """Why it can't run here, or None."""
        return None if self.binary() else f"not installed: {self.install}"

    def binary(self):
        return shutil.which(self.command, path=os.environ["PATH"] + ":/usr/sbin")

    @property
    def ws_url(self):
        return f"ws://127.0.0.1:{self.ws_port}{self.ws_path}" if self.ws_path is not None else None

    def start(self):
        if self.program is None:
            self.program = Program(self.name, self.argv(), self.folder, self.environment)
        self.program.start()
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            assert self.program.is_running, f"{self.name} ended at once:\n{tail(self.program.log_path)}"
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"{self.name} does not listen:\n{tail(self.program.log_path)}")

    def kill(self):
        """kill -9 of all of it."""
        if self.program is None or self.program.process is None:
            return
        family = [self.program.pid]
        for pid in family:
            family += child_pids(pid)
        for pid in family:
            send_signal(pid, signal.SIGKILL)
        self.program.process.wait()


class Mosquitto(RealBroker):
    name, install, command = "mosquitto", "apt-get install mosquitto", "mosquitto"

    def version(self):
        text = subprocess.run([self.binary(), "-h"], capture_output=True, text=True, check=False).stdout
        return text.split()[2]

    def argv(self):
        (self.folder / "mosquitto.conf").write_text("\n".join([
            f"listener {self.port} 127.0.0.1", f"listener {self.ws_port} 127.0.0.1", "protocol websockets",
            "allow_anonymous true", "user root", "max_queued_messages 1000000", "max_inflight_messages 1000",
            "persistence true", f"persistence_location {self.folder}/", "autosave_on_changes true",
            "autosave_interval 1", ""]))
        return [self.binary(), "-c", self.folder / "mosquitto.conf"]


class Nats(RealBroker):
    name, install, command = "nats", "apt-get install nats-server", "nats-server"

    def version(self):
        return subprocess.run([self.binary(), "-v"], capture_output=True, text=True, check=True).stdout.split()[-1].lstrip("v")

    def argv(self):
        (self.folder / "nats.conf").write_text(
            f'server_name: "weir-test"\nlisten: "127.0.0.1:{free_port()}"\n'
            f'jetstream {{ store_dir: "{self.folder}/js" }}\n'
            f'mqtt {{ listen: "127.0.0.1:{self.port}" }}\n'
            f'websocket {{ listen: "127.0.0.1:{self.ws_port}", no_tls: true }}\n')
        return [self.binary(), "-c", self.folder / "nats.conf"]


class RabbitMq(RealBroker):
    name, install, command = "rabbitmq", "apt-get install rabbitmq-server", "rabbitmq-server"
    ws_path = "/ws"

    def server(self):
        found = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
        return found[-1] if found else None

    def missing(self):
        return None if self.server() else f"not installed: {self.install}"

    def version(self):
        return self.server().parents[1].name.rsplit("-", 1)[1]

    def argv(self):
        (self.folder / "enabled_plugins").write_text("[rabbitmq_mqtt,rabbitmq_web_mqtt].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{free_port()}\nmqtt.listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            f"mqtt.allow_anonymous = true\nmqtt.default_user = guest\nmqtt.default_pass = guest\n"
            f"web_mqtt.tcp.listener = 127.0.0.1:{self.ws_port}\nloopback_users.guest = true\n")
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        self.environment.update({
            "HOME": str(home), "RABBITMQ_NODENAME": f"weir{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"), "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"), "RABBITMQ_LOGS": "-",
            "RABBITMQ_DIST_PORT": str(free_port())})
        return [self.server()]


class ActiveMq(RealBroker):
    name, install, command = "activemq", "apt-get install activemq libmqtt-client-java", "java"
    ws_path = None  # no such transport in Debian's package

    LIBRARIES = Path("/usr/share/activemq/lib")

    def missing(self):
        codec = Path("/usr/share/java/mqtt-client.jar")
        return None if self.binary() and self.LIBRARIES.exists() and codec.exists() else f"not installed: {self.install}"

    def version(self):
        named = sorted(Path("/usr/share/java").glob("activemq-broker-*.jar"))
        return named[-1].stem.rsplit("-", 1)[1] if named else "?"

    def argv(self):
        (self.folder / "activemq.xml").write_text(f"""\
<beans xmlns="http://www.springframework.org/schema/beans" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://www.springframework.org/schema/beans http://www.springframework.org/schema/beans/spring-beans.xsd
 http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
<broker xmlns="http://activemq.apache.org/schema/core" brokerName="weir" dataDirectory="{self.folder}/data" useJmx="false">
<persistenceAdapter><kahaDB directory="{self.folder}/kahadb"/></persistenceAdapter>
<transportConnectors><transportConnector name="mqtt" uri="mqtt://127.0.0.1:{self.port}"/></transportConnectors>
</broker></beans>
""")
        return [self.binary(), "-Xmx256m", "-cp", self.jars(), "-Dactivemq.home=/usr/share/activemq",
                "org.apache.activemq.console.Main", "start", f"xbean:file:{self.folder}/activemq.xml"]


    def jars(self):
        """All of them but rival ways to log: with several the first log line fails."""
        found = [jar for folder in (self.LIBRARIES, self.LIBRARIES / "optional", Path("/usr/share/java"))
                 for jar in sorted(folder.glob("*.jar"))]
        rivals = ("slf4j-", "log4j-", "jcl-over-slf4j", "jul-to-slf4j", "maven", "logback")
        kept = ("slf4j-api.jar", "slf4j-simple.jar", "log4j-1.2.jar", "jcl-over-slf4j.jar")
        return ":".join(str(jar) for jar in found if jar.name in kept or not jar.name.startswith(rivals))


class AedesBroker(RealBroker):
    name, install, command = "aedes", "npm install in tests/brokers/aedes, or NODE_PACKAGES=<folder>", "node"

    def packages(self):
        return Path(os.environ.get("NODE_PACKAGES", HERE / "aedes")).resolve()

    def missing(self):
        return None if self.binary() and (self.packages() / "node_modules/aedes").exists() else \
            f"not installed: {self.install}"

    def version(self):
        return json.loads((self.packages() / "node_modules/aedes/package.json").read_text())["version"]

    def argv(self):
        self.environment["NODE_PACKAGES"] = str(self.packages())
        return [self.binary(), HERE / "aedes/broker.mjs", self.port, self.ws_port]


ALL = [Mosquitto, Nats, RabbitMq, ActiveMq, AedesBroker]
