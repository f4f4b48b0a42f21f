/* SPDX-License-Identifier: MIT
 *
 * ops - is the mesh heard, is nothing lost, and if so where: verdict, pipeline, ledger, sources,
 * curves, writers, storage, events. It also lives on the plain endpoints alone (lib/ops.js). */
import { html, useEffect, useMemo, useState } from "../lib/html.js";
import { pause, pausedAt, useApi } from "../lib/api.js";
import { useOps } from "../lib/ops.js";
import { health as asked } from "../lib/health.js";
import { bytes, count, decimal, duration, isKnown, moment, percent, rate, timeOfDay, UNKNOWN } from "../lib/format.js";
import { chosen, route, setQuery } from "../lib/route.js";
import { Ago, Facts, now, ordered, say, Segments, sentence, State, Table, useDrawn, useLater } from "../lib/parts.js";
import { Chart, DOTS } from "../lib/chart.js";
import { addSample, events, latest, noteStates, ratesFrom, samples, sum } from "../lib/samples.js";
import { useKeys } from "../lib/keys.js";
import { judge, levelOf, worseOf } from "../lib/verdict.js";

const SILENT_MS = 5000;

function words(key) {
    return String(key).replace(/_/g, " ").replace(":", " ");
}

const QUEUE_WARN = 0.7;
const STORED_CHECKS = ["commit"];
const STORING_CHECKS = ["database", "ingestor", "worker:flusher", ...STORED_CHECKS]; /* one that warns: nothing is stored, or nobody knows */
const STORAGE_CHECKS = ["database", "disk", "growth", "wal", "database_file"];

/* "warn" or "fail" where one of these checks says so, else "". */
function worstOf(health, names) {
    const levels = names.filter((name) => health?.checks?.[name]).map((name) => levelOf(name, health.checks[name]));
    return levels.includes("fail") ? "fail" : levels.includes("warn") ? "warn" : "";
}

/* --- what is wrong ---------------------------------------------------------------------------- */

function Problems({ health }) {
    const rows = ordered(Object.entries(health?.checks ?? {}).filter(([, c]) => c.status !== "pass"), (row) => levelOf(...row)); /* "fail" before "warn" */
    if (rows.length === 0) return null;
    return html`<section class="card"><h2>What is wrong</h2><${Table} caption="What is wrong" rows=${rows} rowKey=${([name]) => name} columns=${[
        { key: "what", label: "What", short: true, cell: ([name, c]) => html`<${State} level=${levelOf(name, c)}>${words(name)}</>` },
        { key: "why", label: "Why", wide: true, cell: ([name, c]) => html`${sentence(c.output ?? "")}${name === "ingestor" && html` What it said last: <code>journalctl -u weir-ingestor</code>, where systemd runs it.`}` },
        { key: "for", label: "For", number: true, cell: ([, c]) => duration(now.value / 1000 - c.sinceUnix) },
    ]} /></section>`;
}

/* Nothing was ever reported: what to do, with the paths that are really looked at. */
function Setup({ writes, health, expected }) {
    if (writes === undefined || isKnown(writes.startedAt) || (writes.workers ?? []).length > 0) return null;
    return html`<section class="card notice warn"><h2>The ingestor has never reported</h2><p>${sentence(health?.checks?.ingestor?.output ?? "no statistics file was found")}</p>
        <p>Start it with the configuration that this server reads: <code>ingestor --config ${expected?.config ?? "…"}</code>, or <code>systemctl start weir-ingestor</code> where the package is installed.${expected && html` It is expected to write <code>${expected.statsFile}</code>.`}</p></section>`;
}

/* --- the pipeline ----------------------------------------------------------------------------- */

function Stage({ title, value, note, level, children }) {
    return html`<li class="stage ${level ?? ""}"><span class="quiet small">${title}</span><b>${value}</b>${children}<span class="quiet small">${note}</span></li>`;
}

/* In how many seconds the fullest queue is full, if all that came lately is its: NaN = not known, or
 * not so. */
const LATELY_S = 10;

function fullIn(queues) {
    const { at, series } = samples.value;
    const end = at.length - 1;
    const from = at.findIndex((t) => t >= at[end] - LATELY_S);
    const grown = (series.queued?.[end] ?? NaN) - (series.queued?.[from] ?? NaN);
    const room = Math.min(...queues.map((q) => q.capacity - q.records));
    return from >= 0 && from < end && grown > 0 ? room * (at[end] - at[from]) / grown : NaN;
}

function queueText(queues, part, high) {
    if (!isKnown(part)) return "not known";
    const left = part > QUEUE_WARN ? fullIn(queues) : NaN;
    return `${percent(part)} full, at most ${percent(high)}${isKnown(left) ? `; full in ${duration(left)} at this pace` : ""}`;
}

