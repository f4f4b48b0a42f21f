/* SPDX-License-Identifier: MIT
 *
 * map - where the nodes are that said so: role by colour and word, age by fading; who relays for
 * whom; and, an hour at a time over the last day, who was heard and over which ways. */
import { html, useEffect, useMemo, useState } from "../lib/html.js";
import { query, useApi } from "../lib/api.js";
import { ago, count, isKnown, many, millis, plain, shortKey, timeOfDay, weekday } from "../lib/format.js";
import { link, route, setQuery } from "../lib/route.js";
import { Ago, Loaded, Name, Segments, sentence, Table } from "../lib/parts.js";
import { wayOf } from "../mesh/decoded.js";
import { useKeys } from "../lib/keys.js";
import { LeafMap, loadMap, roleColour, ROLE_COLOURS, textBox } from "../mesh/leaf.js";
import { hasPlace, useNodes } from "../mesh/nodes.js";
import { token } from "../lib/theme.js";

const HOUR_MS = 3600000;
const HOURS = 24;
const HOUR_PACKETS = 2000;
const STEP_MS = 1200; /* an hour, while it plays */
const HEARD = [["1h", "1 h"], ["24h", "24 h"], ["7d", "7 days"], ["", "ever"]];

/* --- an hour ----------------------------------------------------------------------------------- */

/* Hours begin on the hour: what was asked once is asked again with the same words. */
function hourBack(back) {
    const end = Math.ceil(Date.now() / HOUR_MS) * HOUR_MS - (back - 1) * HOUR_MS;
    return { from: end - HOUR_MS, to: end };
}

function hourText({ from, to }) {
    return `${weekday(from)} ${timeOfDay(from).slice(0, 5)} to ${timeOfDay(to).slice(0, 5)}`;
}

/* {heard: key -> packets, edges: [{source, target, weight}]} of the packets of an hour. */
function trafficOf(packets) {
    const heard = new Map();
    const edges = new Map();
    for (const packet of packets) {
        const way = wayOf(packet);
        way.filter(Boolean).forEach((key) => heard.set(key, (heard.get(key) ?? 0) + 1));
        for (let i = 1; i < way.length; i++) {
            if (!way[i - 1] || !way[i] || way[i - 1] === way[i]) continue;
            const key = `${way[i - 1]} ${way[i]}`;
            const edge = edges.get(key) ?? { source: way[i - 1], target: way[i], weight: 0 };
            edge.weight++;
            edges.set(key, edge);
        }
    }
    return { heard, edges: [...edges.values()] };
}

/* --- drawing ----------------------------------------------------------------------------------- */

function nameOf(node) {
    return plain(node.name, 40) || shortKey(node.public_key);
}

function popup(node) {
    const name = document.createElement("a");
    name.href = link("nodes", [node.public_key]);
    name.textContent = nameOf(node);
    return textBox(name, `${node.role ?? "role not known"}, heard ${ago(node.last_heard)}`);
}

/* How well a node is seen: by its age; in an hour, whether it was heard in it. */
function fadeOf(node, heard) {
    if (heard) return heard.has(node.public_key) ? 1 : 0.15;
    const age = Math.max(0, Date.now() - millis(node.last_heard));
    return Number.isNaN(age) ? 0.25 : Math.max(0.25, 1 - age / (7 * HOURS * HOUR_MS));
}

function drawNodes({ L, layer }, nodes, heard) {
    for (const node of nodes) {
        const fade = fadeOf(node, heard);
        const mark = L.circleMarker([node.lat, node.lon], { radius: node.role === "repeater" ? 7 : 5, color: roleColour(node.role), weight: 1.5, opacity: fade, fillOpacity: 0.55 * fade });
        const times = heard?.get(node.public_key);
        mark.bindTooltip(() => (isKnown(times) ? textBox(nameOf(node), many(times, "packet")) : textBox(nameOf(node))));
        mark.bindPopup(() => popup(node));
        mark.addTo(layer);
    }
}

