/* SPDX-License-Identifier: MIT
 *
 * hashes - which nodes a hop can't tell apart, which prefix is still free, and how many bytes a hop
 * the mesh uses. */
import { html, useMemo, useState } from "../../lib/html.js";
import { count, decimal, measured } from "../../lib/format.js";
import { route, setQuery } from "../../lib/route.js";
import { NodeLink, Segments, Table } from "../../lib/parts.js";
import { Bars, Chart } from "../../lib/chart.js";
import { Analysis, Explained, overTime, useAnalysis } from "./analysis.js";

const SIZES = [["1", "1 byte"], ["2", "2 bytes"], ["3", "3 bytes"]];
const RESERVED = ["00", "FF"];
const ROWS = 200;
const SUGGESTED = 12;
const SPREAD = { local: "near each other", regional: "in one region", distant: "far apart", incomplete: "places not known" };

function hex(n, digits = 2) {
    return n.toString(16).toUpperCase().padStart(digits, "0");
}

/* --- the prefix tool -------------------------------------------------------------------------- */

function nodesOf(d, prefix) {
    return (d.by_size["1"].one_byte_cells[prefix.slice(0, 2)] ?? []).filter((n) => n.public_key.toUpperCase().startsWith(prefix));
}

/* First bytes that a key may have, in their order, with the nodes behind them. */
function firstBytes(d) {
    return [...Array(256).keys()].map((n) => hex(n)).map((first) => [first, d.by_size["1"].one_byte_cells[first] ?? []]);
}

/* Prefixes that nobody has, spread over those first bytes that fewest have. */
function freeOnes(d, bytes) {
    const cells = firstBytes(d).filter(([first]) => !RESERVED.includes(first)).sort((a, b) => a[1].length - b[1].length);
    if (bytes === 1) return cells.filter(([, nodes]) => nodes.length === 0).map(([first]) => first);
    const found = [];
    for (const [first] of cells) {
        for (let n = 1; n < 256; n++) {
            const prefix = `${first}${hex((n * 97) % 256)}${bytes === 3 ? hex((n * 41) % 256) : ""}`;
            if (nodesOf(d, prefix).length > 0) continue;
            found.push(prefix);
            break;
        }
        if (found.length === SUGGESTED) break;
    }
    return found;
}

function verdict(prefix, nodes) {
    if (RESERVED.includes(prefix.slice(0, 2))) return "Keys that begin with 00 or FF are reserved: no node has one.";
    if (nodes.length === 0) return `${prefix} is free: no repeater or room that is known has it.`;
    return `${prefix} is taken by ${nodes.length === 1 ? "one node" : `${count(nodes.length)} nodes`}.`;
}

function PrefixTool({ d, bytes }) {
    const text = (route.value.query.prefix ?? "").toUpperCase().replace(/[^0-9A-F]/g, "").slice(0, 2 * bytes);
    const isWhole = text.length === 2 * bytes;
    const nodes = isWhole ? nodesOf(d, text) : [];
    const free = useMemo(() => freeOnes(d, bytes), [d, bytes]);
    const pick = (prefix) => setQuery({ prefix });
    return html`<section class="card"><h2>Is a prefix free?</h2>
        <p><label class="field">Prefix <input type="text" class="mono" size="8" maxlength=${2 * bytes} placeholder=${"00".repeat(bytes).replaceAll("0", "·")} aria-label="Prefix in hex" value=${text} onInput=${(e) => pick(e.target.value)} /></label></p>
        ${isWhole && html`<p role="status"><strong>${verdict(text, nodes)}</strong></p>${nodes.length > 0 && html`<ul>${nodes.map((n) => html`<li key=${n.public_key}><${NodeLink} publicKey=${n.public_key} name=${n.name} /> <span class="mono small">${n.public_key.slice(0, 12)}</span></li>`)}</ul>`}`}
        <h3>${bytes === 1 ? `Free: ${count(free.length)} of ${256 - RESERVED.length}` : "Free, for example"}</h3>
        ${free.length === 0 && html`<p class="empty">None is free: a longer hop is needed to tell nodes apart.</p>`}
        ${bytes > 1 && html`<p class="row">${free.map((prefix) => html`<button type="button" key=${prefix} class="plain mono" onClick=${() => pick(prefix)}>${prefix}</button>`)}</p>`}
        ${bytes < 3 && html`<${Grid} d=${d} onPick=${(first) => pick(first)} />`}</section>`;
}