/* A loss is a warning of healthz for a minute; here it is said for longer. */
const LOSS_SHOWN_S = 900;

function Losses({ lost, lastUnix }) {
    if (lost > 0) return html`<p class="notice fail">Messages are being lost: ${rate(lost)}.</p>`;
    if (!(now.value / 1000 - lastUnix < LOSS_SHOWN_S)) return null;
    return html`<p class="notice warn">Messages were lost, the last one <${Ago} time=${lastUnix} />: which and why stands in the table below, and among the events.</p>`;
}

function Pipeline({ writes, mqtt, sqlite, health }) {
    const isStale = writes?.stale !== false;
    const sources = mqtt?.sources ?? [];
    const connected = sources.filter((s) => s.connected).length;
    const isTold = isKnown(mqtt) && (sources.length > 0 || !isStale) && sources.every((s) => s.state !== "unknown");
    const queues = Object.values(writes?.queue ?? {});
    const part = isStale ? undefined : Math.max(0, ...queues.map((q) => (q.capacity > 0 ? q.records / q.capacity : 0)));
    const high = Math.max(0, ...queues.map((q) => (q.capacity > 0 ? q.highWater / q.capacity : 0)));
    const lost = isStale ? undefined : latest("lostRate");
    const commit = writes?.commit ?? {};
    const shards = writes?.outbox ?? []; /* of ClickHouse, in the database's place */
    const answering = shards.filter(({ shard }) => (health?.checks?.[`shard:${shard}`]?.status ?? "pass") === "pass").length;
    return html`<section class="card" aria-label="Pipeline"><ol class="pipeline">
        <${Stage} title="Brokers" value=${isTold ? `${connected} of ${sources.length}` : UNKNOWN} note="connected" level=${isTold && connected < sources.length ? (connected > 0 ? "warn" : "fail") : ""} />
        <${Stage} title="Received" value=${rate(isStale ? undefined : latest("receivedRate"))} note=${`${count(writes?.ledger?.total?.received)} in all`} level=${lost > 0 ? "fail" : ""} />
        <${Stage} title="Queue" value=${isStale ? UNKNOWN : count(queues.reduce((n, q) => n + (q.records ?? 0), 0))} note=${queueText(queues, part, high)} level=${part > QUEUE_WARN ? "warn" : ""}>
            <span class="gauge" role="img" aria-label=${`${percent(part)} full`}><span class="gauge-fill" style=${{ width: `${100 * (part ?? 0)}%` }}></span><span class="gauge-high" style=${{ left: `${Math.min(99, 100 * high)}%` }}></span></span></>
        <${Stage} title="Stored" value=${rate(isStale ? undefined : latest("storedRate"))} note=${isStale ? "not known" : html`last commit <${Ago} time=${commit.lastUnix || undefined} />`} level=${worstOf(health, STORED_CHECKS)} />
        ${shards.length > 0 ? html`<${Stage} title="Shards" value=${`${answering} of ${shards.length}`} note="take what is stored" level=${answering === shards.length ? "" : answering > 0 ? "warn" : "fail"} />` : html`<${Stage} title="Database" value=${bytes(sqlite?.pageSize > 0 ? sqlite.dbSizeBytes : undefined)} note=${`log ${bytes(sqlite?.walSize)}`} level=${worstOf(health, STORAGE_CHECKS)} />`}
    </ol><${Losses} lost=${lost} lastUnix=${writes?.lastLossUnix} /></section>`;
}

function reasonsOf(total) {
    const rows = [];
    for (const bucket of ["filtered", "rejected", "dropped"])
        for (const [reason, n] of Object.entries(total?.[bucket] ?? {}))
            if (n > 0) rows.push([bucket, words(reason), n]);
    return rows;
}

function Ledger({ writes }) {
    const ledger = writes?.ledger ?? {};
    const rows = Object.entries(ledger.sources ?? {});
    if (rows.length > 1 && ledger.total) rows.push(["all", ledger.total]);
    const bad = (n, level) => (n > 0 ? html`<${State} level=${level}>${count(n)}</>` : count(n));
    const column = (key, label, cell) => ({ key, label, number: true, cell: ([, l]) => cell(l) });
    const reasons = reasonsOf(ledger.total);
    return html`<section class="card"><div class="card-head"><h2>Where every message went</h2>${ledger.sinceUnix > 0 && html`<span class="quiet small">counted for ${duration(now.value / 1000 - ledger.sinceUnix)}</span>`}</div>
        <${Table} caption="Where every message went" rows=${rows} rowKey=${([name]) => name} empty="No ledger is known." columns=${[
            { key: "source", label: "Source", cell: ([name]) => name },
            column("received", "Received", (l) => count(l.received)), column("committed", "Stored", (l) => count(l.committed)),
            column("duplicate", "Duplicate", (l) => count(l.duplicate)), column("filtered", "Filtered", (l) => count(sum(l.filtered))),
            column("rejected", "Rejected", (l) => count(sum(l.rejected))), column("dropped", "Dropped", (l) => bad(sum(l.dropped), "warn")),
            column("dead", "Dead", (l) => bad(l.dead, "warn")), column("queued", "Waiting", (l) => count(l.queued)),
            column("unaccounted", "Unaccounted", (l) => bad(l.unaccounted, "fail")),
        ]} />${reasons.length > 0 && html`<p class="small"><span class="quiet">Of these</span> ${reasons.map(([bucket, reason, n]) => html`<span class="tag" key=${bucket + reason}>${bucket}, ${reason}: ${count(n)}</span> `)}</p>`}</section>`;
}

