/* SPDX-License-Identifier: MIT
 *
 * browser - one chromium, driven by lines of JSON: {"id", "do", ...} in, {"id", "result" | "error"}
 * out. What it complains of (console, exceptions, failed or foreign requests) is kept until it is
 * asked for. tests/support/browser.py speaks to it. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({ executablePath: process.argv[2], args: ["--no-sandbox", "--disable-dev-shm-usage"] });
let page = null;
let complaints = [];
let origin = "";

/* An analysis nobody asked for before is 503 until it is made (API, Retry-After): chromium itself
 * writes that down, and no page can keep it from it. */
const isInTheMaking = (message) => message.text().includes("503") && new URL(message.location().url).pathname.startsWith("/api/analytics/");

async function open({ url, width = 1280, height = 900, scheme = "light", motion = "no-preference", forced = "none", zone = undefined }) {
    await page?.context().close();
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: motion, forcedColors: forced, timezoneId: zone, bypassCSP: false,
        permissions: ["clipboard-read", "clipboard-write"] });
    page = await context.newPage();
    origin = new URL(url).origin;
    complaints = [];
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && !isInTheMaking(message) && complaints.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
    page.on("request", (request) => !request.url().startsWith(origin) && !request.url().startsWith("data:") && complaints.push(`foreign: ${request.url()}`));
    await page.goto(url);
}

