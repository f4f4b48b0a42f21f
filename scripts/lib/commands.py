# SPDX-License-Identifier: MIT
"""commands - runs what README.md and the manual pages tell a reader to type, as written.

    commands.py [--all] [--list] [--production]

Every line of README.md's fenced blocks, every `command with arguments` in its text, and the
examples of packaging/man are taken in their order and run by bash as a reader would, each with the
exit status 0; what a reader would compare (a fragment of a configuration, a line of output) is held
to the programs, too. A line that nothing here knows to be a command, a text or neither fails: what
is not run stands in NOT_HERE with the reason.

All of it happens on a copy of this system that is thrown away: name spaces of its own for mounts,
processes and network, an overlay in memory over / and over the tree. So ports 3000 and 1883, /opt,
/etc/weir and the tree are the reader's, and nothing is touched.

--all runs what builds, too; --list prints what would be done, --production the blocks for
services. The programs are those in
$WEIR_BUILD (build/release). Exit status 69: they are not built, or such a copy can't be made here.
"""

import argparse
import ctypes
import fcntl
import http.server
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

import harness  # noqa: E402  (needs the path above)
import messages  # noqa: E402
from mqtt_lite import Client  # noqa: E402
from terminal import Terminal  # noqa: E402

UNAVAILABLE = 69
API_KEY = "a key for this one run, 0123456789"
LETTERS_PORT = 8099
PAGES = ("weir-ingestor.8.in", "weir-server.8.in", "weir.json.5.in")

# What is not run here, and why.
NOT_HERE = (
    (r"scripts/(bootstrap|test|check|cross|deb|torture|bench)|\.ci/run|tests/", "continuous integration runs it, or it takes many minutes"),
    (r"(sudo )?(apt|sudoedit|systemctl|journalctl|nginx)\b|.*\bweir_<newer>|sudo (weir-|-u|rm|install|mv)",
     "wants systemd and the installed package: `scripts/deb --try` runs it"),
    (r"ssh ", "wants a second machine"),
    (r"ingestor .*--store-", "wants a ClickHouse server"),
    (r"chown root:weir$|chmod 640$|curl --retry$|ingestor --export-corescope$|ingestor --config config\.json --flag", "part of a command"),
)
# What builds: with --all alone.
BUILDS = r"scripts/demo|cmake --(preset|build)"
# Shows what a reader puts in: this is it.
PUT_IN = (("X-API-Key: ...", f"X-API-Key: {API_KEY}"),)
FIRST_WORD = re.compile(r"(sudo |sudoedit |\./|\.ci/|scripts/|tests/|build/release/|(ingestor|server|weir-\w+|curl|cmake|cp|mv|"
                        r"install|systemctl|systemd-\w+|journalctl|apt|ssh|chgrp|chown|chmod) )")


# --- what there is to run -------------------------------------------------------------------------

class Part:
    """A command, or a block that is something else; `where` is what a message names."""

    def __init__(self, where, text, is_command):
        self.where, self.text, self.is_command = where, text, is_command


def commands_of(where, lines):
    """Two spaces end a command: what follows is a comment."""
    for offset, line in enumerate(lines):
        command = re.split(r"\s{2,}|\s+#", line)[0]
        if command:
            yield Part(f"{where[0]}:{where[1] + offset}", command, True)


def block(where, lines):
    """Empty lines part what is a command from what is not."""
    at = 0
    for text in re.split(r"(?<=\n)\n", "\n".join(lines) + "\n"):
        some = text.rstrip("\n").split("\n")
        if FIRST_WORD.match(some[0] + " "):
            yield from commands_of((where[0], where[1] + at), some)
        else:
            yield Part(f"{where[0]}:{where[1] + at}", "\n".join(some), False)
        at += len(some) + 1


def read_readme():
    lines, inside = (ROOT / "README.md").read_text(encoding="utf-8").split("\n"), None
    for number, line in enumerate(lines, 1):
        if line.startswith("```"):
            if inside is not None:
                yield from block(("README.md", inside), lines[inside - 1:number - 1])
            inside = number + 1 if inside is None else None
        elif inside is None:
            for quoted in re.findall(r"`([^`]+)`", line):
                if " " in quoted and FIRST_WORD.match(quoted):
                    yield Part(f"README.md:{number}", quoted, True)