/* --- sources ---------------------------------------------------------------------------------- */

function noteOf(s, silence) {
    const refused = (s.subscriptions ?? []).filter((t) => t.suback >= 128).map((t) => t.topic);
    const notes = [];
    if (s.lastError) notes.push(s.lastError);
    if (refused.length > 0) notes.push(`the broker refused ${refused.join(", ")}: access rights?`);
    if (!s.connected && s.nextRetryUnix > now.value / 1000) notes.push(`next try in ${duration(s.nextRetryUnix - now.value / 1000)}`);
    if (silence?.silent) notes.push(`nothing came for ${duration(silence.silentSeconds)}, usually something does within ${duration(silence.usualSeconds)}`);
    if (s.sessionsLost > 0) notes.push(`${count(s.sessionsLost)} sessions lost`);
    return notes.map(sentence).join(" ");
}

/* Connected and silent by its own measure: twice as long as that is no quiet hour any more. */
function deafness(silence) {
    if (!silence?.silent) return "pass";
    return silence.silentSeconds > 2 * silence.limitSeconds ? "fail" : "warn";
}

const SPARK = 120; /* samples: two minutes */

/* As high as its own peak. */
function Spark({ values }) {
    const most = Math.max(...values, 1);
    const at = (v, i) => `${SPARK - values.length + i} ${(19 - 18 * v / most).toFixed(1)}`;
    const d = values.map((v, i) => (v === null ? "" : `${i === 0 || values[i - 1] === null ? "M" : "L"}${at(v, i)}`)).join("");
    return html`<svg class="spark" viewBox="0 0 ${SPARK} 20" preserveAspectRatio="none" aria-hidden="true"><path d=${d} /></svg>`;
}

function RateFrom({ source, isKnownNow }) {
    const values = ratesFrom(source, SPARK);
    return html`<${Spark} values=${values} />${rate(isKnownNow ? values[values.length - 1] : undefined)}`;
}

function answerOf({ suback }) {
    if (!isKnown(suback)) return "no answer yet";
    return suback < 128 ? `QoS ${suback}` : `refused (0x${suback.toString(16)})`;
}

/* What the broker answered to each; open where it refused one. */
function Topics({ subscriptions = [] }) {
    if (subscriptions.length === 0) return UNKNOWN;
    const granted = subscriptions.filter((t) => isKnown(t.suback) && t.suback < 128).length;
    return html`<details open=${subscriptions.some((t) => t.suback >= 128)}><summary>${granted} of ${subscriptions.length}</summary>${subscriptions.map((t) => html`<div class="small" key=${t.topic}>${t.topic}: ${answerOf(t)}</div>`)}</details>`;
}

function Note({ text }) {
    return text !== "" && html`<span class="note quiet small">${text}</span>`;
}

function Sources({ mqtt, health, silence, ledger = {} }) {
    const dropped = (n) => (n > 0 ? html`<${State} level="warn">${count(n)}</>` : count(n));
    const level = (s) => (s.state === "unknown" ? "unknown" : worseOf(health?.checks?.[`source:${s.name}`]?.status ?? (s.connected ? "pass" : "warn"), deafness(silence?.[s.name])));
    return html`<section class="card"><h2>Sources</h2><${Table} caption="Sources" rows=${mqtt?.sources ?? []} rowKey=${(s) => s.name}
        empty="No source is known: the ingestor never reported one." columns=${[
            { key: "name", label: "Name", cell: (s) => s.name },
            { key: "state", label: "State", short: true, cell: (s) => html`<${State} level=${level(s)}>${words(s.state ?? (s.connected ? "connected" : "off"))}</>` },
            { key: "broker", label: "Broker", wide: true, cell: (s) => html`${s.broker}<${Note} text=${noteOf(s, silence?.[s.name])} />` },
            { key: "rate", label: "Rate", number: true, cell: (s) => html`<${RateFrom} source=${s} isKnownNow=${mqtt.stale === false} />` },
            { key: "last", label: "Last message", number: true, cell: (s) => html`<${Ago} time=${s.lastPacketUnix || undefined} />${isKnown(silence?.[s.name]?.usualSeconds) && html` <span class="quiet small">usually within ${duration(silence[s.name].usualSeconds)}</span>`}` },
            { key: "twice", label: "Duplicate", number: true, cell: ({ name }) => percent(ledger[name]?.received > 0 ? ledger[name].duplicate / ledger[name].received : undefined) },
            { key: "dropped", label: "Dropped", number: true, cell: ({ name }) => dropped(sum(ledger[name]?.dropped)) },
            { key: "topics", label: "Topics", short: true, cell: Topics },
            { key: "up", label: "Connected", number: true, cell: (s) => (s.connected ? html`<${Ago} time=${s.lastConnectUnix || undefined} />` : s.lastDisconnectUnix ? html`lost <${Ago} time=${s.lastDisconnectUnix} />` : UNKNOWN) },
            { key: "flaps", label: "Disconnects", number: true, cell: (s) => count(s.disconnectCount) },
        ]} /></section>`;
}

