# SPDX-License-Identifier: MIT
"""browser - a real browser for tests of the page: tests/web/browser.mjs, one chromium a test.

Needs chromium and node's packages (scripts/bootstrap --browser); without them a test is skipped,
and says so.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import PATIENCE, ROOT

FOLDER = ROOT / "tests/web"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class BrowserError(Exception):
    pass


class Browser:
    """Every method is an action of browser.mjs: browser.text(selector="h1")."""

    def __init__(self, world):
        if CHROMIUM is None or not (FOLDER / "node_modules/playwright-core").exists():
            pytest.skip("no browser: scripts/bootstrap --browser")
        if PATIENCE > 1:
            pytest.skip("the page is read once, from the release build")
        self.world, self.number = world, 0
        with open(world.dir / "browser.log", "w") as log:
            self.process = subprocess.Popen(["node", str(FOLDER / "browser.mjs"), CHROMIUM], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=log, text=True)

    def __getattr__(self, name):
        def act(**keys):
            self.number += 1
            self.process.stdin.write(json.dumps({"id": self.number, "do": name, **keys}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
            if not line:
                raise BrowserError((self.world.dir / "browser.log").read_text()[-2000:])
            answer = json.loads(line)
            if "error" in answer:
                raise BrowserError(f"{name}({keys}): {answer['error']}")
            return answer["result"]
        return act

    def address(self, page=""):
        return f"http://127.0.0.1:{self.world.config['port']}/{page}"

    def visit(self, page="", **keys):
        self.open(url=self.address(page), **keys)

    def wait_text(self, text, selector="main", timeout=30):
        """Until the selector's text holds this; where it does not, what stood there is told."""
        seen = [None]

        def look():
            try:
                seen[0] = self.text(selector=selector)
            except BrowserError:
                return None
            return seen[0] if text.lower() in seen[0].lower() else None
        try:
            return self.world.wait(f"{text!r} on the page", look, timeout)
        except AssertionError as error:
            raise AssertionError(f"{text!r} is not in {seen[0]!r}\n{error}") from None

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