def read_page(name):
    """.Dl is a line, .Bd to .Ed are some; mdoc's escapes are taken back."""
    inside = None
    for number, line in enumerate((ROOT / "packaging/man" / name).read_text(encoding="utf-8").split("\n"), 1):
        line = line.replace("\\-", "-").replace("\\(dq", '"').replace("\\e", "\\")
        if line.startswith(".Dl "):
            yield from block((name, number), [line[4:]])
        elif line.startswith(".Bd -literal"):
            inside = number + 1, []
        elif line.startswith(".Ed"):
            yield from block((name, inside[0]), inside[1])
            inside = None
        elif inside is not None:
            inside[1].append(line)


def read_all():
    yield from read_readme()
    for name in PAGES:
        yield from read_page(name)


# --- the system to run it on ----------------------------------------------------------------------

def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True, stdin=subprocess.DEVNULL)


def overlay(lower, upper, onto):
    (upper / "changed").mkdir(parents=True)
    (upper / "work").mkdir()
    mount("-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={upper}/changed,workdir={upper}/work", onto)


def loopback_up():
    with socket.socket() as sock:
        fcntl.ioctl(sock, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS, UP and RUNNING


def enter_copy():
    """A writable copy of / in memory, with the tree in its place."""
    memory = Path(tempfile.mkdtemp(prefix="weir-commands-"))
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "tmpfs", memory)
    root = memory / "root"
    root.mkdir()
    overlay("/", memory / "system", root)
    for folder in ("dev", "sys"):
        mount("--rbind", f"/{folder}", root / folder)
    mount("-t", "proc", "proc", root / "proc")
    for folder in ("run", "tmp"):
        mount("-t", "tmpfs", "tmpfs", root / folder)
    tree = root / str(ROOT).lstrip("/")
    tree.mkdir(parents=True, exist_ok=True)
    overlay(ROOT, memory / "tree", tree)
    os.chroot(root)
    os.chdir(ROOT)
    loopback_up()


def furnish(build):
    """What a reader has: the programs by name, CoreScope's folder, a broker."""
    for name in ("ingestor", "server"):
        Path("/usr/local/bin", name).symlink_to(build / name)
    Path("/opt/corescope/public").mkdir(parents=True)
    Path("/opt/corescope/public/index.html").write_text("<!doctype html><title>CoreScope</title>")
    Path("/opt/corescope/config.json").write_text(json.dumps(
        {"port": 3000, "apiKey": "your-secret-api-key-here", "mqttSources":
         [{"name": "local", "broker": "mqtt://localhost:1883", "topics": ["meshcore/+/+/packets", "meshcore/#"]}]}))
    for folder in ("/path/to", "/var/lib/weir", "/run/weir"):
        Path(folder).mkdir(parents=True)
    for secret in ("/etc/weir/store.pass", "/etc/weir/read.pass"):
        Path(secret).parent.mkdir(exist_ok=True)
        Path(secret).write_text("secret of a store\n")
        os.chmod(secret, 0o600)
    for left in ("config.json", "weir-copy.db", "meshcore.db"):
        Path(left).unlink(missing_ok=True)
    shutil.rmtree("data", ignore_errors=True)
    Path("/tmp/broker.conf").write_text("listener 1883 127.0.0.1\nallow_anonymous true\nuser root\n")


class Letters(http.server.BaseHTTPRequestHandler):
    """What webhookUrl is told."""

    received = []

    def do_POST(self):  # noqa: N802  (the library's name)
        self.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


# --- running --------------------------------------------------------------------------------------

class Failure(Exception):
    pass


def require(condition, text):
    if not condition:
        raise Failure(text)