/* --- curves ----------------------------------------------------------------------------------- */

const ms = (v) => `${decimal(v, v < 10 ? 1 : 0)} ms`;
/* [label, series of api/perf/history, series of this tab, the series on whose curve it is a point] */
const CURVES = [
    { title: "Messages a second", unit: (v) => rate(v, ""), series: [["received", "received", "receivedRate"], ["stored", "stored", "storedRate"], ["lost", "lost", "lostRate"]] },
    { title: "Waiting in the queue", unit: count, series: [["messages", "queued", "queued"]], isPeak: true },
    { title: "Until a message is stored", unit: ms, series: [["median", "waitP50", "wait50"], ["99 of 100", "waitP99", ""]] },
    { title: "Messages a commit", unit: count, series: [["median", "batchRows", ""]] },
    { title: "A commit takes", unit: ms, series: [["median", "commitP50", "commit50"], ["99 of 100", "commitP99", "commit99"]] },
    { title: "Write-ahead log", unit: bytes, series: [["log", "walBytes", "wal"], ["a checkpoint", "checkpoints", "", "walBytes"]], isPeak: true },
    { title: "To and from disk a second", unit: bytes, series: [["ingestor writes", "ingestorWritten", "writtenIngestor"], ["ingestor reads", "ingestorRead", "readIngestor"], ["server writes", "serverWritten", "written"], ["server reads", "serverRead", "read"]] },
    { title: "The database", unit: bytes, series: [["file", "databaseBytes", ""], ["free on its disk", "diskFree", ""]] },
    { title: "Answered by SQLite's cache", unit: (v) => percent(v, 1), series: [["of the server's look-ups", "cacheHit", "hits"]] },
    { title: "Processor time, in cores", unit: (v) => decimal(v, 2), series: [["ingestor", "ingestorCpu", ""], ["server", "serverCpu", ""]] },
    { title: "Memory", unit: bytes, series: [["ingestor", "ingestorMemory", ""], ["server", "serverMemory", ""]], isPeak: true },
    { title: "HTTP answers a second", unit: (v) => rate(v, ""), series: [["200 to 399", "http2xx", ""], ["400 to 499", "http4xx", ""], ["500 and above", "http5xx", ""]] },
    { title: "An HTTP answer takes", unit: ms, series: [["median", "httpP50", ""], ["95 of 100", "httpP95", ""], ["99 of 100", "httpP99", ""]] },
];
const RANGES = [["900", "15 min"], ["3600", "1 h"], ["86400", "24 h"], ["604800", "7 days"], ["2592000", "30 days"]];
const POINTS = 400;
const ASKED_S = 60; /* at least so often, however far apart the points are: the newest one grows */
const NEAR_PART = 0.1; /* so near to now is now: it went on meanwhile */
const SERIES = CURVES.flatMap(({ series }) => series.map(([, key]) => key)).join(",");

/* Peaks are what matters of a level, the mean of a rate. */
function kept(history, key, isPeak) {
    return history.series[key]?.[isPeak ? "max" : "mean"] ?? history.time.map(() => null);
}

/* Figures that are not as they usually are: the server's verdict, in its words. */
function Unusual({ figures }) {
    const rows = Object.entries(figures ?? {}).filter(([, f]) => f.verdict === "high" || f.verdict === "low");
    return rows.map(([name, f]) => html`<p key=${name}><${State} level="warn">${sentence(f.text)}</> <span class="quiet small">For ${duration(now.value / 1000 - f.sinceUnix)}.</span></p>`);
}

const MARKS = { retention: "prune", worker: "process", loss: "lost" };

