# SPDX-License-Identifier: MIT
"""disks - file systems of a test's own: small, read-only, or without power. They need root."""

import errno
import fcntl
import os
import struct
import subprocess
import time
from contextlib import contextmanager

EXT4_IOC_SHUTDOWN = 0x8004587D
WAIT_S, POLL_S = 30, 0.02
NO_LOG_FLUSH = 2  # what the journal holds in memory is lost, too


class Unavailable(Exception):
    """Not here: says why."""


def run(*argv):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(map(str, argv))}: {done.stderr.strip() or done.returncode}")


@contextmanager
def tmpfs(folder, megabytes):
    folder.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder, how):
    """how: ro, rw. A file system with files open for writing can't be made read-only."""
    run("mount", "-o", f"remount,{how}", folder)


def fill(folder, leave):
    """Write zeros until only `leave` bytes are free."""
    stat = os.statvfs(folder)
    try:
        with open(folder / "ballast", "wb") as ballast:
            ballast.write(bytes(max(0, stat.f_bavail * stat.f_frsize - leave)))
    except OSError as error:  # others wrote meanwhile
        if error.errno != errno.ENOSPC:
            raise


class Ext4:
    """A file system in a file, whose power can be cut: what was not synced is gone, and the journal
    is played at the next mount."""

    def __init__(self, folder, megabytes):
        self.folder, self.image = folder, folder.with_name(folder.name + ".img")
        folder.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(megabytes << 20)
        run("mkfs.ext4", "-q", "-F", self.image)

    def __enter__(self):
        self.mount()
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", str(self.folder)], capture_output=True, check=False)

    def mount(self):
        run("mount", "-o", "loop", self.image, self.folder)

    def unmount(self):
        """Returns when nobody has it any more: a namespace that ends lets go late, and who mounts
        before is given the file system that has no power."""
        run("umount", self.folder)
        deadline = time.monotonic() + WAIT_S
        while self._devices():
            if time.monotonic() > deadline:
                raise Unavailable(f"{self.image} is still in use")
            time.sleep(POLL_S)

    def _devices(self):
        return subprocess.run(["losetup", "-j", str(self.image)], capture_output=True, text=True, check=True).stdout

    def cut_power(self):
        fd = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(fd)
