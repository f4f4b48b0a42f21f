/* SPDX-License-Identifier: MIT
 *
 * clocks - how wrong the clocks of nodes and observers are. */
import { html, useMemo, useState } from "../../lib/html.js";
import { useApi } from "../../lib/api.js";
import { count, decimal, skew } from "../../lib/format.js";
import { Ago, Loaded, NodeLink, ObserverLink, State, Table } from "../../lib/parts.js";
import { Bars } from "../../lib/chart.js";
import { Explained } from "./analysis.js";

const EVERY_MS = 60000;
const ROWS = 200;
const LEVELS = { ok: ["pass", "right"], warning: ["warn", "minutes off"], critical: ["fail", "hours off"], absurd: ["fail", "months off"], no_clock: ["unknown", "no clock"] };
const NOW = {};

function off(seconds) {
    if (Math.abs(seconds) < 1) return "to the second";
    return skew(seconds);
}

function levels(rows) {
    return Object.entries(LEVELS).map(([severity, [, word]]) => [word, rows.filter((r) => r.severity === severity).length]).filter(([, n]) => n > 0);
}

function Nodes({ rows }) {
    const [isAll, setAll] = useState(false);
    const worst = useMemo(() => [...rows].sort((a, b) => Math.abs(b.recentMedianSkewSec) - Math.abs(a.recentMedianSkewSec)), [rows]);
    const shown = worst.filter((r) => isAll || r.severity !== "ok").slice(0, ROWS);
    return html`<section class="card"><div class="card-head"><h2>Nodes</h2><label class="field"><input type="checkbox" checked=${isAll} onChange=${(e) => setAll(e.target.checked)} /> right ones, too</label></div>
        <${Explained} answer=${NOW} unit="seconds; + is ahead" what="The time that a node's advert carries against the time at which it was first received here, by our own clock: the median of the newest 5 adverts. Right is less than 5 minutes off. Drift: how much more it is off each day." csv=${{ name: "node-clocks", columns: ["public key", "name", "role", "off s", "drift s a day", "severity", "samples", "last advert"], rows: worst.map((r) => [r.pubkey, r.nodeName, r.nodeRole, r.recentMedianSkewSec, r.driftPerDaySec, r.severity, r.sampleCount, new Date(r.lastObservedTS * 1000).toISOString()]) }}>
        <div class="grid"><${Bars} title="Nodes by their clock" rows=${levels(rows)} unit=${count} /></div>
        <${Table} caption="Nodes by how wrong their clock is" rows=${shown} rowKey=${(r) => r.pubkey} empty="Every clock is right." columns=${[
            { key: "n", label: "Node", cell: (r) => html`<${NodeLink} publicKey=${r.pubkey} name=${r.nodeName} />` }, { key: "r", label: "Role", short: true, cell: (r) => r.nodeRole ?? "–" },
            { key: "s", label: "State", short: true, cell: (r) => html`<${State} level=${LEVELS[r.severity]?.[0]}>${LEVELS[r.severity]?.[1] ?? r.severity}</>` }, { key: "o", label: "Off", number: true, cell: (r) => off(r.recentMedianSkewSec) },
            { key: "d", label: "Drift a day", number: true, cell: (r) => (r.sampleCount > 1 ? `${decimal(r.driftPerDaySec)} s` : "–") }, { key: "c", label: "Adverts", number: true, cell: (r) => count(r.sampleCount) }, { key: "l", label: "Last", number: true, cell: (r) => html`<${Ago} time=${r.lastObservedTS} />` }]} />
        ${worst.length > ROWS && html`<p class="quiet small">The ${count(shown.length)} worst of ${count(worst.length)}.</p>`}</></section>`;
}

function Observers({ rows, names }) {
    const worst = useMemo(() => [...rows].sort((a, b) => Math.abs(b.offsetSec) - Math.abs(a.offsetSec)), [rows]);
    return html`<section class="card"><h2>Observers</h2><${Explained} answer=${NOW} unit="seconds; + is ahead" what="The time that an observer's newest messages carry against ours at their receipt: the median of up to 20. A second or two is the way here. Of those heard within 24 hours." csv=${{ name: "observer-clocks", columns: ["observer", "name", "off s", "samples"], rows: worst.map((r) => [r.observerID, names.get(r.observerID), r.offsetSec, r.samples]) }}>
        <${Table} caption="Observers by how wrong their clock is" rows=${worst.slice(0, ROWS)} rowKey=${(r) => r.observerID} empty="No observer told the time within 24 hours." columns=${[{ key: "o", label: "Observer", cell: (r) => html`<${ObserverLink} id=${r.observerID} name=${names.get(r.observerID)} />` },
            { key: "s", label: "Off", number: true, cell: (r) => off(r.offsetSec) }, { key: "n", label: "Samples", number: true, cell: (r) => count(r.samples) }]} /></></section>`;
}

export default function Clocks() {
    const nodes = useApi("api/nodes/clock-skew", { every: EVERY_MS });
    const observers = useApi("api/observers/clock-skew", { every: EVERY_MS });
    const listed = useApi("api/observers");
    const names = useMemo(() => new Map((listed.data?.observers ?? []).map((o) => [o.id, o.name])), [listed.data]);
    return html`<${Loaded} state=${nodes} isEmpty=${(d) => d.length === 0} empty="No node has advertised yet.">${(d) => html`<${Nodes} rows=${d} />`}</>
        <${Loaded} state=${observers}>${(d) => html`<${Observers} rows=${d} names=${names} />`}</>`;
}
