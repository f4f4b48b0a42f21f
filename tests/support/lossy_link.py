# SPDX-License-Identifier: MIT
"""lossy_link - two network namespaces and a line between them that delays packets and loses some:
IP packets of the kernel's own TCP, over two TUN devices. Needs root and /dev/net/tun.

    with LossyLink(random, delay_s=0.15, loss=0.3) as link:
        with link.near(): ...   # programs started here, and sockets made here, live there
        with link.far(): ...
        link.FAR                # the address of the far side, seen from the near one
"""

import ctypes
import fcntl
import heapq
import os
import select
import struct
import threading
import time
from contextlib import contextmanager

from disks import Unavailable, run

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        raise Unavailable(f"{what}: {os.strerror(ctypes.get_errno())}")


class End:
    """One namespace with a TUN device in it, made by a thread that then ends: what is open keeps
    both."""

    def __init__(self, address, peer):
        self.address, self.peer, self.error = address, peer, None
        maker = threading.Thread(target=self._make)
        maker.start()
        maker.join()
        if self.error is not None:
            raise self.error

    def _make(self):
        try:
            check(LIBC.unshare(CLONE_NEWNET), "unshare a network namespace")
            self.namespace = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
            self.tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("16sH22x", b"line", IFF_TUN | IFF_NO_PI))
            run("ip", "link", "set", "lo", "up")
            run("ip", "addr", "add", self.address, "peer", self.peer, "dev", "line")
            run("ip", "link", "set", "line", "up")
        except (OSError, Unavailable) as error:
            self.error = Unavailable(str(error))

    @contextmanager
    def inside(self):
        before = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        try:
            check(LIBC.setns(self.namespace, CLONE_NEWNET), "enter a network namespace")
            yield
        finally:
            check(LIBC.setns(before, CLONE_NEWNET), "leave a network namespace")
            os.close(before)

    def close(self):
        os.close(self.tun)
        os.close(self.namespace)


class LossyLink:
    NEAR, FAR = "10.231.0.1", "10.231.0.2"

    def __init__(self, random, delay_s, loss):
        self.random, self.delay_s, self.loss = random, delay_s, loss
        self.carried = self.lost = 0
        self._is_over = threading.Event()
        self._near, self._far = End(self.NEAR, self.FAR), End(self.FAR, self.NEAR)
        self.near, self.far = self._near.inside, self._far.inside

    def __enter__(self):
        self._carrier = threading.Thread(target=self._carry, daemon=True)
        self._carrier.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._carrier.join()
        self._near.close()
        self._far.close()

    def _carry(self):
        other = {self._near.tun: self._far.tun, self._far.tun: self._near.tun}
        under_way, number = [], 0
        while not self._is_over.is_set():
            wait = max(0.0, min(0.1, under_way[0][0] - time.monotonic())) if under_way else 0.1
            for fd in select.select(list(other), [], [], wait)[0]:
                packet = os.read(fd, 65536)
                if self.random.random() < self.loss:
                    self.lost += 1
                else:
                    number += 1
                    heapq.heappush(under_way, (time.monotonic() + self.delay_s, number, other[fd], packet))
            while under_way and under_way[0][0] <= time.monotonic():
                _, _, fd, packet = heapq.heappop(under_way)
                self.carried += 1
                try:
                    os.write(fd, packet)
                except OSError:
                    pass  # a full queue loses it, as a line does


