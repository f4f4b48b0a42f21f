/* SPDX-License-Identifier: MIT
 *
 * chart - curves over time, by uPlot, which is loaded with the first of them. A curve is also one
 * sentence for who can't see it, and a table of its last points. null is a gap; what is undefined
 * or NaN would be bridged, so neither is ever handed on. */
import { html, useEffect, useMemo, useRef, useState } from "./html.js";
import { bytes, count, moment, timeOfDay, UNKNOWN } from "./format.js";
import { themeVersion, token } from "./theme.js";

const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3], [10, 4]];
const TABLE_POINTS = 20;

let loading = null;

function loadPlot() {
    loading ??= import("uplot").then((module) => module.default);
    return loading;
}

/* Charts are made one at a time, with room for other things in between: a page of them would hold a
 * small machine for half a second. */
let turn = Promise.resolve();

function nextTurn() {
    turn = turn.then(() => new Promise((go) => setTimeout(go)));
    return turn;
}

/* The day where a tick is a day or more, else the time of day. */
function timeLabels(plot, splits, axis, space, step) {
    return splits.map((s) => {
        const at = new Date(s * 1000);
        const two = (n) => String(n).padStart(2, "0");
        return step >= 86400 ? `${two(at.getMonth() + 1)}-${two(at.getDate())}` : `${two(at.getHours())}:${two(at.getMinutes())}${step < 60 ? `:${two(at.getSeconds())}` : ""}`;
    });
}

/* Bytes are written by powers of two, and so are the steps. */
const BINARY = [...Array(50).keys()].map((n) => 2 ** n);

/* At an axis: 50 below 100, not 50.0; and nothing twice where the steps are finer than what is
 * written of them. */
function atAxis(texts) {
    return texts.map((text) => text.replace(/\.(\d*?)0+(?!\d)/, (all, digits) => (digits ? `.${digits}` : ""))).map((text, i, all) => (text === all[i - 1] ? "" : text));
}

function labelWidth(plot, values) {
    return 18 + 7.2 * Math.max(3, ...(values ?? []).map((text) => String(text).length));
}

/* One or two values make no line. */
function isSparse(plot, i) {
    let known = 0;
    for (const v of plot.data[i]) if (v !== null && ++known > 2) return false;
    return true;
}

/* What is under the pointer stands in the legend; where none is, what was last: no figure is there
 * for a mouse alone. */
function lastKnown(values) {
    for (let i = values.length - 1; i >= 0; i--) if (values[i] !== null) return i;
    return null;
}

function showLast(plot) {
    if (plot.cursor.idx !== null && plot.cursor.idx !== undefined) return;
    const lasts = plot.data.slice(1).map(lastKnown);
    plot.setLegend({ idxs: [Math.max(...lasts), ...lasts] }, false);
}

/* One moment alone, however often, stands in the middle of an hour; uPlot would show years. */
const HALF_S = 1800;

function rangeOf(isTime) {
    return (plot, least, most) => {
        const [times] = plot.data;
        return isTime && times[0] === times[times.length - 1] ? [times[0] - HALF_S, times[0] + HALF_S] : [least, most];
    };
}

/* A series that is moments on another's curve: points without a line. */
export const DOTS = { paths: () => null, points: { show: true, size: 5 } };

/* Of what is counted there are no halves: 2.5 would stand there as 3. */
const WHOLE = [...Array(12).keys()].flatMap((n) => [1, 2, 5].map((f) => f * 10 ** n));

function barsOf(Plot) {
    return { paths: Plot.paths.bars({ size: [1, 100], align: 1 }), fill: (plot, i) => plot.series[i].stroke(plot, i), points: { show: false } };
}

function options(Plot, width, height, series, unit, isTime, sync, canZoom) {
    const axis = { stroke: token("--quiet"), grid: { stroke: token("--line"), width: 1 }, ticks: { stroke: token("--line"), width: 1 } };
    return {
        width, height, legend: { live: true },
        scales: { x: { time: isTime, range: rangeOf(isTime) } },
        cursor: { sync: sync ? { key: sync } : undefined, drag: { x: canZoom, y: false }, points: { size: 6 } },
        axes: [{ ...axis, space: 70, size: 34, ...(isTime ? { values: timeLabels } : {}) }, { ...axis, size: labelWidth, ...(unit === count ? { incrs: WHOLE } : unit === bytes ? { incrs: BINARY } : {}), values: (plot, values) => atAxis(values.map((v) => (v === null ? "" : unit(v)))) }],
        series: [{ value: (plot, v) => (v === null ? UNKNOWN : isTime ? moment(v) : String(v)) }, ...series.map((one, i) => ({
            label: one.label, stroke: token(`--s${1 + i % 6}`), width: 1.75, dash: DASHES[i % DASHES.length], spanGaps: false,
            points: { show: isSparse }, value: (plot, v) => (v === null ? UNKNOWN : unit(v)), ...(one.isBars ? barsOf(Plot) : one.look),
        }))],
    };
}

/* What happened, as lines from the top to the bottom, with a word where there is room for one: dotted
 * where it was good, whole where it was not. marks: in the order of time. */