def shape(value):
    """Which members there are, in all depths."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return None


class Reader:
    """Who types it all, in one folder, with what runs meanwhile in other terminals."""

    def __init__(self):
        self.running, self.is_done = [], {}
        # 64 MiB a source are much for a disk in memory; the log's lines are compared below.
        self.env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
                    "LC_ALL": "C.UTF-8", "WEIR_INGEST_BUFFER_BYTES": "1048576", "WEIR_API_KEY": API_KEY,
                    "WEIR_STATE_DIR": "/tmp/state", "WEIR_ACCESS_LOG": "true",
                    "WEIR_WEBHOOK_URL": f"http://127.0.0.1:{LETTERS_PORT}/"}
        self.broker = subprocess.Popen(["mosquitto", "-c", "/tmp/broker.conf"], env=self.env, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        letters = http.server.ThreadingHTTPServer(("127.0.0.1", LETTERS_PORT), Letters)
        threading.Thread(target=letters.serve_forever, daemon=True).start()

    # --- plain commands ---

    def run(self, command, timeout=60):
        done = subprocess.run(["bash", "-c", command], env=self.env, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=timeout, check=False)
        require(done.returncode == 0, f"exit status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def wait(self, what, condition, timeout=20):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                if condition():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise Failure(f"no sign of {what} within {timeout} s\n" + "".join(p.log()[-2000:] for p in self.running))

    # --- what is left running ---

    def begin(self, command):
        """As in a terminal of its own."""
        name = f"terminal-{len(self.is_done)}-{len(self.running)}"
        program = harness.Program(name, ["/bin/bash", "-c", f"exec {command}" if "&" not in command else command], "/tmp", self.env).start()
        program.command = command
        self.running.append(program)
        return program

    def end(self, program):
        """Ctrl-C reaches all of that terminal; what stands behind a & there is ended by `kill`."""
        is_list = "&" in program.command
        self.running.remove(program)
        os.killpg(program.pid, signal.SIGTERM if is_list else signal.SIGINT)
        code = program.wait_exit(20)
        require(code == 0 or is_list, f"Ctrl-C: exit status {code}\n{program.log()[-2000:]}")

    def end_all(self):
        for program in list(self.running):
            self.end(program)

    def fetch(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:3000{path}", timeout=5) as answer:
            return answer.read()

    def is_ready(self):
        return self.fetch("/api/readyz") is not None

    def publish(self):
        with Client(1883) as client:
            client.publish_all(messages.recorded("packets")[:50], qos=1)

    def start_ingestor(self, command):
        program = self.begin(command)
        self.wait("`subscribed` in the log", lambda: "subscribed" in program.log())
        self.publish()

    def start_server(self, command):
        self.begin(command)
        self.wait("readyz", self.is_ready)
        require(b"<html" in self.fetch("/"), "http://127.0.0.1:3000 shows no page")
        self.wait("the packets", lambda: json.loads(self.fetch("/api/stats"))["totalTransmissions"] > 0)

    def start_both(self, command):
        self.begin(command)
        self.wait("readyz", self.is_ready)

    def without_ingestor(self, command):
        """The tools that want the database to themselves."""
        commands = [program.command for program in self.running]
        self.end_all()
        self.run(command)
        for earlier in commands:
            self.begin(earlier)
        self.wait("readyz", lambda: not commands or self.is_ready())

    # --- commands with more to look at ---

    def top(self, command):
        terminal = Terminal(["/bin/bash", "-c", command], self.env)
        try:
            terminal.wait("a frame", lambda text: "received" in text or "default" in text)
            terminal.type("q")
            require(terminal.wait_exit() == 0, "q: its exit status is not 0")
        finally:
            terminal.close()

    def health(self, command):
        self.wait("a sample", lambda: "received=" in self.run(command + " || [ $? -eq 1 ]"))
        self.is_done["health"] = self.run(command + " || [ $? -eq 1 ]").strip()

    def why(self, command):
        done = self.run(command)
        require(json.loads(done)["found"]["packet"] is None and json.loads(done)["verdict"], done)

    def healthz(self, command):
        require(json.loads(self.run(command))["status"] in ("pass", "warn"), "not well")

    def from_corescope(self, command):
        """The server goes on alone for a while, which its webhook tells; a database to import is
        our own, written as CoreScope's."""
        self.run("ingestor --config config.json --export-corescope /path/to/meshcore.db")
        ingestors = [program for program in self.running if "ingestor" in program.command]
        for program in ingestors:
            self.end(program)
        self.wait("a letter to webhookUrl", lambda: Letters.received, 30)
        self.is_done["request"] = next(line for program in self.running for line in program.log().splitlines()
                                       if " http request " in line)
        self.end_all()
        self.run(command)
        config = json.loads(Path("config.json").read_text())
        Path("config.json").write_text(json.dumps({**config, "dbPath": "/var/lib/weir/weir.db"}))

    def unix_socket(self, command):
        server = self.begin("server --config config.json --set host=unix:/run/weir/http.sock")
        self.wait("the socket", lambda: Path("/run/weir/http.sock").exists())
        self.run(command)
        self.end(server)

    def demo(self, command):
        if "--once" in command:
            self.run(command, 1200)
            return
        demo = self.begin(command)
        self.wait("the address", lambda: re.search(r"http://127\.0\.0\.1:\d+/", demo.log()), 1200)
        self.end(demo)

    def builds(self, command):
        self.run(command, 3600)

    # --- blocks that are no commands ---

    def check_config(self, text):
        Path("/tmp/fragment.json").write_text(text)
        self.run("ingestor --config /tmp/fragment.json --check-config && server --config /tmp/fragment.json --check-config")

    def fragment(self, text):
        self.check_config("{" + text + "}")

    def mosquitto(self, text):
        Path("/tmp/store").mkdir()
        os.chmod("/tmp/store", 0o777)
        Path("/tmp/fragment.conf").write_text(f"{text}\nlistener 1884 127.0.0.1\nallow_anonymous true\npersistence_location /tmp/store/\n")
        self.run("timeout --preserve-status -s INT 0.5 mosquitto -c /tmp/fragment.conf")

    def haproxy(self, text):
        Path("/tmp/fragment.cfg").write_text("defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n"
                                             "frontend weir\n bind 127.0.0.1:8081\n default_backend weir\n"
                                             f"backend weir\n{text}\n server weir 127.0.0.1:3000 check\n")
        self.run("haproxy -c -f /tmp/fragment.cfg")

    def health_line(self, text):
        def names(line):
            return line.split()[0:2], [pair.split("=")[0] for pair in line.split("|")[1].split()]
        require("health" in self.is_done, "nothing has run --health yet")
        found, shown = names(self.is_done["health"]), names(text)
        require(found[1] == shown[1] and found[0][0] == shown[0][0], f"it says {self.is_done['health']}")

    def log_line(self, text):
        def names(line):
            return re.findall(r' (\w+)=', line)
        require(names(self.is_done["request"]) == names(text), f"it says {self.is_done['request']}")

    def letter(self, text):
        shown = shape(json.loads(text))
        self.is_done["letter"] = shown

    def unknown(self, _):
        raise Failure("nothing here knows what this block is: TEXTS, TEXTS_NOT_HERE")

    def last_looks(self):
        """What is only known at the end."""
        shown, found = self.is_done.get("letter"), [shape(letter) for letter in Letters.received]
        require(shown in found, f"webhookUrl is told {json.dumps(Letters.received)[:1000]}")