function markText({ kind, text }) {
    if (kind === "source" && /connected again|lost its connection/.test(text)) return text.includes("again") ? "reconnect" : "disconnect";
    return MARKS[kind] ?? kind;
}

/* Both ends of what happened again and again. */
function marksOf(told) {
    const marks = (told ?? []).filter((e) => e.kind !== "figure").flatMap((e) => [e.atUnix, ...(e.lastUnix > e.atUnix ? [e.lastUnix] : [])].map((at) => ({ at, level: e.level, text: markText(e) })));
    return ordered(marks, ({ at }) => at);
}

/* The values of a curve; of points, those of the curve that they are on. */
function drawn(history, [label, key, , on], isPeak) {
    if (on === undefined) return { label, values: kept(history, key, isPeak) };
    const times = kept(history, key, true);
    return { label, look: DOTS, values: kept(history, on, isPeak).map((v, i) => (times[i] > 0 ? v : null)) };
}

/* A part of the time that somebody chose, [from, to] in seconds; null = up to now, also where the address
 * says what is none. */
function windowOf({ from, to }) {
    const [a, b] = [Math.floor(from), Math.ceil(to)];
    return a > 0 && b > a && a < Date.now() / 1000 ? [a, b] : null;
}

function zoom(window_) {
    setQuery(window_ ? { from: Math.floor(window_[0]), to: Math.ceil(window_[1]) } : { from: "", to: "" }, { push: true });
}

function Curves({ figures, told }) {
    const { query } = route.value;
    const range = chosen("range", RANGES, "900");
    const step = Math.max(1, Math.ceil(Number(range) / POINTS));
    const every = Math.min(ASKED_S, Math.max(5, step));
    const turn = Math.floor(now.value / 1000 / every);
    const window_ = windowOf(query);
    const asked = window_ ? `from=${window_[0]}&to=${window_[1]}` : `from=${turn * every - Number(range)}`;
    const [path, ask] = useState("");
    useEffect(() => {
        ask(`api/perf/history?series=${SERIES}&${asked}${window_ ? "" : `&step=${step}`}`);
    }, [range, String(window_), turn]);
    const fresh = useApi(path === "" ? null : path);
    const [history, keep] = useState(undefined);
    useEffect(() => { if (fresh.data !== undefined) keep(fresh.data); }, [fresh.data]);
    const pan = (part) => {
        const latest_ = now.value / 1000;
        const before = windowOf(route.value.query);
        const span = before ? before[1] - before[0] : Number(range);
        const end = (before ? before[1] : latest_) + part * span;
        zoom(part > 0 && end > latest_ - NEAR_PART * span ? null : [end - span, end]);
    };
    const choose = (value) => setQuery({ range: value, from: "", to: "" }, { push: true });
    const reset = () => setQuery({ find: "", level: "", from: "", to: "" }, { push: true });
    useKeys([...RANGES.map(([value, text], i) => ({ key: `t ${i + 1}`, label: `Curves of ${text}`, run: () => choose(value) })),
        { key: "[", label: "Curves: earlier", run: () => pan(-0.5) }, { key: "]", label: "Curves: later", run: () => pan(0.5) }, { key: "Escape", label: "The whole range up to now, and all events", run: reset }], [range]);
    const isMissing = fresh.error !== undefined && history === undefined; /* an older server, or none */
    const { at, series } = samples.value;
    const x = history?.time ?? at;
    /* The same arrays until there are new figures: this is rendered each second, a curve need not be. */
    const curves = useMemo(() => CURVES.map((c) => c.series.map((one) => (history ? drawn(history, one, c.isPeak) : { label: one[0], values: series[one[2]] ?? at.map(() => null) }))), [history, history ? null : samples.value]);
    const marks = useMemo(() => marksOf(told), [told]);
    return html`<section class="card"><div class="card-head"><h2>Over time</h2>${isMissing ? html`<span class="quiet small">since this page was opened</span>` : html`<span class="row">
        ${window_ && html`<button type="button" onClick=${() => zoom(null)}>Up to now</button>`}<span class="segments"><button type="button" aria-label="Earlier" title="Earlier ([)" onClick=${() => pan(-0.5)}>‹</button><button type="button" aria-label="Later" title="Later (])" disabled=${!window_} onClick=${() => pan(0.5)}>›</button></span>
        <${Segments} label="Range" options=${RANGES} value=${range} onChange=${choose} /></span>`}</div>
        <${Unusual} figures=${figures} /><div class="grid">${CURVES.map((c, i) => html`<${Chart} key=${c.title} title=${c.title} unit=${c.unit} sync="ops" x=${x} height=${150} series=${curves[i]} marks=${marks} onRange=${(from, to) => zoom([from, to])} />`)}</div>
        ${history && !history.kept && html`<p class="notice warn">The history can't be written to its file any more: it is in memory.</p>`}</section>`;
}