function drawMarks(plot, marks) {
    const { ctx, bbox: { left, top, width, height } } = plot;
    let free = left;
    ctx.save();
    ctx.lineWidth = devicePixelRatio;
    ctx.textAlign = "left";
    ctx.font = `${10 * devicePixelRatio}px system-ui, sans-serif`;
    for (const { at, level, text } of marks) {
        const x = Math.round(plot.valToPos(at, "x", true));
        if (x < left || x > left + width) continue;
        ctx.strokeStyle = token(level === "pass" ? "--quiet" : `--${level}`);
        ctx.setLineDash(level === "pass" ? [2 * devicePixelRatio, 3 * devicePixelRatio] : []);
        ctx.beginPath();
        ctx.moveTo(x, top);
        ctx.lineTo(x, top + height);
        ctx.stroke();
        const long = ctx.measureText(text).width + 4 * devicePixelRatio;
        const from = Math.min(x + 3 * devicePixelRatio, left + width - long); /* left of the line at the end */
        if (from < free) continue;
        ctx.fillStyle = token("--quiet");
        ctx.fillText(text, from < x ? Math.max(left, x - long) : from, top + 9 * devicePixelRatio);
        free = from + long;
    }
    ctx.restore();
}

function clean(values) {
    return values.map((v) => (v === undefined || Number.isNaN(v) ? null : v));
}

function sayIt(title, series, unit) {
    return `${title}: ${series.filter(({ look }) => look !== DOTS).map(({ label, values }) => {
        const known = values.filter((v) => v !== null);
        if (known.length === 0) return `${label} not known`;
        return `${label} now ${unit(known[known.length - 1])}, between ${unit(Math.min(...known))} and ${unit(Math.max(...known))}`;
    }).join("; ")}.`;
}

/* x: seconds (or plain numbers with isTime = false), series: [{label, values, isBars, look}] with values
 * of the same length; isBars: bars instead of a line, look: what uPlot is to draw otherwise.
 * unit: how a value is written. sync: charts of one key share a cursor; onRange(from, to). marks:
 * [{at, level, text}], drawn when there are new values. */
export function Chart({ title, x, series, unit = String, height = 190, isTime = true, sync, onRange, marks = [] }) {
    const marked = useRef(marks);
    marked.current = marks;
    const box = useRef(null);
    const plot = useRef(null);
    const [isTable, setTable] = useState(false);
    const version = themeVersion.value;
    const cleaned = useMemo(() => series.map((one) => ({ ...one, values: clean(one.values) })), [series]);
    const said = useMemo(() => sayIt(title, cleaned, unit), [cleaned, title]);
    const shape = cleaned.map(({ label }) => label).join("\n");
    const isEmpty = cleaned.every(({ values }) => values.every((v) => v === null));
    useEffect(() => {
        if (isTable || isEmpty) return undefined;
        let isGone = false;
        Promise.all([loadPlot(), nextTurn()]).then(([Plot]) => {
            if (isGone || box.current === null) return;
            const chosen = options(Plot, box.current.clientWidth || 300, height, cleaned, unit, isTime, sync, onRange !== undefined);
            chosen.hooks = { draw: [(p) => drawMarks(p, marked.current)], setLegend: [showLast] };
            if (onRange) chosen.hooks.setSelect = [(p) => p.select.width > 4 && onRange(p.posToVal(p.select.left, "x"), p.posToVal(p.select.left + p.select.width, "x"))];
            plot.current = new Plot(chosen, [x, ...cleaned.map(({ values }) => values)], box.current);
        });
        const sized = new ResizeObserver(() => box.current && plot.current?.setSize({ width: box.current.clientWidth, height }));
        sized.observe(box.current);
        return () => {
            isGone = true;
            sized.disconnect();
            plot.current?.destroy();
            plot.current = null;
        };
    }, [shape, isTable, isEmpty, height, version]);
    useEffect(() => { plot.current?.setData([x, ...cleaned.map(({ values }) => values)]); }, [x, series]);
    const last = Math.max(0, x.length - TABLE_POINTS);
    if (isEmpty)
        return html`<figure class="figure"><figcaption><h3>${title}</h3></figcaption><p class="empty">Not reported in this time.</p></figure>`;
    return html`<figure class="figure">
        <figcaption><h3>${title}</h3><button type="button" class="plain small" aria-pressed=${isTable} onClick=${() => setTable(!isTable)}>Table</button></figcaption>
        ${isTable ? html`<div class="scroll"><table><thead><tr><th scope="col">Time</th>${cleaned.map(({ label }) => html`<th class="n" scope="col" key=${label}>${label}</th>`)}</tr></thead>
            <tbody>${x.slice(last).map((t, i) => html`<tr key=${t}><td class="s" title=${isTime ? moment(t) : ""}>${isTime ? timeOfDay(t) : t}</td>
                ${cleaned.map(({ label, values }) => html`<td class="n" key=${label}>${values[last + i] === null ? UNKNOWN : unit(values[last + i])}</td>`)}</tr>`)}</tbody></table></div>`
            : html`<div class="chart" ref=${box} role="img" aria-label=${said}></div>`}
    </figure>`;
}

/* Counts by a few names: bars that need no library. rows: [[label, count]]. */
export function Bars({ title, rows, unit = String }) {
    const most = Math.max(1, ...rows.map(([, n]) => n));
    return html`<figure class="figure"><figcaption><h3>${title}</h3></figcaption>
        ${rows.length === 0 ? html`<p class="empty">Nothing in this time.</p>` : html`<dl class="bars">${rows.map(([label, n]) => html`
            <div key=${label}><dt>${label}</dt><dd><span class="bar-fill" style=${{ width: `calc((100% - 5rem) * ${n / most})` }}></span><span class="bar-text">${unit(n)}</span></dd></div>`)}</dl>`}
    </figure>`;
}