/* Thick: often. Dashed: it may be another node of the same prefix. */
function drawEdges({ L, layer }, edges, byKey) {
    const most = Math.max(1, ...edges.map((e) => e.weight ?? 1));
    for (const edge of edges) {
        const [a, b] = [byKey.get(edge.source), byKey.get(edge.target)];
        if (!a || !b) continue;
        const line = L.polyline([[a.lat, a.lon], [b.lat, b.lon]], { color: edgeColour(edge.avg_snr), weight: 1 + 3 * Math.sqrt((edge.weight ?? 1) / most), opacity: Number.isFinite(edge.avg_snr) ? 0.55 : 0.35, dashArray: edge.ambiguous ? "4 4" : undefined });
        line.bindTooltip(() => textBox(`${nameOf(a)} – ${nameOf(b)}`, `${many(edge.weight, "time")}${Number.isFinite(edge.avg_snr) ? `, SNR ${edge.avg_snr.toFixed(1)} dB` : ""}`));
        line.addTo(layer);
    }
}

const SNR_GOOD = 5;
const SNR_WEAK = -5;

function edgeColour(snr) {
    if (!Number.isFinite(snr)) return token("--quiet"); /* apart from the nodes' colours */
    return token(snr >= SNR_GOOD ? "--pass" : snr >= SNR_WEAK ? "--warn" : "--fail");
}

/* --- the page ---------------------------------------------------------------------------------- */

/* The slider: 0 = now, else so many hours back. */
function Hours({ back, setBack, note }) {
    const [isPlaying, play] = useState(false);
    const [shown, show] = useState(back);
    useEffect(() => show(back), [back]);
    useEffect(() => {
        if (!isPlaying) return undefined;
        if (back === 0) return play(false);
        const timer = setTimeout(() => setBack(back - 1), STEP_MS);
        return () => clearTimeout(timer);
    }, [isPlaying, back, note]);
    const toggle = () => {
        if (!isPlaying && back === 0) setBack(HOURS);
        play(!isPlaying);
    };
    useKeys([{ key: " ", label: "Play the last 24 hours, or stop", run: toggle }, { key: "[", label: "An hour earlier", run: () => setBack(Math.min(HOURS, back + 1)) },
        { key: "]", label: "An hour later", run: () => setBack(Math.max(0, back - 1)) }, { key: "Escape", label: "Now again", run: () => setBack(0) }], [back, isPlaying]);
    const text = shown === 0 ? "now" : hourText(hourBack(shown));
    return html`<div class="hours"><button type="button" aria-pressed=${isPlaying} onClick=${toggle}>${isPlaying ? "Stop" : "Play 24 h"}</button>
        <label class="field"><span class="visually-hidden">Time</span><input type="range" min=${-HOURS} max="0" step="1" value=${-shown} onInput=${(e) => show(-Number(e.target.value))} onChange=${(e) => setBack(-Number(e.target.value))} aria-valuetext=${text} /></label>
        <span class="hours-text">${text}</span><span class="quiet small">${note}</span></div>`;
}

function noteOf(back, hour, traffic) {
    if (back === 0) return "fading with age";
    if (hour.error) return sentence(hour.error.message);
    if (hour.data === undefined) return "asking…";
    const n = hour.data.packets.length;
    return n === 0 ? "nothing was heard" : `${many(n, "packet")}${n === HOUR_PACKETS ? " (the newest of them)" : ""}, ${many(traffic.heard.size, "radio")} on their ways`;
}

function NodeTable({ nodes }) {
    return html`<section class="card"><${Table} caption="Nodes with a position" rows=${nodes} rowKey=${(n) => n.public_key} columns=${[
        { key: "n", label: "Name", cell: (n) => html`<a href=${link("nodes", [n.public_key])}><${Name} text=${n.name} otherwise=${shortKey(n.public_key)} /></a>` }, { key: "r", label: "Role", short: true, cell: (n) => n.role ?? "–" },
        { key: "p", label: "Position", short: true, cell: (n) => `${n.lat.toFixed(4)}, ${n.lon.toFixed(4)}` }, { key: "h", label: "Last heard", number: true, cell: (n) => html`<${Ago} time=${n.last_heard} />` }]} /></section>`;
}

