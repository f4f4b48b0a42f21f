# SPDX-License-Identifier: MIT
"""harness - one test's world: a folder, private brokers, an ingestor, a server, and
questions about them.

Nothing here sleeps to let something happen; `World.wait` polls a condition and, when it does not
come true in time, fails with what it last saw and the ends of all logs. Times are stretched by
$WEIR_TEST_PATIENCE (default 1; give sanitizer builds 4).

The programs come from $WEIR_BUILD, default build/release.
"""

import getpass
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIVE_STATES = ("live", "silent")
BUILD = Path(os.environ.get("WEIR_BUILD", ROOT / "build/release")).resolve()
PATIENCE = float(os.environ.get("WEIR_TEST_PATIENCE", "1"))
LOG_TAIL_LINES = 40
POLL_S = 0.02
WAIT_S = 30  # for a condition that comes true within a second or two where cores are not short
ANSWER_S = 30  # for an answer with time enough; an analysis that lacks a shard is made anew after 10
WATCH_S = 0.1  # between two looks at the statistics, which are written once a second


class Ports:
    """Ports that nobody else takes between the choice and the listen.

    The kernel gives away what lies in ip_local_port_range, to any connection that goes out, so a
    port is chosen below it; and of the stretches there a process of tests owns one, by an abstract
    socket of that name, as long as it lives. Ports come round in turn, so that one just given
    back rests."""

    STRETCH = 400
    LOWEST = 10000

    def __init__(self):
        ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        stretches = list(range(self.LOWEST, ephemeral - self.STRETCH, self.STRETCH))
        random.SystemRandom().shuffle(stretches)
        self.owner = socket.socket(socket.AF_UNIX)
        self.first = next(filter(self.own, stretches), None)
        if self.first is None:
            raise RuntimeError(f"{len(stretches)} other processes of tests hold every stretch of ports")
        self.used = 0

    def own(self, first):
        try:
            self.owner.bind(f"\0weir-test-ports-{first}")
            return True
        except OSError:
            return False

    def take(self):
        for _ in range(self.STRETCH):
            port = self.first + self.used % self.STRETCH
            self.used += 1
            with socket.socket() as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    sock.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    pass
        raise RuntimeError(f"no free port from {self.first} to {self.first + self.STRETCH}")


PORTS = Ports()


def free_port():
    return PORTS.take()


