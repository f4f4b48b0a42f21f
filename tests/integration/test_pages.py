# SPDX-License-Identifier: MIT
"""The page in a real browser, against real programs: what a person reads in each state."""

import os
import re
import signal

import pytest
from browser import Browser
from harness import send_signal
from messages import packets
from mqtt_lite import Client

PAGES = ("", "#/packets", "#/nodes", "#/observers", "#/channels", "#/map", "#/live")
HOSTILE = ("<img src=x onerror=alert(1)>", "\u202egnp.exe", "a" * 10000, "'\"&<script>alert(1)</script>", "name\u0000\u0007\u001b[31m")


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
                  browser.count(selector="[aria-busy=true]") == 0, 15)
        assert browser.complaints() == [], page
        assert browser.violations() == [], page
        assert browser.evaluate(code="document.documentElement.scrollWidth - innerWidth") <= 0, page


def test_the_ledger_agrees(mesh, browser):
    browser.visit()
    browser.wait_text("where every message went")
    row = mesh.wait("the row of main", lambda: next((line for line in browser.text(selector="main").splitlines()
                                                     if re.match(r"main\s+60\s", line)), None))
    ledger = mesh.ledger()
    assert [int(n) for n in re.findall(r"\d+", row)[:3]] == [ledger["received"], ledger["committed"], ledger["duplicate"]]


def test_states_are_told_in_time(mesh, browser):
    browser.visit()
    browser.wait_text("nothing lost", selector=".verdict")
    assert browser.title().startswith("All well")
    pid = mesh.wait_worker("flusher")
    send_signal(pid, signal.SIGSTOP)
    browser.wait_text("has not moved", selector=".verdict", timeout=25)
    assert "warn" in browser.title() or browser.title()[0] in "▲■"
    send_signal(pid, signal.SIGCONT)
    browser.wait_text("nothing lost", selector=".verdict", timeout=20)
    mesh.ingestor.kill()
    browser.wait_text("ingestor", selector=".verdict", timeout=25)
    mesh.server.kill()
    browser.wait_text("can't be reached", selector=".verdict", timeout=15)
    mesh.server.start()
    mesh.ingestor.start()
    browser.wait_text("nothing lost", selector=".verdict", timeout=30)


def test_a_broker_that_is_gone(world, browser):
    broker = world.start_broker()
    world.add_source(broker)
    world.start(server=True)
    world.wait_live()
    browser.visit()
    browser.wait_text("1 of 1")
    broker.stop()
    browser.wait_text("0 of 1", timeout=20)
    browser.wait_text("next try in", timeout=20)


def test_keyboard(mesh, browser):
    browser.visit()
    browser.wait_text("receiving")
    for key, page in (("2", "#/packets"), ("3", "#/nodes"), ("5", "#/channels"), ("1", "#/")):
        browser.press(key=key)
        mesh.wait(f"{page} by key", lambda page=page: browser.url().endswith(page))
    browser.press(key="?")
    browser.wait_text("theme", selector="dialog[open]")
    browser.press(key="Escape")
    mesh.wait("the help to close", lambda: browser.count(selector="dialog[open]") == 0)
    before = browser.evaluate(code="document.documentElement.dataset.theme ?? 'auto'")
    browser.press(key="d")
    assert browser.evaluate(code="document.documentElement.dataset.theme ?? 'auto'") != before
    browser.press(key="4")
    mesh.wait("the search", lambda: browser.count(selector="input[type=search]") == 1)
    browser.evaluate(code="document.querySelector('input[type=search]').focus()")
    browser.press(key="2")
    assert browser.url().split("?")[0].endswith("#/observers"), "keys do nothing while somebody types"


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


def test_names_of_strangers_are_only_names(world, broker, browser):
    world.add_source(broker)
    world.start(server=True)
    with Client(broker.port) as client:
        for n, name in enumerate(HOSTILE):
            client.publish_all(packets(1, start=n, origin=name), qos=1)
    world.wait_drained(len(HOSTILE))
    browser.visit("#/observers")
    world.wait("the observers", lambda: browser.count(selector="tbody tr") >= 1)
    assert browser.complaints() == []
    assert browser.count(selector="main img, main script") == 0
    assert "alert(1)" not in (browser.evaluate(code="document.querySelector('main').innerHTML.match(/<[^>]*onerror[^>]*>/)?.[0] ?? ''"))
    assert browser.evaluate(code="document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.skipif(not os.environ.get("WEIR_SHOTS"), reason="set WEIR_SHOTS to a folder for pictures of every page")
def test_pictures(mesh, browser):
    folder = os.environ["WEIR_SHOTS"]
    for width in (375, 1280, 2560):
        for scheme in ("light", "dark"):
            browser.visit(width=width, scheme=scheme)
            browser.wait_text("receiving")
            for page in PAGES:
                browser.go(hash=page or "#/")
                mesh.wait("the page", lambda: browser.count(selector="[aria-busy=true]") == 0)
                browser.shot(path=f"{folder}/{page.strip('#/') or 'ops'}-{width}-{scheme}.png")
