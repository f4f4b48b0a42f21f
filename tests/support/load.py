# SPDX-License-Identifier: MIT
"""load - new transmissions at a steady rate, in the background, while a test does
something unkind."""

import os
import threading

from messages import packet
from mqtt_lite import Client

LOAD_PER_SECOND = int(os.environ.get("WEIR_CRASH_LOAD", "1000"))


class Load(threading.Thread):
    """Publishes new transmissions at QoS 1 until told to end; `published` counts the
    acknowledged ones then."""

    def __init__(self, broker):
        super().__init__(daemon=True)
        self.broker, self.published, self.error = broker, 0, None
        self._ending = threading.Event()

    def run(self):
        try:
            with Client(self.broker.port, timeout=30) as client:
                while not self._ending.wait(0.01):
                    for _ in range(max(1, LOAD_PER_SECOND // 100)):
                        client.publish(*packet(self.published, observer=f"OBS{self.published % 40}"), qos=1)
                        self.published += 1
                    client.push()
                client.flush()
        except Exception as error:  # the test's thread reports it
            self.error = error

    def end(self):
        self._ending.set()
        self.join(60)
        assert self.error is None and not self.is_alive(), f"the load failed: {self.error!r}"
        return self.published
