/* SPDX-License-Identifier: MIT
 *
 * verdict - one sentence about the whole, out of healthz (and what else is known), in the words of
 * a person. Pure. */
import { count, duration, isKnown, moment, timeOfDay } from "./format.js";

/* What explains the others comes first: without a database or an ingestor nothing else is known, a
 * writer that stands makes queues fill, and one source is only one. */
const RANKS = ["database", "integrity", "ingestor", "worker:flusher", "commit", "rings", "database_file", "database_commits", "shards", "shard:", "loss", "ledger", "sources", "source:", "worker:", "disk", "growth", "wal", "retention", "clock"];

function rankOf([name, { status }]) {
    const rank = RANKS.findIndex((one) => (one.endsWith(":") ? name.startsWith(one) : name === one));
    return (status === "fail" ? 0 : RANKS.length + 1) + (rank < 0 ? RANKS.length : rank);
}

/* The server's health only warns of what is the ingestor's to mend: its own answers are good, and a
 * balancer is to go on asking. To a person these are failures once they last so many seconds. */
const GRAVE_AFTER_S = { integrity: 0, ingestor: 10, "worker:flusher": 5, rings: 0, commit: 0, loss: 0, ledger: 0 };

export function levelOf(name, { status, sinceUnix }) {
    return status === "warn" && Date.now() / 1000 - sinceUnix >= GRAVE_AFTER_S[name] ? "fail" : status;
}

export function worseOf(a, b) {
    const order = ["pass", "warn", "fail"];
    return order[Math.max(order.indexOf(a), order.indexOf(b))] ?? a;
}

/* For an output that does not say of what it is. */
function subjectOf(name, output) {
    if (name === "worker:flusher") return /^(suspended|under backpressure) for/.test(output) ? "the writer has been " : "the writer is ";
    if (name === "ingestor" && output.startsWith("stopped")) return "the ingestor ";
    if (name === "shards") return "of the shards, ";
    return name.includes(":") ? `${name.replace(":", " ")}: ` : "";
}

/* The brokers of which nothing can come: the server's words for a connection that does not stand
 * begin so. {all, off: [[name, check]]} */
const OFF = /^(starting|resolving|connecting|backing off|disconnected|stopped|failed)/;

function brokersOf({ checks = {}, ingest_liveness: live = {} }) {
    const rows = Object.entries(checks).filter(([name, { output }]) => name.startsWith("source:") && (live[name.slice(7)] || OFF.test(output)));
    return { all: rows.length, off: rows.filter(([, { status, output }]) => status !== "pass" && OFF.test(output)) };
}

/* From when on a day does not say itself. */
const LONG_S = 43200;

/* Of sources alone, nothing else is wrong: how many are heard, since when none is, and that this
 * loses nothing, where that is so. */
function brokersText({ all, off }, { loss, ledger }) {
    const heard = `receiving from ${all - off.length} of ${all} broker${all > 1 ? "s" : ""}`;
    if (off.length < all) return heard;
    const since = Math.max(...off.map(([, { sinceUnix }]) => sinceUnix));
    const isWhole = lostOf(loss) === 0 && ledger === undefined;
    return `${heard} since ${Date.now() / 1000 - since < LONG_S ? timeOfDay(since) : moment(since)}${isWhole ? "; nothing is lost that reached us" : ""}`;
}

/* Since the buffers were made. */
function lostOf(loss) {
    return parseInt(loss?.output, 10);
}

/* A source that begins is not heard for a moment. */
const DEAF_AFTER_S = 5;

/* state: as Poll's of api/healthz; more: {rate, connected, brokers, stoppedAt}, each may be unknown.
 * {level, short, text}: short for a chip and the title. */
export function judge(state, more = {}) {
    const { data, isOld, error } = state;
    if (data === undefined)
        return error === undefined
            ? { level: "unknown", short: "Asking", text: "asking the server" }
            : { level: "fail", short: "No answer", text: `${error.message}; trying again` };
    if (isOld)
        return { level: "fail", short: "No answer", text: `the server can't be reached for ${duration((Date.now() - state.at) / 1000)}; trying again` };
    const checks = data.checks ?? {};
    const worst = Object.entries(checks).filter(([, c]) => c.status === "fail" || c.status === "warn")
        .sort((a, b) => rankOf(a) - rankOf(b));
    if (worst.length === 0)
        return { level: "pass", short: "All well", text: wellText(more, lostOf(checks.loss)) };
    const [name, first] = worst[0];
    const brokers = brokersOf(data);
    const isDeaf = brokers.off.length > 0 && brokers.off.length === brokers.all && brokers.off.every(([, { sinceUnix }]) => Date.now() / 1000 - sinceUnix >= DEAF_AFTER_S);
    const level = isDeaf || worst.some((row) => levelOf(...row) === "fail") ? "fail" : "warn";
    const others = (said) => (worst.length > said ? ` (and ${worst.length - said} more)` : "");
    const output = first.output ?? name;
    const text = `${subjectOf(name, output)}${output}${others(1)}`;
    if (brokers.off.length > 0 && name.startsWith("source:"))
        return { level, short: `${brokers.all - brokers.off.length} of ${brokers.all} brokers`,
            text: brokers.off.length < brokers.all ? `${brokersText(brokers, checks)}; ${text}` : `${brokersText(brokers, checks)}${others(brokers.all)}` };
    return { level, short: level === "fail" ? "Failing" : `${worst.length} warning${worst.length > 1 ? "s" : ""}`, text };
}

function wellText({ rate, connected, brokers }, lost) {
    const from = isKnown(brokers) ? `receiving from ${connected} of ${brokers} brokers` : "all checks pass";
    return `${from}${isKnown(rate) ? `, ${rate.toFixed(1)} messages a second` : ""}, nothing lost${lost > 0 ? ` of late (${count(lost)} before)` : ""}`;
}
