# SPDX-License-Identifier: MIT
"""terminal - a program under a pseudo-terminal, and what its screen shows: as much of a VT100 as
ncurses asks for."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

from harness import PATIENCE

SEQUENCE = re.compile(r"\x1b(?:\[([?>]?)([\d;]*)([A-Za-z])|[()][A-Z0-9]|[=>78M])")


class Screen:
    """Text only; attributes, margins and character sets are passed over."""

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.clear()

    def clear(self):
        self.cells = [[" "] * self.columns for _ in range(self.rows)]
        self.row = self.column = 0

    def __str__(self):
        return "\n".join("".join(row).rstrip() for row in self.cells)

    def control(self, kind, numbers, letter):
        if kind:
            return
        first = numbers[0] if numbers else 0
        if letter == "H":
            self.row = max(first, 1) - 1
            self.column = max(numbers[1] if len(numbers) > 1 else 1, 1) - 1
        elif letter in "ABCD":
            step = max(first, 1)
            self.row += {"A": -step, "B": step}.get(letter, 0)
            self.column += {"C": step, "D": -step}.get(letter, 0)
        elif letter == "K":
            self.erase(self.row, self.column if first == 0 else 0, self.column + 1 if first == 1 else self.columns)
        elif letter == "J":
            for row in range(self.row + (first == 0), self.rows) if first != 2 else range(self.rows):
                self.erase(row, 0, self.columns)
            if first == 0:
                self.erase(self.row, self.column, self.columns)

    def erase(self, row, begin, end):
        self.cells[row][begin:end] = [" "] * (min(end, self.columns) - begin)

    def put(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row = min(self.row + 1, self.rows - 1)
        elif character == "\b":
            self.column -= 1
        elif character == "\t":
            self.column = (self.column // 8 + 1) * 8
        elif character >= " ":
            if self.row < self.rows and self.column < self.columns:
                self.cells[self.row][self.column] = character
            self.column += 1

    def feed(self, text):
        at = 0
        while at < len(text):
            match = SEQUENCE.match(text, at) if text[at] == "\x1b" else None
            if match:
                if match[3]:
                    self.control(match[1], [int(n) if n else 0 for n in match[2].split(";")], match[3])
                at = match.end()
            else:
                self.put(text[at])
                at += 1


class Terminal:
    """A program in a window of rows x columns."""

    def __init__(self, argv, env, rows=24, columns=80):
        self.screen = Screen(rows, columns)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(argv[0], [str(a) for a in argv], {**env, "TERM": "vt100", "LC_ALL": "C.UTF-8"})
        self.resize(rows, columns)
        self.status = None
        self.decoder = codecs.getincrementaldecoder("utf-8")("ignore")

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen = Screen(rows, columns)

    def type(self, text):
        os.write(self.fd, text.encode())

    def signal(self, number):
        os.kill(self.pid, number)

    def read(self):
        while select.select([self.fd], [], [], 0.02)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:  # the other side is closed
                return
            if not data:
                return
            self.screen.feed(self.decoder.decode(data))

    def wait(self, what, condition, timeout=30):
        """Until condition(text of the screen); returns that text."""
        deadline = time.monotonic() + timeout * PATIENCE
        while time.monotonic() < deadline:
            self.read()
            text = str(self.screen)
            if condition(text):
                return text
        raise AssertionError(f"no sign of {what} within {timeout} s; the screen:\n{self.screen}")

    def wait_exit(self, timeout=30):
        deadline = time.monotonic() + timeout * PATIENCE
        while time.monotonic() < deadline:
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                return self.status
        raise AssertionError(f"it does not end; the screen:\n{self.screen}")

    def close(self):
        if self.status is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
        os.close(self.fd)
