# SPDX-License-Identifier: MIT
"""The page in a real browser, against real programs: what a person reads in each state."""

import http.server
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from urllib.parse import quote

import harness
import pytest
from browser import Browser
from harness import stopped
from messages import REQ, packets, recorded
from mqtt_lite import Client
from test_disk_full import fill, small_disk  # noqa: F401  (a fixture)
from test_tools import big_corescope
from ws_broker import WsBroker

sys.path.insert(0, str(harness.ROOT / "scripts/lib"))
import demo_nodes  # noqa: E402  (needs the path above)
import demo_play  # noqa: E402

PAGES = ("", "#/packets", "#/nodes", "#/observers", "#/channels", "#/analytics", "#/analytics/hashes", "#/map", "#/live")
VIEWS = ("#/analytics/channels", "#/analytics/roles", "#/analytics/scopes", "#/analytics/topology", "#/analytics/paths",
         "#/analytics/distance", "#/analytics/airtime", "#/analytics/clocks")  # made of the same parts
SHOTS = os.environ.get("WEIR_SHOTS")  # a folder for pictures of every page and state
HOSTILE = ("<img src=x onerror=alert(1)>", "\u202egnp.exe", "a" * 10000, "'\"&<script>alert(1)</script>", "name\u0000\u0007\u001b[31m")


def hostile_advert(number, name, at=1_700_000_000):
    """A node of this name, at a place; its signature is none: for signatureMode off."""
    body = bytes([number]) * 32 + struct.pack("<I", at) + bytes(64) + bytes([0x92])
    raw = bytes([4 << 2 | 1, 0]) + body + struct.pack("<ii", 1_500_000, -2_250_000) + name.encode()[:100]
    payload = {"origin": "OBS1", "origin_id": "OBS1", "timestamp": "2026-03-29T15:27:30Z", "type": "PACKET", "direction": "rx",
               "raw": raw.hex().upper()}
    return "meshcore/TST/OBS1/packets", json.dumps(payload)


def fits(browser):
    """Nothing reaches over the edge to the right."""
    return browser.evaluate(code="document.documentElement.scrollWidth - innerWidth") <= 0


def shots(browser, name, hold=None):
    """What is there now, in all sizes and both themes, where somebody asks for pictures. hold():
    makes sure that it is still there."""
    for width in (375, 1280, 2560) if SHOTS else ():
        browser.size(width=width)
        for scheme in ("light", "dark"):
            browser.scheme(scheme=scheme)
            if hold:
                hold()
            browser.settle()
            browser.shot(path=f"{SHOTS}/{name}-{width}-{scheme}.png", full=width == 375)
    if SHOTS:
        browser.size(width=1280)


@pytest.fixture
def browser(world):
    it = Browser(world)
    yield it
    it.close()


@pytest.fixture
def mesh(world, broker):
    """A little of everything that was recorded."""
    world.add_source(broker)
    world.start(server=True)
    with Client(broker.port) as client:
        client.publish_all(packets(60), qos=1)
    world.wait_drained(60)
    return world


@pytest.mark.parametrize("width,scheme", [(1280, "light"), (375, "dark")])
def test_every_page_opens_and_harms_nobody(mesh, browser, width, scheme):
    """No error, no request elsewhere, nothing that a screen reader stumbles over, no sideways
    scrolling."""
    browser.visit(width=width, scheme=scheme)
    browser.wait_text("receiving from 1 of 1")
    for page in PAGES:
        browser.go(hash=page or "#/")
        mesh.wait(f"{page} to be there", lambda: browser.count(selector="main h1, main .card") > 0 and
                  browser.count(selector="[aria-busy=true]") == 0)
        assert browser.complaints() == [], page
        assert browser.violations() == [], page
        assert fits(browser), page


def ledger_row(mesh, browser):
    browser.wait_text("where every message went")
    row = mesh.wait("the row of main", lambda: next((line for line in browser.text(selector="main").splitlines()
                                                     if re.match(r"main\s+60\s", line)), None))
    return [int(n) for n in re.findall(r"\d+", row)[:3]]


def test_the_ledger_agrees(mesh, browser):
    """By the one answer, and by the plain ones where a server does not have it."""
    browser.visit()
    ledger = mesh.ledger()
    expected = [ledger["received"], ledger["committed"], ledger["duplicate"]]
    assert ledger_row(mesh, browser) == expected
    browser.wait_text("the ingestor has begun")
    browser.wait_text("Free on its disk")
    browser.click(selector="main summary")  # what the broker answered to each topic
    browser.wait_text("meshcore/#: QoS")
    assert "0 %" in next(row for row in browser.texts(selector="main tr") if "meshcore/#" in row), "the share that came twice"
    facts = mesh.wait("the check", lambda: (text := browser.text(selector="main .facts")) and "sound" in text and text)
    assert "30 days" in facts and "at most" in facts and "none here: stateDir is not set" in facts
    browser.without(pattern="**/api/ops/**")
    browser.evaluate(code="location.reload()")
    browser.wait_text("since this page was opened")
    assert ledger_row(mesh, browser) == expected and "the ingestor has begun" not in browser.text()


# --- a mesh with places, shared: nothing here changes it ------------------------------------------

class Tiles(http.server.BaseHTTPRequestHandler):
    """Answers each request with a picture of one point, and keeps what was asked."""

    PICTURE = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8ffbf1e0005"
                            "fe02fea7359e2f0000000049454e44ae426082")
    asked = []

    def do_GET(self):
        self.asked.append((self.path, self.headers.get("Referer")))
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(self.PICTURE)))
        self.end_headers()
        self.wfile.write(self.PICTURE)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module", name="town")
def _town():
    world = harness.World("town")
    tiles = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tiles)
    threading.Thread(target=tiles.serve_forever, daemon=True).start()
    try:
        broker = world.start_broker()
        world.add_source(broker)
        world.start(server=True, mapTileUrl=f"http://localhost:{tiles.server_port}/{{z}}/{{x}}/{{y}}.png?key=secret-of-tiles")
        with Client(broker.port) as client:
            sent = sum(client.publish_all(recorded(name), qos=1) for name in ("packets", "status", "multi_observer"))
            fresh = demo_nodes.adverts(demo_play.observers_of(recorded("packets") + recorded("multi_observer")))  # as scripts/demo goes on
            sent += client.publish_all([message for _ in demo_nodes.NODES for message in next(fresh)], qos=1)
        world.wait_drained(sent)
        world.adverts, world.broker = fresh, broker
        world.tiles_origin = f"http://localhost:{tiles.server_port}"
        yield world
    finally:
        world.close()
        tiles.shutdown()
        tiles.server_close()


@pytest.fixture(scope="module", name="reader")
def _reader(town):
    it = Browser(town)
    yield it
    it.close()


