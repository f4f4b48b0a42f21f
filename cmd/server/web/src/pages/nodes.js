/* SPDX-License-Identifier: MIT
 *
 * nodes - who is in the mesh: searched and sorted; and one node, with how it is heard. */
import { html, useMemo, useState } from "../lib/html.js";
import { get, Poll, query, useApi, useStarted } from "../lib/api.js";
import { bestHeard, receptionsOf } from "./nodes/best.js";
import { hasPlace, meshNodes, useNodes, usePlaces } from "../mesh/nodes.js";
import { count, decimal, isKnown, many, measured, moment, plain, shortKey, skew, typeName } from "../lib/format.js";
import { chosen, link, route, setQuery } from "../lib/route.js";
import { Ago, Loaded, Name, NodeLink, ObserverLink, ordered, PacketLink, Segments, State, Table } from "../lib/parts.js";
import { agoOf, chooseDays, nameIn, orderOf, Rows, Search } from "../mesh/lists.js";
import { Bars, Chart } from "../lib/chart.js";
import { LeafMap, roleColour } from "../mesh/leaf.js";
import { summary } from "../mesh/decoded.js";
import { Hops } from "../mesh/stop.js";

const ROLES = [["", "All"], ["repeater", "Repeaters"], ["companion", "Companions"], ["room", "Rooms"], ["sensor", "Sensors"]];
const HEARD = [["", "any time"], ["1h", "1 h"], ["24h", "24 h"], ["7d", "7 days"]];
const SORTS = {
    name: (n) => (n.name || "\uffff").toLowerCase(), role: (n) => n.role ?? "\uffff", heard: (n) => -(Date.parse(n.last_heard) || 0),
    advert: (n) => -(Date.parse(n.last_advert ?? n.last_seen) || 0), adverts: (n) => -(n.advert_count ?? 0), relayed: (n) => -(n.relay_count_24h ?? 0),
};

/* --- heard best -------------------------------------------------------------------------------- */

const BEST_SHOWN = 10;
const BEST_LOOKED_AT = 1000; /* packets, the newest first; and as many adverts */
const ADVERT = 4;
const MINUTE_MS = 60000;

/* The hour that is the last one when it is asked for: the page may stand open for a day. Its adverts
 * are asked for by themselves: the newest packets of a busy mesh are those of a few minutes. */
class LastHour extends Poll {
    async load(abort) {
        const since = new Date(Math.floor(Date.now() / MINUTE_MS - 60) * MINUTE_MS).toISOString();
        const asked = { since, expand: "observations", limit: BEST_LOOKED_AT };
        const ask = (more) => get(`api/packets${query({ ...asked, ...more })}`, { signal: abort });
        const newest = await ask({}); /* one large question at a time: others ask, too */
        const adverts = await ask({ type: ADVERT });
        const all = new Map([...newest.packets, ...adverts.packets].map((packet) => [packet.hash, packet]));
        return { packets: [...all.values()], isPart: newest.packets.length === BEST_LOOKED_AT };
    }
}

function BestList() {
    const state = useStarted(useMemo(() => new LastHour("", { every: MINUTE_MS }), [])).state.value;
    const best = useMemo(() => bestHeard(state.data?.packets ?? []), [state.data]);
    const told = useMemo(() => receptionsOf(state.data?.packets ?? []), [state.data]);
    const isThere = usePlaces();
    const names = useMemo(() => new Map((meshNodes.value ?? []).map((n) => [n.public_key, n.name])), [isThere, meshNodes.value]);
    return html`<${Loaded} state=${state} isEmpty=${() => best.length === 0} empty="No reception that was looked at (the last hour's adverts, and its newest packets) told both its SNR and who was heard.">${(d) => html`
        <${Table} caption="Heard best in the last hour" rows=${best.slice(0, BEST_SHOWN)} rowKey=${(b) => b.key} columns=${[
            { key: "n", label: "Node", cell: (b) => html`<${NodeLink} publicKey=${b.key} name=${names.get(b.key)} />` },
            { key: "s", label: "SNR (median)", number: true, cell: (b) => `${decimal(b.snr)} dB` }, { key: "c", label: "Receptions", number: true, cell: (b) => count(b.count) },
            { key: "m", label: "Strongest", number: true, cell: (b) => `${decimal(b.most)} dB` }, { key: "o", label: "at", cell: (b) => html`<${ObserverLink} id=${b.observer_id} name=${b.observer_name} />` },
            { key: "p", label: "in the packet", cell: (b) => html`<${PacketLink} hash=${b.hash} />` },
        ]} /><p class="quiet small">The SNR is of who was heard last on the way: the sender itself, or its last relay. ${count(told.told)} of ${count(told.all)} receptions told one.${d.isPart ? ` Of the newest ${count(BEST_LOOKED_AT)} packets, and of the hour's adverts.` : ""}</p>`}</>`;
}

