/* SPDX-License-Identifier: MIT
 *
 * The status page: asks five endpoints every two seconds while it is visible and writes the answers as text.
 * Names, topics and error texts come from strangers: they only ever reach the page through textContent.
 * A value that is not known is a dash, never a zero; an answer that did not come keeps the last values,
 * greyed, and says how old they are. */
"use strict";

const PERIOD_MS = 2000;
const TIMEOUT_MS = 5000;
const SILENT_MS = 5000;
const ENDPOINTS = {
    health: "api/healthz",
    io: "api/perf/io",
    sqlite: "api/perf/sqlite",
    writes: "api/perf/write-sources",
    mqtt: "api/mqtt/status",
};
const SHAPES = { pass: "●", warn: "▲", fail: "■", unknown: "○" };

const last = { at: 0, data: null, counters: null, countersAt: 0 };
let timer = 0;
let failures = 0;

function byId(id) {
    return document.getElementById(id);
}

function isKnown(value) {
    return value !== undefined && value !== null && !Number.isNaN(value);
}

function count(value) {
    return isKnown(value) ? Number(value).toLocaleString("en") : "–";
}

function bytes(value) {
    if (!isKnown(value)) return "–";
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let n = Number(value);
    let i = 0;
    for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
    return (i === 0 ? Math.round(n) : n.toFixed(1)) + " " + units[i];
}

function duration(seconds) {
    if (!isKnown(seconds)) return "–";
    const s = Math.max(0, Math.round(seconds));
    if (s < 2) return "a moment";
    if (s < 120) return s + " seconds";
    if (s < 7200) return Math.round(s / 60) + " minutes";
    if (s < 172800) return Math.round(s / 3600) + " hours";
    return Math.round(s / 86400) + " days";
}

function ago(unix) {
    if (!isKnown(unix)) return "–";
    if (unix === 0) return "never";
    return duration(Date.now() / 1000 - unix) + " ago";
}

/* The programs' names for states and checks, in words. */
function words(key) {
    return String(key).replace(/_/g, " ").replace(":", " ");
}

/* A cell is a text, or {text, level, number, short, meter}. */
function cell(content) {
    const td = document.createElement("td");
    const c = typeof content === "object" && content !== null ? content : { text: content };
    if (c.meter !== undefined) {
        const meter = document.createElement("meter");
        meter.min = 0;
        meter.max = 1;
        meter.high = 0.7;
        meter.value = c.meter;
        meter.textContent = c.text;
        meter.title = c.text;
        td.append(meter, " " + c.text);
    } else {
        td.textContent = (c.level ? SHAPES[c.level] + " " : "") + c.text;
    }
    if (c.level) td.classList.add(c.level);
    if (c.number) td.classList.add("n");
    if (c.short) td.classList.add("s");
    return td;
}

function state(key, level) {
    return { text: words(key), level: level, short: true };
}

function num(text, level) {
    return { text: text, number: true, level: level };
}

function fill(id, rows, empty, columns) {
    const body = byId(id);
    const fresh = rows.map((row) => {
        const tr = document.createElement("tr");
        tr.append(...row.map(cell));
        return tr;
    });
    if (fresh.length === 0) {
        const tr = document.createElement("tr");
        const td = cell({ text: empty });
        td.colSpan = columns;
        td.className = "quiet";
        tr.append(td);
        fresh.push(tr);
    }
    body.replaceChildren(...fresh);
}

function sum(reasons) {
    if (!isKnown(reasons)) return undefined;
    return Object.values(reasons).reduce((a, b) => a + b, 0);
}

/* --- the verdict -------------------------------------------------------------------------------------- */

function setVerdict(level, text) {
    const p = byId("verdict");
    const full = SHAPES[level] + " " + text;
    p.className = level;
    if (p.textContent !== full) p.textContent = full; /* a live region: speak transitions only */
    document.title = (level === "pass" ? "" : SHAPES[level] + " ") + "weir";
}