/* 16 by 16 first bytes: how many nodes begin so. */
function Grid({ d, onPick }) {
    const cells = d.by_size["1"].one_byte_cells;
    const digits = [...Array(16).keys()];
    const cell = (first) => {
        const n = (cells[first] ?? []).length;
        const isReserved = RESERVED.includes(first);
        const level = isReserved ? "reserved" : n === 0 ? "free" : n === 1 ? "one" : "many";
        return html`<td key=${first} class=${`cell-${level}`}><button type="button" title=${`${first}: ${isReserved ? "reserved" : n === 0 ? "free" : `${n} nodes`}`} aria-label=${`${first}, ${isReserved ? "reserved" : `${n} nodes`}`} onClick=${() => onPick(first)}>${isReserved ? "×" : n || "·"}</button></td>`;
    };
    return html`<${Explained} answer=${d} unit="repeaters and rooms" what="How many known repeaters and rooms have a key that begins with this byte: row and column are its two digits. Where two or more do, a hop of one byte can't tell them apart." csv=${{ name: "first-bytes", columns: ["byte", "nodes"], rows: firstBytes(d).map(([first, nodes]) => [first, nodes.length]) }}>
        <h3>First bytes</h3><div class="scroll"><table class="bytes-grid"><thead><tr><td></td>${digits.map((n) => html`<th key=${n} scope="col">${hex(n, 1)}</th>`)}</tr></thead>
            <tbody>${digits.map((row) => html`<tr key=${row}><th scope="row">${hex(row, 1)}</th>${digits.map((n) => cell(hex(16 * row + n)))}</tr>`)}</tbody></table></div></>`;
}

/* --- collisions ------------------------------------------------------------------------------- */

function Figures({ d }) {
    const rows = SIZES.map(([size, label]) => ({ label, ...d.by_size[size].stats }));
    return html`<section class="card"><h2>By bytes a hop</h2><${Explained} answer=${d} unit="nodes and prefixes" what="All repeaters and rooms that are known and not retired. Who sends a packet chooses how many bytes a hop it has, and all who forward it append as many of their key: so every one of them counts for every size." csv=${{ name: "hash-sizes", columns: ["bytes", "nodes", "own adverts of this size", "prefixes", "collisions", "percent used"], rows: rows.map((r, i) => [i + 1, r.total_nodes, r.using_this_size, r.unique_prefixes, r.collision_count, r.pct_used]) }}>
        <${Table} caption="By bytes a hop" rows=${rows} rowKey=${(r) => r.label} columns=${[
            { key: "label", label: "Hop", cell: (r) => r.label }, { key: "nodes", label: "Nodes", number: true, cell: (r) => count(r.total_nodes) }, { key: "using", label: "Advertise so", number: true, cell: (r) => count(r.using_this_size) },
            { key: "prefixes", label: "Prefixes", number: true, cell: (r) => count(r.unique_prefixes) }, { key: "collisions", label: "Collisions", number: true, cell: (r) => count(r.collision_count) }, { key: "used", label: "Used", number: true, cell: (r) => `${decimal(r.pct_used, r.pct_used < 1 ? 4 : 1)} %` }]} /></></section>`;
}

function Collisions({ d, size }) {
    const rows = d.by_size[size].collisions;
    const sorted = useMemo(() => [...rows].sort((a, b) => b.appearances - a.appearances), [rows]);
    return html`<section class="card"><h2>Collisions</h2><${Explained} answer=${d} unit="nodes; kilometres between the two farthest" what="Prefixes that two or more repeaters or rooms share. Near each other (below 50 km) they are mistaken for one another; far apart (200 km and more) a path mostly tells which one it was." csv=${{ name: `collisions-${size}`, columns: ["prefix", "nodes", "km", "how far", "keys"], rows: sorted.map((c) => [c.prefix, c.appearances, c.max_dist_km, c.classification, c.nodes.map((n) => n.public_key).join(" ")]) }}>
        <${Table} caption="Collisions" rows=${sorted.slice(0, ROWS)} rowKey=${(c) => c.prefix} empty="No two of them share a prefix of this size." columns=${[
            { key: "prefix", label: "Prefix", short: true, cell: (c) => html`<span class="mono">${c.prefix}</span>` }, { key: "n", label: "Nodes", number: true, cell: (c) => count(c.appearances) },
            { key: "far", label: "How far", short: true, cell: (c) => SPREAD[c.classification] ?? c.classification }, { key: "km", label: "Apart", number: true, cell: (c) => measured(c.with_coords < 2 ? undefined : c.max_dist_km, "km") },
            { key: "who", label: "Who", cell: (c) => html`<span>${c.nodes.slice(0, 12).map((n, i) => html`${i > 0 && ", "}<${NodeLink} key=${n.public_key} publicKey=${n.public_key} name=${n.name} />`)}${c.nodes.length > 12 && ` and ${count(c.nodes.length - 12)} more`}</span>` }]} /></>
        ${sorted.length > ROWS && html`<p class="quiet small">The first ${ROWS} of ${count(sorted.length)}; the CSV has all.</p>`}</section>`;
}

