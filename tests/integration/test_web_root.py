# SPDX-License-Identifier: MIT
"""`webRoot`: a folder in the page's place, and nothing but what lies in it."""

import gzip
import os
import subprocess

import pytest
from harness import PATIENCE
from live_client import WebSocket
from test_http_qualities import ask

SCRIPT = "/* a script */\n" + "let lines = 0;\n" * 400
SECRET = "outside of the folder"
HOSTILE = [
    "/../secret.txt", "/js/../../secret.txt", "/%2e%2e/secret.txt", "/.%2e/secret.txt", "/js/%2e%2e/%2e%2e/secret.txt",
    "//secret.txt", "/js//app.js", "/./index.html", "/%2e/index.html", "/js/.", "/.env", "/.git/config", "/js/.hidden.js",
    "/out.txt", "/up/secret.txt", "/inner.txt", "/..%5csecret.txt", "/js%5capp.js", "/index.html%0a", "/%7f",
    "/..;/secret.txt", "/js/none.js", "/style.css", "/" + "a" * 300, "/" + "a/" * 20,
    "/index.html%00", "/index.html%00.js", "/js%2fapp.js", "/js%2Fapp.js", "/%2fetc%2fpasswd", "/..%2fsecret.txt",
    "/..%c0%afsecret.txt", "/%ff", "/%c3", "/%", "/%zz", "/%252e%252e%00",
]


@pytest.fixture
def folder(world):
    (world.dir / "secret.txt").write_text(SECRET)
    public = world.dir / "public"
    (public / "js").mkdir(parents=True)
    (public / ".git").mkdir()
    (public / "index.html").write_text("<!doctype html><title>theirs</title>")
    (public / "js/app.js").write_text(SCRIPT)
    (public / "js/.hidden.js").write_text(SECRET)
    (public / ".env").write_text(SECRET)
    (public / ".git/config").write_text(SECRET)
    (public / "large.png").write_bytes(bytes(range(256)) * 8192)  # 2 MiB
    (public / "ä b.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    os.symlink("../secret.txt", public / "out.txt")
    os.symlink("index.html", public / "inner.txt")
    os.symlink("..", public / "up")
    os.mkfifo(public / "pipe")
    for path in [*public.rglob("*"), public]:
        if not path.is_symlink():
            os.utime(path, (1_700_000_000, 1_700_000_000))
    return public


def serve(world, **keys):
    world.write_config(webRoot="public", **keys)
    world.start_server()
    return world


def test_a_folder_in_the_pages_place(world, folder):
    serve(world, readApiKey="a-key-that-nobody-knows-4711")
    index = ask(world, "/")
    assert index.status == 200 and b"theirs" in index.body and index["Content-Type"] == "text/html; charset=utf-8"
    for absent in ("Content-Security-Policy", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy"):
        assert index[absent] is None, index
    assert index["X-Content-Type-Options"] == "nosniff" and index["Cache-Control"] == "no-cache"
    for path in ("/index.html", "/packets", "/a/b/c", "/js", "/js/", "/pipe", "/assets/x", "/API/stats", "/metric"):
        assert ask(world, path).body == index.body, path
    # A part of a page: its type, packed, known again, and HEAD.
    script = ask(world, "/js/app.js?v=123")
    assert script["Content-Type"] == "text/javascript; charset=utf-8" and script.body.decode() == SCRIPT
    packed = ask(world, "/js/app.js", Accept_Encoding="gzip")
    assert packed["Content-Encoding"] == "gzip" and gzip.decompress(packed.body).decode() == SCRIPT
    assert script["ETag"] and packed["ETag"] and script["ETag"] != packed["ETag"] and script["Vary"] == "Accept-Encoding"
    assert ask(world, "/js/app.js", If_None_Match=script["ETag"]).status == 304
    head = ask(world, "/js/app.js", method="HEAD")
    assert head.status == 200 and not head.body and head["Content-Length"] == str(len(SCRIPT))
    assert ask(world, "/%C3%A4%20b.svg")["Content-Type"] == "image/svg+xml"
    # What is large is sent from the disk.
    large = ask(world, "/large.png")
    assert large.body == (folder / "large.png").read_bytes() and large["Content-Length"] == str(2 << 20), large
    tag = world.wait("the file to be settled", lambda: ask(world, "/large.png", method="HEAD")["ETag"])
    assert ask(world, "/large.png", If_None_Match=tag).status == 304
    assert not ask(world, "/large.png", method="HEAD").body
    # The rest of the server is what it was.
    assert ask(world, "/api/livez").status == 200 and ask(world, "/api/stats").status == 401
    assert ask(world, "/api/nope").json == {"error": "not found"} and ask(world, "/api").status == 404
    assert ask(world, "/js/app.js", method="POST")["Allow"] == "GET, HEAD, OPTIONS"
    assert ask(world, "/docs.css").status == 200
    assert ask(world, "/", port=world.config["healthPort"]).status == 404
    key = {"X-API-Key": "a-key-that-nobody-knows-4711"}
    assert "/*" not in world.get("/api/spec", headers=key).json["paths"]


def test_what_changes_is_seen_at_the_next_request(world, folder):
    serve(world, webRootCsp="default-src 'self' https://tiles.example.org")
    before = ask(world, "/js/app.js")
    assert before["Content-Security-Policy"] == "default-src 'self' https://tiles.example.org"
    (folder / "js/app.js").write_text("other")
    after = ask(world, "/js/app.js", If_None_Match=before["ETag"])
    assert after.status == 200 and after.body == b"other" and after["ETag"] != before["ETag"]
    # The whole folder, too: a link's other end, as deployments do it.
    folder.rename(world.dir / "one")
    (world.dir / "two").mkdir()
    (world.dir / "two/index.html").write_text("two")
    os.symlink("two", world.dir / "public")
    assert ask(world, "/").body == b"two" and ask(world, "/js/app.js").status == 404
    os.unlink(world.dir / "public")
    gone = ask(world, "/")
    assert gone.status == 500 and "webRoot can't be read" in gone.json["error"]
    assert ask(world, "/api/livez").status == 200


def test_hostile_paths(world, folder):
    serve(world)
    for path in HOSTILE:
        answer = ask(world, path)
        assert answer.status in (400, 404) and answer.json["error"] and SECRET.encode() not in answer.body, (path, answer)
    assert world.get("/api/livez").status == 200


def test_a_websocket_on_any_path(world, folder):
    serve(world)
    for path in ("/", "/js/app.js", "/anything"):
        with WebSocket(world.config["port"], path=path) as socket:
            assert socket.status == 101


@pytest.mark.parametrize("change, said", [
    (lambda public: public.joinpath("index.html").unlink(), "there is no index.html in it"),
    (lambda public: public.rename(public.with_name("elsewhere")), "can't be read: No such file or directory"),
])
def test_check_config_looks_at_the_folder(world, folder, change, said):
    world.write_config(webRoot="public")
    command = [world.build / "server", "--config", world.config_path, "--check-config"]
    good = subprocess.run(command, capture_output=True, text=True, timeout=30 * PATIENCE)
    assert good.returncode == 0, good
    change(folder)
    bad = subprocess.run(command, capture_output=True, text=True, timeout=30 * PATIENCE)
    assert bad.returncode == 78 and "webRoot: " in bad.stderr and said in bad.stderr, bad