/* --- writers, storage, processes -------------------------------------------------------------- */

function Writers({ writes }) {
    const rows = Object.entries(writes?.writer_perf ?? {}).filter(([, w]) => w.count > 0);
    const three = (w, kind) => (isKnown(w[`${kind}_p50`]) ? `${decimal(w[`${kind}_p50`])} / ${decimal(w[`${kind}_p99`])} / ${decimal(w[`${kind}_max`])}` : UNKNOWN);
    return html`<section class="card"><h2>Who writes</h2><p class="quiet small">Milliseconds: median / 99 of 100 / most.</p><${Table} caption="Who writes" rows=${rows} rowKey=${([name]) => name} empty="Nobody has written yet." columns=${[
        { key: "w", label: "Writer", cell: ([name, w]) => (isKnown(w.holding_ms) ? html`${words(name)} <span class="quiet small">holds it now, for ${decimal(w.holding_ms / 1000)} s</span>` : words(name)) }, { key: "n", label: "Times", number: true, cell: ([, w]) => count(w.count) },
        { key: "wait", label: "Waited", number: true, cell: ([, w]) => three(w, "wait_ms") }, { key: "hold", label: "Held the database", number: true, cell: ([, w]) => three(w, isKnown(w.batch_hold_ms_p50) ? "batch_hold_ms" : "hold_ms") },
    ]} /></section>`;
}

function roomText({ daysToDisk, daysToLimit, growthBytesPerDay } = {}) {
    if (!isKnown(growthBytesPerDay)) return UNKNOWN;
    const days = Math.min(daysToDisk ?? Infinity, daysToLimit ?? Infinity);
    if (!Number.isFinite(days)) return growthBytesPerDay > 0 ? UNKNOWN : "does not grow";
    return `${days > 3650 ? "years" : duration(days * 86400)}, until ${days === daysToLimit ? "maxDatabaseMB is reached" : "the disk is full"}`;
}

function keptText({ packetDays, databaseLimitBytes: limit }) {
    if (!isKnown(packetDays)) return UNKNOWN;
    return `${packetDays > 0 ? `${count(packetDays)} days` : "for ever"}${limit ? `, the database at most ${bytes(limit)}` : ""}`;
}

/* What the server knows of: by its own route, or by its tool. */
function backupText(backup) {
    if (backup === undefined) return "none here: stateDir is not set";
    const { lastUnix, failedUnix, error } = backup;
    return html`${isKnown(lastUnix) ? html`<${Ago} time=${lastUnix} />, ${bytes(backup.bytes)}` : "none by this server yet"}${failedUnix > 0 && html` <${State} level="warn">failed <${Ago} time=${failedUnix} /></> ${error}`}`;
}

/* The server's quick_check, table by table; tables that take too long are left to a backup's. */
function soundness(found) {
    if (found === undefined) return "not checked yet";
    const { verdict, atUnix, late, text } = found;
    const when = html`<${Ago} time=${atUnix} />`;
    if (verdict !== "sound") return html`<${State} level=${verdict === "damaged" ? "fail" : "warn"}>${verdict === "damaged" ? "damaged" : "could not be checked"}</> ${when}: ${text}`;
    return html`sound, ${when}${late > 0 && `, but for ${late} table${late > 1 ? "s" : ""} too large for a look beside the writer: a backup checks them`}`;
}

function Storage({ sqlite, health, writes, storage }) {
    const isFile = sqlite?.pageSize > 0;
    const s = isFile ? sqlite : {};
    const oldest = storage?.oldestUnix;
    const commit = writes?.commit ?? {};
    const judged = (check, text) => (worstOf(health, [check]) ? html`<${State} level=${worstOf(health, [check])}>${text}</>` : text);
    const rows = [
        ["Transmissions", count(health?.loadedTx)], ["Observations", count(health?.loadedObs)], ["Database", bytes(s.dbSizeBytes)], ["Write-ahead log", judged("wal", bytes(s.walSize))],
        ["Free pages in it", count(s.freelistCount)], ["Bytes an observation", health?.loadedObs > 1000 && isKnown(s.dbSizeBytes) ? bytes(s.dbSizeBytes / health.loadedObs) : UNKNOWN],
        ["Free on its disk", isKnown(writes?.diskFreeBytes) ? judged("disk", `${bytes(writes.diskFreeBytes)} of ${bytes(writes.diskBytes)}`) : UNKNOWN],
        ["Grows a day by", bytes(storage?.growthBytesPerDay)], ["Room for", judged("growth", roomText(storage))],
        ["Packets are kept", keptText(writes ?? {})], ["The oldest", isKnown(oldest) ? html`${moment(oldest).slice(0, 10)}, at most <${Ago} time=${oldest} />` : UNKNOWN],
        ["Last backup", isFile && storage ? backupText(storage.backup) : UNKNOWN], ["Quick check", isFile && storage ? soundness(storage.integrity) : UNKNOWN],
        ["Last checkpoint", html`<${Ago} time=${writes?.checkpoints?.lastUnix || undefined} />`],
        ["Messages a commit (median)", count(commit.rowsP50)], ["Write errors", count(writes?.sources?.write_errors)],
    ];
    const ofShards = writes?.outbox?.length > 0; /* of the file nothing is known, then */
    return html`<section class="card"><h2>Storage</h2><${Facts} rows=${ofShards ? rows.filter(([, value], i) => i < 2 || value !== UNKNOWN) : rows} /></section>`;
}