def test_who_was_heard_best_and_where_did_it_travel(town, reader):
    """The two questions of somebody who sees the page for the first time."""
    reader.visit("#/nodes")
    reader.click(selector="main details summary")
    town.wait("the ranking", lambda: reader.count(selector="main details tbody td.n") > 2)
    rows = [row.split("\t") for row in reader.texts(selector="main details tbody tr")]
    medians = [float(row[1].split()[0]) for row in rows]
    assert medians == sorted(medians, reverse=True) and all(row[0] for row in rows)
    assert "Demo Ferry Building" in [row[0] for row in rows], "the demo's own nodes say something new"
    reader.click(selector="main details tbody td:last-child a")
    reader.wait_text("where it was heard")
    town.wait("its way on a map", lambda: reader.count(selector=".way-map canvas") == 1)
    reader.wait_text("a line for each station")
    stations = {row.split("\t")[1].split(" ")[0] for row in reader.texts(selector="main table.cards tbody tr") if "\t" in row}
    told = [text.removesuffix(": heard it") for text in reader.texts(selector=".place-name") if text.endswith(": heard it")]
    assert all(name.split(" ")[0] in stations for name in told), "a relay is no station, wherever its way ends on the map"
    assert reader.attribute(selector=".way-map", name="aria-label")
    assert complaints_but_tiles(town, reader) == []


CUT = """(() => {
    const map = document.querySelector(".way-map").getBoundingClientRect();
    return [...document.querySelectorAll(".place-name")].map((one) => [one.innerText, one.getBoundingClientRect()])
        .filter(([, box]) => box.left < map.left || box.right > map.right || box.top < map.top || box.bottom > map.bottom).map(([text, box]) => `${text}: ${[box.left - map.left, map.right - box.right, box.top - map.top, map.bottom - box.bottom].map(Math.round)}`);
})()"""


def test_no_name_is_cut_off_by_the_edge_of_a_small_map(town, reader):
    reader.visit("#/nodes", width=375)
    cut, named = [], 0
    for packet in town.get("/api/packets?type=4&limit=8").json["packets"]:
        reader.go(hash=f"#/packets/{packet['hash']}")
        reader.wait_text(packet["hash"])
        town.wait("its map", lambda: reader.count(selector=".way-map canvas") == 1)
        reader.settle()  # many have no names
        named += reader.count(selector=".place-name")
        cut += reader.evaluate(code=CUT)
    assert named > 8 and cut == []


def test_adverts_of_all_of_the_hour_are_ranked(town, reader):
    """On a busy mesh the newest thousand packets are those of a few minutes, and tell nothing."""
    reader.visit("#/nodes")
    reader.answer(pattern="**/api/packets?since=*&limit=1000", body={"packets": []})
    reader.click(selector="main details summary")
    town.wait("the ranking", lambda: reader.count(selector="main details tbody td.n") > 2)


def test_the_last_hour_goes_on(town, reader):
    """The ranking stays open until two hours later: of those heard then none is told any more."""
    reader.visit("#/nodes")
    reader.click(selector="main details summary")
    town.wait("the ranking", lambda: reader.count(selector="main details tbody td.n") > 2)
    reader.evaluate(code="(() => { const real = Date.now; Date.now = () => real() + 7200000; document.dispatchEvent(new Event('visibilitychange')); })()")
    reader.wait_text("no reception that was looked at")


def complaints_but_tiles(town, browser):
    return [text for text in browser.complaints() if not text.startswith(f"foreign: {town.tiles_origin}/")]


def test_tiles_come_from_where_the_operator_says(town, reader):
    reader.visit("#/map")
    town.wait("tiles", lambda: reader.count(selector="img.leaflet-tile-loaded") > 0)
    assert complaints_but_tiles(town, reader) == []
    path, referer = Tiles.asked[-1]
    assert re.fullmatch(r"/\d+/\d+/\d+\.png\?key=secret-of-tiles", path)
    assert referer == reader.address(), "our origin and no more: some tile servers want to know from where"
    assert town.tiles_origin.split("//")[1] in reader.text(selector=".leaflet-control-attribution")


MEANWHILE = {  # what the map has begun when the page is left
    "nothing": "",
    "a wheel": "map.dispatchEvent(new WheelEvent('wheel', {deltaY: -120, clientX: innerWidth / 2, clientY: innerHeight / 2, bubbles: true, cancelable: true}));",
    "a zoom": "map.querySelector('.leaflet-control-zoom-in').click();",
    "a new size": "map.style.width = `${map.clientWidth - 90}px`; dispatchEvent(new Event('resize')); await new Promise(requestAnimationFrame);"
                  "await new Promise(requestAnimationFrame);",
}
SOON_MS = 400  # later than any timer of Leaflet's


@pytest.mark.parametrize("page", ("map", "live"))
def test_a_map_that_moves_is_left(town, reader, page):
    """Packets fly meanwhile; each frame is due a little before its packet came."""
    for what, code in MEANWHILE.items():
        reader.visit("#/nodes")
        reader.answer(pattern="**/api/config/client", body={})  # no tiles: the graticule follows each move
        reader.go(hash=f"#/{page}")
        town.wait("the map", lambda: reader.count(selector=".leaflet-container canvas") > 0)
        if page == "live":
            reader.wait_text("live", selector="main .state")
            reader.evaluate(code="(() => { const now = performance.now.bind(performance); performance.now = () => now() + 200; })()")
            with Client(town.broker.port) as client:
                client.publish_all(next(town.adverts), qos=1)
            town.wait("a packet", lambda: reader.count(selector=".ticker a") > 0)
        began = reader.evaluate(code="(async () => { const map = document.querySelector('.leaflet-container'); %s location.hash = '#/packets'; return Date.now(); })()" % code)
        town.wait("the timers", lambda: reader.count(selector=".leaflet-container") == 0 and reader.evaluate(code="Date.now()") > began + SOON_MS)
        assert reader.complaints() == [], what


def test_the_last_day_by_the_hour(town, reader):
    """The slider shows an hour of it, with who was heard; the keys and the address do the same."""
    reader.visit("#/map")
    reader.wait_text("fading with age")
    reader.press(key="[")
    town.wait("the hour in the address", lambda: "back=1" in reader.url())
    reader.wait_text("radios on their ways")
    assert re.search(r"\d\d:00 to \d\d:00", reader.text(selector=".hours-text"))
    reader.press(key="Escape")
    reader.wait_text("fading with age")
    reader.visit("#/map?back=20")
    reader.wait_text("nothing was heard")


