# SPDX-License-Identifier: MIT
"""A log that nobody reads (a full pipe, a stopped terminal) costs counted lines, nothing else."""

import json
import os
import re
import select
import signal
import sys
import time

import pytest
from harness import PATIENCE, child_pids, is_alive, process_state, send_signal
from messages import packets
from mqtt_lite import Client

LINE = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.]+Z (debug|info|warn|error) \w+ [^\r\n]*")
LOST = re.compile(rb"warn log (\d+) log lines lost")
STOP, GO_ON = b"\x13", b"\x11"  # Ctrl-S, Ctrl-Q


class Pipe:
    """Full from the start, so the first line already has no room."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        # Opened anew: O_NONBLOCK on the writer itself would be set for the program, too.
        filler = os.open(f"/proc/self/fd/{self.writer}", os.O_WRONLY | os.O_NONBLOCK)
        try:
            while True:
                os.write(filler, b"\n" * 4096)
        except BlockingIOError:
            os.close(filler)

    def go_on(self):
        pass


class Terminal:
    """Stopped from the start."""

    def __init__(self):
        self.reader, self.writer = os.openpty()
        os.write(self.reader, STOP)

    def go_on(self):
        os.write(self.reader, GO_ON)


class Log:
    """What stands at the other end of stderr, and reads when it is told to."""

    def __init__(self, end):
        self.end, self.text, self.is_over = end, b"", False

    def close_writer(self):
        os.close(self.end.writer)

    def close(self):
        os.close(self.end.reader)

    def take(self, timeout=0.0):
        """What is there now is added to the text; False: nothing was."""
        if self.is_over or not select.select([self.end.reader], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.end.reader, 65536)
        except OSError:  # a terminal that all have left
            data = b""
        self.text += data
        self.is_over = not data
        return bool(data)

    def lines(self):
        return [line for line in re.split(rb"[\r\n]+", self.text) if line]

    def lost(self):
        return sum(int(match.group(1)) for match in map(LOST.search, self.lines()) if match)


@pytest.fixture(params=[Pipe, Terminal])
def log(request):
    made = Log(request.param())
    yield made
    made.close()


# Its own group is in the terminal's foreground, the program a background job.
# argv: the terminal, the program.
BACKGROUND = """
import os, signal, subprocess, sys, termios
tty = os.open(sys.argv[1], os.O_RDWR)  # a session leader without one: now its controlling terminal
modes = termios.tcgetattr(tty)
modes[3] |= termios.TOSTOP
termios.tcsetattr(tty, termios.TCSANOW, modes)
job = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=tty, stderr=tty, process_group=0)
signal.signal(signal.SIGTERM, lambda *_: job.send_signal(signal.SIGTERM))
sys.exit(job.wait())
"""


def lines_lost(world):
    return world.stats()["logLinesLost"]


def lose_lines(world):
    """Each reload of a file full of mistakes says a line for each, and changes nothing."""
    before = lines_lost(world)
    world.config_path.write_text(json.dumps({f"mistake{n}": n for n in range(60)}))

    def reload():
        world.ingestor.signal(signal.SIGHUP)
        return lines_lost(world) > before
    world.wait("lost lines", reload)


def publish_and_wait(world, broker, start, count):
    with Client(broker.port) as client:
        client.publish_all(packets(count, start=start), qos=1)
    assert world.wait_drained(start + count)["committed"] == start + count


def test_a_log_that_nobody_reads_costs_nothing_else(world, broker, log):
    world.add_source(broker, qos=1, persistentSession=True)
    world.write_config()
    world.ingestor.start(log.end.writer)
    world.wait_live()
    lose_lines(world)

    world.replace_worker("receiver")
    world.wait_live()
    publish_and_wait(world, broker, 0, 10)
    world.replace_worker("flusher")
    publish_and_wait(world, broker, 10, 10)

    log.end.go_on()
    world.wait("the loss to be said", lambda: log.take(0.1) and log.lost() > 0)
    world.wait("all of it", lambda: not log.take(0.2))
    world.wait("the count", lambda: log.lost() == lines_lost(world))
    odd = [line for line in log.lines() if not LINE.fullmatch(line)]
    assert not odd, odd[:5]

    # Nobody reads again, and it is told to end.
    if isinstance(log.end, Terminal):
        os.write(log.end.reader, STOP)
    lose_lines(world)
    processes = child_pids(world.ingestor.pid)
    started = time.monotonic()
    assert world.ingestor.stop() == 0
    assert time.monotonic() - started < 10 * PATIENCE
    world.wait("all to be gone", lambda: not any(map(is_alive, processes)))
    log.end.go_on()
    log.close_writer()
    while log.take(0.2):
        pass
    assert all(map(LINE.fullmatch, log.lines()[:-1]))
    assert world.count("transmissions") == 20


def test_server_whose_log_nobody_reads(world, log):
    world.write_config()
    world.server.start(log.end.writer)
    world.wait("the server to answer", lambda: world.try_get("/api/livez"))
    started = time.monotonic()
    assert world.server.stop() == 0
    assert time.monotonic() - started < 8 * PATIENCE
    log.close_writer()


@pytest.mark.parametrize("name", ["ingestor", "server"])
def test_a_background_job_is_not_stopped_by_its_lines(world, name):
    """stty tostop: who writes from the background is stopped, with all of its process group."""
    end = Terminal()
    end.go_on()
    program, log = getattr(world, name), Log(end)
    program.argv = [sys.executable, "-c", BACKGROUND, os.ttyname(end.writer), *program.argv]
    world.write_config()
    program.start()
    job = world.wait("the job", lambda: child_pids(program.pid))[0]
    try:
        ready = {"ingestor": lambda: world.stats(), "server": lambda: world.get("/api/livez").status == 200}[name]
        world.wait("its work", ready)
        world.wait("its words", lambda: log.take(0.1) and b" info " in log.text)
        assert process_state(job) != "T"
        assert program.stop() == 0
        world.wait("the last word", lambda: log.take(0.1) is None or b"stopped" in log.text)
    finally:
        for pid in [job, *child_pids(job)]:
            send_signal(pid, signal.SIGKILL)
        log.close_writer()
        log.close()


def test_log_process_is_replaced(world, broker):
    """kill -9 of it loses no line that was not in its hands."""
    log = Log(Pipe())
    world.add_source(broker)
    world.write_config()
    world.ingestor.start(log.end.writer)
    world.wait_live()

    def relays():
        return [pid for pid in child_pids(world.ingestor.pid)
                if open(f"/proc/{pid}/comm", encoding="ascii").read() == "weir-log\n"]
    old = relays()
    assert len(old) == 1
    os.kill(old[0], signal.SIGKILL)
    world.wait("another one", lambda: len(relays()) == 1 and relays() != old)
    world.ingestor.signal(signal.SIGHUP)
    world.wait("its words", lambda: log.take(0.1) is None or b"configuration reloaded" in log.text)
    assert world.stats()["workerUnhealthy"] == []
    log.close()


def test_libraries_that_print_wait_for_nobody(world, broker):
    """paho's trace goes to stdout."""
    log = Log(Pipe())
    world.env["MQTT_C_CLIENT_TRACE"] = "ON"
    world.env["MQTT_C_CLIENT_TRACE_LEVEL"] = "MAXIMUM"
    world.add_source(broker)
    world.write_config()
    world.ingestor.start(log.end.writer)
    world.wait_live()
    publish_and_wait(world, broker, 0, 2000)
    assert world.ingestor.stop() == 0
    log.close()