/* Which states are bad is the server's to say: it judges each worker in its health. */
function Workers({ writes, health }) {
    const level = (w) => (w.state === "unknown" ? "unknown" : health?.checks?.[`worker:${w.name}`]?.status ?? "unknown");
    const text = (w) => words(w.state) + (w.backpressureSinceUnix > 0 ? ", backpressure" : "") +
        (w.heartbeatAgeMs > SILENT_MS ? `, not moving for ${duration(w.heartbeatAgeMs / 1000)}` : "");
    return html`<section class="card"><h2>Processes</h2><${Table} caption="Processes" rows=${writes?.workers ?? []} rowKey=${(w) => w.name} empty="No process is known." columns=${[
        { key: "name", label: "Name", cell: (w) => w.name },
        { key: "state", label: "State", short: true, cell: (w) => html`<${State} level=${level(w)}>${text(w)}</>` },
        { key: "memory", label: "Memory", number: true, cell: (w) => bytes(w.rssBytes) },
        { key: "restarts", label: "Restarts", number: true, cell: (w) => count(w.restarts) },
        { key: "exit", label: "Last exit", cell: (w) => w.lastExit ?? UNKNOWN },
    ]} /></section>`;
}

/* Most ingestors write to no ClickHouse, so its table is fetched where there is one. */
function Shards({ writes, health }) {
    const rows = writes?.outbox ?? [];
    const View = useLater(rows.length > 0, () => import("./ops/shards.js"));
    return View !== null && html`<${View} rows=${rows} checks=${health?.checks ?? {}} writes=${writes} />`;
}

/* --- events ----------------------------------------------------------------------------------- */

/* The server's, or what this page has seen. */
function eventsOf(told) {
    return told?.map((e) => ({ key: e.id, at: e.lastUnix ?? e.atUnix, name: e.subject || e.kind, level: e.level, text: e.times > 1 ? `${e.text} (${e.times} times)` : e.text })) ??
        events.value.map((e) => ({ ...e, key: `${e.at}${e.name}` }));
}

const EVENT_LEVELS = [["", "All"], ["warn", "Warnings"], ["fail", "Failures"]];
const EVENTS_SHOWN = 30;

function fits(event, find, level) {
    return (level === "" || event.level === level) && `${words(event.name)} ${event.text}`.toLowerCase().includes(find.toLowerCase());
}

function nextEvent() {
    const rows = [...document.querySelectorAll("main .events tbody tr[tabindex]")];
    if (rows.length === 0) return;
    const next = rows[(rows.indexOf(document.activeElement) + 1) % rows.length];
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "center" });
}

/* A button that copies what text() is, says what came of it, and shows the text where it could not. */
function Copy({ label, title, told, text, show, keys = () => [] }) {
    const [done, setDone] = useState("");
    const copy = async () => {
        setDone("Collecting");
        show(null);
        try {
            const { copied } = await import("./ops/copy.js");
            const left = await copied(text);
            setDone(left === null ? "Copied" : "Not copied");
            if (left === null) say(told);
            else show(left);
        } catch {
            setDone("Not copied: the server can't be reached");
        }
    };
    useKeys(keys(copy));
    return html`<button type="button" onClick=${copy} title=${title}>${done || label}</button>`;
}

function EventsHead({ rows, find, level }) {
    const [left, show] = useState(null);
    const ByHand = useLater(left !== null, () => import("./ops/copy.js"));
    const text = () => rows.map((e) => `${moment(e.at)} ${e.level} ${words(e.name)}: ${e.text}`).join("\n");
    return html`<div class="card-head"><h2>Events</h2><span class="row"><button type="button" title="The next event (e)" onClick=${nextEvent}>Next</button><${Copy} label="Copy these" title="The events below, as text" told="The events are copied." text=${text} show=${show} />
            <${Copy} label="Copy diagnostic bundle" title="What all probes answer now, without secrets (c)" told="The diagnostic bundle is copied." show=${show} keys=${(copy) => [{ key: "c", label: "Copy the diagnostic bundle", run: copy }]} /></span></div>
        ${ByHand && html`<${ByHand} text=${left} />`}
        <div class="row event-filters" role="search"><${Segments} label="Level" options=${EVENT_LEVELS} value=${level} onChange=${(value) => setQuery({ level: value })} />
            <input type="search" aria-label="Filter the events" placeholder="what, or a word of it" value=${find} onInput=${(e) => setQuery({ find: e.target.value })} /></div>`;
}

