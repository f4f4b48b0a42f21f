/* SPDX-License-Identifier: MIT
 *
 * verdict - one sentence about the whole, out of healthz (and what else is known), in the words of
 * a person. Pure. */
import { ago, duration, isKnown } from "./format.js";

/* state: as Poll's of api/healthz; more: {rate, connected, brokers, stoppedAt}, each may be unknown.
 * {level, short, text}: short for a chip and the title. */
export function judge(state, more = {}) {
    const { data, isOld, error } = state;
    if (data === undefined)
        return error === undefined
            ? { level: "unknown", short: "Asking", text: "asking the server" }
            : { level: "fail", short: "No answer", text: `${error.message}; trying again` };
    if (isOld)
        return { level: "fail", short: "No answer", text: `the server can't be reached since ${ago(state.at)}; trying again` };
    const checks = data.checks ?? {};
    const worst = Object.entries(checks).filter(([, c]) => c.status === "fail" || c.status === "warn")
        .sort(([, a], [, b]) => (a.status === "fail" ? 0 : 1) - (b.status === "fail" ? 0 : 1));
    if (worst.length === 0)
        return { level: "pass", short: "All well", text: wellText(more) };
    const [, first] = worst[0];
    const level = data.status === "fail" || first.status === "fail" ? "fail" : "warn";
    const others = worst.length > 1 ? ` (and ${worst.length - 1} more)` : "";
    return { level, short: level === "fail" ? "Failing" : `${worst.length} warning${worst.length > 1 ? "s" : ""}`, text: `${first.output ?? worst[0][0]}${others}` };
}

function wellText({ rate, connected, brokers }) {
    const from = isKnown(brokers) ? `receiving from ${connected} of ${brokers} brokers` : "all checks pass";
    return `${from}${isKnown(rate) ? `, ${rate.toFixed(1)} messages a second` : ""}, nothing lost`;
}

export function sinceText(check) {
    return isKnown(check.sinceUnix) ? duration(Date.now() / 1000 - check.sinceUnix) : "";
}
