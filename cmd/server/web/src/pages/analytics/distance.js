/* SPDX-License-Identifier: MIT
 *
 * distance - how far packets come in one step. */
import { html, useMemo } from "../../lib/html.js";
import { count, measured } from "../../lib/format.js";
import { Ago, NodeLink, PacketLink, Table } from "../../lib/parts.js";
import { Chart } from "../../lib/chart.js";
import { Analysis, Explained, Histogram, overTime, useAnalysis } from "./analysis.js";

const ROWS = 30;
const HOP = "A hop is a link between two nodes that told where they are; each counts once, however often it was used.";
const KINDS = { "R↔R": "relay to relay", "C↔R": "other to relay", "C↔C": "other to other" };

function km(value) {
    return measured(value, "km");
}

function Hops({ d }) {
    const s = d.summary;
    return html`<section class="card"><h2>Hops</h2><dl class="figures"><div><dt>Hops</dt><dd>${count(s.totalHops)}</dd></div><div><dt>Paths with one</dt><dd>${count(s.totalPaths)}</dd></div><div><dt>Mean</dt><dd>${km(s.avgDist)}</dd></div><div><dt>Longest</dt><dd>${km(s.maxDist)}</dd></div></dl>
        ${s.tooFar > 0 && html`<p class="quiet small">${count(s.tooFar)} more would be longer than ${km(s.tooFarKm)}: a wrong position rather than a radio link. They are left out.</p>`}
        <${Explained} answer=${d} unit="kilometres along the great circle; hops" what=${`${HOP} Relays are repeaters and rooms.`} csv=${{ name: "distance-by-kind", columns: ["kind", "hops", "mean km", "median km", "shortest km", "longest km"], rows: Object.entries(d.catStats).map(([kind, c]) => [kind, c.count, c.avg, c.median, c.min, c.max]) }}>
            <${Table} caption="Distance by kind" rows=${Object.entries(d.catStats)} rowKey=${([kind]) => kind} columns=${[{ key: "k", label: "Kind", cell: ([kind]) => KINDS[kind] ?? kind }, { key: "n", label: "Hops", number: true, cell: ([, c]) => count(c.count) },
                { key: "a", label: "Mean", number: true, cell: ([, c]) => km(c.avg) }, { key: "m", label: "Median", number: true, cell: ([, c]) => km(c.median) }, { key: "l", label: "Shortest", number: true, cell: ([, c]) => km(c.min) }, { key: "h", label: "Longest", number: true, cell: ([, c]) => km(c.max) }]} /></></section>`;
}

function Spread({ d }) {
    const time = useMemo(() => overTime(d.distOverTime), [d]);
    return html`<section class="card"><h2>Spread</h2><div class="grid">
        ${d.distHistogram.bins && html`<${Histogram} title="Hops by distance" name="distances" label="hops" histogram=${d.distHistogram} answer=${d} write=${count} unit="kilometres; the axis to the left counts hops" what=${HOP} />`}
        <${Explained} answer=${d} unit="kilometres; UTC hours" what="Of each hour the hops that were used in it: their mean length." csv=${{ name: "distance-over-time", columns: ["hour", "mean km", "hops"], rows: d.distOverTime.map((r) => [r.hour, r.avg, r.count]) }}>
            ${time.x.length < 2 ? html`<h3>Mean over time</h3><p class="quiet">${time.x.length === 0 ? "None." : `${km(time.of("avg")[0])}: all within one hour so far.`}</p>` : html`<${Chart} title="Mean over time" x=${time.x} series=${[{ label: "mean", values: time.of("avg") }]} unit=${km} />`}</></div></section>`;
}

function Longest({ d }) {
    return html`<section class="card"><h2>Longest hops</h2>
        <${Explained} answer=${d} unit="kilometres; receptions that showed it; dB" what="The longest links. The SNR is what observers at its ends measured: the best, and the median to half a dB." csv=${{ name: "longest-hops", columns: ["from", "from key", "to", "to key", "km", "kind", "receptions", "best SNR dB", "median SNR dB", "packet", "time"], rows: d.topHops.map((h) => [h.fromName, h.fromPk, h.toName, h.toPk, h.dist, h.type, h.obsCount, h.bestSnr, h.medianSnr, h.hash, h.timestamp]) }}>
        <${Table} caption="Longest hops" rows=${d.topHops.slice(0, ROWS)} rowKey=${(h) => h.fromPk + h.toPk} empty="No link between nodes with a position." columns=${[
            { key: "a", label: "From", cell: (h) => html`<${NodeLink} publicKey=${h.fromPk} name=${h.fromName} />` }, { key: "b", label: "To", cell: (h) => html`<${NodeLink} publicKey=${h.toPk} name=${h.toName} />` },
            { key: "d", label: "Distance", number: true, cell: (h) => km(h.dist) }, { key: "n", label: "Receptions", number: true, cell: (h) => count(h.obsCount) }, { key: "s", label: "Best SNR", number: true, cell: (h) => measured(h.bestSnr, "dB") }, { key: "m", label: "Median", number: true, cell: (h) => measured(h.medianSnr, "dB") },
            { key: "p", label: "Newest packet", cell: (h) => (h.hash ? html`<${PacketLink} hash=${h.hash} />` : "–") }, { key: "t", label: "Last", number: true, cell: (h) => html`<${Ago} time=${h.timestamp} />` }]} /></></section>`;
}

function Paths({ d }) {
    return html`<section class="card"><h2>Longest paths</h2>
        <${Explained} answer=${d} unit="kilometres" what="The paths whose known hops add up to most, one for a packet: from the sender of an advert over the relays to the observer, as far as they told where they are." csv=${{ name: "longest-paths", columns: ["packet", "km", "hops", "over"], rows: d.topPaths.map((p) => [p.hash, p.totalDist, p.hopCount, p.hops.map((h) => `${h.fromName ?? h.fromPk} – ${h.toName ?? h.toPk}`).join("; ")]) }}>
        <${Table} caption="Longest paths" rows=${d.topPaths} rowKey=${(p) => p.hash} empty="None." columns=${[{ key: "p", label: "Packet", cell: (p) => (p.hash ? html`<${PacketLink} hash=${p.hash} />` : "–") }, { key: "d", label: "Distance", number: true, cell: (p) => km(p.totalDist) }, { key: "n", label: "Hops", number: true, cell: (p) => count(p.hopCount) },
            { key: "o", label: "Over", cell: (p) => html`<span class="stops">${p.hops.map((h, i) => html`<span class="tag" key=${i}><${NodeLink} publicKey=${h.fromPk} name=${h.fromName} /> – <${NodeLink} publicKey=${h.toPk} name=${h.toName} /> ${km(h.dist)}</span>`)}</span>` }, { key: "t", label: "Last", number: true, cell: (p) => html`<${Ago} time=${p.timestamp} />` }]} /></></section>`;
}

export default function Distance() {
    const state = useAnalysis("distance");
    return html`<${Analysis} state=${state}>${(d) => html`<${Hops} d=${d} /><${Spread} d=${d} /><${Longest} d=${d} /><${Paths} d=${d} />`}</>`;
}
