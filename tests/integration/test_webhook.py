# SPDX-License-Identifier: MIT
"""webhookUrl: told of changes of the health, signed, tried again, and never in anybody's way."""

import hashlib
import hmac
import json
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from harness import PATIENCE, World, http_request

SECRET, SECOND = "a secret of some length", "the one that follows it"


class Hook:
    """Takes letters; `answers` are the statuses of the next ones (then 204), None =
    never an answer."""

    def __init__(self):
        hook = self
        self.letters, self.answers, self.released = [], [], threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.letters.append((dict(self.headers), body))
                status = hook.answers.pop(0) if hook.answers else 204
                if status is None:
                    hook.released.wait(60)
                    return
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook?token=hidden-token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def told(self, check):
        return [change for _, body in self.letters for change in json.loads(body)["changes"] if change["check"] == check]

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


def signature(secret, body):
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.fixture
def hook():
    made = Hook()
    yield made
    made.close()


def test_changes_are_told_signed_and_tried_again(world, hook):
    (world.dir / "secret").write_text(SECRET + "\n")
    (world.dir / "secret").chmod(0o600)
    hook.answers = [500]
    world.start(server=True, live=False, stateDir="state")
    world.write_config(webhookUrl=hook.url, webhookSecretFile="secret")
    world.server.signal(signal.SIGHUP)  # which a reload takes over
    world.wait("the reload", lambda: world.server.log_lines('changed="webhookUrl, webhookSecretFile"'))
    world.wait("the second try", lambda: len(hook.letters) >= 2)  # no source: a warning from the start
    headers, body = hook.letters[0]
    letter = json.loads(body)
    assert letter["event"] == "health" and letter["status"] == "warn" and letter["missed"] == 0
    assert letter["before"] == "pass" and abs(letter["atUnix"] - time.time()) < 60
    assert letter["changes"] == [{"check": "sources", "from": "pass", "to": "warn",
                                  "output": "no MQTT source is configured: nothing is received"}]
    assert headers["X-Weir-Signature"] == signature(SECRET, body) and headers["Content-Type"] == "application/json"
    assert [(h["X-Weir-Delivery"], b) for h, b in hook.letters] == [(headers["X-Weir-Delivery"], body)] * 2
    hook.answers = [302]  # refused: not followed, not tried again
    world.ingestor.stop()
    world.wait("the end of the next one", lambda: world.server.log_lines(r"given up.*HTTP 302"))
    world.ingestor.start()
    world.wait("the good news", lambda: [c for c in hook.told("ingestor") if c["to"] == "pass"], 10)
    assert [c["to"] for c in hook.told("ingestor")] == ["warn", "pass"]
    assert len({headers["X-Weir-Delivery"] for headers, _ in hook.letters}) == len(hook.letters) - 1  # but the first one
    told = len(hook.letters)
    (world.dir / "secret").write_text(SECOND + "\n")  # under the same name
    world.server.signal(signal.SIGHUP)
    world.wait("the secret's reload", lambda: world.server.log_lines("signed with another secret from now on"))
    (world.dir / "secret").unlink()
    world.server.signal(signal.SIGHUP)
    world.wait("the refusal", lambda: world.server.log_lines("configuration not reloaded"))
    world.ingestor.stop()
    world.wait("a letter behind it", lambda: len(hook.letters) > told)
    for headers, body in hook.letters[told:]:  # news alone: the address knew the rest
        assert [c["check"] for c in json.loads(body)["changes"]] == ["ingestor"]
        assert headers["X-Weir-Signature"] == signature(SECOND, body)
    # A restart of the server is no change; what ends meanwhile is.
    (world.dir / "secret").write_text(SECOND + "\n")
    kept = world.dir / "state/webhook-told"
    world.wait("what was told", lambda: "warn ingestor\n" in kept.read_text())
    told = len(hook.letters)
    assert world.server.stop() == 0
    world.ingestor.start()
    world.wait_stats("the ingestor", lambda s: True)
    world.start_server()
    world.wait("the end of it", lambda: len(hook.letters) > told)
    assert [(c["check"], c["from"], c["to"]) for _, body in hook.letters[told:] for c in json.loads(body)["changes"]] == [
        ("ingestor", "warn", "pass")]
    world.wait("what was told", lambda: "ingestor" not in kept.read_text() and "warn sources\n" in kept.read_text())
    for secret in ("hidden-token", SECRET, SECOND):
        assert secret not in world.server.log() + kept.read_text()


def test_a_hook_that_never_answers_is_in_nobodys_way(world, hook):
    hook.answers = [None] * 100
    world.config["webhookUrl"], world.config["webhookSecret"] = hook.url, SECRET
    world.write_config()
    world.start_server()
    world.wait("a letter", lambda: hook.letters)  # no database, no ingestor
    answer = http_request(world.config["healthPort"], "/api/healthz")
    assert answer.status == 503 and answer.seconds < 1 * PATIENCE
    began = time.monotonic()
    assert world.server.stop() == 0
    assert time.monotonic() - began < 10 * PATIENCE
    assert world.server.log_lines("changes of the health were not told")


def test_what_the_configuration_refuses(tmp_path):
    world = World("hookconfig")
    try:
        for keys, text in [({"webhookUrl": "ftp://x/y"}, "http:// or https://"), ({"webhookUrl": "http://h/", "webhookSecret": "a", "webhookSecretFile": "b"}, "keep one")]:
            world.config_path.write_text(json.dumps(keys))
            world.server.start()
            assert world.server.wait_exit() == 78
            assert text in world.server.log()
        world.config_path.write_text(json.dumps({"webhookUrl": "http://127.0.0.1:1/", "webhookSecretFile": "absent"}))
        world.server.start()
        assert world.server.wait_exit() != 0 and "absent" in world.server.log()
        # What a start would refuse a check refuses.
        done = subprocess.run([world.build / "server", "--config", world.config_path, "--check-config"],
                              capture_output=True, text=True, check=False, env=world.env)
        assert done.returncode == 78 and "absent" in done.stderr and "key=webhookSecretFile" in done.stderr, done.stderr
    finally:
        world.close()