/* axe needs eval-free injection past our CSP: through the debugger, not through a script element. */
async function violations() {
    await page.evaluate(axe);
    const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.target.join(" ")).join("; ")}`);
}

/* Answers below api/ wait until release(): what a page shows before it knows anything. */
let held = [];

async function hold() {
    held = [];
    await page.route("**/api/**", (route) => new Promise((go) => held.push(go)).then(() => route.continue().catch(() => {})));
}

async function release() {
    for (const go of held.splice(0)) go();
    await page.unroute("**/api/**");
}

/* --- figures (tests/bench/page) ------------------------------------------------------------------ */

async function cdp(method, keys) {
    const session = await page.context().newCDPSession(page);
    try {
        return await session.send(method, keys);
    } finally {
        await session.detach();
    }
}

/* Inside the page, so that nobody asks it questions meanwhile: tells when each of `looked`
 * ([[name, selector, pattern, not]]) is first so, and drawn, in ms from when the navigation began. */
function watchFor(looked) {
    let left = looked.map(([name, selector, pattern, not]) => ({ name, selector, fits: new RegExp(pattern), not }));
    const isThere = ({ selector, fits, not }) => {
        const found = document.querySelector(selector);
        return found !== null && fits.test(found.textContent) && !(not && document.querySelector(not));
    };
    const look = () => {
        const there = left.filter(isThere);
        left = left.filter((one) => !there.includes(one));
        if (left.length === 0) watch.disconnect();
        for (const { name } of there) requestAnimationFrame(() => setTimeout(() => window.seen(JSON.stringify([name, performance.now()]))));
    };
    const watch = new MutationObserver(look);
    watch.observe(document, { childList: true, subtree: true, characterData: true, attributes: true });
}

const measured = () => {
    const came = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    return { bytes: came.reduce((n, one) => n + one.transferSize, 0), requests: came.length };
};

/* A chromium that is only measured: over its own pipe, without what playwright adds to each page
 * (a second world of scripts, events of every request), which a slow machine would pay for. */
class Bare {
    constructor() {
        this.home = mkdtempSync(join(tmpdir(), "weir-chromium-"));
        this.process = spawn(process.argv[2], ["--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-extensions", "--no-first-run",
            "--remote-debugging-pipe", `--user-data-dir=${this.home}`, "about:blank"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
        this.asked = new Map();
        this.listener = () => {};
        this.number = 0;
        let rest = "";
        this.process.stdio[4].setEncoding("utf8").on("data", (text) => {
            const parts = (rest + text).split("\0");
            rest = parts.pop();
            for (const part of parts) this.take(JSON.parse(part));
        });
    }

    take({ id, error, result, method, params }) {
        if (id === undefined) return this.listener(method, params);
        const { done, fail } = this.asked.get(id);
        this.asked.delete(id);
        return error ? fail(new Error(error.message)) : done(result);
    }

    send(method, params = {}, sessionId = undefined) {
        const id = ++this.number;
        this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
        return new Promise((done, fail) => this.asked.set(id, { done, fail }));
    }

    async close() {
        const ended = new Promise((done) => this.process.on("exit", done));
        this.send("Browser.close").catch(() => {});
        await ended;
        rmSync(this.home, { recursive: true, force: true });
    }
}
let bare = null;

/* A page from nothing, in a new context, on a CPU so many times slower: {seen: {name: {ms, cpu}},
 * bytes, requests}; cpu: what its main thread had used by then. */
async function cold({ url, slower = 1, looked, width = 1280, height = 900 }) {
    bare ??= new Bare();
    const { browserContextId } = await bare.send("Target.createBrowserContext");
    const { targetId } = await bare.send("Target.createTarget", { url: "about:blank", browserContextId });
    const { sessionId } = await bare.send("Target.attachToTarget", { targetId, flatten: true });
    const send = (method, params) => bare.send(method, params, sessionId);
    await send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
    await send("Emulation.setCPUThrottlingRate", { rate: slower });
    await send("Performance.enable", { timeDomain: "threadTicks" });
    await send("Page.enable");
    await send("Runtime.enable");
    await send("Runtime.addBinding", { name: "seen" });
    await send("Page.addScriptToEvaluateOnNewDocument", { source: `(${watchFor})(${JSON.stringify(looked)})` });
    const seen = {};
    await new Promise((done, fail) => {
        const timer = setTimeout(() => fail(new Error(`only ${Object.keys(seen)} within a minute`)), 60000);
        bare.listener = async (method, params) => {
            if (method !== "Runtime.bindingCalled") return;
            const [name, ms] = JSON.parse(params.payload);
            const { metrics } = await send("Performance.getMetrics");
            seen[name] = { ms, cpu: 1000 * metrics.find((one) => one.name === "TaskDuration").value };
            if (Object.keys(seen).length < looked.length) return;
            clearTimeout(timer);
            done();
        };
        send("Page.navigate", { url }).catch(fail);
    });
    const { result } = await send("Runtime.evaluate", { expression: `(${measured})()`, returnByValue: true });
    await bare.send("Target.disposeBrowserContext", { browserContextId });
    return { seen, ...result.value };
}

/* What the page's main thread does, task by task: by its own processor time, for another program may
 * have had the processor in between. */
async function stopTrace() {
    const { traceEvents } = JSON.parse(await browser.stopTracing());
    const mains = new Set(traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(({ pid, tid }) => `${pid} ${tid}`));
    const tasks = traceEvents.filter(({ name, pid, tid, tdur }) => name.endsWith("RunTask") && tdur !== undefined && mains.has(`${pid} ${tid}`)).map(({ tdur }) => tdur / 1000);
    return { tasks: tasks.length, long: tasks.filter((ms) => ms > 50).length, longest: Math.max(0, ...tasks), sum: tasks.reduce((a, b) => a + b, 0) };
}

let others = [];

/* So many more tabs, each a page that is seen. */
async function crowd({ url, count }) {
    for (const one of others.splice(0)) await one.context().close();
    for (let i = 0; i < count; i++) {
        const one = await (await browser.newContext()).newPage();
        await one.goto(url);
        others.push(one);
    }
}

const actions = {
    cold, crowd,
    /* After a collection: what is left is held. */
    heap: async () => {
        await cdp("HeapProfiler.collectGarbage");
        return (await cdp("Runtime.getHeapUsage")).usedSize;
    },
    trace: () => browser.startTracing(page, { categories: ["toplevel", "disabled-by-default-devtools.timeline"] }),
    stop_trace: stopTrace,
    open,
    blank: async (keys) => {
        await open({ ...keys, url: "about:blank" });
        origin = new URL(keys.url).origin;
        await hold();
        await page.goto(keys.url);
    },
    release,
    hover: ({ selector, x, y }) => page.locator(selector).first().hover({ position: x === undefined ? undefined : { x, y } }),
    drag: async ({ selector, x, to, y = 40 }) => {
        const it = page.locator(selector).first();
        await it.scrollIntoViewIfNeeded();
        const box = await it.boundingBox();
        await page.mouse.move(box.x + x, box.y + y);
        await page.mouse.down();
        await page.mouse.move(box.x + to, box.y + y, { steps: 4 });
        await page.mouse.up();
    },
    box: ({ selector }) => page.locator(selector).first().boundingBox(),
    size: ({ width, height = 900 }) => page.setViewportSize({ width, height }),
    scheme: ({ scheme }) => page.emulateMedia({ colorScheme: scheme }),
    texts: ({ selector }) => page.locator(selector).allInnerTexts(),
    select: ({ selector, value }) => page.locator(selector).first().selectOption(value),
    go: ({ hash }) => page.evaluate((to) => { location.hash = to; }, hash),
    text: ({ selector = "body" }) => page.locator(selector).first().innerText(),
    count: ({ selector }) => page.locator(selector).count(),
    attribute: ({ selector, name }) => page.locator(selector).first().getAttribute(name),
    click: ({ selector }) => page.locator(selector).first().click(),
    fill: ({ selector, value }) => page.locator(selector).first().fill(value),
    press: ({ key }) => page.keyboard.press(key),
    title: () => page.title(),
    url: () => page.url(),
    evaluate: ({ code }) => page.evaluate(code),
    back: () => page.goBack(),
    /* Everything asked for is there, and drawn. */
    settle: async () => {
        await page.waitForLoadState("networkidle", { timeout: 500 }).catch(() => {});
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    },
    shot: ({ path, full = false }) => page.screenshot({ path, fullPage: full }),
    violations,
    /* As from an older server, which does not know these paths; from the next load on. */
    without: ({ pattern }) => page.route(pattern, (route) => route.fulfill({ status: 404, contentType: "application/json", body: "{\"error\":\"not known\"}" })),
    answer: ({ pattern, body }) => page.route(pattern, (route) => route.fulfill({ json: body })),
    /* What is asked for there is answered so much later. */
    late: ({ pattern, ms }) => page.route(pattern, (route) => new Promise((go) => setTimeout(go, ms)).then(() => route.continue())),
    complaints: () => complaints.splice(0),
};

for await (const line of createInterface({ input: process.stdin })) {
    const { id, do: name, ...rest } = JSON.parse(line);
    try {
        const result = await actions[name](rest);
        process.stdout.write(`${JSON.stringify({ id, result: result ?? null })}\n`);
    } catch (error) {
        process.stdout.write(`${JSON.stringify({ id, error: error.message.split("\n")[0] })}\n`);
    }
}
await browser.close();
await bare?.close();