def test_a_bundle_holds_no_secret(town, reader):
    reader.visit()
    reader.wait_text("copy diagnostic bundle")
    reader.press(key="c")
    reader.wait_text("copied")
    bundle = reader.evaluate(code="navigator.clipboard.readText()")
    for part in ("api/healthz", "api/perf/write-sources", "api/mqtt/status", "api/config/client"):
        assert part in bundle
    assert "secret-of-tiles" not in bundle and "key=****" in bundle


def test_what_the_mask_takes_out():
    if shutil.which("node") is None:
        pytest.skip("no node: scripts/bootstrap")
    subprocess.run(["node", harness.ROOT / "tests/web/mask.mjs"], check=True, timeout=30 * harness.PATIENCE)


def test_a_refused_copy_is_said(town, reader):
    """Most are on http, where there is no clipboard: the text is there to be copied by hand."""
    reader.visit()
    reader.wait_text("copy diagnostic bundle")
    reader.evaluate(code="Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    reader.press(key="c")
    reader.wait_text("the browser did not let this page copy")
    marked = reader.evaluate(code="document.getSelection().toString() || document.activeElement.value.slice(document.activeElement.selectionStart, document.activeElement.selectionEnd)")
    assert "api/mqtt/status" in marked and "secret-of-tiles" not in marked
    assert reader.violations() == [] and fits(reader)
    assert complaints_but_tiles(town, reader) == []


WHEN_DRAWN = """new MutationObserver((_, all) => {
    const button = [...document.querySelectorAll("main button")].find(({innerText}) => /diagnostic bundle/i.test(innerText));
    if (button === undefined) return;
    all.disconnect();
    document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "c", bubbles: true}));
}).observe(document, {childList: true, subtree: true})"""


@pytest.mark.parametrize("is_drawn", (False, True))
def test_a_key_is_not_lost_while_the_page_is_drawn(town, reader, is_drawn):
    """At the very moment that the button is there, and before anything is known."""
    reader.blank(url=reader.address())
    town.wait("the frame", lambda: reader.count(selector="main .pipeline") == 1)
    if is_drawn:
        reader.evaluate(code=WHEN_DRAWN)
    else:
        reader.press(key="c")
    reader.release()
    reader.wait_text("copied")


def test_lists_as_files(town, reader):
    for page, path in (("#/packets?type=4", "api/packets?format=csv&type=4"), ("#/nodes", "api/nodes?format=csv"),
                       ("#/nodes", "api/nodes?format=contacts"), ("#/observers", "api/observers?format=csv")):
        reader.visit(page)
        town.wait(path, lambda path=path: reader.count(selector=f"main a[download][href='{path}']") == 1)
        assert town.get(f"/{path}").status == 200


def test_what_a_page_begins_with_is_asked_once(town, reader):
    """main.js asks before the page's module is there, in its words: else it is asked for twice."""
    rows = re.findall(r'page: "(\w*)".*first: \[(.*)\]', (harness.ROOT / "cmd/server/web/src/main.js").read_text())
    assert len(rows) == 8
    town.wait("an analysis", lambda: town.get("/api/analytics/rf").status == 200)  # or it is asked for again
    for page, first in rows:
        paths = re.findall(r'"([^"]+)"', first)
        reader.visit(f"#/{page}")
        town.wait(page, lambda: reader.count(selector="main h1") > 0 and reader.count(selector="[aria-busy=true]") == 0)
        # One that the server had no time for is rightly asked for again.
        asked = reader.evaluate(code="performance.getEntriesByType('resource').filter(({responseStatus}) => responseStatus !== 503)"
                                     ".map(({name}) => name.slice(location.origin.length + 1))")
        assert [asked.count(path) for path in paths] == [1] * len(paths), (page, asked)


def test_the_first_page_is_small(town, reader):
    """All that the ops page loads, its curves, too, packed as it comes: at most 60 KiB."""
    reader.visit()
    town.wait("curves", lambda: reader.count(selector=".chart canvas") > 0)
    sizes = reader.evaluate(code="[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
                                 ".filter(({name}) => !name.includes('/api/')).map(({encodedBodySize}) => encodedBodySize)")
    assert len(sizes) > 5 and sum(sizes) <= 60 << 10, sizes


def test_every_kind_of_page_harms_nobody(town, reader):
    """What stands behind a list: one packet, one node, one observer, a chat, a form, a dialog."""
    packet = town.get("/api/packets?type=4&limit=1").json["packets"][0]
    node = json.loads(packet["decoded_json"])["pubKey"]
    for page in (f"#/packets/{packet['hash']}", f"#/nodes/{node}", f"#/observers/{packet['observer_id']}", "#/channels/Public",
                 "#/packets/missing?hash=0123456789abcdef", "#/nowhere"):
        reader.visit(page, width=375, scheme="dark")
        town.wait(page, lambda: reader.count(selector="main h1, main .notice") > 0 and reader.count(selector="[aria-busy=true]") == 0)
        assert complaints_but_tiles(town, reader) == [], page
        assert reader.violations() == [], page
        assert fits(reader), page
        if "nodes" in page:
            reader.wait_text("heard a day")
            reader.click(selector="[aria-label=Time] button")
            reader.wait_text("heard an hour")
            assert "days=1" in reader.url()
            assert "1 hops" not in reader.text(selector="main")
    reader.press(key="?")
    town.wait("the help", lambda: reader.count(selector="dialog[open]") == 1)
    assert reader.violations() == []


def test_a_filter_stands_in_the_address(town, reader):
    reader.visit("#/packets")
    town.wait("rows", lambda: reader.count(selector="[role=listitem]") > 5)
    reader.select(selector="main select", value="4")
    town.wait("the filter in the address", lambda: "type=4" in reader.url())
    town.wait("adverts alone", lambda: set(reader.texts(selector=".row-link .cell:nth-child(2)")) == {"Advert"})
    reader.back()
    town.wait("all types again", lambda: "type=" not in reader.url() and len(set(reader.texts(selector=".row-link .cell:nth-child(2)"))) > 1)


def test_a_short_key_finds_whose_it_is(town, reader):
    """The eight digits that lists show, of a node and of an observer."""
    packet = town.get("/api/packets?type=4&limit=1").json["packets"][0]
    key, observer = json.loads(packet["decoded_json"])["pubKey"], packet["observer_id"]
    reader.visit(f"#/nodes?search={key[:8]}")
    town.wait("the node alone", lambda: reader.count(selector="[role=listitem]") == 1)
    reader.visit(f"#/packets?node={key[:8]}&type=4")
    town.wait("its packets", lambda: reader.count(selector="[role=listitem]") > 0)
    reader.visit(f"#/packets?observer={observer[:8].lower()}")
    town.wait("its receptions", lambda: reader.count(selector="[role=listitem]") > 0)
    chosen = "(([box]) => box.options[box.selectedIndex].value)(document.querySelectorAll('main select:has(option[value=\"%s\"])'))"
    town.wait("its name in the field", lambda: reader.count(selector=f"option[value='{observer}']") == 1 and reader.evaluate(code=chosen % observer) == observer)


def test_ten_thousand_rows(town, reader):
    """Are all there, of which the document holds those that are seen."""
    nodes = [{"public_key": f"{n:064x}", "name": f"Node {n}", "role": "repeater", "advert_count": n} for n in range(10000)]
    reader.visit()
    reader.answer(pattern="**/api/nodes?*", body={"nodes": nodes, "total": len(nodes), "counts": {}})
    reader.go(hash="#/nodes?sort=adverts")
    town.wait("rows", lambda: reader.count(selector="[role=listitem]") > 5)
    assert reader.attribute(selector="[role=listitem]", name="aria-setsize") == "10000"
    reader.evaluate(code="document.querySelector('.list').scrollTop = 1e9")
    town.wait("the last one", lambda: "Node 0" in [row.split("\n")[0] for row in reader.texts(selector="[role=listitem]")])
    assert reader.evaluate(code="document.querySelectorAll('*').length") < 1000


def test_the_answer_to_an_older_question_is_not_shown(town, reader):
    reader.visit("#/packets")
    town.wait("rows", lambda: reader.count(selector="[role=listitem]") > 5)
    reader.late(pattern="**/api/packets?*type=5*", ms=1500)
    reader.select(selector="main select", value="5")
    town.wait("the first question", lambda: "type=5" in reader.url())
    reader.select(selector="main select", value="4")
    types = ".row-link .cell:nth-child(2)"
    town.wait("adverts alone", lambda: set(reader.texts(selector=types)) == {"Advert"})
    how_many = "document.querySelector('main .card-head').innerText.match(/[0-9,]+ in all/)[0]"
    told = reader.evaluate(code=how_many)
    answered = "performance.getEntriesByType('resource').some(({name, responseEnd}) => name.includes('type=5') && responseEnd > 0)"
    town.wait("the late answer", lambda: reader.evaluate(code=answered))
    reader.settle()
    assert set(reader.texts(selector=types)) == {"Advert"} and reader.evaluate(code=how_many) == told


def test_a_search_is_what_its_field_says(town, reader):
    """Also when a link has another one, or none."""
    field = "document.querySelector('main input[type=search]').value"
    for page in ("nodes", "observers", "channels"):
        reader.visit(f"#/{page}")
        town.wait("the field", lambda: reader.count(selector="main input[type=search]") == 1)
        reader.fill(selector="main input[type=search]", value="zz no one")
        town.wait("it in the address", lambda: "search=zz+no+one" in reader.url())
        reader.go(hash=f"#/{page}")
        town.wait("an empty field", lambda: reader.evaluate(code=field) == "")
        reader.go(hash=f"#/{page}?search=e")
        town.wait("the link's", lambda: reader.evaluate(code=field) == "e")


def test_colours_that_the_reader_chose(town, reader):
    """Forced colours, and a theme that changes while a chart and a map are there."""
    reader.visit("#/map", forced="active")
    town.wait("the map", lambda: reader.count(selector=".leaflet-container") == 1)
    assert reader.violations() == []
    reader.visit("#/map", scheme="light")
    town.wait("the map", lambda: reader.count(selector=".leaflet-container canvas") == 1)
    town.wait("tiles", lambda: reader.count(selector="img.leaflet-tile-loaded") > 0)
    reader.scheme(scheme="dark")
    town.wait("a map again", lambda: reader.count(selector=".leaflet-container canvas") == 1)
    assert complaints_but_tiles(town, reader) == []
    reader.visit("#/?theme=dark")
    town.wait("the theme of the address", lambda: reader.evaluate(code="document.documentElement.dataset.theme") == "dark")
    reader.press(key="d")
    town.wait("another one, after a reload, too", lambda: "theme=light" in reader.url())


@pytest.mark.parametrize("zone,ahead,minutes", (("America/St_Johns", r"-[23]:30", "30"), ("Asia/Kathmandu", r"\+5:45", "45")))
def test_the_readers_time(town, reader, zone, ahead, minutes):
    """Of a zone that is no whole hours off: times say which it is, and the map's hours begin where
    the server's do."""
    packet = town.get("/api/packets?type=4&limit=1").json["packets"][0]
    reader.visit(f"#/packets/{packet['hash']}", zone=zone)
    reader.wait_text("where it was heard")
    said = reader.attribute(selector="main time[title]", name="title")
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC{ahead}", said), said
    reader.visit("#/map?back=1", zone=zone)
    town.wait("the hour", lambda: re.search(rf"\d\d:{minutes} to \d\d:{minutes}", reader.text(selector=".hours-text")))
    reader.wait_text("radios on their ways")
    assert complaints_but_tiles(town, reader) == []


def test_a_time_that_is_changed():
    if shutil.which("node") is None:
        pytest.skip("no node: scripts/bootstrap")
    subprocess.run(["node", harness.ROOT / "tests/web/times.mjs"], check=True, timeout=30 * harness.PATIENCE,
                   env={**os.environ, "TZ": "America/St_Johns"})


def test_the_page_agrees_with_the_database(town, reader):
    """What it counts, counted again by statements."""
    def number(pattern, selector="main"):
        return lambda: (found := re.search(pattern, reader.text(selector=selector))) and int(found[1].replace(",", ""))

    def agrees(what, pattern, sql, selector="main"):
        wanted = town.scalar(sql)
        try:
            town.wait(what, lambda: number(pattern, selector)() == wanted)
        except AssertionError:
            raise AssertionError(f"{what}: {number(pattern, selector)()}, by {sql} {wanted}") from None

    reader.visit()
    agrees("transmissions", r"Transmissions\s+([\d,]+)", "SELECT count(*) FROM transmissions", ".facts:has(dt:text-is('Transmissions'))")
    agrees("observations", r"Observations\s+([\d,]+)", "SELECT count(*) FROM observations", ".facts:has(dt:text-is('Observations'))")
    reader.visit("#/packets")
    agrees("packets", r"([\d,]+) in all", "SELECT count(*) FROM transmissions")
    reader.visit("#/packets?type=5")
    agrees("channel texts", r"([\d,]+) in all", "SELECT count(*) FROM transmissions WHERE type = 5")
    reader.visit("#/nodes")
    agrees("nodes", r"([\d,]+) of [\d,]+", "SELECT count(*) FROM nodes")
    for role, name in ((2, "repeaters"), (1, "companions"), (3, "rooms"), (4, "sensors")):
        agrees(name, rf"([\d,]+) {name}", f"SELECT count(*) FROM nodes WHERE role = {role}")
    key, adverts, packets_, receptions = town.query(
        "SELECT lower(hex(n.public_key)), n.advert_count, count(DISTINCT t.id), count(o.id) FROM nodes n JOIN transmissions t"
        " ON t.sender = n.id JOIN observations o ON o.transmission_id = t.id GROUP BY n.id ORDER BY 4 DESC LIMIT 1")[0]
    reader.visit(f"#/nodes/{key}")
    reader.wait_text("how it is heard")
    figures = dict(pair.split("\n") for pair in reader.texts(selector="main dl.figures > div") if "\n" in pair)
    assert (figures["Adverts"], figures["Packets"], figures["Receptions"]) == (str(adverts), str(packets_), str(receptions))
    reader.visit("#/observers")
    agrees("observers", r"([\d,]+) of [\d,]+", "SELECT count(*) FROM observers")
    identity, heard = town.query("SELECT identity, packet_count FROM observers ORDER BY packet_count DESC LIMIT 1")[0]
    reader.visit(f"#/observers/{identity}")
    agrees("what it heard", r"Packets\s+([\d,]+)", f"SELECT {heard}", "main dl.figures")
    reader.visit("#/channels")
    agrees("messages", r"(?s)Public.*?\s([\d,]+)\s*$", "SELECT count(*) FROM messages m JOIN channels c ON c.id = m.channel_id WHERE c.name = 'Public'",
           "a.channel:has(b:has-text('Public'))")


def test_less_motion_is_a_list(town, reader):
    reader.visit("#/live", motion="reduce")
    reader.wait_text("as they arrive")
    assert reader.count(selector=".leaflet-container") == 0


# --- the states -----------------------------------------------------------------------------------

def told(browser, text, timeout, again=None):
    """The verdict's sentence, within the state's time; what the frame says of it beside it.
    again(): brings about a state that does not last until all pictures are made."""
    found = browser.wait_text(text, selector=".verdict", timeout=timeout)

    def hold():
        for _ in range(8):
            if text in browser.text(selector=".verdict").lower():
                return
            again()
            time.sleep(2)  # for a picture; no test depends on it
    shots(browser, "state-" + re.sub(r"\W+", "-", text), hold if again else None)
    return found


def test_before_anything_is_known_there_is_no_figure(mesh, browser):
    browser.blank(url=browser.address())
    mesh.wait("the frame", lambda: browser.count(selector="main .pipeline") == 1)
    assert re.findall(r"\d", browser.text(selector="main .pipeline").replace("0 % full", "")) == []
    assert "asking the server" in browser.text(selector=".verdict").lower()
    browser.release()
    told(browser, "nothing lost", 15)


def test_states_are_told_in_time(world, broker, browser):
    """One ingestor from well over each fault to well again, with what is on the page at each."""
    world.add_source(broker)
    world.start(server=True, ingestBufferSize=100, maxUnhealthySeconds=60)
    world.wait("all well", lambda: world.get("/api/healthz").json["status"] == "pass")  # or this is a change
    browser.visit()
    told(browser, "nothing lost", 15)
    assert browser.title() == "All well – ops" and browser.text(selector="[role=status]") == "", "only changes are spoken"
    with Client(broker.port) as client, stopped(world.wait_worker("flusher")):
        client.publish_all(packets(80, kind=REQ), qos=1)
        browser.wait_text("80 % full", selector=".pipeline")
        assert browser.count(selector=".stage.warn") == 1, "a queue that fills"
        text = told(browser, "the writer has been suspended for", 25)
        assert "is stored" not in text.lower(), "no word of how fast messages are stored"
        assert browser.title()[0] in "▲■" and browser.text(selector="[role=status]") != ""
        client.publish_all(packets(60, start=80, kind=REQ), qos=0)
        browser.wait_text("some in the last minute")
        world.wait("the reason of the drops", lambda: "dropped, queue full: 40" in browser.text(selector="main"))
    told(browser, "lost since the buffers were made", 20)
    with stopped(world.ingestor.pid):
        text = told(browser, "stale: the ingestor's last statistics are", 20)
        assert "is stored" not in text.lower()
        world.wait("no figure where none is known", lambda: browser.texts(selector=".stage b")[1:4] == ["–", "–", "–"])
    told(browser, "lost since the buffers were made", 20)
    world.ingestor.kill()
    told(browser, "ended without a word", 25)
    os.kill(world.server.pid, signal.SIGSTOP)  # as a network that is cut: nobody says a word
    told(browser, "can't be reached", 15)
    assert browser.count(selector="body.old") == 1 and "as of" in browser.text(selector=".verdict").lower()
    world.server.kill()
    world.server.start()
    world.ingestor.start()
    told(browser, "nothing lost", 30)


def test_an_ingestor_that_never_ran(world, browser):
    world.write_config()
    world.start_server()
    browser.visit()
    browser.wait_text("has never reported")
    told = world.wait("the paths", lambda: (text := browser.text(selector="main .notice")) and str(world.config_path) in text and text)
    assert f"ingestor --config {world.config_path}" in told and str(world.stats_path) in told
    assert "There is no database yet: the ingestor makes it when it first starts" in browser.wait_text("no database", selector=".verdict")
    assert browser.texts(selector=".stage b")[0] == "–", "of no broker anything is known"
    browser.go(hash="#/live")
    browser.wait_text("there is no database yet", selector="main .ticker")
    assert browser.text(selector="main .card-head .state.fail").endswith("no database")


def test_one_broker_of_three(world, broker, browser):
    """One is gone, one says nothing, one's network is cut: named, with what happens next."""
    other = world.start_broker("other")
    with WsBroker(other.port, websocket=False) as link:
        world.add_source(broker)
        world.add_source(other, "other", silenceSeconds=10)
        world.add_source(link.url, "far", keepAliveSeconds=5, connectTimeoutSec=3)
        world.start(server=True)
        browser.visit()
        with Client(other.port) as client:
            def all_receive():
                client.publish_all(packets(1), qos=1)  # or it has been silent for too long when the page is there
                return "receiving from 3 of 3" in browser.text(selector="main").lower()
            world.wait("all three", all_receive)
        link.is_frozen.set()
        broker.stop()
        world.wait("fewer than all", lambda: re.search("[12] of 3", browser.text(selector=".pipeline")))  # the far one soon goes, too
        browser.wait_text("next try in")
        world.wait("the loss of the far one", lambda: any(f":{link.port}" in row and re.search("backing off|connecting", row)
                                                          for row in browser.texts(selector="main tr")))
        browser.wait_text("connected but silent")
        told(browser, "receiving from 1 of 3 brokers; source main:", 15)
        assert re.fullmatch(r"▲ 1 of 3 brokers.* – ops", browser.title())
        other.stop()
        world.wait("it to be grave", lambda: browser.title().startswith("■ 0 of 3 brokers"))
        assert "nothing is lost that reached us" in told(browser, "receiving from 0 of 3 brokers since", 15).lower()
        browser.go(hash="#/nodes")  # by healthz alone
        world.wait("the same elsewhere", lambda: "0 of 3 brokers" in browser.text(selector=".verdict-chip"))
        assert re.fullmatch(r"■ 0 of 3 brokers.* – nodes", browser.title())


def test_an_import_that_is_running(world, broker, browser):
    """Stopped half-way, it holds the database for as long as it is looked at: nothing is lost, and
    it is named."""
    path = big_corescope(world)
    world.add_source(broker)
    world.write_config()
    tool = subprocess.Popen([str(world.build / "ingestor"), "--config", str(world.config_path), "--import", str(path)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=world.env)
    try:
        world.wait("an import under way", lambda: world.scalar("SELECT max(position) FROM jobs") > 0)
        os.kill(tool.pid, signal.SIGSTOP)
        world.start(server=True)
        with Client(broker.port) as client:
            client.publish_all(packets(7, start=100000), qos=1)
        browser.visit()
        told(browser, "the writer is waiting for lock", 20)
        browser.wait_text("7 messages wait")
        browser.wait_text(f"held by pid {tool.pid} (weir-import)")
    finally:
        tool.kill()
        tool.wait()
    told(browser, "nothing lost", 30)


def test_a_disk_that_is_full(world, broker, browser, small_disk):
    world.add_source(broker, qos=1)
    world.start(server=True, dbPath="small/weir.db", statsFile="data/ingestor-stats.json", spoolDir="data/spool")
    browser.visit()
    told(browser, "nothing lost", 15)
    fill(small_disk, leave=300 << 10)
    told(browser, "the database's disk is nearly full", 15)
    (small_disk / "ballast").unlink()
    told(browser, "nothing lost", 15)
    sent = iter(range(0, 1 << 20, 3000))

    def full():
        with Client(broker.port) as client:
            client.publish_all(packets(3000, start=next(sent)), qos=1)
    fill(small_disk, leave=64 << 10)
    full()
    text = told(browser, "the database's disk is full, or a quota on it: make room where", 25, again=full).lower()
    assert re.search(r"where \S*/small/weir\.db is \(database or disk is full.*\); \d+ messages wait in the buffers, none is lost yet", text), text
    assert "is stored" not in text
    (small_disk / "ballast").unlink()
    told(browser, "nothing lost", 40)


@contextmanager
def altered_statistics(world):
    """The server reads the statistics as a function, handed to what is yielded, changes them."""
    shown, changes, is_over = world.dir / "altered.json", [lambda stats: None], threading.Event()

    def keep():
        while not is_over.wait(0.2):
            stats = world.stats()
            if stats:
                changes[0](stats)
                shown.with_suffix(".new").write_text(json.dumps(stats))
                shown.with_suffix(".new").rename(shown)
    keeper = threading.Thread(target=keep)
    keeper.start()
    world.server.env = {**world.env, "WEIR_INGESTOR_STATS": str(shown)}
    try:
        yield lambda change: changes.__setitem__(0, change)
    finally:
        is_over.set()
        keeper.join()


def test_a_log_that_grows_and_a_clock_that_is_set(world, broker, browser):
    """The log's length is made up (writing it takes long), the clock is set for real."""
    clock = world.dir / "clock"
    clock.write_bytes(struct.pack("q", 0))
    world.env |= {"LD_PRELOAD": str(world.build / "tests/libset_clock.so"), "WEIR_TEST_CLOCK": str(clock)}
    world.add_source(broker)
    with altered_statistics(world) as alter:
        world.start(server=True)
        browser.visit()
        told(browser, "nothing lost", 15)
        alter(lambda stats: stats["checkpoints"].update(logBytes=300 << 20))
        told(browser, "the write-ahead log has grown to 300 MiB", 15)
        world.wait("the storage's row", lambda: browser.count(selector=".facts .state.warn") == 1)
        alter(lambda stats: None)
        told(browser, "nothing lost", 15)
        with open(clock, "r+b") as file:
            file.write(struct.pack("q", 3600))
        told(browser, "the clock went forward by 3600 s", 15)
        world.wait("the event", lambda: "it was set, or the machine slept" in browser.text(selector=".events"))


# --- keyboard -------------------------------------------------------------------------------------

def press(browser, keys):
    for key in keys.split():
        browser.press(key=key)


def focused(browser):
    return browser.evaluate(code="((it) => it.getAttribute('href') ?? `${it.tagName} ${it.innerText}`)(document.activeElement)")


def test_the_focus_goes_to_a_detail_and_back(town, reader):
    """From a row to the heading of what it opens, and back to the row, on every page with both."""
    reader.visit()
    for page, row, heading in (("packets", ".row-link", "main h1"), ("nodes", ".row-link", "main h1"), ("observers", ".row-link", "main h1"),
                               ("channels", ".channel", ".chat h2")):
        reader.go(hash=f"#/{page}")
        town.wait(f"the rows of {page}", lambda row=row: reader.count(selector=f"main {row}") > 0)
        town.wait("the title", lambda page=page: reader.title().endswith(f" – {page}"))
        opened = reader.evaluate(code=f"(([it]) => {{ it.focus(); return it.getAttribute('href'); }})([...document.querySelectorAll('main {row}')].slice(-1))")
        press(reader, "Enter")
        town.wait(f"the focus in {opened}", lambda heading=heading: reader.evaluate(code=f"document.activeElement === document.querySelector({heading!r})"))
        assert reader.url().endswith(opened)
        reader.back()
        town.wait(f"the focus back at {opened}, not {focused(reader)}", lambda opened=opened: focused(reader) == opened)
    reader.go(hash="#/packets")
    town.wait("the rows", lambda: reader.count(selector="main .row-link") > 0)
    reader.click(selector="main .row-link")  # by a mouse: the list is not to stand still for its focus
    town.wait("the detail", lambda: reader.count(selector="main .row-link") == 0 and focused(reader).startswith("H1"))
    reader.back()
    town.wait("the heading", lambda: reader.count(selector="main .row-link") > 0 and focused(reader) == "H1 Packets")
    reader.go(hash="#/analytics")
    town.wait("the views", lambda: reader.count(selector="main nav a") > 3)
    reader.evaluate(code="document.querySelector('main nav a:nth-child(3)').focus()")
    press(reader, "Enter")
    view = focused(reader)
    town.wait("a view", lambda: reader.url().endswith(view) and reader.count(selector=f"main nav [aria-current][href='{view}']") == 1)
    assert focused(reader) == view, "what stays keeps it"


def test_keyboard(mesh, browser):
    browser.visit()
    browser.wait_text("receiving")
    for keys, page in (("g p", "#/packets"), ("g n", "#/nodes"), ("g c", "#/channels"), ("g o", "#/")):
        press(browser, keys)
        mesh.wait(f"{page} by {keys}", lambda page=page: browser.url().endswith(page))
    browser.wait_text("receiving")
    press(browser, "2")
    heading = "document.activeElement.querySelector('h1, h2')?.innerText ?? document.activeElement.getAttribute('aria-label')"
    mesh.wait("the second part", lambda: browser.evaluate(code="document.activeElement.tagName") == "SECTION")
    first = browser.evaluate(code=heading)
    press(browser, "3")
    assert browser.evaluate(code=heading) != first
    press(browser, "?")
    browser.wait_text("theme", selector="dialog[open]")
    press(browser, "g p")
    assert browser.url().endswith("#/"), "behind a dialog nothing moves"
    press(browser, "Escape")
    mesh.wait("the help to close", lambda: browser.count(selector="dialog[open]") == 0)
    before = browser.evaluate(code="document.documentElement.dataset.theme ?? 'auto'")
    press(browser, "d")
    assert browser.evaluate(code="document.documentElement.dataset.theme ?? 'auto'") != before
    press(browser, "g b")
    mesh.wait("the search", lambda: browser.count(selector="input[type=search]") == 1)
    press(browser, "/")
    press(browser, "g p")
    assert browser.url().split("?")[0].endswith("#/observers"), "keys do nothing while somebody types"
    press(browser, "Escape")
    press(browser, "?")
    browser.click(selector="dialog[open] input[type=checkbox]")
    press(browser, "Escape")
    press(browser, "g p")
    assert browser.url().split("?")[0].endswith("#/observers"), "they can be turned off"


def test_keys_of_the_curves_and_events(town, reader):
    reader.visit()
    reader.wait_text("the ingestor has begun", selector=".events")
    press(reader, "t 3")
    town.wait("a day", lambda: "range=86400" in reader.url())
    assert reader.texts(selector="[aria-label=Range] [aria-pressed=true]") == ["24 h"]
    press(reader, "[")
    reader.wait_text("up to now")
    press(reader, "[ ] ] ]")
    town.wait("the present", lambda: reader.count(selector="main button:text-is('Up to now')") == 0)
    press(reader, "[ Escape")
    town.wait("the present", lambda: reader.count(selector="main button:text-is('Up to now')") == 0)
    press(reader, "Space")
    reader.wait_text("figures stand still", selector=".verdict")
    press(reader, "Space")
    reader.wait_text("pause", selector=".verdict")
    focused = "document.activeElement.innerText"
    press(reader, "e")
    first = reader.evaluate(code=focused)
    press(reader, "e")
    assert first != reader.evaluate(code=focused) and reader.evaluate(code="document.activeElement.tagName") == "TR"
    press(reader, "/")
    assert reader.evaluate(code="document.activeElement.type") == "search"
    reader.fill(selector=".events input", value="HAS BEGUN")
    rows = "main .events tbody tr"
    town.wait("those alone", lambda: all("has begun" in row for row in reader.texts(selector=rows)) and "find=HAS" in reader.url())
    press(reader, "Escape")
    reader.click(selector="[aria-label=Level] button:last-child")
    reader.wait_text("none fits", selector=".events")
    press(reader, "Escape")
    town.wait("all again", lambda: reader.count(selector=rows) > 1 and "find" not in reader.url())
    assert complaints_but_tiles(town, reader) == []


def test_a_part_of_the_time_is_a_link(town, reader):
    """What was zoomed or panned to stands in the address; what is wrong there does no harm."""
    reader.visit()
    town.wait("curves", lambda: reader.count(selector=".chart canvas") > 0)
    press(reader, "t 2 [")
    town.wait("it in the address", lambda: re.search(r"from=\d+&to=\d+", reader.url()))
    first = reader.url()
    press(reader, "[")
    begins = [int(re.search(r"from=(\d+)", url)[1]) for url in (first, reader.url())]
    assert begins[0] - begins[1] in range(1795, 1806), "half of an hour earlier"
    reader.back()
    town.wait("the one before", lambda: reader.url() == first)
    reader.back()
    town.wait("none", lambda: "from=" not in reader.url() and "range=3600" in reader.url())
    box = town.wait("a curve", lambda: reader.box(selector=".chart .u-over"))
    reader.drag(selector=".chart .u-over", x=box["width"] * 0.8, to=box["width"] * 0.9)
    town.wait("what was dragged over", lambda: "from=" in reader.url())
    zoomed = reader.url()
    asked = "performance.getEntriesByType('resource').map(({name}) => name).filter((name) => name.includes('perf/history')).pop()"
    reader.visit(zoomed[zoomed.index("#"):])
    town.wait("the same again", lambda: (path := reader.evaluate(code=asked)) and re.search(r"from=\d+&to=\d+", path)[0] in zoomed)
    reader.click(selector="main button:text-is('Up to now')")
    town.wait("the present", lambda: "from=" not in reader.url())
    for wrong in ("from=x&to=y", "from=5&to=1", "from=99999999999&to=999999999999", "from=-1&to=1e9", "from=1&to=2&range=no&theme=no&level=no"):
        reader.visit(f"#/?{wrong}")
        town.wait(f"its way with {wrong}", lambda: "&to=2" in wrong or reader.count(selector=".chart canvas") > 0)
        reader.wait_text("over time")
        assert "since this page was opened" not in reader.text()
        assert complaints_but_tiles(town, reader) == [], wrong


def test_a_curve_is_a_table_too_and_a_wall_has_no_frame(town, reader):
    reader.visit("#/?kiosk=1")
    town.wait("curves", lambda: reader.count(selector=".chart canvas") > 3)
    assert reader.evaluate(code="getComputedStyle(document.querySelector('.bar')).display") == "none"
    said = reader.attribute(selector=".chart[role=img]", name="aria-label")
    assert re.match(r"Messages a second: received (now|not known)", said), said
    reader.click(selector=".figure button")
    town.wait("its last points", lambda: 1 < reader.count(selector=".figure:first-child tbody tr") <= 20)
    assert reader.texts(selector=".figure:first-child th") == ["Time", "received", "stored", "lost"]
    assert reader.violations() == []


HIDE = "Object.defineProperty(document, 'hidden', {configurable: true, value: %s}); document.dispatchEvent(new Event('visibilitychange'))"
ASKED = "performance.getEntriesByType('resource').filter(({name}) => /api.(ops|perf|healthz)/.test(name)).length"


def test_a_page_that_is_hidden_asks_nothing(town, reader):
    reader.visit()
    reader.wait_text("the ingestor has begun", selector=".events")
    reader.evaluate(code=HIDE % "true")
    town.wait("what was asked before", lambda: reader.evaluate(code="performance.now() - Math.max(...performance.getEntriesByType('resource').map((e) => e.responseEnd)) > 1500"))
    before = reader.evaluate(code=ASKED)
    began = reader.evaluate(code="performance.now()")
    town.wait("three of its periods", lambda: reader.evaluate(code="performance.now()") > began + 3000)
    assert reader.evaluate(code=ASKED) == before
    reader.evaluate(code=HIDE % "false")
    town.wait("it to ask again at once", lambda: reader.evaluate(code=ASKED) > before, 5)
    reader.click(selector=".figure button")  # the curve as a table: what was meanwhile is there
    point = "[...document.querySelectorAll('.figure:first-child tbody td:first-child')].map(({title}) => Date.parse(title.replace(' UTC', 'Z')) / 1000)"
    hidden_until = reader.evaluate(code="Date.now() / 1000")
    times = town.wait("the points of now", lambda: (found := reader.evaluate(code=point)) and found[-1] > hidden_until - 3 and found)
    assert all(b - a == 3 for a, b in zip(times, times[1:])), "no gap"
    assert complaints_but_tiles(town, reader) == []


def test_figures_explain_themselves_and_a_prefix_is_looked_up(mesh, browser):
    browser.visit("#/analytics")
    mesh.wait("curves", lambda: browser.count(selector=".chart canvas") > 3)
    assert "Channel text" in browser.text(), "types have one name on all pages"
    browser.go(hash="#/analytics/hashes")
    browser.wait_text("free: 254 of 254")
    browser.evaluate(code="document.querySelector('.explain-row button').click()")
    browser.wait_text("what is known now", selector=".explain")
    browser.fill(selector="input[aria-label='Prefix in hex']", value="a7")
    browser.wait_text("A7 is free")
    assert "prefix=a7" in browser.url().lower(), "what was looked up can be shared"
    for page in (*VIEWS, "#/analytics?window=7d"):
        browser.go(hash=page)
        mesh.wait(f"{page} to be there", lambda: browser.count(selector="main .card") > 0 and
                  browser.count(selector="[aria-busy=true]") == 0)
        assert browser.complaints() == [], page
        assert fits(browser), page


def test_a_key_is_asked_for(world, broker, browser):
    key = "only-for-us-7b1c2d99aa"
    world.add_source(broker)
    world.start(server=True, readApiKey=key)
    browser.visit("#/observers")
    browser.wait_text("asks for a key", selector="dialog[open]")
    browser.fill(selector="input[type=password]", value="wrong")
    browser.press(key="Enter")
    browser.wait_text("not the key", selector="dialog[open]")
    browser.fill(selector="input[type=password]", value=key)
    browser.press(key="Enter")
    browser.wait_text("no observer was heard yet")
    assert browser.count(selector="dialog[open]") == 0
    for page, words in (("packets", "nothing was heard yet"), ("nodes", "no node was heard yet"), ("channels", "nothing was said yet")):
        browser.go(hash=f"#/{page}")
        browser.wait_text(words)
    browser.go(hash="#/analytics")
    browser.wait_text("mean snr")
    assert "0.0 dB" not in browser.text(selector="main"), "of nothing no figure is known"
    browser.go(hash="#/map")
    degrees = world.wait("degrees", lambda: re.findall(r"(\d+)° ?([WE]?)", browser.text(selector="main")))
    assert all(int(n) <= 180 and (n not in ("0", "180") or side == "") for n, side in degrees)


def is_only_text(browser):
    """No markup of a stranger's anywhere on the page, and nothing that reaches over its edge."""
    assert browser.complaints() == []
    assert browser.count(selector="main img:not([src^='assets/']), main script, main [onerror]") == 0
    assert fits(browser)


def test_names_of_strangers_are_only_names(world, broker, browser):
    """Of observers and of nodes: in lists, titles, on maps and in their tooltips."""
    world.add_source(broker)
    world.start(server=True, signatureMode="off")
    with Client(broker.port) as client:
        for n, name in enumerate(HOSTILE):
            client.publish_all(packets(1, start=n, origin=name), qos=1)
            client.publish_all([hostile_advert(n, name)], qos=1)
    world.wait_drained(2 * len(HOSTILE))
    browser.visit("#/observers")
    world.wait("the observers", lambda: browser.count(selector="[role=listitem]") >= 1)
    is_only_text(browser)
    browser.visit("#/nodes")
    world.wait("the nodes", lambda: browser.count(selector="[role=listitem]") >= len(HOSTILE) - 1)
    is_only_text(browser)
    browser.visit("#/map")
    world.wait("the map", lambda: browser.count(selector=".leaflet-container canvas") == 1)
    box = browser.box(selector=".leaflet-container")
    world.wait("a tooltip", lambda: browser.hover(selector=".leaflet-container", x=box["width"] / 2, y=box["height"] / 2)
               or browser.count(selector=".leaflet-tooltip") == 1)
    assert browser.count(selector=".leaflet-tooltip img, .leaflet-tooltip script") == 0
    is_only_text(browser)
    browser.visit("#/packets")
    world.wait("the packets", lambda: browser.count(selector="[role=listitem]") >= 2)
    is_only_text(browser)
    name = next(node["name"] for node in world.get("/api/nodes").json["nodes"] if node["name"][0] == "'")  # has an end
    browser.visit(f"#/packets?node={quote(name)}")  # live, too, and by no key
    world.wait("its packet", lambda: browser.count(selector="[role=listitem]") == 1)
    browser.wait_text("live")
    with Client(broker.port) as client:
        client.publish_all([hostile_advert(3, name, at=1_700_000_600)], qos=1)
    world.wait("the next one", lambda: browser.count(selector="[role=listitem]") == 2)


@pytest.mark.skipif(not SHOTS, reason="set WEIR_SHOTS to a folder for pictures of every page")
def test_pictures(world, broker, browser):
    """Without tiles, as a map is where nobody has named any."""
    world.add_source(broker)
    world.start(server=True)
    with Client(broker.port) as client:
        sent = sum(client.publish_all(recorded(name), qos=1) for name in ("packets", "status", "multi_observer"))
    world.wait_drained(sent)
    packet = world.get("/api/packets?type=4&limit=1").json["packets"][0]
    node = json.loads(packet["decoded_json"])["pubKey"]
    for page in PAGES + VIEWS + (f"#/packets/{packet['hash']}", f"#/nodes/{node}", f"#/observers/{packet['observer_id']}", "#/channels/Public"):
        browser.visit(page)
        world.wait("the page", lambda: browser.count(selector="main h1, main .card") > 0 and browser.count(selector="[aria-busy=true]") == 0)
        shots(browser, re.sub(r"[0-9a-f]{16,}", "one", page).strip("#/").replace("/", "-") or "ops")
