/* SPDX-License-Identifier: MIT
 *
 * samples - the last quarter of an hour of what the ops page asks for, kept in this tab: curves
 * without a history on the server, and the changes of state as events. A counter that falls is a
 * program that began anew: a gap, never a negative rate. */
import { signal } from "./html.js";
import { isKnown, millis } from "./format.js";

const KEPT_MS = 15 * 60000;
const EVENTS_KEPT = 200;
const GAP_MS = 10000;

export const samples = signal({ at: [], series: {} });
export const events = signal([]);

let before = null;
let states = new Map();

export function sum(reasons) {
    return isKnown(reasons) ? Object.values(reasons).reduce((a, b) => a + b, 0) : NaN;
}

/* The series of a source: no other is called so. */
function sourceOf({ name }) {
    return `from ${name} `;
}

/* The newest rates of a source, as many as `most`. */
export function ratesFrom(source, most) {
    return (samples.value.series[`${sourceOf(source)}Rate`] ?? []).slice(-most);
}

/* {series: value now} and the counters that become rates. */
function figuresOf({ writes, io, sqlite, mqtt }) {
    const total = writes?.ledger?.total ?? {};
    const queues = Object.values(writes?.queue ?? {});
    const isStale = writes === undefined || writes.stale !== false;
    const handler = writes?.writer_perf?.mqtt_handler ?? {};
    const values = {
        queued: isStale ? NaN : queues.reduce((n, q) => n + (q.records ?? 0), 0),
        commit50: isStale ? NaN : handler.batch_hold_ms_p50, commit99: isStale ? NaN : handler.batch_hold_ms_p99, wait50: isStale ? NaN : handler.wait_ms_p50,
        wal: sqlite?.walSize, hits: sqlite?.cacheHitRate,
        written: io?.writeBytesPerSec, read: io?.readBytesPerSec, writtenIngestor: io?.ingestor?.writeBytesPerSec, readIngestor: io?.ingestor?.readBytesPerSec,
    };
    const counters = isStale ? {} : { received: total.received, stored: total.committed, lost: sum(total.dropped) + (total.dead ?? 0), ...Object.fromEntries((mqtt?.sources ?? []).map((s) => [sourceOf(s), s.packetsTotal])),
        ...Object.fromEntries((writes.outbox ?? []).map((s) => [`shard${s.shard}`, s.acknowledgedRows])) };
    return { at: millis(writes?.sampleAt), boot: writes?.startedAt, values, counters };
}

function ratesOf(now, then) {
    const seconds = then === null ? NaN : (now.at - then.at) / 1000;
    const isSame = then !== null && now.boot === then.boot && seconds > 0.5 && seconds < GAP_MS / 1000;
    return Object.fromEntries(Object.keys(now.counters).map((key) => {
        const delta = now.counters[key] - (then?.counters[key] ?? NaN);
        return [`${key}Rate`, isSame && delta >= 0 ? delta / seconds : NaN];
    }));
}

/* One round of answers; the same sample of the ingestor twice counts once. */
export function addSample(answers) {
    const now = figuresOf(answers);
    if (before !== null && now.at === before.at && !Number.isNaN(now.at)) return;
    const figures = { ...now.values, ...ratesOf(now, before) };
    before = now;
    const at = Date.now() / 1000;
    const { at: times, series } = samples.value;
    const first = times.findIndex((t) => t * 1000 > Date.now() - KEPT_MS);
    const from = first < 0 ? times.length : first;
    const isGap = times.length > 0 && (at - times[times.length - 1]) * 1000 > GAP_MS;
    const grown = [...times.slice(from), ...(isGap ? [at - 0.001] : []), at];
    const next = {};
    for (const key of new Set([...Object.keys(series), ...Object.keys(figures)])) {
        const old = series[key] ?? new Array(times.length).fill(null);
        next[key] = [...old.slice(from), ...(isGap ? [null] : []), isKnown(figures[key]) ? figures[key] : null];
    }
    samples.value = { at: grown, series: next };
}

/* What is in another state than it was becomes an event with a sentence. */
export function noteStates(health, mqtt) {
    const fresh = new Map();
    for (const [name, check] of Object.entries(health?.checks ?? {})) fresh.set(name, { level: check.status, text: check.output ?? "" });
    for (const source of mqtt?.sources ?? []) fresh.set(`connection of ${source.name}`, { level: source.connected ? "pass" : "warn", text: source.state ?? (source.connected ? "connected" : "not connected") });
    const found = [];
    for (const [name, state] of fresh) {
        const old = states.get(name);
        if (old !== undefined && old.level !== state.level) found.push({ at: Date.now(), name, level: state.level, text: state.text });
    }
    states = fresh;
    if (found.length > 0) events.value = [...found.reverse(), ...events.value].slice(0, EVENTS_KEPT);
}

/* The newest known value of a series, or undefined. */
export function latest(key) {
    const values = samples.value.series[key] ?? [];
    return isKnown(values[values.length - 1]) ? values[values.length - 1] : undefined;
}
