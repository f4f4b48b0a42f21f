/* SPDX-License-Identifier: MIT
 *
 * scopes - which repeater forwards what: the regions it says it forwards, beside those of the
 * packets that came over it. */
import { html, useMemo } from "../../lib/html.js";
import { count, many, moment, plain } from "../../lib/format.js";
import { route, setQuery } from "../../lib/route.js";
import { Ago, NodeLink, Segments, State, Table } from "../../lib/parts.js";
import { Search } from "../../mesh/lists.js";
import { Analysis, Explained, useAnalysis } from "./analysis.js";

const LEVELS = { "forwards more": "fail", "declared, not seen": "warn", "as declared": "pass", unknown: "unknown" };
const VERDICTS = [["", "All"], ...Object.keys(LEVELS).map((verdict) => [verdict, verdict])];
const BY = { neighbors: "told a neighbour", regions: "told a phone", self: "in its own report" };
const SHOWN = 500;
const WHAT = `Declared is what a repeater answered last: to a neighbour's question, to a phone, or in its own report; * are packets without a region: it stands for no region, and a packet of one is not forwarded for it.
    Seen are the packets whose path names it, each once. Forwards more: three or more of a region, or without one, that is not in its list; fewer can be chance.
    Declared, not seen: none came of a region in its list; perhaps nobody sent one there. Unknown: it declares nothing that is known, or only regions whose names are not in hashRegions.`;

function titleOf(name, isUnknown) {
    if (name === "*") return "packets without a region";
    return isUnknown ? "not in hashRegions: its packets can't be told from others" : undefined;
}

function Declared({ repeater: r }) {
    if (r.declared === null) return html`<span class="quiet">not known</span>`;
    const unknown = new Set(r.notConfigured);
    return html`<span class="row">${r.declared.length === 0 && html`<span class="quiet">none</span>`}
        ${r.declared.map((name) => html`<span class=${unknown.has(name) ? "tag quiet" : "tag"} key=${name} title=${titleOf(name, unknown.has(name))}><bdi>${name === "*" ? "* no region" : plain(name, 30)}</bdi></span>`)}
        <span class="quiet small" title=${moment(r.declaredAt)}>${BY[r.declaredBy]}, <${Ago} time=${r.declaredAt} />${r.truncated ? ", cut" : ""}</span></span>`;
}

/* [name, packets, title] */
function seen(r) {
    return [...r.forwarded.map((f) => [f.name, f.count, `last ${moment(f.last)}`]), ["no region", r.unscopedForwarded, "packets without a region"],
        ["other regions", r.unknownForwarded, "of regions that no name in hashRegions fits"]].filter(([, n]) => n > 0);
}

function Seen({ repeater: r }) {
    const parts = seen(r);
    if (parts.length === 0) return html`<span class="quiet">nothing</span>`;
    return html`<span class="row">${parts.map(([name, n, title]) => html`<span class="tag" key=${name} title=${title}><bdi>${plain(name, 30)}</bdi> ${count(n)}</span>`)}</span>`;
}

const COLUMNS = [
    { key: "repeater", label: "Repeater", cell: (r) => html`<${NodeLink} publicKey=${r.pubkey} name=${r.name} />` },
    { key: "verdict", label: "Verdict", cell: (r) => html`<${State} level=${LEVELS[r.verdict]}>${r.verdict}</>` },
    { key: "declared", label: "Declares", cell: (r) => html`<${Declared} repeater=${r} />` },
    { key: "seen", label: "Seen", cell: (r) => html`<${Seen} repeater=${r} />` },
];

function asFile(rows) {
    const line = (r) => [r.pubkey, r.name, r.verdict, r.declared?.join(" "), r.declaredBy, r.declaredAt, r.forwarded.map((f) => `${f.name} ${f.count}`).join(" "), r.unscopedForwarded, r.unknownForwarded];
    return { name: "scope-audit", columns: ["key", "name", "verdict", "declared", "declared by", "declared at", "forwarded", "without a region", "of other regions"], rows: rows.map(line) };
}

function fits(r, verdict, search) {
    const names = [r.name ?? "", r.pubkey, ...(r.declared ?? []), ...r.forwarded.map((f) => f.name)];
    return (verdict === "" || r.verdict === verdict) && names.some((name) => name.toLowerCase().includes(search.toLowerCase()));
}

export default function Scopes() {
    const { verdict = "", search = "" } = route.value.query;
    const state = useAnalysis("scope-audit");
    const rows = useMemo(() => (state.data?.repeaters ?? []).filter((r) => fits(r, verdict, search)), [state.data, verdict, search]);
    return html`<${Analysis} state=${state}>${(d) => html`<section class="card"><h2>Which repeater forwards what</h2>
        <div class="row" role="search"><${Search} label="Search by repeater or region" placeholder="repeater or region" />
            <${Segments} label="Verdict" options=${VERDICTS} value=${verdict} onChange=${(value) => setQuery({ verdict: value })} /></div>
        <p class="quiet small">${many(rows.length, "repeater")} of ${count(d.total)}${rows.length > SHOWN ? `, the first ${SHOWN} of them shown` : ""}</p>
        <${Explained} answer=${d} unit="packets" what=${WHAT} csv=${asFile(rows)}>
            <${Table} caption="Repeaters" columns=${COLUMNS} rows=${rows.slice(0, SHOWN)} rowKey=${(r) => r.pubkey} empty="No repeater fits." /></></section>`}</>`;
}
