# SPDX-License-Identifier: MIT
"""Corrupt frames: every one ends where a second reading of the rules says, and the ledger
counts them exactly."""

import hashlib
import json
from collections import Counter

import pytest
from harness import ledger_sum
from messages import ADVERT, recorded
from mqtt_lite import Client

TRACE = 9
TRANSPORT_ROUTES = (0, 3)
FRAMES_A_TYPE = 4
SIGNED_APP_DATA = 32


def parse(raw):
    """(type, path_len byte, path, payload) of a frame the firmware would take, else
    None: protocol.md 1.1 to 1.3."""
    if len(raw) < 2 or raw[0] >> 6:
        return None
    at = 5 if raw[0] & 3 in TRANSPORT_ROUTES else 1
    if len(raw) <= at:
        return None
    count, size = raw[at] & 63, (raw[at] >> 6) + 1
    path, payload = raw[at + 1:at + 1 + count * size], raw[at + 1 + count * size:]
    if size == 4 or count * size > 64 or len(path) < count * size or len(payload) > 184:
        return None
    return raw[0] >> 2 & 15, raw[at], path, payload


def content_hash(kind, path_len, payload):
    return hashlib.sha256(bytes([kind]) + (bytes([path_len, 0]) if kind == TRACE else b"") + payload).digest()[:8]


def signed(payload):
    return payload[:100 + SIGNED_APP_DATA]


def mutants(raw):
    for length in range(1, len(raw) + 1):
        yield raw[:length]
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


class Expected:
    """What must become of each frame, by the rules alone."""

    def __init__(self, good_adverts):
        self.good_adverts = good_adverts
        self.outcomes = Counter()
        self.transmissions, self.observations = set(), set()

    def add(self, raw):
        parsed = parse(raw)
        if parsed is None:
            self.outcomes["frame"] += 1
            return
        kind, path_len, path, payload = parsed
        if kind == ADVERT and len(payload) < 100:
            self.outcomes["advert"] += 1
        elif kind == ADVERT and signed(payload) not in self.good_adverts:
            self.outcomes["signature"] += 1
        else:
            key = content_hash(kind, path_len, payload), path_len >> 6, path
            self.outcomes["duplicate" if key in self.observations else "committed"] += 1
            self.observations.add(key)
            self.transmissions.add(key[0])


@pytest.fixture
def frames():
    messages = recorded("packets")
    if messages is None:
        pytest.skip("recorded messages are not here; set WEIR_CORPUS")
    by_type = {}
    for _, text, _ in messages:
        raw = bytes.fromhex(json.loads(text)["raw"])
        parsed = parse(raw)
        if parsed is not None:
            by_type.setdefault(parsed[0], []).append(raw)
    return [raw for found in by_type.values() for raw in sorted(set(found), key=len)[-FRAMES_A_TYPE:]]


def test_every_bit_and_every_length(world, broker, frames):
    world.add_source(broker, qos=1, persistentSession=True)
    world.start(observerMaxPerSecond=0)
    adverts = [parse(raw)[3] for raw in frames if parse(raw)[0] == ADVERT]
    expected = Expected({signed(payload) for payload in adverts})
    messages = []
    for raw in frames:
        for mutant in mutants(raw):
            expected.add(mutant)
            messages.append(("meshcore/TST/OBS1/packets", json.dumps({"raw": mutant.hex()}), False))
    with Client(broker.port) as client:
        sent = client.publish_all(messages, qos=1)
    ledger = world.wait_drained(sent, timeout=120)
    found = Counter({reason: n for reason, n in ledger["rejected"].items() if n},
                    committed=ledger["committed"], duplicate=ledger["duplicate"])
    assert found == expected.outcomes
    assert ledger_sum(ledger) == ledger["received"] == sent and ledger["unaccounted"] == 0
    assert world.counts("transmissions", "observations") == {
        "transmissions": len(expected.transmissions), "observations": len(expected.observations)}
