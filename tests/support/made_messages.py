# SPDX-License-Identifier: MIT
"""made_messages - thousands of messages out of the recorded ones, each with a receipt of its own,
as lines for --replay: new packets, and the same heard by others over other ways."""

import json
import time

from messages import flood, recorded

SOURCES = ("packets", "multi_observer", "status", "mesh_messages", "companion")
TYPE_ADVERT = 4
OBSERVERS = 10
INVENTING, NAIVE = 3, 4  # their numbers
REGIONS = ("SJC", "SFO", "OAK", "MRY")
NEW_SHARE = 0.6
EACH_MS = 1800  # from one to the next
COPY_LATE_MS = 7  # so much later another hears the same


def _parts(raw):
    """(where the path's length stands, bytes of a hop, where the path ends), or None."""
    at = 5 if raw[0] & 3 in (0, 3) else 1
    if len(raw) < at + 5:
        return None
    size, hops = (raw[at] >> 6) + 1, raw[at] & 63
    end = at + 1 + size * hops
    return (at, size, end) if len(raw) >= end + 4 and size < 4 else None


def _frame(raw, turn, random):
    """Another frame: its content is new, but of most adverts, whose signature holds for their own
    only; those came another way."""
    (at, size, end), kind = _parts(raw), raw[0] >> 2 & 15
    body = bytearray(raw[end:])
    if random.random() < (NEW_SHARE if kind != TYPE_ADVERT else NEW_SHARE / 4):
        body[-1] ^= turn & 0xff
        body[-2] ^= turn >> 8
    # No reception is that of another turn: copies of one come soon after it.
    path = raw[at + 1:end] if bytes(body) != raw[end:] else bytes(
        (turn >> 8 * (n % size) & 0xff) + 1 & 0xff for n in range(size)) + bytes(random.randrange(1, 256) for _ in range(size))
    return raw[:at] + bytes([(size - 1) << 6 | len(path) // size]) + path + bytes(body)


def _another(topic, text, turn, random):
    """None = nothing to make of it."""
    try:
        payload = json.loads(text)
        raw = bytes.fromhex(payload["raw"])
    except (ValueError, TypeError, LookupError):
        return None
    if _parts(raw) is None:
        return None
    number = random.randrange(OBSERVERS)
    observer = f"{number:02X}" * 32
    payload["raw"] = _frame(raw, turn, random).hex().upper()
    payload["len"] = str(len(payload["raw"]) // 2)
    payload.pop("hash", None)
    payload.update(origin_id=observer, origin=f"Observer {observer[:2]}")
    if "SNR" in payload:
        payload["SNR"] = str(random.randrange(-40, 50) / 4)
    if "RSSI" in payload:
        payload["RSSI"] = str(random.randrange(-120, -40))
    words = topic.split("/")
    if len(words) != 4:
        return None
    # It moves: whoever hears it later, or not in order, knows the newest region all the same.
    return "/".join([words[0], random.choice(REGIONS), observer, words[3]]), json.dumps(payload)


def _reception(message):
    """What a copy has in common with it."""
    topic, text = message
    try:
        payload = json.loads(text)
        raw = bytes.fromhex(payload["raw"])
        at, _, _ = _parts(raw)
        return topic.split("/")[2].upper(), raw[0] >> 2 & 15, raw[at:], payload.get("direction")
    except (ValueError, TypeError, LookupError):
        return message


def made(count, random):
    """[(topic, text)], the recorded ones first. Each reception once: that a copy was heard later
    only SQLite keeps (in `latest`)."""
    first = [(topic, text) for name in SOURCES for topic, text, _ in recorded(name) or []]
    messages, turn, more = {}, 1, first
    while len(messages) < count:
        for message in more:
            messages.setdefault(_reception(message), message)
        more = filter(None, (_another(topic, text, turn, random) for topic, text in first))
        turn += 1
    return list(messages.values())[:count]


def scoped(count, regions):
    """[(topic, text)] of packets of these regions, of one that nobody knows, and of none. One of
    their observers measures nothing, and one has a clock that is off and no zone."""
    scopes, messages = [*regions, b"\x12\x34", b"\0\0"], []
    off = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 7 * 3600))
    for number in range(count):
        observer = f"{number % OBSERVERS:02X}" * 32
        snr, rssi = ("12.5", "-65") if number % OBSERVERS == INVENTING else ("7.25", "-87")
        said = off if number % OBSERVERS == NAIVE else "2026-03-29T15:27:30.000000+00:00"
        raw = flood(number, bytes([1 + number % 250]), scope=scopes[number % len(scopes)])
        messages.append((f"meshcore/{REGIONS[number % OBSERVERS % len(REGIONS)]}/{observer}/packets", json.dumps({
            "origin": f"Observer {observer[:2]}", "origin_id": observer, "timestamp": said,
            "type": "PACKET", "direction": "rx", "SNR": snr, "RSSI": rssi, "raw": raw.hex().upper()})))
    return messages


def line(message, receipt_ms):
    topic, text = message
    return json.dumps({"receipt_us": receipt_ms * 1000, "topic": topic, "payload_text": text})
