/* SPDX-License-Identifier: MIT
 *
 * frame - what is around every page: navigation, the verdict, theme, keyboard; and which page is
 * open. */
import { html, render, signal, useEffect, useRef, useState } from "./lib/html.js";
import { login, needsKey, takeFirst } from "./lib/api.js";
import { health } from "./lib/health.js";
import { link, route } from "./lib/route.js";
import { SHAPES, say, sentence, spoken, State } from "./lib/parts.js";
import { judge } from "./lib/verdict.js";
import { goToFilter, goToPart, hasKeys, listenToKeys, pageKeys, setKeys } from "./lib/keys.js";
import { nextTheme, showTheme, theme } from "./lib/theme.js";

let PAGES = []; /* main.js has them */

/* --- verdict ---------------------------------------------------------------------------------- */

let judged = "";

function Verdict() {
    const verdict = judge(health.state.value);
    useEffect(() => {
        document.title = `${verdict.level === "pass" ? "" : `${SHAPES[verdict.level]} `}${verdict.short} – weir`;
        const icon = document.querySelector("link[rel=icon]");
        const wanted = verdict.level === "pass" || verdict.level === "unknown" ? "assets/favicon.svg" : `assets/favicon-${verdict.level}.svg`;
        if (icon.getAttribute("href") !== wanted) icon.href = wanted; /* or it is asked for again */
        if (judged !== "" && judged !== verdict.level) say(sentence(verdict.text));
        if (verdict.level !== "unknown") judged = verdict.level; /* the first answer is no change */
    }, [verdict.level, verdict.short]);
    return html`<a class="verdict-chip" href=${link("")} title=${sentence(verdict.text)}><${State} level=${verdict.level}>${verdict.short}</></a>`;
}

/* --- keyboard --------------------------------------------------------------------------------- */

const isHelpOpen = signal(false);
const PARTS = 9;

