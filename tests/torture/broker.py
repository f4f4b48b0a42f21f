# SPDX-License-Identifier: MIT
"""broker - brokers that restart, die, fall silent, lose packets, refuse, or send as fast as they
can (P1, P3)."""

import threading
import time
from contextlib import ExitStack

from arena import Outcome, Siege, Skipped
from disks import Unavailable
from half_open import Proxy
from harness import Broker
from lossy_link import LossyLink
from messages import packet
from mqtt_lite import encode_publish
from rude_broker import MODES, RudeBroker

KEEP_ALIVE_S = 6
RUDE_OPTIONS = {"connectTimeoutSec": 2}


def restart(arena, how):
    """The broker ends and comes back. It writes all of its queue at each message: at more than some
    tens a second it falls behind itself while nobody takes them (README, "QoS 1")."""
    with Siege(arena, f"broker.{how}", rate=20, is_patient=True) as siege:
        siege.begin(broker=siege.world.start_broker(persistence=True))
        for _ in range(arena.count(10, 1)):
            if arena.is_over():
                break
            siege.rest(siege.random.uniform(0, 0.5))
            getattr(siege.broker, how)()
            siege.rest(siege.random.uniform(0, 1))
            siege.broker.start()
            siege.world.wait_live(timeout=60)
            siege.flows()
            siege.rounds += 1
        return siege.judge()


def half_open(arena):
    """A line that carries nothing any more and says nothing of it."""
    with Siege(arena, "broker.half-open", rate=500) as siege, ExitStack() as stack:
        broker = siege.world.start_broker()
        proxy = stack.enter_context(Proxy(broker.port))
        noticed = []
        siege.begin(broker=broker, url=f"mqtt://127.0.0.1:{proxy.port}", source={"keepAliveSeconds": KEEP_ALIVE_S})
        for _ in range(arena.count(5, 1)):
            if arena.is_over():
                break
            renewals = siege.world.source_status("main")["processRenewals"]
            began = time.monotonic()
            proxy.hold()
            siege.world.wait("the loss", lambda n=renewals: siege.world.source_status("main")["processRenewals"] > n, 60)
            noticed.append(time.monotonic() - began)
            siege.world.wait_live(timeout=60)
            siege.flows()
            siege.rounds += 1
        siege.figures[f"noticed after, s (keepAliveSeconds {KEEP_ALIVE_S})"] = round(max(noticed, default=0), 1)
        return siege.judge()


class FarBroker(Broker):
    """Listens on loopback, where the publisher is, and at the end of the line."""

    def __init__(self, folder, address):
        super().__init__(folder)
        text = self.config_path.read_text()
        self.config_path.write_text(text.replace("allow_anonymous", f"listener {self.port} {address}\nallow_anonymous", 1))


def lossy(arena):
    """300 ms there and back, and 30 % of the packets lost: slow, and nothing is missing."""
    name = "broker.lossy"
    try:
        with ExitStack() as stack:
            link = stack.enter_context(LossyLink(arena.random("line"), delay_s=0.15, loss=0.3))
            siege = stack.enter_context(Siege(arena, name, rate=20, place=link.far))
            broker = FarBroker(siege.world.dir, link.FAR)
            with link.far():
                broker.start()
            siege.world.brokers.append(broker)
            with link.near():
                siege.begin(broker=broker, url=f"mqtt://{link.FAR}:{broker.port}")
                siege.rest(arena.count(120, 3))
                siege.rounds = siege.world.source_status("main")["connectCount"]
                siege.figures.update({"packets carried": link.carried, "packets lost": link.lost})
                return siege.judge()
    except Unavailable as error:
        raise Skipped(str(error)) from None