function showVerdict(d) {
    const health = d.health || {};
    const ingestor = (health.checks || {}).ingestor || {};
    const sources = (d.mqtt && d.mqtt.sources) || [];
    if (health.status === "fail") {
        const database = (health.checks || {}).database || {};
        setVerdict("fail", "The database can't be served: " + (database.output || health.reason));
    } else if (isKnown((d.writes || {}).stoppedAt)) {
        setVerdict("warn", "The ingestor was stopped " + ago(Date.parse(d.writes.stoppedAt) / 1000) + ".");
    } else if (ingestor.status !== "pass") {
        const age = (Date.now() - Date.parse((d.writes || {}).sampleAt)) / 1000;
        setVerdict("warn", age > 0
            ? "No news from the ingestor for " + duration(age) + ": it ended without a word, or hangs."
            : "The ingestor is not known to run: " + (ingestor.output || "no answer") + ".");
    } else {
        const live = sources.filter((s) => s.connected).length;
        const text = "Receiving from " + live + " of " + sources.length + " brokers" +
            (isKnown(d.rate) ? ", " + d.rate.toFixed(1) + " messages per second" : "");
        setVerdict(health.status === "pass" ? "pass" : "warn", text + ".");
    }
}

function showProblems(health) {
    const checks = Object.entries((health && health.checks) || {}).filter(([, c]) => c.status !== "pass");
    byId("problems-section").hidden = checks.length === 0;
    fill("problems", checks.map(([name, c]) => [
        { text: words(name), level: c.status },
        c.output,
        isKnown(c.sinceUnix) ? duration(Date.now() / 1000 - c.sinceUnix) : "–",
    ]), "", 3);
}

/* --- the tables --------------------------------------------------------------------------------------- */

function showSources(mqtt) {
    const rows = ((mqtt && mqtt.sources) || []).map((s) => {
        const refused = (s.subscriptions || []).filter((t) => t.suback >= 128).map((t) => t.topic);
        const notes = [];
        if (s.lastError) notes.push(s.lastError);
        if (refused.length > 0) notes.push("refused: " + refused.join(", "));
        if (!s.connected && s.nextRetryUnix > Date.now() / 1000)
            notes.push("next try in " + duration(s.nextRetryUnix - Date.now() / 1000));
        const level = s.state === "unknown" ? "unknown" : s.connected ? "pass" : "warn";
        return [
            s.name,
            state(s.state || (s.connected ? "connected" : "off"), level),
            s.broker,
            num(ago(s.lastPacketUnix)),
            num(count(s.packetsTotal)),
            num(count(s.packetsLast5m)),
            notes.join("; "),
        ];
    });
    fill("sources", rows, "No source is known: the ingestor never reported one.", 7);
}

function showQueues(writes) {
    const stale = !writes || writes.stale !== false;
    const rows = Object.entries((writes && writes.queue) || {}).map(([name, q]) => {
        const part = isKnown(q.records) && q.capacity > 0 ? q.records / q.capacity : undefined;
        const filled = stale || !isKnown(part) ? "–" : { text: Math.round(part * 100) + " %", meter: part };
        return [
            name, filled, num(stale ? "–" : count(q.records)), num(count(q.capacity)),
            num(count(q.highWater)), num(stale ? "–" : bytes(q.bytes)),
        ];
    });
    fill("queues", rows, "No queue is known.", 6);
}

function ledgerRow(name, l) {
    const dropped = sum(l.dropped);
    return [
        name, num(count(l.received)), num(count(l.committed)), num(count(l.duplicate)),
        num(count(sum(l.filtered))), num(count(sum(l.rejected))), num(count(dropped), dropped > 0 ? "warn" : undefined),
        num(count(l.dead)), num(count(l.queued)),
        num(count(l.unaccounted), isKnown(l.unaccounted) && l.unaccounted !== 0 ? "fail" : undefined),
    ];
}

function reasonsText(total) {
    const parts = [];
    for (const bucket of ["filtered", "rejected", "dropped"]) {
        for (const [reason, n] of Object.entries((total && total[bucket]) || {})) {
            if (n > 0) parts.push(bucket + " (" + words(reason) + "): " + count(n));
        }
    }
    return parts.join(" · ");
}

function showLedger(writes) {
    const ledger = (writes && writes.ledger) || {};
    const entries = Object.entries(ledger.sources || {});
    const rows = entries.map(([name, l]) => ledgerRow(name, l));
    if (entries.length > 0 && ledger.total) rows.push(ledgerRow("all", ledger.total));
    fill("ledger", rows, "No ledger is known.", 10);
    byId("ledger-since").textContent = isKnown(ledger.sinceUnix) && ledger.sinceUnix > 0
        ? "Counted for " + duration(Date.now() / 1000 - ledger.sinceUnix) + "." : "";
    byId("reasons").textContent = reasonsText(ledger.total);
}