function keysOfAll() {
    return [
        ...PAGES.map(({ page, label, key }) => ({ key: `g ${key}`, label: `Go to ${label}`, run: () => { location.hash = link(page); } })),
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

listenToKeys(keysOfAll, ["?"]);

function Help() {
    const ref = useRef(null);
    const isOpen = isHelpOpen.value;
    useEffect(() => {
        if (isOpen && !ref.current.open) ref.current.showModal();
        else if (!isOpen && ref.current.open) ref.current.close();
    }, [isOpen]);
    return html`<dialog ref=${ref} aria-label="Keyboard" onClose=${() => { isHelpOpen.value = false; }}>
        <div class="card-head"><h2>Keyboard</h2><button type="button" class="plain" onClick=${() => { isHelpOpen.value = false; }}>Close</button></div>
        <table><tbody>${keysToRead().map(({ key, label }) => html`<tr key=${key}><td class="s">${(key === " " ? ["space"] : key.split(" ")).map((one) => (one === "–" ? " – " : html`<kbd>${one}</kbd> `))}</td><td>${label}</td></tr>`)}</tbody></table>
        <p><label class="field"><input type="checkbox" checked=${hasKeys.value} onChange=${(e) => setKeys(e.target.checked)} /> Single keys do something</label></p>
    </dialog>`;
}

/* --- login ------------------------------------------------------------------------------------ */

function Login() {
    const [error, setError] = useState("");
    const ref = useRef(null);
    const isAsked = needsKey.value;
    useEffect(() => {
        if (isAsked && !ref.current.open) ref.current.showModal();
        else if (!isAsked && ref.current.open) ref.current.close();
    }, [isAsked]);
    const submit = async (e) => {
        e.preventDefault();
        const isGood = await login(new FormData(e.target).get("key")).catch(() => undefined);
        setError(isGood === undefined ? "The server can't be reached." : isGood ? "" : "This is not the key.");
        if (isGood) openPage(route.value.page);
    };
    return html`<dialog ref=${ref} aria-label="Log in"><form onSubmit=${submit}><h2>This mesh asks for a key</h2>
        <p class="quiet">It is <code>readApiKey</code> in the server's configuration; this browser keeps a cookie for a week.</p>
        <p><label class="field">Key <input name="key" type="password" autocomplete="current-password" required /></label> <button class="primary">Log in</button></p>
        ${error && html`<p class="fail" role="alert">${error}</p>`}</form></dialog>`;
}

/* --- frame ------------------------------------------------------------------------------------ */

const NARROW = matchMedia("(max-width: 40rem)"); /* the navigation scrolls */
function showCurrent() {
    if (NARROW.matches) document.querySelector("nav.pages [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
}

NARROW.addEventListener("change", showCurrent);

const open = signal({ page: null, Page: null, error: null });

async function openPage(page) {
    const wanted = PAGES.find((one) => one.page === page);
    if (wanted === undefined) {
        open.value = { page, Page: null, error: `There is no page “${page}”.` };
        return;
    }
    try {
        const module = await wanted.load();
        if (route.value.page === page) open.value = { page, Page: module.default, error: null };
    } catch {
        open.value = { page, Page: null, error: "This page could not be loaded: the server can't be reached, or was upgraded. Reload." };
    }
}

function Body() {
    const { page } = route.value;
    const main = useRef(null);
    const isFirst = useRef(true);
    useEffect(() => {
        if (!isFirst.current) openPage(page);
        showCurrent();
        if (!isFirst.current) main.current.focus({ preventScroll: true });
        isFirst.current = false;
    }, [page]);
    const { Page, error, page: shown } = open.value;
    return html`<main id="main" ref=${main} tabindex="-1">
        ${error && html`<p class="notice fail">${error}</p>`}
        ${!error && Page && shown === page ? html`<${Page} />` : !error && html`<div class="skeleton" aria-busy="true" aria-label="Loading"></div>`}
    </main>`;
}

/* The icon, as a part of the page: a picture of its own would cost a small machine as much as a table. */
function Mark() {
    return html`<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" fill="#12343b" /><path d="M5 12q4-4 8 0t8 0 6-1M5 19q4-4 8 0t8 0 6-1" fill="none" stroke="#7fd1c7" stroke-width="3" stroke-linecap="round" /><path d="M5 26h22" stroke="#f2c14e" stroke-width="3" stroke-linecap="round" /></svg>`;
}

function App() {
    const { page, query } = route.value;
    const isKiosk = query.kiosk === "1";
    const isOld = health.state.value.isOld;
    useEffect(() => { document.body.classList.toggle("old", isOld); }, [isOld]);
    return html`<a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById("main").focus(); }}>To the content</a>
        ${!isKiosk && html`<header class="bar"><div class="bar-row">
            <a class="brand" href=${link("")}><${Mark} />weir</a>
            <nav class="pages" aria-label="Pages">${PAGES.map((one) => html`<a key=${one.page} href=${link(one.page)} aria-current=${one.page === page ? "page" : undefined}>${one.label}</a>`)}</nav>
            <${Verdict} />
            <button type="button" class="plain" title="Theme: ${theme.value} (d)" aria-label="Theme: ${theme.value}" onClick=${nextTheme}>${{ auto: "◐", dark: "☾", light: "☀" }[theme.value]}</button>
            <button type="button" class="plain" title="Keyboard (?)" aria-label="Keyboard help" onClick=${() => { isHelpOpen.value = true; }}>?</button>
        </div></header>`}
        <${Body} />
        <${Help} /><${Login} />
        <div class="visually-hidden" role="status" aria-live="polite">${spoken.value}</div>`;
}

/* pages: main.js's rows; first: what it has asked for already; Page: the wanted one, where it came. */
export function start(pages, first, Page) {
    PAGES = pages;
    takeFirst(first);
    health.start({ isTold: route.value.page === "" }); /* the ops page is told it with all else */
    if (Page) open.value = { page: route.value.page, Page, error: null };
    else openPage(route.value.page);
    showTheme();
    const app = document.getElementById("app");
    app.replaceChildren();
    render(html`<${App} />`, app);
}