def rude(arena):
    """Sources of every bad manner beside a good one."""
    with Siege(arena, "broker.rude") as siege, ExitStack() as stack:
        for mode in MODES:
            if mode != "polite":
                siege.world.add_source(stack.enter_context(RudeBroker(mode)), mode, **RUDE_OPTIONS)
        world = siege.world
        world.wait_live = lambda *_, timeout=60, live=world.wait_live: live("main", timeout=timeout)
        siege.begin()
        until, worst, last = arena.until(arena.count(60, 3)), 0.0, time.monotonic()
        newest = siege.stored()
        while (now := time.monotonic()) < until:
            count = siege.stored()
            worst = max(worst, now - last)
            if count != newest:
                newest, last = count, now
            siege.rest(0.05)
        siege.rounds = len(world.config["mqttSources"]) - 1
        siege.figures["longest time without a commit of the good one, s"] = round(worst, 2)
        siege.hold(f"the good source stood still for {worst:.1f} s", worst < 5)
        checks = world.get("/api/healthz").json["checks"]
        unnamed = [mode for mode in MODES if mode != "polite" and checks[f"source:{mode}"]["status"] == "pass"
                   and mode not in ("half_open",)]
        siege.hold(f"healthz passes {unnamed}", not unnamed)
        return siege.judge()


class Flood(RudeBroker):
    """After the SUBACK it sends new transmissions at QoS 0 as fast as they are taken, until told to
    stop."""

    COUNT = 5000
    TAG = b"77656972"  # "weir", behind which the number of the run stands

    def __init__(self):
        super().__init__("polite")
        self.sent, self.seconds, self.error = 0, 0.0, None
        self.is_over = threading.Event()
        self.is_done = threading.Event()
        self.blob = b"".join(encode_publish(*packet(n, observer=f"OBS{n % 40}", run=1)) for n in range(self.COUNT))

    def _answer_subscribe(self, sock, body):
        super()._answer_subscribe(sock, body)
        self._spawn(self._pour, sock)

    def _pour(self, sock):
        began, run = time.monotonic(), 1
        try:
            while not self.is_over.is_set():
                sock.sendall(self.blob.replace(self.TAG + b"%08X" % 1, self.TAG + b"%08X" % run))
                self.sent += self.COUNT
                run += 1
        except OSError as error:
            self.error = error
        self.seconds = time.monotonic() - began
        self.is_done.set()


def flood(arena):
    """As fast as a broker can, beside a source at a quiet pace, which must not feel it."""
    with Siege(arena, "broker.flood", rate=50) as siege, Flood() as broker:
        world = siege.world
        world.add_source(broker, "flood", qos=0, keepAliveSeconds=60)
        siege.begin(ingestBufferBytes=16 << 20)
        siege.rest(arena.count(20, 2))
        broker.is_over.set()
        world.wait("the flood's end", broker.is_done.is_set, 30)
        published = siege.load.end()
        ledger = world.wait_drained(broker.sent, timeout=120, source="flood")
        siege.hold(f"the flood's connection ended: {broker.error}", broker.error is None)
        siege.hold(f"{ledger['received']} of {broker.sent} received", ledger["received"] == broker.sent)
        good = world.wait_drained(published, timeout=60, source="main")
        siege.hold(f"of the quiet source {good['committed']} of {published} stored, dropped {good['dropped']}",
                   good["committed"] == published)
        siege.hold("integrity_check", world.scalar("PRAGMA integrity_check") == "ok")
        siege.wrong += siege.watching.end()[:5]
        dropped = {reason: n for reason, n in ledger["dropped"].items() if n}
        siege.figures.update({
            "sent/s": round(broker.sent / broker.seconds), "stored/s": round(ledger["committed"] / broker.seconds),
            "of the quiet source stored": f"{good['committed']} of {published}"})
        total = broker.sent + published
        stored = ledger["committed"] + ledger["duplicate"] + good["committed"]
        return Outcome(siege.name, 1, total, stored, dropped, total - stored - sum(dropped.values()), siege.figures,
                       siege.wrong)


PARTS = {"broker.stop": lambda arena: restart(arena, "stop"), "broker.kill": lambda arena: restart(arena, "kill"),
         "broker.half-open": half_open, "broker.lossy": lossy, "broker.rude": rude, "broker.flood": flood}
