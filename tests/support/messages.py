# SPDX-License-Identifier: MIT
"""messages - what the tests publish: recorded packets, and made ones that can be told
apart afterwards."""

import hashlib
import hmac
import json
import os
import struct
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLOOD = 1
REQ, TXT_MSG, ADVERT, GRP_TXT = 0, 2, 4, 5


def fixture_path(name):
    """Where recorded messages lie: $WEIR_CORPUS, the tree's fixtures, or a corpus
    beside the tree."""
    places = [os.environ.get("WEIR_CORPUS"), ROOT / "tests/fixtures", ROOT / "../shared/corpus/train"]
    for place in filter(None, places):
        path = Path(place) / f"{name}.jsonl"
        if path.exists():
            return path
    return None


def payload_text(line):
    """The payload as it stands in the line: ten recorded names hold lone surrogates, which survive
    no re-encoding."""
    start = line.index('"payload":') + len('"payload":')
    start += len(line[start:]) - len(line[start:].lstrip())
    _, end = json.JSONDecoder().raw_decode(line, start)
    return line[start:end]


def recorded(name):
    """[(topic, payload, retain)] of one message file, or None where it is absent."""
    path = fixture_path(name)
    if path is None:
        return None
    result = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line:
            entry = json.loads(line)
            text = entry.get("payload_text")
            if text is None:
                text = payload_text(line)
            result.append((entry["topic"], text, bool(entry.get("retain"))))
    return result


def frame(number, kind=GRP_TXT, run=0, path=b""):
    """A frame of the given type whose payload no other number has: a transmission of its own."""
    body = b"\x11\x00\x00" + b"weir" + struct.pack("!IQ", run, number)
    return bytes([kind << 2 | FLOOD, len(path)]) + path + body


def number_of(raw):
    """The number of a frame(number) of run 0, or None of any other."""
    head = b"\x11\x00\x00" + b"weir" + bytes(4)
    body = raw[2 + raw[1]:]
    return struct.unpack("!Q", body[len(head):])[0] if body.startswith(head) and len(body) == len(head) + 8 else None


def content_hash(raw):
    """The hash of a flood frame without transport codes and with one-byte hops."""
    return hashlib.sha256(bytes([raw[0] >> 2 & 15]) + raw[2 + raw[1]:]).digest()[:8]


def scope_code(region, kind, payload):
    """The first transport code of a packet of this region, as on the wire."""
    key = hashlib.sha256(region.encode()).digest()[:16]
    return hmac.new(key, bytes([kind]) + payload, hashlib.sha256).digest()[:2]


def flood(number, path=b"", size=1, scope=None, kind=GRP_TXT):
    """A frame of its own that came over hops of `size` bytes. scope: two bytes, or the region whose
    code it has; None = without transport codes."""
    payload = b"\x11" + hashlib.sha256(f"flood {number}".encode()).digest()[:34]
    way = bytes([len(path) // size | (size - 1) << 6]) + path
    if scope is None:
        return bytes([kind << 2 | FLOOD]) + way + payload
    code = scope_code(scope, kind, payload) if isinstance(scope, str) else scope
    return bytes([kind << 2]) + code + b"\0\0" + way + payload


def packet(number, observer="OBS1", region="TST", kind=GRP_TXT, run=0, path=b"", **extra):
    """(topic, payload) of an ordinary packet message around frame(number)."""
    raw = frame(number, kind, run, path)
    payload = {"origin": observer, "origin_id": observer, "timestamp": "2026-03-29T15:27:30.000000+00:00",
               "type": "PACKET", "direction": "rx", "len": str(len(raw)), "packet_type": str(kind), "route": "F",
               "raw": raw.hex().upper(), "SNR": "7.25", "RSSI": "-87", **extra}
    return f"meshcore/{region}/{observer}/packets", json.dumps(payload)


def packets(count, start=0, observers=40, **keys):
    """`count` new transmissions, spread over observers so that no rate limit touches them."""
    return [packet(n, observer=f"OBS{n % observers}", **keys) for n in range(start, start + count)]
