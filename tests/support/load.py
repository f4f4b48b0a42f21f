# SPDX-License-Identifier: MIT
"""load - new transmissions at a steady rate, in the background, while a test does
something unkind."""

import os
import threading
import time
from array import array
from contextlib import nullcontext

from messages import packet
from mqtt_lite import Client, MqttError

LOAD_PER_SECOND = int(os.environ.get("WEIR_CRASH_LOAD", "1000"))
TURN_S = 0.01
RETRY_S = 0.1
END_S = 120
# So many may wait in the broker (which keeps a million) and in the ring: a machine that stores less
# than we send gets less, and no queue whose end is minutes away.
AHEAD_MAX = 100000
AHEAD_LOOK_S = 0.5


class Load(threading.Thread):
    """Publishes new transmissions at QoS 1 until told to end; `published` counts the
    acknowledged ones then.

    is_patient: the broker may go away; what it did not acknowledge is sent again. keeps_times:
    `times[n]` is when number n was given to the socket. place: where the thread lives, a context
    (a network namespace). stored: how many of them are; then the load waits where AHEAD_MAX are
    not, and `waited` says how long."""

    def __init__(self, broker, rate=LOAD_PER_SECOND, is_patient=False, keeps_times=False, place=nullcontext, stored=None):
        super().__init__(daemon=True)
        self.broker, self.rate, self.is_patient, self.place, self.stored = broker, rate, is_patient, place, stored
        self.waited, self._room, self._looked = 0.0, AHEAD_MAX, 0.0
        self.published, self.error = 0, None
        self.times = array("d") if keeps_times else None
        self._ending = threading.Event()

    def run(self):
        try:
            with self.place(), Client(self.broker.port, timeout=30) as client:
                last, credit = time.monotonic(), 0.0
                while not self._ending.wait(TURN_S):
                    now = time.monotonic()
                    if not self._has_room(now):
                        self.waited += now - last
                        last = now
                        continue
                    # What could not be sent in time is not made up for: the rate is the most.
                    credit = min(credit + (now - last) * self.rate, max(1.0, self.rate / 10))
                    last = now
                    credit -= self._try(client, self._send, int(credit)) or 0
                deadline = time.monotonic() + END_S / 2
                while self._try(client, lambda c, _: c.flush() or True, 0) is None:
                    assert time.monotonic() < deadline, "the broker stayed away"
        except Exception as error:  # the test's thread reports it
            self.error = error

    def _has_room(self, now):
        if self.stored is not None and now - self._looked >= AHEAD_LOOK_S:
            self._looked = now
            self._room = self.stored() + AHEAD_MAX
        return self.stored is None or self.published < self._room

    def _send(self, client, count):
        for _ in range(count):
            client.publish(*packet(self.published, observer=f"OBS{self.published % 40}"), qos=1)
            self.published += 1
            if self.times is not None:
                self.times.append(time.monotonic())
        client.push()
        return count

    def _try(self, client, action, count):
        """None where the broker was away; then the connection is made anew, as far as it can be."""
        try:
            return action(client, count)
        except (OSError, MqttError):
            if not self.is_patient:
                raise
        try:
            client.connect()
        except (OSError, MqttError):
            time.sleep(RETRY_S)  # between attempts, no wait for something
        return None

    def end(self):
        self._ending.set()
        self.join(END_S)
        assert self.error is None and not self.is_alive(), f"the load failed: {self.error!r}"
        return self.published