function Best() {
    const [isOpen, setOpen] = useState(false);
    return html`<details class="card" onToggle=${(e) => setOpen(e.target.open)}><summary>Which node was heard best in the last hour?</summary>${isOpen && html`<${BestList} />`}</details>`;
}

/* --- the list --------------------------------------------------------------------------------- */

const COLUMNS = [
    { key: "name", sort: true, label: "Name", width: "minmax(9rem, 1.4fr)", look: "cut", cell: (n) => nameIn(n.name, shortKey(n.public_key)) },
    { key: "role", sort: true, label: "Role", width: "7rem", cell: (n) => n.role ?? "–" },
    { key: "key", label: "Key", width: "6rem", look: "mono", cell: (n) => shortKey(n.public_key) },
    { key: "heard", sort: true, label: "Last heard", width: "7rem", ...agoOf((n) => n.last_heard) },
    { key: "advert", sort: true, label: "Last advert", width: "7rem", ...agoOf((n) => n.last_advert ?? n.last_seen) },
    { key: "relayed", sort: true, label: "Relayed in 24 h", width: "8.6rem", number: true, cell: (n) => count(n.relay_count_24h) },
    { key: "adverts", sort: true, label: "Adverts", width: "5rem", number: true, cell: (n) => count(n.advert_count) },
    { key: "scope", label: "Region", width: "minmax(6rem, .6fr)", look: "cut", cell: (n) => plain(n.default_scope, 24) },
];

function List() {
    const { role = "", heard = "", search = "" } = route.value.query;
    const order = orderOf("heard");
    const { key: sort, isDown } = order.sort;
    const filters = { role, lastHeard: heard, search };
    const state = useNodes(filters);
    const rows = useMemo(() => ordered(state.data?.nodes ?? [], SORTS[sort] ?? SORTS.heard, isDown), [state.data, sort, isDown]);
    const c = state.data?.counts;
    return html`<div class="stack long"><div class="card-head"><h1>Nodes</h1>
        <span class="quiet small">${c ? `${count(c.repeaters)} repeaters, ${count(c.companions)} companions, ${count(c.rooms)} rooms, ${count(c.sensors)} sensors` : ""} · <a href=${`api/nodes${query({ format: "csv", ...filters })}`} download="nodes.csv">CSV</a> · <a href="api/nodes?format=contacts" download="contacts.json">contacts for companions</a></span></div>
        <${Best} />
        <div class="row filters" role="search"><${Search} label="Search by name or key" placeholder="name or key" wait=${250} />
            <${Segments} label="Role" options=${ROLES} value=${role} onChange=${(value) => setQuery({ role: value }, { push: true })} />
            <label class="field">Heard within <select value=${heard} onChange=${(e) => setQuery({ heard: e.target.value }, { push: true })}>${HEARD.map(([key, text]) => html`<option key=${key} value=${key}>${text}</option>`)}</select></label>
            <label class="field">Order <select value=${sort} onChange=${(e) => setQuery({ sort: e.target.value, down: "" })}>${COLUMNS.filter((c) => c.sort).map((c) => html`<option key=${c.key} value=${c.key}>${c.label.toLowerCase()}</option>`)}</select></label></div>
        <${Loaded} state=${state}>${(d) => html`<p class="quiet small">${count(rows.length)} of ${count(d.total)}${d.total > rows.length ? ": search to see the others" : ""}</p>
            <${Rows} label="Nodes" columns=${COLUMNS} rows=${rows} href=${(n) => link("nodes", [n.public_key])} empty=${role || heard || search ? "No node fits." : "No node was heard yet."} ...${order} hidden="last advert, region"
                narrow=${(n) => html`<span class="row-line"><b><${Name} text=${n.name} otherwise=${shortKey(n.public_key)} /></b><span class="quiet"><${Ago} time=${n.last_heard} /></span></span><span class="row-line quiet small"><span>${n.role ?? "role not known"}</span><span>relayed ${count(n.relay_count_24h)} in 24 h</span></span><span class="row-line quiet small"><span class="mono">${shortKey(n.public_key)}</span><span>${many(n.advert_count, "advert")}</span></span>`} />`}</></div>`;
}

/* --- one node --------------------------------------------------------------------------------- */

function Place({ node }) {
    const draw = ({ L, layer }) => L.circleMarker([node.lat, node.lon], { radius: 7, color: roleColour(node.role), fillOpacity: 0.7 }).addTo(layer);
    return html`<section class="card"><h2>Where</h2><${LeafMap} className="small-map" label=${`At ${node.lat}, ${node.lon}`} points=${() => [[node.lat, node.lon]]} draw=${draw} when=${[node.lat, node.lon]} />
        <p class="quiet small">${node.lat.toFixed(5)}, ${node.lon.toFixed(5)} · <a href=${link("map", [], { node: node.public_key })}>on the map</a></p></section>`;
}