function Inconsistent({ d }) {
    return d.inconsistent_nodes.length > 0 && html`<section class="card"><h2>Changing their size</h2><${Explained} answer=${d} unit="bytes a hop" what="Nodes whose newest 20 adverts changed their bytes a hop twice or more: two devices with one key, or an app that does not keep the setting." csv=${{ name: "changing-size", columns: ["key", "name", "newest", "seen"], rows: d.inconsistent_nodes.map((n) => [n.public_key, n.name, n.hash_size, (n.hash_sizes_seen ?? []).join(" ")]) }}>
        <${Table} caption="Nodes that change their size" rows=${d.inconsistent_nodes.slice(0, ROWS)} rowKey=${(n) => n.public_key} columns=${[
            { key: "n", label: "Node", cell: (n) => html`<${NodeLink} publicKey=${n.public_key} name=${n.name} />` }, { key: "r", label: "Role", short: true, cell: (n) => n.role ?? "–" },
            { key: "s", label: "Newest", number: true, cell: (n) => n.hash_size ?? "–" }, { key: "a", label: "Seen", short: true, cell: (n) => (n.hash_sizes_seen ?? []).join(", ") }]} /></></section>`;
}

function Usage() {
    const state = useAnalysis("hash-sizes");
    return html`<section class="card"><h2>In use</h2><${Analysis} state=${state}>${(d) => {
        const hours = overTime(d.hourly);
        const csv = { name: "bytes-a-hop", columns: ["hour", "1 byte", "2 bytes", "3 bytes"], rows: d.hourly.map((h) => [h.hour, h["1"], h["2"], h["3"]]) };
        return html`<div class="grid"><${Explained} answer=${d} unit="packets" what="Packets that came over at least one hop, each once, by the bytes a hop of their path." csv=${csv}><${Bars} title="Packets by bytes a hop" rows=${SIZES.map(([size, label]) => [label, d.distribution[size]])} unit=${count} /></>
            <${Explained} answer=${d} unit="packets in a UTC hour" what="The same by the hour of a packet's newest reception." csv=${csv}><${Chart} title="Over time" x=${hours.x} series=${SIZES.map(([size, label]) => ({ label, values: hours.of(size) }))} unit=${count} /></>
            <${Explained} answer=${d} unit="packets" what="The hops over which most packets came, and the node that a hop means, where it can be only one." csv=${{ name: "top-hops", columns: ["hop", "packets", "key", "name"], rows: d.topHops.map((h) => [h.hex, h.count, h.pubkey, h.name]) }}><h3>Busiest hops</h3><${Table} caption="Busiest hops" rows=${d.topHops} rowKey=${(h) => h.hex} empty="No packet came over a hop." columns=${[
                { key: "h", label: "Hop", short: true, cell: (h) => html`<span class="mono">${h.hex}</span>` }, { key: "c", label: "Packets", number: true, cell: (h) => count(h.count) }, { key: "n", label: "Node", cell: (h) => (h.pubkey ? html`<${NodeLink} publicKey=${h.pubkey} name=${h.name} />` : html`<span class="quiet">several, or none that is known</span>`) }]} /></></div>`;
    }}</></section>`;
}

export default function Hashes() {
    const state = useAnalysis("hash-collisions");
    const [size, setSize] = useState("1");
    return html`<${Analysis} state=${state}>${(d) => html`<${Figures} d=${d} />
        <${Segments} label="Bytes a hop" options=${SIZES} value=${size} onChange=${(value) => { setSize(value); setQuery({ prefix: "" }); }} />
        <${PrefixTool} d=${d} bytes=${Number(size)} /><${Collisions} d=${d} size=${size} /><${Inconsistent} d=${d} /><${Usage} />`}</>`;
}
