/* SPDX-License-Identifier: MIT
 *
 * observers - the radios that upload what they hear: who is on, who is silent; and one of them. */
import { html, useMemo } from "../lib/html.js";
import { query, useApi } from "../lib/api.js";
import { count, decimal, duration, hourAt, isKnown, many, measured, millis, moment, percent, plain, skew, typeName } from "../lib/format.js";
import { chosen, link, route } from "../lib/route.js";
import { Ago, Loaded, Name, now, ordered, PacketLink, Segments, State, Table } from "../lib/parts.js";
import { agoOf, chooseDays, nameIn, orderOf, Rows, Search } from "../mesh/lists.js";
import { Bars, Chart } from "../lib/chart.js";
import { summary } from "../mesh/decoded.js";

const ONLINE_MS = 10 * 60000;
const STALE_MS = 60 * 60000;

function levelOf(o) {
    const age = now.value - millis(o.last_seen);
    if (Number.isNaN(age)) return ["unknown", "never heard"];
    return age < ONLINE_MS ? ["pass", "on"] : age < STALE_MS ? ["warn", "quiet"] : ["fail", "silent"];
}

const SORTS = {
    name: (o) => (o.name ?? "~").toLowerCase(), iata: (o) => o.iata ?? "~", seen: (o) => -(millis(o.last_seen) || 0),
    hour: (o) => -(o.packetsLastHour ?? 0), packets: (o) => -(o.packet_count ?? 0), noise: (o) => -(o.noise_floor ?? -999), battery: (o) => o.battery_mv ?? 1e9,
};

function On({ observer }) {
    const [level, children] = levelOf(observer);
    return State({ level, children });
}

const COLUMNS = [
    { key: "name", label: "Name", sort: true, width: "minmax(9rem, 1.4fr)", look: "cut", cell: (o) => nameIn(o.name, o.id.slice(0, 8)) },
    { key: "state", label: "State", width: "6rem", cell: (o) => On({ observer: o }) },
    { key: "iata", label: "Region", sort: true, width: "4.5rem", look: "cut", cell: (o) => o.iata ?? "–" },
    { key: "seen", label: "Last heard", sort: true, width: "7rem", ...agoOf((o) => o.last_seen) },
    { key: "hour", label: "Last hour", sort: true, width: "5.5rem", number: true, cell: (o) => count(o.packetsLastHour) },
    { key: "packets", label: "Packets", sort: true, width: "6rem", number: true, cell: (o) => count(o.packet_count) },
    { key: "noise", label: "Noise floor", sort: true, width: "6.5rem", number: true, cell: (o) => measured(o.noise_floor, "dBm", 0) },
    { key: "battery", label: "Battery", sort: true, width: "5.5rem", number: true, cell: (o) => (isKnown(o.battery_mv) ? `${decimal(o.battery_mv / 1000, 2)} V` : "–") },
    { key: "clock", label: "Clock", width: "8rem", look: "cut", cell: (o) => (o.clock_naive ? State({ level: "warn", children: skewText(o.clock_skew_seconds) }) : "right") },
    { key: "model", label: "Radio", width: "minmax(6rem, .8fr)", look: "cut", cell: (o) => plain(o.model, 30) || "–" },
];

function Narrow({ observer: o }) {
    return html`<span class="row-line"><b><${Name} text=${o.name} otherwise=${o.id.slice(0, 8)} /></b><${On} observer=${o} /></span>
        <span class="row-line quiet small"><span>${o.iata ?? "no region"}, last heard <${Ago} time=${o.last_seen} /></span><span>${count(o.packetsLastHour)} in the last hour</span></span>
        <span class="row-line quiet small"><span>${count(o.packet_count)} packets</span><span>${o.clock_naive ? `clock ${skewText(o.clock_skew_seconds)}` : ""}</span></span>`;
}

function List() {
    const state = useApi("api/observers", { every: 10000 });
    const { search = "" } = route.value.query;
    const order = orderOf("seen");
    const { key: sort, isDown } = order.sort;
    const rows = useMemo(() => {
        const text = search.toLowerCase();
        const fits = (state.data?.observers ?? []).filter((o) => `${o.name ?? ""} ${o.id} ${o.iata ?? ""}`.toLowerCase().includes(text));
        return ordered(fits, SORTS[sort] ?? SORTS.seen, isDown);
    }, [state.data, sort, isDown, search]);
    return html`<div class="stack long"><div class="card-head"><h1>Observers</h1><span class="row" role="search"><${Search} label="Search observers" placeholder="name, key or region" />
        <a href="api/observers?format=csv" download="observers.csv">CSV</a></span></div>
        <${Loaded} state=${state}>${(d) => html`<p class="quiet small">${count(rows.length)} of ${count(d.total ?? d.observers.length)}${d.cut ? ": the list holds those last heard, the CSV all" : ""}</p>
            <${Rows} label="Observers" columns=${COLUMNS} rows=${rows} href=${(o) => link("observers", [o.id])} ...${order}
                hidden="noise floor, battery, radio" empty=${d.observers.length === 0 ? "No observer was heard yet." : "No observer fits."} narrow=${(o) => html`<${Narrow} observer=${o} />`} />`}</></div>`;
}

function skewText(s) {
    return isKnown(s) ? skew(s) : "off";
}

/* --- one observer ----------------------------------------------------------------------------- */

const RANGES = [["1", "24 h"], ["7", "7 days"], ["30", "30 days"]];
const RESOLUTION = { 1: "5m", 7: "1h", 30: "1d" };

