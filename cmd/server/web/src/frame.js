/* SPDX-License-Identifier: MIT
 *
 * frame - what is around every page: navigation, the verdict, theme, keyboard; and which page is
 * open. Its elements stand in index.html and are there before this; here they learn to answer. */
import { effect, html, render, signal, useEffect, useRef, useState } from "./lib/html.js";
import { forgetMissing, missing, needsKey, takeFirst } from "./lib/api.js";
import { health } from "./lib/health.js";
import { link, route } from "./lib/route.js";
import { isNarrow, SHAPES, say, sentence, spoken, useLater } from "./lib/parts.js";
import { judge } from "./lib/verdict.js";
import { goToFilter, goToPart, hasKeys, listenToKeys, pageKeys, setKeys } from "./lib/keys.js";
import { nextTheme, showTheme, theme } from "./lib/theme.js";

let PAGES = []; /* main.js has them */

const links = [...document.querySelectorAll("nav.pages a")]; /* in the order of PAGES */
const main = document.getElementById("main");

/* --- verdict ---------------------------------------------------------------------------------- */

let judged = "";

/* As the navigation has it. */
function nameOf(page) {
    return links[PAGES.findIndex((one) => one.page === page)]?.textContent.toLowerCase() ?? "weir";
}

function showVerdict({ level, short, text }) {
    const chip = document.querySelector(".verdict-chip");
    const [state] = chip.children;
    chip.title = sentence(text);
    state.className = `state ${level}`;
    state.dataset.shape = SHAPES[level];
    state.textContent = short;
    document.title = `${level === "pass" ? "" : `${SHAPES[level]} `}${short} – ${nameOf(route.value.page)}`;
    const icon = document.querySelector("link[rel=icon]");
    const wanted = level === "pass" || level === "unknown" ? "assets/favicon.svg" : `assets/favicon-${level}.svg`;
    if (icon.getAttribute("href") !== wanted) icon.href = wanted; /* or it is asked for again */
    if (judged !== "" && judged !== level) say(sentence(text));
    if (level !== "unknown") judged = level; /* the first answer is no change */
}

/* --- keyboard --------------------------------------------------------------------------------- */

const isHelpOpen = signal(false);
const PARTS = 9;

function keysOfAll() {
    return [
        ...PAGES.map(({ page, key }, i) => ({ key: `g ${key}`, label: `Go to ${links[i].textContent}`, run: () => { location.hash = link(page); } })),
        ...Array.from({ length: PARTS }, (_, i) => ({ key: String(i + 1), label: `Part ${i + 1} of this page`, run: () => goToPart(i + 1) })),
        { key: "/", label: "Search or filter", run: goToFilter },
        { key: "d", label: "Theme: as the system, dark, light", run: nextTheme },
        { key: "?", label: "This help", run: () => { isHelpOpen.value = !isHelpOpen.value; } },
        ...pageKeys.value,
    ];
}

/* For people: the parts are one line. */
function keysToRead() {
    return keysOfAll().filter(({ key }) => !/^[2-9]$/.test(key)).map((one) => (one.key === "1" ? { ...one, key: `1 – ${PARTS}`, label: "The parts of this page, from the top" } : one));
}

/* A dialog that is there while isOpen, and empty else. */
function Dialog({ label, isOpen, onClose, children }) {
    const ref = useRef(null);
    useEffect(() => {
        if (isOpen && !ref.current.open) ref.current.showModal();
        else if (!isOpen && ref.current.open) ref.current.close();
    }, [isOpen]);
    return html`<dialog ref=${ref} aria-label=${label} onClose=${onClose}>${isOpen && children}</dialog>`;
}

function closeHelp() {
    isHelpOpen.value = false;
}

function Help() {
    const isOpen = isHelpOpen.value;
    return html`<${Dialog} label="Keyboard" isOpen=${isOpen} onClose=${closeHelp}>${isOpen && html`
        <div class="card-head"><h2>Keyboard</h2><button type="button" class="plain" onClick=${closeHelp}>Close</button></div>
        <table><tbody>${keysToRead().map(({ key, label }) => html`<tr key=${key}><td class="s">${(key === " " ? ["space"] : key.split(" ")).map((one) => (one === "–" ? " – " : html`<kbd>${one}</kbd> `))}</td><td>${label}</td></tr>`)}</tbody></table>
        <p><label class="field"><input type="checkbox" checked=${hasKeys.value} onChange=${(e) => setKeys(e.target.checked)} /> Single keys do something</label></p>`}</>`;
}

/* --- login ------------------------------------------------------------------------------------ */

/* Most servers ask for no key: who does has its form sent. */
function Login() {
    const isOpen = needsKey.value;
    const Form = useLater(isOpen, () => import("./pages/login.js"));
    return html`<${Dialog} label="Log in" isOpen=${isOpen && Form !== null}>${Form !== null && html`<${Form} onIn=${() => openPage(route.value.page)} />`}</>`;
}