const SNR = (r) => measured(r.avgSnr, "dB");

function Health({ publicKey }) {
    const state = useApi(`api/nodes/${publicKey}/health`, { every: 15000 });
    return html`<${Loaded} state=${state}>${({ stats, observers }) => html`
        <section class="card"><h2>How it is heard</h2><dl class="figures">
            <div><dt>Today</dt><dd>${count(stats.packetsToday)}</dd></div><div><dt>Packets</dt><dd>${count(stats.totalTransmissions)}</dd></div>
            <div><dt>Receptions</dt><dd>${count(stats.totalObservations)}</dd></div><div><dt>SNR (mean)</dt><dd>${measured(stats.avgSnr, "dB")}</dd></div>
            <div><dt>Hops</dt><dd>${decimal(stats.avgHops)}</dd></div></dl>
            <${Table} caption="Observers" rows=${observers} rowKey=${(o) => o.observer_id} empty="By no observer that is known." columns=${[
                { key: "o", label: "Observer", cell: (o) => html`<${ObserverLink} id=${o.observer_id} name=${o.observer_name} />${o.iata && html` <span class="tag">${o.iata}</span>`}` },
                { key: "n", label: "Receptions", number: true, cell: (o) => count(o.packetCount) },
                { key: "s", label: "SNR (mean)", number: true, cell: SNR }, { key: "r", label: "RSSI (mean)", number: true, cell: (o) => measured(o.avgRssi, "dBm", 0) },
                { key: "l", label: "Last new one", number: true, cell: (o) => html`<${Ago} time=${o.lastSeen} />` }, /* a copy of the same moves "last heard" alone */
            ]} /></section>`}</>`;
}

function Neighbours({ publicKey }) {
    const state = useApi(`api/nodes/${publicKey}/neighbors`);
    return html`<section class="card"><h2>Neighbours</h2><${Loaded} state=${state} isEmpty=${(d) => d.neighbors.length === 0} empty="None was seen beside it in a path.">${(d) => html`
        <${Table} caption="Neighbours" rows=${d.neighbors.slice(0, 50)} columns=${[
            { key: "n", label: "Node", cell: (n) => (n.pubkey ? html`<${NodeLink} publicKey=${n.pubkey} name=${n.name} />` : html`<span class="mono">${n.prefix}</span> <span class="quiet">${n.ambiguous ? "one of several" : "not known"}</span>`) },
            { key: "c", label: "Seen", number: true, cell: (n) => count(n.count) }, { key: "s", label: "SNR", number: true, cell: (n) => decimal(n.avg_snr) },
            { key: "d", label: "Distance", number: true, cell: (n) => measured(n.distance_km, "km") },
            { key: "l", label: "Last", number: true, cell: (n) => html`<${Ago} time=${n.last_seen} />` },
        ]} />`}</></section>`;
}

function Paths({ publicKey }) {
    const state = useApi(`api/nodes/${publicKey}/paths`);
    return html`<section class="card"><h2>Paths over it</h2><${Loaded} state=${state} isEmpty=${(d) => d.paths.length === 0} empty="No flood came over it in the time that was looked at.">${(d) => html`
        <${Table} caption="Paths" rows=${d.paths.slice(0, 30)} columns=${[
            { key: "p", label: "Path", cell: (p) => html`<${Hops} hops=${p.hops} />` },
            { key: "c", label: "Times", number: true, cell: (p) => count(p.count) }, { key: "l", label: "Last", number: true, cell: (p) => html`<${Ago} time=${p.lastSeen} />` },
        ]} />`}</></section>`;
}

const HOUR_S = 3600; /* the steps of what is not longer than two days */
const DAYS = [["1", "1 day"], ["7", "7 days"], ["30", "30 days"]];