function Events({ told }) {
    const [isAll, setAll] = useState(false);
    const { find = "", level = "" } = route.value.query;
    useKeys([{ key: "e", label: "The next event", run: nextEvent }]);
    const all = useMemo(() => eventsOf(told), [told, events.value]);
    const rows = all.filter((e) => fits(e, find, level));
    const shown = isAll ? rows : rows.slice(0, EVENTS_SHOWN);
    return html`<section class="card events"><${EventsHead} rows=${rows} find=${find} level=${level} />
        <p class="quiet small">Changes of state${told ? "" : " since this page was opened"}, the last one first${find || level ? `: ${count(rows.length)} of ${count(all.length)}` : ""}.</p>
        <${Table} caption="Events" rows=${shown} rowKey=${(e) => e.key} canFocus empty=${all.length > 0 ? "None fits." : "None so far."} columns=${[
            { key: "t", label: "When", short: true, cell: (e) => html`<span title=${moment(e.at)}><${Ago} time=${e.at} /></span>` },
            { key: "n", label: "What", short: true, cell: (e) => html`<${State} level=${e.level}>${words(e.name)}</>` }, { key: "x", label: "Now", cell: (e) => sentence(e.text) },
        ]} />${rows.length > shown.length && html`<button type="button" onClick=${() => setAll(true)}>All ${count(rows.length)}</button>`}</section>`;
}

/* --- the page --------------------------------------------------------------------------------- */

function lagText(writes, { data, isOld }) {
    const wait = writes?.stale === false && !isOld && worstOf(data, STORING_CHECKS) === "" ? writes?.writer_perf?.mqtt_handler?.wait_ms_p50 : undefined;
    return isKnown(wait) ? `A message is stored ${Math.round(wait)} ms after it came (median). ` : "";
}

export default function Ops() {
    const health = asked.state.value;
    const { writes, mqtt, io, sqlite, figures, silence, storage, expected, events: told } = useOps();
    useEffect(() => { if (writes !== undefined) addSample({ writes, io, sqlite, mqtt }); }, [writes]);
    useEffect(() => { noteStates(health.data, mqtt); }, [health.data, mqtt]);
    const isPaused = pausedAt.value > 0;
    useKeys([{ key: " ", label: "Stop the figures, or let them move", run: () => pause(pausedAt.value === 0) }]);
    useEffect(() => () => { if (pausedAt.value > 0) pause(false); }, []);
    const sources = mqtt?.sources ?? [];
    const isFresh = writes?.stale === false;
    const verdict = judge(health, { brokers: isFresh ? sources.length : undefined, connected: sources.filter((s) => s.connected).length, rate: latest("receivedRate") });
    const hasTables = useDrawn(writes !== undefined || health.data !== undefined || health.error !== undefined);
    const hasAll = useDrawn(hasTables);
    return html`<div class="stack">
        <section class="card verdict ${verdict.level}"><h1><${State} level=${verdict.level}>${sentence(verdict.text)}</></h1>
            <div class="row"><span class="quiet small">${lagText(writes, health)}As of <${Ago} time=${health.at || undefined} />${health.at > 0 ? `, ${timeOfDay(health.at)}` : ""}.</span>
                ${health.isOld && html`<button type="button" onClick=${() => asked.ask()}>Try now</button>`}
                <button type="button" class="plain small" aria-pressed=${isPaused} onClick=${() => pause(!isPaused)}>${isPaused ? `Figures stand still since ${timeOfDay(pausedAt.value)}: go on` : "Pause"}</button></div></section>
        <${Setup} writes=${writes} health=${health.data} expected=${expected} /><${Problems} health=${health.data} />
        <${Pipeline} writes=${writes} mqtt=${mqtt} sqlite=${sqlite} health=${health.data} />
        ${hasTables && html`<${Ledger} writes=${writes} /><${Sources} mqtt=${mqtt} health=${health.data} silence=${silence} ledger=${writes?.ledger?.sources} /><${Shards} writes=${writes} health=${health.data} />`}
        ${hasAll && html`<${Curves} figures=${figures} told=${told} /><${Writers} writes=${writes} />
            <div class="grid"><${Storage} sqlite=${sqlite} health=${health.data} writes=${writes} storage=${storage} /><${Workers} writes=${writes} health=${health.data} /></div>
            <${Events} told=${told} />`}</div>`;
}
