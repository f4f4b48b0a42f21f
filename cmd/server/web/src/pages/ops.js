/* SPDX-License-Identifier: MIT
 *
 * ops - is the mesh heard, is nothing lost, and if so where: the first page. */
import { html } from "../lib/html.js";
import { useApi } from "../lib/api.js";
import { bytes, count, decimal, duration, isKnown, percent } from "../lib/format.js";
import { Ago, State, Table, sentence } from "../lib/parts.js";
import { judge } from "../lib/verdict.js";

const PERIOD_MS = 2000;
const SILENT_MS = 5000;

function words(key) {
    return String(key).replace(/_/g, " ").replace(":", " ");
}

function sum(reasons) {
    return isKnown(reasons) ? Object.values(reasons).reduce((a, b) => a + b, 0) : undefined;
}

/* --- what is wrong ---------------------------------------------------------------------------- */

function Problems({ health }) {
    const rows = Object.entries(health?.checks ?? {}).filter(([, c]) => c.status !== "pass");
    if (rows.length === 0) return null;
    return html`<section class="card"><h2>What is wrong</h2><${Table} caption="What is wrong" rows=${rows} rowKey=${([name]) => name} columns=${[
        { key: "what", label: "What", short: true, cell: ([name, c]) => html`<${State} level=${c.status}>${words(name)}</>` },
        { key: "why", label: "Why", cell: ([, c]) => sentence(c.output ?? "") },
        { key: "for", label: "For", number: true, cell: ([, c]) => duration(Date.now() / 1000 - c.sinceUnix) },
    ]} /></section>`;
}

/* --- sources ---------------------------------------------------------------------------------- */

function noteOf(s) {
    const refused = (s.subscriptions ?? []).filter((t) => t.suback >= 128).map((t) => t.topic);
    const notes = [];
    if (s.lastError) notes.push(s.lastError);
    if (refused.length > 0) notes.push(`refused: ${refused.join(", ")}`);
    if (!s.connected && s.nextRetryUnix > Date.now() / 1000) notes.push(`next try in ${duration(s.nextRetryUnix - Date.now() / 1000)}`);
    return notes.join("; ");
}

function Sources({ mqtt }) {
    const level = (s) => (s.state === "unknown" ? "unknown" : s.connected ? "pass" : "warn");
    return html`<section class="card"><h2>Sources</h2><${Table} caption="Sources" rows=${mqtt?.sources ?? []} rowKey=${(s) => s.name}
        empty="No source is known: the ingestor never reported one." columns=${[
            { key: "name", label: "Name", cell: (s) => s.name },
            { key: "state", label: "State", short: true, cell: (s) => html`<${State} level=${level(s)}>${words(s.state ?? (s.connected ? "connected" : "off"))}</>` },
            { key: "broker", label: "Broker", cell: (s) => s.broker },
            { key: "last", label: "Last message", number: true, cell: (s) => html`<${Ago} time=${s.lastPacketUnix || undefined} />` },
            { key: "total", label: "Messages", number: true, cell: (s) => count(s.packetsTotal) },
            { key: "five", label: "Last 5 minutes", number: true, cell: (s) => count(s.packetsLast5m) },
            { key: "note", label: "Note", cell: noteOf },
        ]} /></section>`;
}

/* --- where messages are and went -------------------------------------------------------------- */

function Queues({ writes }) {
    const isStale = writes?.stale !== false;
    const part = (q) => (isStale || !isKnown(q.records) || !(q.capacity > 0) ? undefined : q.records / q.capacity);
    return html`<section class="card"><h2>Queues</h2><p class="quiet small">Received, not yet in the database.</p>
        <${Table} caption="Queues" rows=${Object.entries(writes?.queue ?? {})} rowKey=${([name]) => name} empty="No queue is known." columns=${[
            { key: "source", label: "Source", cell: ([name]) => name },
            { key: "filled", label: "Filled", short: true, cell: ([, q]) => html`<meter min="0" max="1" high="0.7" value=${part(q) ?? 0}></meter> ${percent(part(q))}` },
            { key: "waiting", label: "Waiting", number: true, cell: ([, q]) => count(isStale ? undefined : q.records) },
            { key: "room", label: "Room for", number: true, cell: ([, q]) => count(q.capacity) },
            { key: "most", label: "Most ever", number: true, cell: ([, q]) => count(q.highWater) },
            { key: "bytes", label: "Bytes", number: true, cell: ([, q]) => bytes(isStale ? undefined : q.bytes) },
        ]} /></section>`;
}

function reasonsText(total) {
    const parts = [];
    for (const bucket of ["filtered", "rejected", "dropped"])
        for (const [reason, n] of Object.entries(total?.[bucket] ?? {}))
            if (n > 0) parts.push(`${bucket} (${words(reason)}): ${count(n)}`);
    return parts.join(" · ");
}

