/* SPDX-License-Identifier: MIT
 *
 * map - where the nodes are that said so: role by colour and word, age by fading; who relays for
 * whom. */
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { useApi } from "../lib/api.js";
import { ago, count, millis, plain, shortKey } from "../lib/format.js";
import { link, route, setQuery } from "../lib/route.js";
import { Loaded, Segments, Table, Name, Ago } from "../lib/parts.js";
import { hasPlace, makeMap, roleColour, ROLE_COLOURS } from "../lib/leaf.js";

const DAY_MS = 86400000;
const HEARD = [["1h", "1 h"], ["24h", "24 h"], ["7d", "7 days"], ["", "ever"]];

function popup(node) {
    const box = document.createElement("div");
    const name = document.createElement("a");
    name.href = link("nodes", [node.public_key]);
    name.textContent = plain(node.name, 60) || shortKey(node.public_key);
    const rest = document.createElement("div");
    rest.textContent = `${node.role ?? "role not known"}, heard ${ago(node.last_heard)}`;
    box.append(name, rest);
    return box;
}

function radius(node) {
    return node.role === "repeater" ? 7 : 5;
}

function drawNodes(L, layer, nodes, at) {
    layer.clearLayers();
    for (const node of nodes) {
        const age = Math.max(0, at - millis(node.last_heard));
        const fade = Number.isNaN(age) ? 0.25 : Math.max(0.25, 1 - age / (7 * DAY_MS));
        const mark = L.circleMarker([node.lat, node.lon], { radius: radius(node), color: roleColour(node.role), weight: 1.5, opacity: fade, fillOpacity: 0.55 * fade });
        mark.bindTooltip(plain(node.name, 40) || shortKey(node.public_key));
        mark.bindPopup(() => popup(node));
        mark.addTo(layer);
    }
}

function drawEdges(L, layer, edges, byKey) {
    layer.clearLayers();
    const most = Math.max(1, ...edges.map((e) => e.weight ?? 1));
    for (const edge of edges) {
        const [a, b] = [byKey.get(edge.source), byKey.get(edge.target)];
        if (!a || !b) continue;
        const line = L.polyline([[a.lat, a.lon], [b.lat, b.lon]], { color: roleColour("repeater"), weight: 1 + 3 * Math.sqrt((edge.weight ?? 1) / most), opacity: edge.ambiguous ? 0.2 : 0.5 });
        line.bindTooltip(`${plain(a.name, 30)} – ${plain(b.name, 30)}: ${count(edge.weight)}${Number.isFinite(edge.avg_snr) ? `, SNR ${edge.avg_snr.toFixed(1)} dB` : ""}`);
        line.addTo(layer);
    }
}

export default function MapPage() {
    const { heard = "7d", edges: hasEdges = "0", node: wanted, role = "" } = route.value.query;
    const state = useApi(`api/nodes?limit=2000${heard ? `&lastHeard=${heard}` : ""}`, { every: 30000 });
    const graph = useApi(hasEdges === "1" ? "api/analytics/neighbor-graph" : null, { every: 60000 });
    const [hoursBack, setHoursBack] = useState(0);
    const [isTable, setTable] = useState(false);
    const box = useRef(null);
    const made = useRef(null);
    const at = Date.now() - hoursBack * 3600000;
    const placed = useMemo(() => (state.data?.nodes ?? []).filter((n) => hasPlace(n) && (role === "" || n.role === role)), [state.data, role]);
    const shown = useMemo(() => placed.filter((n) => !(millis(n.first_seen) > at)), [placed, hoursBack]);
    useEffect(() => {
        if (state.data === undefined || isTable || made.current !== null) return undefined;
        let isGone = false;
        makeMap(box.current, placed.map((n) => [n.lat, n.lon])).then(({ L, map }) => {
            if (isGone) return map.remove();
            made.current = { L, map, edges: L.layerGroup().addTo(map), nodes: L.layerGroup().addTo(map) };
            const found = placed.find((n) => n.public_key === wanted);
            if (found) map.setView([found.lat, found.lon], 13);
            drawNodes(L, made.current.nodes, shown, at);
            return undefined;
        });
        return () => { isGone = true; };
    }, [state.data === undefined, isTable]);
    useEffect(() => () => {
        made.current?.map.remove();
        made.current = null;
    }, [isTable]);
    useEffect(() => {
        if (made.current === null) return;
        const { L, edges, nodes } = made.current;
        drawEdges(L, edges, hasEdges === "1" ? graph.data?.edges ?? [] : [], new Map(shown.map((n) => [n.public_key, n])));
        drawNodes(L, nodes, shown, at);
    }, [shown, graph.data, hasEdges]);
    const without = (state.data?.nodes ?? []).length - placed.length;
    return html`<div class="stack"><div class="card-head"><h1>Map</h1><div class="row">
        <${Segments} label="Heard within" options=${HEARD} value=${heard} onChange=${(value) => setQuery({ heard: value })} />
        <label class="field">Role <select value=${role} onChange=${(e) => setQuery({ role: e.target.value })}><option value="">all</option>${Object.keys(ROLE_COLOURS).map((r) => html`<option key=${r}>${r}</option>`)}</select></label>
        <label class="field"><input type="checkbox" checked=${hasEdges === "1"} onChange=${(e) => setQuery({ edges: e.target.checked ? "1" : "0" })} /> who relays for whom</label>
        <label class="field">Back <input type="range" min="0" max="24" step="1" value=${hoursBack} onInput=${(e) => setHoursBack(Number(e.target.value))} aria-valuetext="${hoursBack} hours ago" /> ${hoursBack === 0 ? "now" : `${hoursBack} h ago`}</label>
        <button type="button" aria-pressed=${isTable} onClick=${() => setTable(!isTable)}>As a table</button></div></div>
        <${Loaded} state=${state}>${() => html`<p class="row small">${Object.entries(ROLE_COLOURS).map(([name]) => html`<span key=${name}><span class="dot ${name}"></span> ${name} ${count(shown.filter((n) => n.role === name).length)}</span>`)}<span class="quiet">${count(without)} without a position</span></p>
            ${isTable ? html`<section class="card"><${Table} caption="Nodes with a position" rows=${shown} rowKey=${(n) => n.public_key} columns=${[
                { key: "n", label: "Name", cell: (n) => html`<a href=${link("nodes", [n.public_key])}><${Name} text=${n.name} otherwise=${shortKey(n.public_key)} /></a>` }, { key: "r", label: "Role", short: true, cell: (n) => n.role ?? "–" },
                { key: "p", label: "Position", short: true, cell: (n) => `${n.lat.toFixed(4)}, ${n.lon.toFixed(4)}` }, { key: "h", label: "Last heard", number: true, cell: (n) => html`<${Ago} time=${n.last_heard} />` }]} /></section>`
                : html`<div class="map tall" ref=${box} role="region" aria-label="Map of ${count(shown.length)} nodes; the same as a table by the button above"></div>`}`}</></div>`;
}
