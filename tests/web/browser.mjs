/* SPDX-License-Identifier: MIT
 *
 * browser - one chromium, driven by lines of JSON: {"id", "do", ...} in, {"id", "result" | "error"}
 * out. What it complains of (console, exceptions, failed or foreign requests) is kept until it is
 * asked for. tests/support/browser.py speaks to it. */
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({ executablePath: process.argv[2], args: ["--no-sandbox", "--disable-dev-shm-usage"] });
let page = null;
let complaints = [];
let origin = "";

async function open({ url, width = 1280, height = 900, scheme = "light", motion = "no-preference" }) {
    await page?.context().close();
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: motion, bypassCSP: false });
    page = await context.newPage();
    origin = new URL(url).origin;
    complaints = [];
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(`${message.type()}: ${message.text()}`));
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

const actions = {
    open,
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
    shot: ({ path, full = false }) => page.screenshot({ path, fullPage: full }),
    violations,
    complaints: () => complaints.splice(0),
    forget: () => { complaints = []; },
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