function Ledger({ writes }) {
    const ledger = writes?.ledger ?? {};
    const rows = Object.entries(ledger.sources ?? {});
    if (rows.length > 0 && ledger.total) rows.push(["all", ledger.total]);
    const bad = (n, level) => (n > 0 ? html`<${State} level=${level}>${count(n)}</>` : count(n));
    const column = (key, label, cell) => ({ key, label, number: true, cell: ([, l]) => cell(l) });
    return html`<section class="card"><h2>Where every message went</h2>
        ${ledger.sinceUnix > 0 && html`<p class="quiet small">Counted for ${duration(Date.now() / 1000 - ledger.sinceUnix)}.</p>`}
        <${Table} caption="Where every message went" rows=${rows} rowKey=${([name]) => name} empty="No ledger is known." columns=${[
            { key: "source", label: "Source", cell: ([name]) => name },
            column("received", "Received", (l) => count(l.received)),
            column("committed", "Stored", (l) => count(l.committed)),
            column("duplicate", "Duplicate", (l) => count(l.duplicate)),
            column("filtered", "Filtered", (l) => count(sum(l.filtered))),
            column("rejected", "Rejected", (l) => count(sum(l.rejected))),
            column("dropped", "Dropped", (l) => bad(sum(l.dropped), "warn")),
            column("dead", "Dead", (l) => count(l.dead)),
            column("queued", "Waiting", (l) => count(l.queued)),
            column("unaccounted", "Unaccounted", (l) => bad(l.unaccounted, "fail")),
        ]} /><p class="quiet small">${reasonsText(ledger.total)}</p></section>`;
}

/* --- figures ---------------------------------------------------------------------------------- */

function Rates({ io }) {
    const rows = [["Read from disk", "readBytesPerSec", bytes], ["Written to disk", "writeBytesPerSec", bytes],
        ["Writes cancelled", "cancelledWriteBytesPerSec", bytes], ["Read calls", "syscallsRead", count], ["Write calls", "syscallsWrite", count]];
    return html`<section class="card"><h2>Rates</h2><${Table} caption="Rates" rows=${rows} rowKey=${([text]) => text} columns=${[
        { key: "what", label: "Per second", cell: ([text]) => text },
        { key: "server", label: "Server", number: true, cell: ([, key, unit]) => unit(io?.[key]) },
        { key: "ingestor", label: "Ingestor", number: true, cell: ([, key, unit]) => unit(io?.ingestor?.[key]) },
    ]} /></section>`;
}

function Database({ sqlite, health, writes }) {
    const s = sqlite?.pageSize > 0 ? sqlite : {};
    const commit = writes?.commit ?? {};
    const rows = [
        ["Transmissions", count(health?.loadedTx)], ["Observations", count(health?.loadedObs)], ["Size", bytes(s.dbSizeBytes)],
        ["Write-ahead log", bytes(s.walSize)], ["Free pages", count(s.freelistCount)], ["Found in the page cache", percent(s.cacheHitRate, 1)],
        ["Last commit", html`<${Ago} time=${commit.lastUnix || undefined} />`],
        ["A commit takes (median)", isKnown(commit.msP50) ? `${decimal(commit.msP50)} ms` : "–"], ["Messages per commit (median)", count(commit.rowsP50)],
    ];
    return html`<section class="card"><h2>Database</h2><${Table} caption="Database" rows=${rows} rowKey=${([text]) => text} columns=${[
        { key: "what", label: "What", cell: ([text]) => text }, { key: "value", label: "Value", number: true, cell: ([, value]) => value },
    ]} /></section>`;
}

/* Which states are bad is the server's to say: it judges each worker in its health. */
function Workers({ writes, health }) {
    const level = (w) => (w.state === "unknown" ? "unknown" : health?.checks?.[`worker:${w.name}`]?.status ?? "unknown");
    const text = (w) => words(w.state) + (w.backpressureSinceUnix > 0 ? ", backpressure" : "") +
        (w.heartbeatAgeMs > SILENT_MS ? `, not moving for ${duration(w.heartbeatAgeMs / 1000)}` : "");
    return html`<section class="card"><h2>Processes</h2><${Table} caption="Processes" rows=${writes?.workers ?? []} rowKey=${(w) => w.name} empty="No process is known." columns=${[
        { key: "name", label: "Name", cell: (w) => w.name },
        { key: "state", label: "State", short: true, cell: (w) => html`<${State} level=${level(w)}>${text(w)}</>` },
        { key: "restarts", label: "Restarts", number: true, cell: (w) => count(w.restarts) },
        { key: "exit", label: "Last exit", cell: (w) => w.lastExit ?? "–" },
    ]} /></section>`;
}

export default function Ops() {
    const every = { every: PERIOD_MS };
    const health = useApi("api/healthz", { ...every, accepts: [503] });
    const writes = useApi("api/perf/write-sources", every);
    const mqtt = useApi("api/mqtt/status", every);
    const io = useApi("api/perf/io", every);
    const sqlite = useApi("api/perf/sqlite", every);
    const sources = mqtt.data?.sources ?? [];
    const verdict = judge(health, { brokers: sources.length, connected: sources.filter((s) => s.connected).length });
    return html`<div class="stack">
        <section class="card verdict"><h1><${State} level=${verdict.level}>${sentence(verdict.text)}</></h1>
            <p class="quiet small">As of <${Ago} time=${health.at || undefined} />.</p></section>
        <${Problems} health=${health.data} />
        <${Sources} mqtt=${mqtt.data} />
        <${Queues} writes=${writes.data} />
        <${Ledger} writes=${writes.data} />
        <div class="grid"><${Rates} io=${io.data} /><${Database} sqlite=${sqlite.data} health=${health.data} writes=${writes.data} /><${Workers} writes=${writes.data} health=${health.data} /></div>
    </div>`;
}