# First match; a command that none matches is run and must end with 0.
COMMANDS = (
    (r"scripts/demo", Reader.demo),
    (BUILDS, Reader.builds),
    (r"(build/release/)?ingestor --config config\.json$", Reader.start_ingestor),
    (r"(build/release/)?server --config config\.json$", Reader.start_server),
    (r"ingestor --config config\.json &", Reader.start_both),
    (r"ingestor .*--top$", Reader.top),
    (r"ingestor .*--health$", Reader.health),
    (r"ingestor .*--why |curl .*/api/why", Reader.why),
    (r"ingestor .*--(import|redecode)\b", Reader.without_ingestor),
    (r"cp /opt/corescope/config\.json", Reader.from_corescope),
    (r"curl .*/api/healthz$", Reader.healthz),
    (r"curl --unix-socket", Reader.unix_socket),
    (r"", Reader.run),
)
TEXTS = (
    (r"\{\s*\"event\"", Reader.letter),
    (r"\{", Reader.check_config),
    (r"\"", Reader.fragment),
    (r"max_queued_messages", Reader.mosquitto),
    (r"option httpchk", Reader.haproxy),
    (r"WEIR OK", Reader.health_line),
    (r"warn http", Reader.log_line),
)
TEXTS_NOT_HERE = (
    (r"\s+brokers \(mqtt", "a picture"),
    (r"SELECT ", "wants a ClickHouse server"),
)


