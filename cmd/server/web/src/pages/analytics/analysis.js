/* SPDX-License-Identifier: MIT
 *
 * analysis - what pages over /api/analytics share: the filters, an answer that may still be in the
 * making, and figures that say what they are and give their numbers as a file. */
import { html, useState } from "../../lib/html.js";
import { query, useApi } from "../../lib/api.js";
import { hourAt, isKnown, moment, plain } from "../../lib/format.js";
import { route, setQuery } from "../../lib/route.js";
import { Ago, Loaded, Segments, sentence, useDrawn } from "../../lib/parts.js";
import { Chart } from "../../lib/chart.js";

const WINDOWS = [["24h", "24 hours"], ["7d", "7 days"], ["30d", "30 days"]];
const PERIOD_MS = 60000;

function filters(hasWindow) {
    const { region = "", area = "", window = "" } = route.value.query;
    return { region, area, window: hasWindow ? window : "" };
}

/* The answer to what the filters ask for; `name` below /api/analytics/. While the server computes
 * it (503, 202), nothing is wrong. */
export function useAnalysis(name, { hasWindow = false } = {}) {
    return useApi(`api/analytics/${name}${query(filters(hasWindow))}`, { every: PERIOD_MS, backoff: 1000 });
}

/* "7 Nov 12:00 to 8 Nov 12:00" */
function windowText(answer) {
    if (!isKnown(answer.from)) return "what is known now";
    return `${moment(answer.from)} to ${moment(answer.to)} (${answer.windowHours} hours)`;
}

/* Children once it is there, under one line that says of when and how complete it is. */
export function Analysis({ state, children }) {
    if (state.data === undefined && (state.error === undefined || [202, 503].includes(state.error.status)))
        return html`<p class="quiet" role="status" aria-busy="true">${sentence(state.error?.message ?? "asking")}</p>`;
    return html`<${Loaded} state=${state}>${(d) => html`${d.complete === false && html`<p class="notice warn">Not complete: there is more than this server looks at for it. ${isKnown(d.from) && html`Shown: ${windowText(d)}.`}</p>`}
        <p class="quiet small">${isKnown(d.from) ? `Over ${windowText(d)}` : "Over what is known now"}, computed <${Ago} time=${d.computedAt} />.</p>
        ${children(d)}`}</>`;
}

function Choice({ name, label, options }) {
    const value = route.value.query[name] ?? "";
    return options.length > 0 && html`<label class="field">${label} <select value=${value} onChange=${(e) => setQuery({ [name]: e.target.value })}>
        <option value="">all</option>${options.map(([key, text]) => html`<option key=${key} value=${key} selected=${key === value}>${plain(text, 40)}</option>`)}</select></label>`;
}

export function Filters({ hasWindow = false }) {
    const isDrawn = useDrawn();
    const regions = useApi(isDrawn ? "api/config/regions" : null).data ?? {};
    const areas = useApi(isDrawn ? "api/config/areas" : null).data ?? [];
    const names = Object.entries(regions).map(([code, name]) => [code, name === code ? code : `${code} ${name}`]);
    return html`<div class="row">
        ${hasWindow && html`<${Segments} label="Window" options=${WINDOWS} value=${route.value.query.window || "24h"} onChange=${(window) => setQuery({ window: window === "24h" ? "" : window })} />`}
        <${Choice} name="region" label="Region" options=${names} /><${Choice} name="area" label="Area" options=${areas.map((a) => [a.key, a.label])} /></div>`;
}

/* --- files ------------------------------------------------------------------------------------ */

/* What a program would run (=, +, -, @) or that ends a field is a text, with a mark in front. */
function field(value) {
    const text = isKnown(value) ? String(value) : "";
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function save(name, columns, rows) {
    const text = [columns, ...rows].map((row) => row.map(field).join(",")).join("\r\n");
    const address = URL.createObjectURL(new Blob([`${text}\r\n`], { type: "text/csv" }));
    const a = document.createElement("a");
    a.href = address;
    a.download = `${name}.csv`;
    a.click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/* A figure that explains itself. what: one or two sentences; unit; csv: {name, columns, rows}. */
export function Explained({ what, unit, answer, csv, children }) {
    const [isOpen, setOpen] = useState(false);
    return html`<div class="explained">${children}
        <p class="explain-row"><button type="button" class="plain small" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>What is this?</button>
            ${csv && html`<button type="button" class="plain small" onClick=${() => save(csv.name, csv.columns, csv.rows)}>CSV</button>`}</p>
        ${isOpen && html`<dl class="explain"><div><dt>What</dt><dd>${what}</dd></div><div><dt>Window</dt><dd>${windowText(answer)}</dd></div><div><dt>Unit</dt><dd>${unit}</dd></div></dl>`}
    </div>`;
}

/* --- plots ------------------------------------------------------------------------------------ */

/* {bins: [{x, w, count}]} as the server tells it. write: how a value on the axis is written. */
export function Histogram({ title, histogram, label = "receptions", unit, write = String, what, answer, name }) {
    const bins = histogram.bins;
    const last = bins[bins.length - 1];
    const x = last ? [...bins.map((b) => b.x), last.x + last.w] : []; /* the last bar needs its width, too */
    return html`<${Explained} what=${what} unit=${unit} answer=${answer} csv=${{ name, columns: ["from", "width", "count"], rows: bins.map((b) => [b.x, b.w, b.count]) }}>
        <${Chart} title=${title} x=${x} isTime=${false} unit=${write} series=${[{ label, values: x.map((v, i) => bins[i]?.count ?? null), isBars: true }]} /></>`;
}

/* Rows {hour, ...} every `step` hours: what is missing in between is null, a gap. */
export function overTime(rows, step = 1) {
    const x = [];
    const at = new Map(rows.map((row) => [hourAt(row.hour), row]));
    const hours = [...at.keys()].sort((a, b) => a - b);
    for (let t = hours[0]; hours.length > 0 && t <= hours[hours.length - 1]; t += step * 3600) x.push(t);
    return { x, of: (key) => x.map((t) => at.get(t)?.[key] ?? null) };
}