function Metrics({ id, days }) {
    const since = useMemo(() => new Date(Date.now() - days * 86400000).toISOString(), [days]);
    const state = useApi(`api/observers/${encodeURIComponent(id)}/metrics${query({ since, resolution: RESOLUTION[days] })}`);
    return html`<${Loaded} state=${state} isEmpty=${(d) => d.metrics.length === 0} empty="It reported no figures in this time.">${(d) => {
        const x = d.metrics.map((m) => millis(m.timestamp) / 1000);
        const of = (key) => d.metrics.map((m) => m[key] ?? null);
        return html`<div class="grid"><${Chart} title="Noise floor" sync="observer" x=${x} series=${[{ label: "noise floor", values: of("noise_floor") }]} unit=${(v) => `${decimal(v, 0)} dBm`} />
            <${Chart} title="Airtime" sync="observer" x=${x} series=${[{ label: "sending", values: of("tx_airtime_pct") }, { label: "receiving", values: of("rx_airtime_pct") }]} unit=${(v) => `${decimal(v)} %`} />
            <${Chart} title="Battery" sync="observer" x=${x} series=${[{ label: "battery", values: of("battery_mv").map((v) => (v === null ? null : v / 1000)) }]} unit=${(v) => `${decimal(v, 2)} V`} />
            <${Chart} title="Receive errors" sync="observer" x=${x} series=${[{ label: "share of packets", values: of("recv_error_rate") }]} unit=${(v) => percent(v > 1 ? v / 100 : v, 1)} /></div>
            ${d.reboots.length > 0 && html`<p class="quiet small">Started anew ${many(d.reboots.length, "time")}, last <${Ago} time=${d.reboots[d.reboots.length - 1]} />.</p>`}`;
    }}</>`;
}

function Analytics({ id, days }) {
    const state = useApi(`api/observers/${encodeURIComponent(id)}/analytics?days=${days}`);
    return html`<${Loaded} state=${state}>${(d) => html`<div class="grid">
        <${Bars} title="Types" rows=${Object.entries(d.packetTypes).map(([type, n]) => [typeName(Number(type)), n])} unit=${count} />
        <${Bars} title="SNR, whole days" rows=${d.snrDistribution.map((s) => [`${s.range} dB`, s.count])} unit=${count} />
        <${Chart} title="Heard" x=${d.timeline.map((t) => hourAt(t.label))} series=${[{ label: "packets", values: d.timeline.map((t) => t.count) }]} unit=${count} /></div>
        <h3>Newest packets</h3><${Table} caption="Newest packets" rows=${(d.recentPackets ?? []).slice(0, 20)} empty="None." columns=${[
            { key: "t", label: "Heard", short: true, cell: (p) => html`<${Ago} time=${p.timestamp} />` }, { key: "h", label: "Packet", cell: (p) => html`<${PacketLink} hash=${p.hash} />` },
            { key: "y", label: "Type", short: true, cell: (p) => typeName(p.payload_type) }, { key: "w", label: "What it says", cell: (p) => html`<bdi>${summary(p)}</bdi>` }, { key: "s", label: "SNR", number: true, cell: (p) => decimal(p.snr) },
        ]} />`}</>`;
}

function Detail({ id }) {
    const state = useApi(`api/observers/${encodeURIComponent(id)}`, { every: 10000 });
    const days = chosen("days", RANGES, "1");
    return html`<div class="stack"><p><a href=${link("observers")}>← Observers</a></p><${Loaded} state=${state}>${(o) => html`
        <section class="card"><div class="card-head"><h1><${Name} text=${o.name} otherwise=${o.id} /></h1>${o.iata && html`<span class="tag">${o.iata}</span>`}</div>
            <p class="mono small"><bdi>${plain(o.id, 80)}</bdi></p>
            <dl class="figures"><div><dt>State</dt><dd><${On} observer=${o} /></dd></div><div><dt>Last heard</dt><dd title=${moment(o.last_seen)}><${Ago} time=${o.last_seen} /></dd></div>
                <div><dt>Last hour</dt><dd>${count(o.packetsLastHour)}</dd></div><div><dt>Packets</dt><dd>${count(o.packet_count)}</dd></div>
                ${isKnown(o.uptime_secs) && html`<div><dt>Running for</dt><dd>${duration(o.uptime_secs)}</dd></div>`}${isKnown(o.inventedRf) && html`<div><dt>Invented figures</dt><dd title="Its bridge sends SNR 12.5 and RSSI -65 where it measured nothing; they count nowhere.">${percent(o.inventedRf)}</dd></div>`}</dl>
            <p class="quiet small">${[o.model, o.firmware, o.client_version, o.radio].filter(Boolean).map((t) => html`<bdi>${plain(t, 40)}</bdi> · `)}${o.nodeRole && html`<a href=${link("nodes", [o.id.toLowerCase()])}>the same radio as a node</a> · `}<a href=${link("packets", [], { observer: o.id })}>its packets</a></p></section>
        <section class="card"><div class="card-head"><h2>Over time</h2><${Segments} label="Time" options=${RANGES} value=${days} onChange=${chooseDays} /></div><${Metrics} id=${o.id} days=${days} /></section>
        <section class="card"><h2>What it hears</h2><${Analytics} id=${o.id} days=${days} /></section>`}</></div>`;
}

export default function Observers() {
    const [id] = route.value.rest;
    return id ? html`<${Detail} key=${id} id=${id} />` : html`<${List} />`;
}