def plan(part, with_builds):
    """(function or None, why it is not run)"""
    if not part.is_command:
        reason = next((reason for pattern, reason in TEXTS_NOT_HERE if re.match(pattern, part.text)), None)
        function = next((function for pattern, function in TEXTS if re.match(pattern, part.text)), Reader.unknown)
        return (function, None) if reason is None else (None, reason)
    reason = next((reason for pattern, reason in NOT_HERE if re.match(pattern, part.text)), None)
    if reason is None and not with_builds and re.match(BUILDS, part.text):
        reason = "it builds: with --all"
    if reason is not None:
        return None, reason
    return next(function for pattern, function in COMMANDS if re.match(pattern, part.text)), None


def do(reader, part, function):
    text = part.text
    for shown, meant in PUT_IN:
        text = text.replace(shown, meant)
    started = time.monotonic()
    try:
        function(reader, text)
    except (Failure, AssertionError, OSError, ValueError, LookupError, subprocess.SubprocessError) as error:
        print(f"FAILED  {part.where}: {part.text}\n{error}", flush=True)
        return False
    print(f"ok      {part.where}: {part.text.splitlines()[0]} ({time.monotonic() - started:.1f} s)", flush=True)
    return True


def go_through(with_builds):
    reader, good, left, page = Reader(), True, {}, None
    for part in read_all():
        if part.where.split(":")[0] != page:  # another sitting: what the one before left is put away
            page = part.where.split(":")[0]
            Path("weir-copy.db").unlink(missing_ok=True)
        function, reason = plan(part, with_builds)
        if function is None:
            left.setdefault(reason, []).append(f"{part.where}: {part.text.splitlines()[0]}")
        else:
            good &= do(reader, part, function)
    good &= do(reader, Part("README.md", "the letters to webhookUrl", True), lambda who, _: who.last_looks())
    good &= do(reader, Part("README.md", "Ctrl-C in every terminal", True), lambda who, _: who.end_all())
    for reason, parts in left.items():
        print(f"not run, {reason}:", *parts, sep="\n        ")
    return good


def list_all(with_builds):
    for part in read_all():
        function, reason = plan(part, with_builds)
        print(f"{part.where}: {part.text.splitlines()[0]}  [{function.__name__ if function else 'not run: ' + reason}]")


def print_production():
    """The blocks for services, from the lines on that install the package and make a backup: for
    try_units."""
    line = None
    for part in read_readme():
        number = int(part.where.split(":")[1])
        if part.text.startswith(("sudo apt install ./build/deb/", "sudo -u weir-server ")) or number - 1 == line:
            print(part.text)
            line = number


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="what builds, too")
    parser.add_argument("--list", action="store_true", help="what would be done")
    parser.add_argument("--production", action="store_true", help="print the block for a Debian with systemd")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.production:
        print_production()
        return 0
    if arguments.list:
        list_all(arguments.all)
        return 0
    if arguments.inside:
        enter_copy()
        furnish(harness.BUILD)
        return 0 if go_through(arguments.all) else 1
    if not (harness.BUILD / "server").exists() or not (harness.BUILD / "ingestor").exists():
        print(f"commands: SKIPPED: {harness.BUILD} is not built")
        return UNAVAILABLE
    spaces = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
    if os.getuid() != 0:
        spaces += ["--user", "--map-root-user"]
    if subprocess.run([*spaces, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        print("commands: SKIPPED: no name spaces can be made here")
        return UNAVAILABLE
    again = [sys.executable, "-B", __file__, "--inside"] + (["--all"] if arguments.all else [])
    return subprocess.run(spaces + again, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