function showRates(io) {
    const server = io || {};
    const ingestor = (io && io.ingestor) || {};
    const rate = (value, unit) => (isKnown(value) ? unit(Math.round(value)) : "–");
    const row = (text, key, unit) => [text, num(rate(server[key], unit)), num(rate(ingestor[key], unit))];
    fill("rates", [
        row("Read from disk", "readBytesPerSec", bytes),
        row("Written to disk", "writeBytesPerSec", bytes),
        row("Writes cancelled", "cancelledWriteBytesPerSec", bytes),
        row("Read calls", "syscallsRead", count),
        row("Write calls", "syscallsWrite", count),
    ], "", 3);
}

function showDatabase(sqlite, health, writes) {
    const s = sqlite || {};
    const commit = (writes && writes.commit) || {};
    const exists = s.pageSize > 0;
    fill("database", [
        ["Transmissions", num(exists ? count((health || {}).loadedTx) : "–")],
        ["Observations", num(exists ? count((health || {}).loadedObs) : "–")],
        ["Size", num(exists ? bytes(s.dbSizeBytes) : "–")],
        ["Write-ahead log", num(exists ? bytes(s.walSize) : "–")],
        ["Free pages", num(exists ? count(s.freelistCount) : "–")],
        ["Found in the page cache", num(exists && isKnown(s.cacheHitRate) ? (s.cacheHitRate * 100).toFixed(1) + " %" : "–")],
        ["Last commit", num(ago(commit.lastUnix))],
        ["A commit takes (median)", num(isKnown(commit.msP50) ? commit.msP50.toFixed(1) + " ms" : "–")],
        ["Messages per commit (median)", num(count(commit.rowsP50))],
    ], "", 2);
}

/* Which states are bad is the server's to say: it judges each worker in its health. */
function showWorkers(writes, health) {
    const checks = (health && health.checks) || {};
    const verdict = (w) => (checks["worker:" + w.name] || { status: "unknown" }).status;
    const rows = ((writes && writes.workers) || []).map((w) => [
        w.name,
        w.state === "unknown" ? state("unknown", "unknown")
            : state(w.state + (w.backpressureSinceUnix > 0 ? ", backpressure" : "") +
                (w.heartbeatAgeMs > SILENT_MS ? ", not moving for " + duration(w.heartbeatAgeMs / 1000) : ""), verdict(w)),
        num(count(w.restarts)),
        w.lastExit || "–",
    ]);
    fill("workers", rows, "No process is known.", 4);
}

/* --- asking ------------------------------------------------------------------------------------------- */

/* A 503 of healthz has a body that says why: it is an answer, not a failure. */
async function ask(path) {
    const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.json();
}

/* Received messages a second between two polls; unknown when a counter fell (a restart) or is stale. */
function receivedRate(writes) {
    const total = writes && writes.ledger && writes.ledger.total;
    const at = writes ? Date.parse(writes.sampleAt) : NaN;
    if (!total || !isKnown(total.received) || writes.stale !== false || Number.isNaN(at)) {
        last.counters = null;
        return undefined;
    }
    const seconds = (at - last.countersAt) / 1000;
    let rate = last.rate;
    if (last.counters === null || total.received < last.counters) rate = undefined;
    else if (seconds > 0.5) rate = (total.received - last.counters) / seconds;
    if (last.counters === null || seconds > 0.5) {
        last.counters = total.received;
        last.countersAt = at;
    }
    last.rate = rate;
    return rate;
}

function show(d) {
    showVerdict(d);
    showProblems(d.health);
    showSources(d.mqtt);
    showQueues(d.writes);
    showLedger(d.writes);
    showRates(d.io);
    showDatabase(d.sqlite, d.health, d.writes);
    showWorkers(d.writes, d.health);
}

function showAge() {
    byId("age").textContent = last.at > 0
        ? (failures > 1 ? "Last answer " : "As of ") + new Date(last.at).toLocaleTimeString() : "";
}

async function poll() {
    const names = Object.keys(ENDPOINTS);
    try {
        const answers = await Promise.all(names.map((name) => ask(ENDPOINTS[name])));
        const d = Object.fromEntries(names.map((name, i) => [name, answers[i]]));
        d.rate = receivedRate(d.writes);
        last.at = Date.now();
        last.data = d;
        failures = 0;
        document.body.classList.remove("old");
        show(d);
    } catch (error) {
        failures++;
        if (failures > 1 || last.data === null) {
            document.body.classList.add("old");
            setVerdict("fail", "The server can't be reached; trying again.");
        }
    }
    showAge();
    schedule();
}

function schedule() {
    clearTimeout(timer);
    if (!document.hidden)
        timer = setTimeout(poll, failures > 1 ? Math.min(30000, PERIOD_MS * failures) : PERIOD_MS);
}

document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) poll();
});
poll();
