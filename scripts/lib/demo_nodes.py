# SPDX-License-Identifier: MIT
"""demo_nodes - radios of the demo's own, whose adverts are signed now: a recorded one is the same
packet each time, and a mesh whose nodes all fell silent has nobody who was heard in the last hour.
"""

import ctypes
import ctypes.util
import hashlib
import itertools
import json
import struct
import time

ED25519 = 1087  # NID_ED25519 of OpenSSL
REPEATER, COMPANION, ROOM, SENSOR = 2, 1, 3, 4
ADVERT_FLOOD = 4 << 2 | 1
HAS_PLACE, HAS_NAME = 0x10, 0x80

# Who there is, around the bay where the recordings were made; and how well each is heard there.
NODES = (
    ("Demo Twin Peaks", REPEATER, 37.7544, -122.4477, 9.5), ("Demo Mount Diablo", REPEATER, 37.8816, -121.9142, 6.0),
    ("Demo Mission Peak", REPEATER, 37.5126, -121.8806, 3.25), ("Demo Loma Prieta", REPEATER, 37.1107, -121.8442, -1.5),
    ("Demo Ferry Building", COMPANION, 37.7955, -122.3937, 11.25), ("Demo Santa Cruz", COMPANION, 36.9741, -122.0308, -6.75),
    ("Demo Room", ROOM, 37.3337, -121.8907, 4.5), ("Demo Weather", SENSOR, 37.4267, -122.1697, -9.0),
)


def _crypto():
    """OpenSSL's, which both programs need anyway."""
    lib = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
    for name in ("EVP_PKEY_new_raw_private_key", "EVP_MD_CTX_new"):
        getattr(lib, name).restype = ctypes.c_void_p
    return lib


class Node:
    def __init__(self, lib, name, role, lat, lon, snr):
        seed = hashlib.sha256(f"weir demo {name}".encode()).digest()
        self.lib, self.name, self.snr = lib, name, snr
        self.pair = ctypes.c_void_p(lib.EVP_PKEY_new_raw_private_key(ED25519, None, seed, ctypes.c_size_t(32)))
        self.key = ctypes.create_string_buffer(32)
        assert lib.EVP_PKEY_get_raw_public_key(self.pair, self.key, ctypes.byref(ctypes.c_size_t(32))) == 1
        self.about = bytes([role | HAS_PLACE | HAS_NAME]) + struct.pack("<ii", round(lat * 1e6), round(lon * 1e6)) + name.encode()

    def sign(self, message):
        made = ctypes.create_string_buffer(64)
        context = ctypes.c_void_p(self.lib.EVP_MD_CTX_new())
        good = self.lib.EVP_DigestSignInit(context, None, None, None, self.pair) == 1 and self.lib.EVP_DigestSign(
            context, made, ctypes.byref(ctypes.c_size_t(64)), message, ctypes.c_size_t(len(message))) == 1
        self.lib.EVP_MD_CTX_free(context)
        assert good, "OpenSSL did not sign"
        return made.raw

    def advert(self, now, path=b""):
        clock = struct.pack("<I", now)
        return bytes([ADVERT_FLOOD, len(path)]) + path + self.key.raw + clock + self.sign(self.key.raw + clock + self.about) + self.about


def adverts(observers):
    """Without end: [(topic, payload)] of one advert each, as three observers heard it. observers:
    [(topic, name, id)]."""
    lib = _crypto()
    nodes = [Node(lib, *one) for one in NODES]
    for turn, node in enumerate(itertools.cycle(nodes)):
        now = int(time.time())
        heard = []
        for i in range(3):
            topic, name, identity = observers[(turn + i) % len(observers)]
            relay = nodes[(turn + i) % 4] if i == 2 else node  # the third one by a repeater
            raw = node.advert(now, b"" if relay is node else relay.key.raw[:1])
            heard.append((topic, json.dumps({
                "origin": name, "origin_id": identity, "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(now)),
                "type": "PACKET", "direction": "rx", "raw": raw.hex().upper(),
                "SNR": str(relay.snr - 2.25 * i + turn % 3), "RSSI": str(-70 - 8 * i - turn % 7)})))
        yield heard