/* --- the page that is open ---------------------------------------------------------------------- */

const open = signal({ page: null, Page: null, error: null });

async function openPage(page) {
    const wanted = PAGES.find((one) => one.page === page);
    if (wanted === undefined) {
        open.value = { page, Page: null, error: `There is no page “${page}”.` };
        return;
    }
    try {
        const module = await wanted.load();
        if (route.value.page !== page) return;
        forgetMissing();
        open.value = { page, Page: module.default, error: null };
    } catch {
        open.value = { page, Page: null, error: "This page could not be loaded: the server can't be reached, or was upgraded. Reload." };
    }
}

/* On the ops page the verdict says it. */
function Missing({ page }) {
    const [shards] = missing.value.values();
    return shards !== undefined && page !== "" && html`<p class="notice warn">A part is missing here: shard ${shards} of the store does not answer.</p>`;
}

function Body() {
    const { Page, error, page } = open.value;
    if (page === route.value.page && error) return html`<p class="notice fail">${error}</p>`;
    return page === route.value.page ? html`<${Missing} page=${page} /><${Page} />` : html`<div class="skeleton" aria-busy="true" aria-label="Loading"></div>`;
}

/* --- the frame --------------------------------------------------------------------------------- */

function showTheButtons() {
    const button = document.getElementById("theme");
    effect(() => {
        button.textContent = { auto: "◐", dark: "☾", light: "☀" }[theme.value];
        button.title = `Theme: ${theme.value} (d)`;
        button.setAttribute("aria-label", `Theme: ${theme.value}`);
    });
    button.onclick = nextTheme;
    document.getElementById("help").onclick = () => { isHelpOpen.value = true; };
    document.querySelector(".skip").onclick = (e) => {
        e.preventDefault(); /* what stands behind # is the page's */
        main.focus();
    };
}

const DRAWN_MS = 3000; /* for what is drawn later than that nobody's focus is moved */
let watch = null;

/* The focus on what is new on the same page: the row that somebody comes back to (a selector), else the
 * heading. main has it until that is drawn, and nobody is disturbed who has gone elsewhere meanwhile. */
function focusOn(row) {
    const until = Date.now() + DRAWN_MS;
    let holder = main;
    watch?.disconnect();
    main.focus({ preventScroll: true });
    const look = () => {
        if (Date.now() > until || ![holder, document.body].includes(document.activeElement)) return watch.disconnect();
        const found = row && main.querySelector(row);
        if (found) watch.disconnect();
        const heading = main.querySelector(".chat h2") ?? main.querySelector("h1");
        const next = found || heading || main;
        if (next === document.activeElement) return undefined;
        if (next === heading) next.tabIndex = -1;
        next.focus({ preventScroll: next !== found });
        holder = next;
        return undefined;
    };
    watch = new MutationObserver(look);
    setTimeout(() => { /* what was there before is no longer */
        watch.observe(main, { childList: true, subtree: true });
        look();
    });
}

/* Where we are: in the navigation, and the focus at the beginning of what is new. */
function followRoute() {
    let before = route.value;
    let opened = ""; /* by a key, in a list: after a click nobody looks for the focus there, and it holds the list still */
    effect(() => {
        const { page, query, rest } = route.value;
        const isOther = page !== before.page;
        const [address, left] = [link(page, rest), link(before.page, before.rest)];
        const isDeeper = rest.length > before.rest.length;
        before = route.value;
        document.body.classList.toggle("kiosk", query.kiosk === "1");
        links.forEach((one, i) => (PAGES[i].page === page ? one.setAttribute("aria-current", "page") : one.removeAttribute("aria-current")));
        if (isNarrow.value) document.querySelector("nav.pages [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }); /* it scrolls */
        if (address === left) return;
        forgetMissing();
        const active = document.activeElement;
        if (isOther) {
            watch?.disconnect();
            openPage(page);
            main.focus({ preventScroll: true });
        } else if (!active.closest("main nav")) { /* of views: they stay */
            if (isDeeper) opened = active.matches(":focus-visible") ? address : "";
            focusOn(!isDeeper && opened === left && `a[href="${left}"], a[href^="${left}?"]`);
        }
    });
}

/* pages: main.js's rows; first: what it has asked for already; pressed: keys. */
export async function start(pages, first, pressed) {
    PAGES = pages;
    takeFirst(first);
    listenToKeys(keysOfAll, ["?"], pressed);
    showTheme();
    showTheButtons();
    followRoute();
    effect(() => showVerdict(judge(health.state.value)));
    effect(() => { document.body.classList.toggle("old", health.state.value.isOld); });
    effect(() => { document.getElementById("spoken").textContent = spoken.value; });
    render(html`<${Help} /><${Login} />`, document.getElementById("dialogs"));
    health.start({ isTold: route.value.page === "" }); /* the ops page is told it with all else */
    await openPage(route.value.page);
    main.replaceChildren();
    render(html`<${Body} />`, main);
}
