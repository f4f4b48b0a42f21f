# SPDX-License-Identifier: MIT
"""`webRoot`: a folder in the page's place, and nothing but what lies in it."""

import gzip
import os
import subprocess

import pytest
from browser import Browser
from harness import PATIENCE, ROOT
from live_client import WebSocket
from messages import packets
from mqtt_lite import Client
from test_config_api import GIVEN
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


# --- a page of their kind, in a browser -----------------------------------------------------------

CONFIGS = ("client", "cache", "theme", "regions", "areas", "areas/polygons", "map", "geo-filter")
THEIRS = {
    "index.html": """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>theirs</title><link rel="icon" href="icon.svg">
        <link rel="manifest" href="app.webmanifest"><link rel="stylesheet" href="style.css?v=1700000000"><script src="old.js"></script>
        <script type="module" src="js/app.js?v=1700000000"></script></head><body><main>loading</main></body></html>""",
    "style.css": "main { color: rgb(1, 2, 3); }", "old.js": "window.isOld = true;", "icon.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
    "app.webmanifest": '{"name": "theirs", "start_url": "/"}', "font.woff2": "wOF2", "data.json": "{}",
    "sw.js": """self.addEventListener("install", () => self.skipWaiting());
        self.addEventListener("activate", (e) => e.waitUntil(self.clients.claim()));
        self.addEventListener("fetch", (e) => e.request.url.endsWith("/of-the-worker") && e.respondWith(new Response("worker")));""",
    "js/pages/nodes.js": "export default async () => `${(await (await fetch('/api/nodes?limit=5')).json()).total} nodes`;",
    "js/lib/socket.mjs": """export const packet = (path) => new Promise((done, fail) => {
        const socket = new WebSocket(`ws://${location.host}${path}`);
        socket.onmessage = ({ data }) => { const m = JSON.parse(data); if (m.type === "packet") done(`${m.type} ${m.data.packet.hash === m.data.hash}`); };
        socket.onopen = () => window.open_sockets++;
        socket.onerror = () => fail(new Error(path));
    });""",
    "js/app.js": """import { packet } from "./lib/socket.mjs";
        const pages = { "#/nodes": () => import("./pages/nodes.js?v=2") };
        const main = document.querySelector("main");
        async function show() { const page = await pages[location.hash]?.(); main.textContent = page ? await page.default() : "home"; }
        window.open_sockets = 0;
        addEventListener("hashchange", show);
        window.packets = Promise.all(["/", "/ws", "/a/b"].map(packet));
        await navigator.serviceWorker.register("sw.js");
        await navigator.serviceWorker.ready;
        await show();""",
}
TYPES = {"style.css": "text/css; charset=utf-8", "js/lib/socket.mjs": "text/javascript; charset=utf-8", "font.woff2": "font/woff2",
         "app.webmanifest": "application/manifest+json", "data.json": "application/json", "icon.svg": "image/svg+xml"}


def test_a_page_of_modules_and_a_worker_in_a_browser(world, broker):
    """As CoreScope's: modules that load modules, routes behind a hash, a service worker, a
    WebSocket on any path, its keys of the configuration. The browser complains of nothing."""
    for name, text in THEIRS.items():
        path = world.dir / "public" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    browser = Browser(world)
    try:
        world.add_source(broker)
        world.start(server=True, webRoot="public", **GIVEN)
        browser.visit()
        browser.wait_text("home")
        world.wait("the sockets", lambda: browser.evaluate(code="window.open_sockets") == 3)
        with Client(broker.port) as client:
            client.publish_all(packets(3), qos=1)
        assert browser.evaluate(code="window.packets") == ["packet true"] * 3
        browser.go(hash="#/nodes")
        nodes = world.count("nodes")
        browser.wait_text(f"{nodes} nodes")
        assert browser.evaluate(code="fetch('/of-the-worker').then((a) => a.text())") == "worker"
        assert browser.evaluate(code="window.isOld") is True
        assert browser.evaluate(code="getComputedStyle(document.querySelector('main')).color") == "rgb(1, 2, 3)"
        for name, wanted in TYPES.items():
            assert browser.evaluate(code=f"fetch('{name}').then((a) => a.headers.get('Content-Type'))") == wanted, name
        for name in CONFIGS:
            assert browser.evaluate(code=f"fetch('/api/config/{name}').then((a) => a.status)") == 200, name
        assert browser.evaluate(code="fetch('/api/config/theme').then((a) => a.json())")["branding"]["siteName"] == GIVEN["branding"]["siteName"]
        assert browser.complaints() == []
        browser.visit("packets/of/yesterday")  # unknown paths are the page, too
        browser.wait_text("loading")  # its modules are relative to that folder: no files
        assert browser.title() == "theirs"
    finally:
        browser.close()


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


TABLE = """#include "cmd/server/web/web_assets.h"
#include <stdio.h>
int main(void)
{
    for (const struct web_asset *one = web_assets; one->name != NULL; one++)
        printf("%s %s\\n%.*s\\n", one->name, one->type, (int)one->len, (const char *)one->bytes);
}
"""


def test_a_server_without_the_page_needs_no_node(tmp_path):
    """-DWEIR_WEB=OFF: configured where no node works; what then stands at / says so."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("node", "nodejs", "npm"):
        (tools / name).write_text("#!/bin/sh\nexit 99\n")
        (tools / name).chmod(0o755)
    env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}

    def run(*argv):
        done = subprocess.run([str(a) for a in argv], env=env, capture_output=True, text=True, timeout=120 * PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
    run("cmake", "-G", "Ninja", "-S", ROOT, "-B", tmp_path / "build", "-DWEIR_WEB=OFF", "-DBUILD_TESTING=OFF")
    run("cmake", "--build", tmp_path / "build", "--target", "cmd/server/web/web_assets.c")
    (tmp_path / "table.c").write_text(TABLE)
    run("cc", "-I", ROOT, tmp_path / "table.c", tmp_path / "build/cmd/server/web/web_assets.c", "-o", tmp_path / "table")
    told = run(tmp_path / "table")
    assert told.startswith("index.html text/html; charset=utf-8\n")
    assert "built without its page (WEIR_WEB=OFF)" in told and 'href="api/docs"' in told and "docs.css text/css" in told
    assert "<script" not in told