def make_random(name):
    """A seeded random.Random; the seed is printed, and $WEIR_TEST_SEED repeats a run."""
    seed = int(os.environ.get("WEIR_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"{name}: WEIR_TEST_SEED={seed}")
    return random.Random(seed)


def tail(path, lines=LOG_TAIL_LINES):
    try:
        return "\n".join(Path(path).read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"({error})"


# --- processes ------------------------------------------------------------------------------------

def process_state(pid):
    """The letter of /proc/<pid>/stat ("R", "S", "T", "Z" ...), or None when there is
    no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rsplit(")", 1)[1].split()[0]


def is_alive(pid):
    return process_state(pid) not in (None, "Z", "X")


def child_pids(pid):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found


def send_signal(pid, number):
    """True when the process was there to get it."""
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


@contextmanager
def stopped(pid):
    """It stands still meanwhile; that it is gone at the end is no fault."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        send_signal(pid, signal.SIGCONT)


def cpu_seconds(pid):
    """User and system time of one process, or None when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_anon_kib(pid):
    try:
        match = re.search(r"^RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    except OSError:
        return None
    return int(match.group(1)) if match else None


class Program:
    """A child process with its output in a file. `run` numbers its lives; the log holds
    all of them."""

    def __init__(self, name, argv, folder, env=None):
        self.name, self.argv, self.env = name, [str(a) for a in argv], env
        self.log_path = Path(folder) / f"{name}.log"
        self.log_path.touch()
        self.process = None

    @property
    def pid(self):
        return self.process.pid if self.process else None

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def start(self, output=None):
        """output: a descriptor instead of the log file, for stdout and stderr."""
        assert not self.is_running, f"{self.name} runs already"
        if not Path(self.argv[0]).exists():
            raise FileNotFoundError(f"{self.argv[0]}: build it, or set WEIR_BUILD")
        with open(self.log_path, "ab") as log:
            out = log if output is None else output
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env=self.env, start_new_session=True)
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, timeout=WAIT_S):
        """SIGTERM and wait; the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait_exit(timeout)

    def kill(self):
        """kill -9 and wait; harmless when it is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def wait_exit(self, timeout=WAIT_S):
        try:
            return self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} (pid {self.pid}) did not end within {timeout} s\n"
                                 f"--- {self.log_path}\n{tail(self.log_path)}") from None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def log_lines(self, pattern):
        return [line for line in self.log().splitlines() if re.search(pattern, line)]

    def log_size(self):
        return self.log_path.stat().st_size

    def log_since(self, position):
        with open(self.log_path, "rb") as log:
            log.seek(position)
            return log.read().decode("utf-8", "replace")


class Broker(Program):
    """A private mosquitto. stop/kill and start again: the port stays."""

    def __init__(self, folder, name="broker", persistence=False, options=()):
        self.port = free_port()
        self.config_path = Path(folder) / f"{name}.conf"
        store = Path(folder) / f"{name}-store"
        store.mkdir()
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", f"user {getpass.getuser()}",
                 "max_queued_messages 1000000", "max_inflight_messages 1000", "set_tcp_nodelay true", "sys_interval 1",
                 "log_type error", "log_type warning", "log_type notice",
                 f"persistence {'true' if persistence else 'false'}", *options]
        if persistence:
            lines += [f"persistence_location {store}/", "autosave_on_changes true", "autosave_interval 1"]
        self.config_path.write_text("\n".join(lines) + "\n")
        binary = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
        super().__init__(name, [binary or "/usr/sbin/mosquitto", "-c", self.config_path], folder)

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self):
        super().start()
        deadline = time.monotonic() + WAIT_S * PATIENCE
        while time.monotonic() < deadline:
            assert self.is_running, f"mosquitto ended at once:\n{tail(self.log_path)}"
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(POLL_S)
        raise AssertionError(f"mosquitto does not listen:\n{tail(self.log_path)}")


# --- HTTP -----------------------------------------------------------------------------------------

class Response:
    def __init__(self, status, headers, body, seconds):
        self.status, self.headers, self.body, self.seconds = status, headers, body, seconds

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:600]!r} in {self.seconds * 1000:.1f} ms>"


def http_request(port, path, method="GET", body=None, headers=None, timeout=10):
    started = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout * PATIENCE)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
        return Response(answer.status, answer.headers, data, time.monotonic() - started)
    finally:
        connection.close()


NOT_YET = re.compile(rb"takes too long now|a file would lack|too many (questions|requests)|being (counted|computed|read)|: ?\"building\"")


def is_not_yet(answer):
    """It says that the server lacked the time: a question came to its end too late, the background
    has not made it yet, or a shard of the store has not answered."""
    is_late = answer.status in (202, 503) and NOT_YET.search(answer.body)
    return bool(is_late) or answer.headers.get("X-Weir-Partial") is not None


def is_complete(value):
    """Nothing in the answer says that it was cut."""
    if isinstance(value, dict):
        return value.get("complete") is not False and all(map(is_complete, value.values()))
    return not isinstance(value, list) or all(map(is_complete, value))


def http_raw(port, request, timeout=10):
    """Send bytes, half-close nothing, read until the server closes or the time is over."""
    with socket.create_connection(("127.0.0.1", port), timeout) as sock:
        sock.sendall(request)
        sock.settimeout(timeout)
        answer = bytearray()
        try:
            while data := sock.recv(65536):
                answer += data
        except TimeoutError:
            pass  # what came so far is the answer
        return bytes(answer)


# --- the world ------------------------------------------------------------------------------------

class World:
    """Configuration keys are those of the programs; `config` is the file as a dict
    until a start."""

    def __init__(self, name="test", build=BUILD):
        self.build = Path(build)
        # Short on purpose: a Unix socket's name holds 107 bytes.
        self.dir = Path(tempfile.mkdtemp(prefix=f"weir-{name[:24]}-"))
        self.config_path = self.dir / "config.json"
        self.data = self.dir / "data"
        self.config = {"port": free_port(), "healthPort": free_port(), "ingestBufferBytes": 8 << 20,
                       "observerMaxPerSecond": 0, "mqttSources": []}
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("WEIR_", "CORESCOPE_", "NOTIFY_", "WATCHDOG_"))}
        self.programs, self.brokers = [], []
        self.ingestor = self._program("ingestor")
        self.server = self._program("server")

    def _program(self, name):
        argv = [self.build / name, "--config", self.config_path]
        program = Program(name, argv, self.dir, self.env)
        self.programs.append(program)
        return program

    # --- making it ---

    def start_broker(self, name="broker", **keys):
        broker = Broker(self.dir, name, **keys).start()
        self.brokers.append(broker)
        return broker

    def add_source(self, broker, name="main", **keys):
        """broker: a Broker, anything with a port, or a URL."""
        url = broker if isinstance(broker, str) else f"mqtt://127.0.0.1:{broker.port}"
        source = {"name": name, "broker": url, "topics": ["meshcore/#"], **keys}
        self.config["mqttSources"].append(source)
        return source

    def write_config(self, **keys):
        self.config.update(keys)
        self.config_path.write_text(json.dumps(self.config, indent=1))
        os.chmod(self.config_path, 0o600)

    def start(self, server=False, live=True, **keys):
        """Write the configuration, start the ingestor (and the server), wait until every
        source is live."""
        self.write_config(**keys)
        self.ingestor.start()
        if server:
            self.start_server()
        if live:
            self.wait_live()
        return self

    def start_server(self):
        self.server.start()
        self.wait("the server to answer", lambda: self.try_get("/api/livez"))

    def restart_ingestor(self, live=True):
        self.ingestor.start()
        if live:
            self.wait_live()

    def close(self, keep=False):
        """End all that still runs; without `keep` remove the folder."""
        for program in self.programs:
            workers = child_pids(program.pid) if program.is_running else []
            program.kill()
            for pid in workers:
                send_signal(pid, signal.SIGKILL)
        for broker in self.brokers:
            broker.kill()
        failed = [line for program in self.programs for line in program.log_lines(r"Assertion .* failed")]
        if keep:
            print(f"kept: {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
        # A worker that aborts is replaced, so a test may pass all the same.
        assert not failed, failed

    # --- waiting ---

    def wait(self, what, condition, timeout=WAIT_S):
        """Poll until condition() is true and return its value; an OSError or what is missing counts
        as not yet."""
        deadline = time.monotonic() + timeout * PATIENCE
        last = None
        while True:
            try:
                last = condition()
                if last:
                    return last
            except (OSError, LookupError, TypeError, http.client.HTTPException, sqlite3.Error) as error:
                last = error
            if time.monotonic() >= deadline:
                self.fail(f"no sign of {what} within {timeout * PATIENCE:g} s; last: {last!r}")
            time.sleep(POLL_S)

    def fail(self, what):
        raise AssertionError(f"{what}\n{self.describe()}")

    def describe(self):
        parts = [f"folder {self.dir}"]
        parts += [f"--- {p.log_path.name}\n{tail(p.log_path)}" for p in self.programs + self.brokers]
        stats = self.stats() or {}
        for key in ("status", "ledger", "workers", "queue", "commit", "source_statuses"):
            parts.append(f"--- stats {key}: {json.dumps(stats.get(key))}")
        return "\n".join(parts)

    def wait_live(self, *names, timeout=WAIT_S, states=LIVE_STATES):
        names = names or [source["name"] for source in self.config["mqttSources"]]
        for name in names:
            self.wait(f"source {name} live", lambda n=name: self.is_live(n, states), timeout)

    def wait_stats(self, what, condition, timeout=WAIT_S):
        """Like wait, over samples of the running ingestor only."""
        def check():
            stats = self.stats()
            return stats if stats and stats["pid"] == self.ingestor.pid and condition(stats) else None
        return self.wait(what, check, timeout)

    def wait_next_sample(self, count=2):
        """Wait until `count` more samples of the running ingestor were written."""
        seq = self.wait_stats("a sample", lambda s: True)["seq"]
        return self.wait_stats("newer samples", lambda s: s["seq"] >= seq + count)

    def wait_in_ring(self, count, source="main"):
        """Wait until so many messages of a source wait for the flusher."""
        self.wait_stats(f"{count} messages in the ring", lambda s: s["queue"][source]["records"] == count)

    def wait_full(self, source="main"):
        """Wait until the ring has no room for what the receiver of a QoS 1 source holds.
        What the ring's figures say may be older: who holds in a turn of the library says its phase
        alone."""
        self.wait("a receiver that holds", lambda: self.worker("receiver", source)["state"] == "holding")

    def wait_drained(self, received, timeout=WAIT_S, source=None):
        """Wait until `received` messages were received, none is queued, and all are
        accounted for."""
        def check(stats):
            entry = stats["ledger"]["sources"][source] if source else stats["ledger"]["total"]
            return entry["received"] >= received and entry["queued"] == 0 and entry["unaccounted"] == 0
        stats = self.wait_stats(f"{received} messages received and accounted for", check, timeout)
        return stats["ledger"]["sources"][source] if source else stats["ledger"]["total"]

    # --- asking ---

    @property
    def stats_path(self):
        return self.dir / self.config.get("statsFile", "data/ingestor-stats.json")

    def stats(self):
        """The stats file, or None. It is replaced by rename, so what is there must always parse."""
        try:
            text = self.stats_path.read_text()
        except OSError:
            return None
        return json.loads(text)

    def ledger(self, source=None):
        ledger = self.stats()["ledger"]
        return ledger["sources"][source] if source else ledger["total"]

    def source_status(self, name):
        return next(s for s in self.stats()["source_statuses"] if s["name"] == name)

    def is_live(self, name, states=LIVE_STATES):
        stats = self.stats()
        if not stats or stats["pid"] != self.ingestor.pid:
            return False
        return any(s["name"] == name and s["connected"] and s.get("state") in states
                   for s in stats["source_statuses"])

    def worker(self, kind, source=None):
        """The entry of one worker in a sample of the running ingestor, or None."""
        stats = self.stats()
        if not stats or stats["pid"] != self.ingestor.pid:
            return None
        for worker in stats["workers"]:
            if worker["kind"] == kind and (source is None or worker["source"] == source):
                return worker
        return None

    def worker_pid(self, kind, source=None):
        """The pid of a worker that runs now, or None."""
        worker = self.worker(kind, source)
        pid = worker["pid"] if worker else None
        return pid if pid and is_alive(pid) else None

    def wait_worker(self, kind, source=None, other_than=None, timeout=WAIT_S):
        def check():
            pid = self.worker_pid(kind, source)
            return pid if pid and pid != other_than else None
        return self.wait(f"a running {kind} {source or ''}", check, timeout)

    def kill_worker(self, kind, source=None):
        pid = self.wait_worker(kind, source)
        os.kill(pid, signal.SIGKILL)
        return pid

    def replace_worker(self, kind):
        """kill -9; returns when its successor runs."""
        self.wait_worker(kind, other_than=self.kill_worker(kind))

    def stopped(self, kind):
        """A worker that stands still meanwhile: what waits, waits."""
        return stopped(self.wait_worker(kind))

    @property
    def db_path(self):
        return self.dir / self.config.get("dbPath", "data/weir.db")

    def query(self, sql, *parameters):
        """All rows of a read-only query. A new connection each time: it must never hold
        up a checkpoint."""
        connection = sqlite3.connect(f"file:{self.db_path}?mode=ro", uri=True, timeout=5)
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    def scalar(self, sql, *parameters):
        return self.query(sql, *parameters)[0][0]

    def count(self, table):
        return self.scalar(f"SELECT count(*) FROM {table}")

    def counts(self, *tables):
        return {table: self.count(table) for table in tables}

    def get(self, path, **keys):
        """The answer that the server has had the time for: one that says it had not (is_not_yet) is
        asked for again, as it tells its clients to; in the end it is given all the same."""
        deadline = time.monotonic() + ANSWER_S * PATIENCE
        while is_not_yet(answer := self.get_at_once(path, **keys)) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        return answer

    def get_at_once(self, path, **keys):
        """What it says now."""
        return http_request(self.config["port"], path, **keys)

    def get_whole(self, path, **keys):
        """The JSON of an answer that was not cut for want of time: complete, no next page."""
        def check():
            answer = self.get(path, **keys)
            return answer if answer.status != 200 or (is_complete(answer.json) and "nextCursor" not in answer.json) else None
        answer = self.wait(f"a whole answer to {path}", check, ANSWER_S)
        assert answer.status == 200, (path, answer)
        return answer.json

    def get_health(self, path, **keys):
        return http_request(self.config["healthPort"], path, **keys)

    def try_get(self, path):
        try:
            return self.get_at_once(path, timeout=2)
        except (OSError, http.client.HTTPException):
            return None

    def kill_everything(self):
        """kill -9 of the supervisor and its workers in one go; returns when all are gone."""
        workers = child_pids(self.ingestor.pid)
        for pid in [self.ingestor.pid, *workers]:
            send_signal(pid, signal.SIGKILL)
        self.ingestor.process.wait()
        self.wait("the workers' end", lambda: not any(is_alive(pid) for pid in workers))


class SampleWatcher:
    """Reads each sample of the stats file during a test and keeps what must never be seen: also in
    those in which a process has just been killed."""

    def __init__(self, world):
        self.world, self.seen, self.complaints = world, 0, []
        self._last = None

    def look(self):
        stats = self.world.stats()
        if not stats or (stats["pid"], stats["seq"]) == self._last:
            return None
        self._last = (stats["pid"], stats["seq"])
        self.seen += 1
        total = {"total": stats["ledger"]["total"]} if "total" in stats["ledger"] else {}
        for name, entry in {**total, **stats["ledger"]["sources"]}.items():
            if entry["unaccounted"] != 0:
                self.complaints.append((stats["seq"], name, entry))
        return stats


class Watching(threading.Thread):
    """Looks at every sample of the stats file."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.watcher, self.errors, self.worst = SampleWatcher(world), [], 0
        self._is_over = threading.Event()

    def run(self):
        while not self._is_over.wait(WATCH_S):
            try:
                stats = self.watcher.look()
            except Exception as error:  # it is replaced by rename: what is there must be whole
                self.errors.append(repr(error))
                continue
            if stats:
                self.worst = max(self.worst, abs(stats["ledger"].get("total", {}).get("unaccounted", 0)))

    def end(self):
        self._is_over.set()
        self.join()
        return [f"sample {seq}: {name} unaccounted {entry['unaccounted']}"
                for seq, name, entry in self.watcher.complaints] + self.errors


def ledger_sum(entry):
    """What the outcomes and the queue of one ledger entry add up to; must equal `received`."""
    total = sum(entry[key] for key in ("committed", "duplicate", "dead", "queued"))
    return total + sum(sum(entry[key].values()) for key in ("filtered", "rejected", "dropped"))


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


# --- tools ----------------------------------------------------------------------------------------

def run_tool(world, *flags, timeout=60):
    """Run the ingestor to its end; (exit code, stdout, stderr)."""
    if not world.config_path.exists():
        world.write_config()
    argv = [str(world.build / "ingestor"), "--config", str(world.config_path), *map(str, flags)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout * PATIENCE, env=world.env,
                          errors="replace", check=False)
    return done.returncode, done.stdout, done.stderr


def run_ok(world, *flags, **keys):
    code, out, err = run_tool(world, *flags, **keys)
    assert code == 0, (code, out, err)
    return out, err