function Analytics({ publicKey }) {
    const days = chosen("days", DAYS, "7");
    const state = useApi(`api/nodes/${publicKey}/analytics?days=${days}`);
    return html`<section class="card"><div class="card-head"><h2>Over time</h2><${Segments} label="Time" options=${DAYS} value=${days} onChange=${chooseDays} /></div>
        <${Loaded} state=${state}>${(d) => {
            const x = d.activityTimeline.map((b) => Date.parse(b.bucket) / 1000);
            const snr = d.snrTrend.filter((s) => isKnown(s.snr)).sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp));
            return html`<div class="grid"><${Chart} title=${x[1] - x[0] > HOUR_S ? "Heard a day" : "Heard an hour"} x=${x} series=${[{ label: "packets", values: d.activityTimeline.map((b) => b.count) }]} unit=${count} />
                <${Chart} title="SNR" x=${snr.map((s) => Date.parse(s.timestamp) / 1000)} series=${[{ label: "SNR", values: snr.map((s) => s.snr), look: { width: 0, points: { show: true, size: 4 } } }]} unit=${(v) => `${decimal(v)} dB`} />
                <${Bars} title="Hops" rows=${d.hopDistribution.map((h) => [many(Number(h.hops), "hop"), h.count])} unit=${count} />
                <${Bars} title="Types" rows=${d.packetTypeBreakdown.map((t) => [typeName(t.payload_type), t.count])} unit=${count} /></div>`;
        }}</></section>`;
}

const SKEWS = { ok: "pass", warning: "warn", critical: "fail", absurd: "fail", no_clock: "unknown" };

function Clock({ publicKey }) {
    const state = useApi(`api/nodes/${publicKey}/clock-skew`);
    if (state.data === undefined) return null;
    const d = state.data;
    const s = d.recentMedianSkewSec;
    return html`<div><dt>Clock</dt><dd><${State} level=${SKEWS[d.severity] ?? "unknown"}>${isKnown(s) ? (Math.abs(s) < 2 ? "right" : skew(s)) : "not known"}</></dd></div>`;
}

/* `*` is no region: packets without one. */
function Scopes({ names }) {
    const regions = names.filter((name) => name !== "*");
    return html`${regions.length > 0 && html`<p>Serves the regions ${regions.map((s) => html`<span class="tag" key=${s}><${Name} text=${s} /></span> `)}</p>`}
        ${regions.length < names.length && html`<p>Forwards packets without a region</p>`}`;
}

function Detail({ publicKey }) {
    const state = useApi(`api/nodes/${encodeURIComponent(publicKey)}`, { every: 15000 });
    return html`<div class="stack"><p><a href=${link("nodes")}>← Nodes</a></p>
        <${Loaded} state=${state}>${({ node, recentAdverts }) => html`
            <section class="card"><div class="card-head"><h1><${Name} text=${node.name} otherwise="Without a name" /></h1><span class="tag">${node.role ?? "role not known"}</span></div>
                <p class="mono small">${node.public_key}</p>
                <dl class="figures"><div><dt>Last heard</dt><dd title=${moment(node.last_heard)}><${Ago} time=${node.last_heard} /></dd></div>
                    <div><dt>Last advert</dt><dd><${Ago} time=${node.last_advert ?? node.last_seen} /></dd></div>${node.last_relayed && html`<div><dt>Last relayed</dt><dd><${Ago} time=${node.last_relayed} /></dd></div>`}
                    <div><dt>Known since</dt><dd title=${moment(node.first_seen)}><${Ago} time=${node.first_seen} /></dd></div><div><dt>Adverts</dt><dd>${count(node.advert_count)}</dd></div>
                    ${isKnown(node.relay_count_24h) && html`<div><dt>Relayed in 24 h</dt><dd>${count(node.relay_count_24h)}</dd></div>`}${isKnown(node.battery_mv) && html`<div><dt>Battery</dt><dd>${decimal(node.battery_mv / 1000, 2)} V</dd></div>`}
                    ${isKnown(node.hash_size) && html`<div><dt>Path hash</dt><dd>${many(node.hash_size, "byte")}</dd></div>`}<${Clock} publicKey=${node.public_key} /></dl>
                <${Scopes} names=${node.configured_scope ?? []} /></section>
            <${Health} publicKey=${node.public_key} />
            <${Analytics} publicKey=${node.public_key} />
            <div class="grid"><${Neighbours} publicKey=${node.public_key} /><${Paths} publicKey=${node.public_key} />${hasPlace(node) && html`<${Place} node=${node} />`}</div>
            <section class="card"><h2>Newest adverts</h2><${Table} caption="Adverts" rows=${recentAdverts} rowKey=${(p) => p.hash} empty="None is kept." columns=${[
                { key: "t", label: "When", short: true, cell: (p) => html`<${Ago} time=${p.timestamp} />` }, { key: "h", label: "Packet", cell: (p) => html`<${PacketLink} hash=${p.hash} />` },
                { key: "w", label: "What it says", cell: (p) => html`<bdi>${summary(p)}</bdi>` }, { key: "n", label: "Heard", number: true, cell: (p) => count(p.observation_count) }, { key: "s", label: "SNR", number: true, cell: (p) => decimal(p.snr) },
            ]} /></section>`}</></div>`;
}

export default function Nodes() {
    const [key] = route.value.rest;
    return key ? html`<${Detail} key=${key} publicKey=${key} />` : html`<${List} />`;
}