export default function MapPage() {
    const { heard = "7d", edges: hasEdges = "0", node: wanted, role = "", back: backText = "0" } = route.value.query;
    const back = Math.min(HOURS, Math.max(0, Number.parseInt(backText, 10) || 0));
    const state = useNodes({ lastHeard: heard }, 30000);
    const graph = useApi(hasEdges === "1" && back === 0 ? "api/analytics/neighbor-graph" : null, { every: 60000 });
    const { from, to } = hourBack(Math.max(1, back));
    const hour = useApi(back > 0 ? `api/packets${query({ since: new Date(from).toISOString(), until: new Date(to).toISOString(), groupByHash: true, limit: HOUR_PACKETS })}` : null);
    const [isTable, setTable] = useState(false);
    useEffect(() => { loadMap(); }, []); /* when the rest is drawn */
    const shown = useMemo(() => (state.data?.nodes ?? []).filter((n) => hasPlace(n) && (role === "" || n.role === role)), [state.data, role]);
    const traffic = useMemo(() => (back > 0 ? trafficOf(hour.data?.packets ?? []) : null), [hour.data, back]);
    const without = (state.data?.nodes ?? []).filter((n) => !hasPlace(n)).length;
    const draw = (made) => {
        const edges = traffic ? traffic.edges : graph.data?.edges ?? [];
        drawEdges(made, edges, new Map(shown.map((n) => [n.public_key, n])));
        drawNodes(made, shown, traffic?.heard);
    };
    const look = ({ map }) => {
        const found = shown.find((n) => n.public_key === wanted);
        if (found) map.setView([found.lat, found.lon], 13, { animate: false });
    };
    return html`<div class="stack"><div class="card-head"><h1>Map</h1><div class="row" role="search">
        <${Segments} label="Heard within" options=${HEARD} value=${heard} onChange=${(value) => setQuery({ heard: value })} />
        <label class="field">Role <select value=${role} onChange=${(e) => setQuery({ role: e.target.value })}><option value="">all</option>${Object.keys(ROLE_COLOURS).map((r) => html`<option key=${r}>${r}</option>`)}</select></label>
        <label class="field"><input type="checkbox" checked=${hasEdges === "1"} disabled=${back > 0} onChange=${(e) => setQuery({ edges: e.target.checked ? "1" : "0" })} /> who relays for whom</label>
        <button type="button" aria-pressed=${isTable} onClick=${() => setTable(!isTable)}>As a table</button></div></div>
        <${Loaded} state=${state}>${() => html`<${Hours} back=${back} setBack=${(n) => setQuery({ back: n === 0 ? "" : n })} note=${noteOf(back, hour, traffic)} />
            <p class="row small">${Object.keys(ROLE_COLOURS).map((name) => html`<span key=${name}><span class="dot ${name}"></span> ${name} ${count(shown.filter((n) => n.role === name).length)}</span>`)}<span class="quiet">${count(without)} without a position</span>
                ${hasEdges === "1" && back === 0 && (graph.error ? html`<span class="warn">who relays for whom: ${graph.error.message}</span>` : html`<span class="quiet">lines: SNR <span class="pass">above ${SNR_GOOD}</span>, <span class="warn">weak</span>, <span class="fail">below ${SNR_WEAK} dB</span>; the thicker the more often</span>`)}</p>
            ${isTable ? html`<${NodeTable} nodes=${shown} />`
                : html`<${LeafMap} key=${`${heard} ${role}`} className="tall" label="Map of ${count(shown.length)} nodes; the same as a table by the button above" points=${() => shown.map((n) => [n.lat, n.lon])} draw=${draw} when=${[shown, traffic, graph.data]} onMake=${look} />`}`}</></div>`;
}
