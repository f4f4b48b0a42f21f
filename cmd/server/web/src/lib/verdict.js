/* SPDX-License-Identifier: MIT
 *
 * verdict - one sentence about the whole, out of healthz (and what else is known), in the words of
 * a person. Pure. */
import { duration, isKnown } from "./format.js";

/* What explains the others comes first: without a database or an ingestor nothing else is known, a
 * writer that stands makes queues fill, and one source is only one. */
const RANKS = ["database", "ingestor", "worker:flusher", "commit", "rings", "database_file", "database_commits", "loss", "ledger", "sources", "source:", "worker:", "disk", "growth", "wal", "retention", "clock"];

function rankOf([name, { status }]) {
    const rank = RANKS.findIndex((one) => (one.endsWith(":") ? name.startsWith(one) : name === one));
    return (status === "fail" ? 0 : RANKS.length + 1) + (rank < 0 ? RANKS.length : rank);
}

/* The server's health only warns of what is the ingestor's to mend: its own answers are good, and a
 * balancer is to go on asking. To a person these are failures once they last so many seconds. */
const GRAVE_AFTER_S = { ingestor: 10, "worker:flusher": 5, rings: 0, commit: 0, loss: 0, ledger: 0 };

export function levelOf(name, { status, sinceUnix }) {
    return status === "warn" && Date.now() / 1000 - sinceUnix >= GRAVE_AFTER_S[name] ? "fail" : status;
}

export function worseOf(a, b) {
    const order = ["pass", "warn", "fail"];
    return order[Math.max(order.indexOf(a), order.indexOf(b))] ?? a;
}

function subjectOf(name) {
    if (name === "worker:flusher") return "the writer is ";
    return name.includes(":") ? `${name.replace(":", " ")}: ` : "";
}

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
        return { level: "pass", short: "All well", text: wellText(more) };
    const [name, first] = worst[0];
    const level = worst.some((row) => levelOf(...row) === "fail") ? "fail" : "warn";
    const others = worst.length > 1 ? ` (and ${worst.length - 1} more)` : "";
    return { level, short: level === "fail" ? "Failing" : `${worst.length} warning${worst.length > 1 ? "s" : ""}`, text: `${subjectOf(name)}${first.output ?? name}${others}` };
}

function wellText({ rate, connected, brokers }) {
    const from = isKnown(brokers) ? `receiving from ${connected} of ${brokers} brokers` : "all checks pass";
    return `${from}${isKnown(rate) ? `, ${rate.toFixed(1)} messages a second` : ""}, nothing lost`;
}
