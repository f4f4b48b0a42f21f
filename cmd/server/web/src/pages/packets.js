/* SPDX-License-Identifier: MIT
 *
 * packets - what is heard, as it comes: grouped by content, filtered by what stands in the address;
 * and one packet, taken apart. */
import { html, signal, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../lib/html.js";
import { get, query, useApi } from "../lib/api.js";
import { count, decimal, isKnown, many, measured, moment, plain, routeName, TYPES, typeName } from "../lib/format.js";
import { listen, liveState } from "../mesh/live.js";
import { link, route, setQuery } from "../lib/route.js";
import { Ago, Loaded, Name, ObserverLink, sentence, State, Table, useDrawn } from "../lib/parts.js";
import { agoOf, nameIn, Rows } from "../mesh/lists.js";
import { breakdown, decodedOf, pathOf, summary } from "../mesh/decoded.js";
import { useKeys } from "../lib/keys.js";
import { LeafMap, roleColour, textBox } from "../mesh/leaf.js";
import { places, placesOf, usePlaces } from "../mesh/nodes.js";
import { Hops } from "../mesh/stop.js";
import { token } from "../lib/theme.js";

const PAGE = 100;
const SHOWN_MS = 250; /* what came meanwhile is shown at once */
const KEPT = 10000; /* rows of the live list; older ones are a scroll away on the server */
const FILTERS = ["type", "observer", "region", "node", "channel", "hash"];

/* --- the list --------------------------------------------------------------------------------- */

function filtersOf(q) {
    return Object.fromEntries(FILTERS.map((key) => [key, q[key] ?? ""]));
}

const SHORT = /^[0-9a-f]{8,63}$/i; /* the first digits of a key, as the server takes them */

/* The observer of this id, also of its beginning. */
function isObserver(id, wanted) {
    return id === wanted || (SHORT.test(wanted) && id?.length === 64 && id.toLowerCase().startsWith(wanted.toLowerCase()));
}

/* keys: of the nodes that f.node means. */
function matches(packet, f, keys) {
    if (FILTERS.every((key) => f[key] === "")) return true;
    const d = decodedOf(packet);
    return (f.type === "" || String(packet.payload_type) === f.type) && (f.observer === "" || isObserver(packet.observer_id, f.observer)) &&
        (f.region === "" || packet.observer_iata === f.region) && (f.channel === "" || d.channel === f.channel) &&
        (f.hash === "" || packet.hash === f.hash.toLowerCase()) &&
        (f.node === "" || keys.includes(d.pubKey) || (packet.resolved_path ?? []).some((key) => keys.includes(key)));
}

/* The filter is a node's key, the name of one or more, or the beginning of a key, as for the server. */
function useKeysOf(node) {
    const isKey = /^[0-9a-f]{64}$/i.test(node);
    const { data } = useApi(node === "" || isKey ? null : `api/nodes${query({ search: node, limit: 200 })}`);
    if (isKey) return [node.toLowerCase()];
    const found = data?.nodes ?? [];
    const named = found.filter(({ name }) => name === node);
    return (named.length > 0 || !SHORT.test(node) ? named : found.filter((one) => one.public_key.startsWith(node.toLowerCase()))).map((one) => one.public_key);
}

/* Of an event what a row shows: ten thousand of them are kept. */
function rowOf({ hash, payload_type, decoded_json, path_json, observer_id, observer_name, snr, observation_count }) {
    return { hash, payload_type, decoded_json, path_json, observer_id, observer_name, snr, observation_count };
}

/* A reception of a packet that is shown already makes it the newest. All events of a moment at
 * once, and each row looked at once: the list holds thousands, and a busy mesh brings a thousand a
 * second. */
function merge(rows, events) {
    const fresh = new Map();
    for (const event of events) {
        const before = fresh.get(event.hash);
        fresh.delete(event.hash);
        fresh.set(event.hash, { ...(before ?? rowOf(event)), times: (before?.times ?? 0) + 1, latest: event.received ?? event.timestamp, most: Math.max(before?.most ?? 0, event.observation_count ?? 0) });
    }
    const rest = rows.filter((row) => {
        const again = fresh.get(row.hash);
        if (again !== undefined) fresh.set(row.hash, { ...row, times: (row.observation_count ?? 1) + again.times, latest: again.latest, most: again.most });
        return again === undefined;
    });
    const newest = [...fresh.values()].reverse().map(({ times, most, ...row }) => ({ count: 1, observer_count: 1, ...row, observation_count: Math.max(times, most) }));
    return [...newest, ...rest].slice(0, KEPT);
}

function useList(filters) {
    const list = useMemo(() => signal({ rows: [], error: undefined, isLoading: true, cursor: null, isWhole: false }), []);
    const asked = JSON.stringify(filters);
    const wanted = useRef(0); /* what was asked for before the last time is not shown any more */
    const load = async (cursor) => {
        const path = `api/packets${query({ groupByHash: true, limit: PAGE, cursor, ...filters })}`;
        const question = ++wanted.current;
        list.value = { ...list.value, isLoading: true, rows: cursor ? list.value.rows : [] };
        try {
            const answer = await get(path);
            if (question !== wanted.current) return;
            const seen = new Set(list.value.rows.map((row) => row.hash));
            list.value = { rows: [...list.value.rows, ...answer.packets.filter((row) => !seen.has(row.hash))], error: undefined, isLoading: false,
                cursor: answer.nextCursor ?? null, isWhole: !isKnown(answer.nextCursor), total: answer.total, isCapped: answer.totalCapped === true };
        } catch (error) {
            if (question === wanted.current) list.value = { ...list.value, error, isLoading: false };
        }
    };
    useLayoutEffect(() => { load(null); }, [asked]); /* its first rows may be in the first picture */
    return { list, more: () => !list.value.isLoading && list.value.cursor && load(list.value.cursor), again: () => load(null) };
}

function clearFilters() {
    setQuery(Object.fromEntries(FILTERS.map((key) => [key, ""])), { push: true });
}

function Filters({ filters, observers }) {
    const set = (key) => (e) => setQuery({ [key]: e.target.value.trim() }, { push: true });
    const observer = (observers ?? []).find(({ id }) => isObserver(id, filters.observer))?.id ?? filters.observer;
    const regions = [...new Set((observers ?? []).map((o) => o.iata).filter(Boolean))].sort();
    return html`<form class="row filters" role="search" onSubmit=${(e) => e.preventDefault()}>
        <label class="field">Type <select value=${filters.type} onChange=${set("type")}><option value="">all</option>${TYPES.map((name, n) => name && html`<option key=${n} value=${n}>${name}</option>`)}</select></label>
        <label class="field">Observer <select value=${observer} onChange=${set("observer")}><option value="">all</option>${observers !== undefined && filters.observer !== "" && !observers.some(({ id }) => id === observer) && html`<option value=${observer}>${plain(observer, 30)} (not known)</option>`}${(observers ?? []).map((o) => html`<option key=${o.id} value=${o.id}>${plain(o.name, 30) || o.id.slice(0, 8)}</option>`)}</select></label>
        <label class="field">Region <select value=${filters.region} onChange=${set("region")}><option value="">all</option>${regions.map((r) => html`<option key=${r}>${r}</option>`)}</select></label>
        <label class="field">Node <input name="node" value=${filters.node} onChange=${set("node")} placeholder="key or name" size="10" /></label>
        <label class="field">Channel <input name="channel" value=${filters.channel} onChange=${set("channel")} placeholder="#test" size="10" /></label>
        <label class="field">Hash <input name="hash" class="mono" value=${filters.hash} onChange=${set("hash")} placeholder="16 hex digits" size="17" /></label>
        ${FILTERS.some((key) => filters[key] !== "") && html`<button type="button" onClick=${clearFilters}>Clear</button>`}
    </form>`;
}

function heardBy(p) {
    const name = nameIn(p.observer_name, (p.observer_id ?? "").slice(0, 8));
    return p.observer_count > 1 ? [name, html` <span class="tag">+${p.observer_count - 1}</span>`] : name;
}

const COLUMNS = [
    { key: "time", label: "Heard", width: "7.5rem", ...agoOf((p) => p.latest ?? p.timestamp) },
    { key: "type", label: "Type", width: "8.5rem", look: "cut", cell: (p) => typeName(p.payload_type) },
    { key: "what", label: "What it says", width: "minmax(10rem, 1fr)", look: "cut", cell: summary },
    { key: "hops", label: "Hops", width: "4rem", number: true, cell: (p) => count(pathOf(p).length) },
    { key: "by", label: "Heard by", width: "11rem", look: "cut", cell: heardBy },
    { key: "snr", label: "SNR", width: "4.5rem", number: true, cell: (p) => decimal(p.snr) },
    { key: "times", label: "Times", width: "4rem", number: true, cell: (p) => count(p.observation_count) },
];

function List() {
    const filters = filtersOf(route.value.query);
    const { list, more, again } = useList(filters);
    const observers = useApi(useDrawn() ? "api/observers" : null);
    const keys = useRef([]);
    keys.current = useKeysOf(filters.node);
    const [isPaused, pause] = useState(false);
    const [isHeld, hold] = useState(false); /* what has the focus must not move away */
    const isStill = isPaused || isHeld;
    const still = useRef(false);
    const waiting = useRef([]); /* what came and is not in the list yet */
    const [waits, setWaits] = useState(0);
    const show = () => {
        if (still.current) return setWaits(waiting.current.length);
        if (waiting.current.length > 0) list.value = { ...list.value, rows: merge(list.value.rows, waiting.current.splice(0)) };
        return setWaits(0);
    };
    useEffect(() => {
        let timer = 0;
        const end = listen((event, kind) => {
            if (kind === "gap") again();
            if (kind !== "packet" || !matches(event, filters, keys.current)) return;
            waiting.current.push(event);
            if (waiting.current.length > 2 * KEPT) waiting.current.splice(0, KEPT); /* the list holds no more */
            timer ||= setTimeout(() => {
                timer = 0;
                show();
            }, SHOWN_MS);
        });
        return () => {
            end();
            clearTimeout(timer);
            waiting.current = [];
        };
    }, [JSON.stringify(filters)]);
    useEffect(() => {
        still.current = isStill;
        show();
    }, [isStill]);
    const toggle = () => pause(!isPaused);
    useKeys([{ key: " ", label: "Pause or go on", run: toggle }, { key: "Escape", label: "All packets again", run: clearFilters }], [isPaused]);
    const { rows, error, isLoading, total, isCapped, isWhole } = list.value;
    return html`<div class="stack long">
        <div class="card-head"><h1>Packets</h1><span class="row">
            <span class="quiet small">${liveState.value === "on" ? html`<${State} level="pass">live</>` : liveState.value === "connecting" ? "connecting…" : "not live"}${isKnown(total) ? ` · ${isCapped ? "more than " : ""}${count(total)} in all` : ""}</span>
            <button type="button" aria-pressed=${isPaused} onClick=${toggle}>${isPaused ? `Go on${waits > 0 ? ` (${count(waits)} new)` : ""}` : "Pause"}</button>${isHeld && !isPaused && waits > 0 && html`<span class="quiet small">still while a row has the focus (${count(waits)} new)</span>`}
            <a href=${`api/packets${query({ format: "csv", ...filters })}`} download="packets.csv">CSV</a>
            <a href="${link("packets", ["missing"])}">Is one missing?</a></span></div>
        <${Filters} filters=${filters} observers=${observers.data?.observers} />
        ${error && html`<p class="notice fail">${sentence(error.message)} <button type="button" onClick=${again}>Again</button></p>`}
        <${Rows} label="Packets" columns=${COLUMNS} rows=${rows} href=${(p) => link("packets", [p.hash])} onEnd=${more} onHold=${hold}
            hidden="who heard it" empty=${isLoading ? "Asking…" : error ? "" : FILTERS.some((key) => filters[key] !== "") ? "Nothing heard that fits." : "Nothing was heard yet."}
            narrow=${(p) => html`<span class="row-line"><b>${typeName(p.payload_type)}</b><span class="quiet"><${Ago} time=${p.latest ?? p.timestamp} /></span></span><span class="row-line"><bdi>${summary(p)}</bdi></span><span class="row-line quiet small"><span>${many(pathOf(p).length, "hop")}, SNR ${decimal(p.snr)}</span><span>${many(p.observation_count, "time")}</span></span>`} />
        ${!isWhole && rows.length > 0 && html`<button type="button" onClick=${more} disabled=${isLoading}>${isLoading ? "Asking…" : "Older ones"}</button>`}
    </div>`;
}

/* --- one packet ------------------------------------------------------------------------------- */

function Bytes({ raw }) {
    const { bytes, fields } = useMemo(() => breakdown(raw), [raw]);
    const [lit, light] = useState(-1);
    const [done, setDone] = useState("Copy hex");
    const shown = useRef(null);
    const copy = async () => {
        try {
            await navigator.clipboard.writeText(raw);
            setDone("Copied");
        } catch { /* over http there is none */
            getSelection().selectAllChildren(shown.current);
            setDone("Marked: copy it by hand");
        }
    };
    return html`<section class="card"><div class="card-head"><h2>Byte by byte</h2><button type="button" onClick=${copy}>${done}</button></div>
        <div class="bytes mono" aria-hidden="true" ref=${shown}>${fields.map((f, n) => html`<span key=${f.from} class=${`f${n % 4}${n === lit ? " lit" : ""}`} onMouseEnter=${() => light(n)} onMouseLeave=${() => light(-1)}>${bytes.slice(f.from, f.to).map((b) => b.toString(16).padStart(2, "0")).join(" ")} </span>`)}</div>
        <table class="fields"><thead><tr><th scope="col">Field</th><th scope="col" class="n">Bytes</th><th scope="col">Value</th></tr></thead><tbody>${fields.map((f, n) => html`
            <tr key=${f.from} tabindex="0" class=${n === lit ? "lit" : ""} onMouseEnter=${() => light(n)} onMouseLeave=${() => light(-1)} onFocus=${() => light(n)} onBlur=${() => light(-1)}>
            <td><span class=${`swatch f${n % 4}`}></span>${f.name}</td><td class="n">${f.from}${f.to - f.from > 1 ? `–${f.to - 1}` : ""}</td><td class="mono"><bdi>${f.text}</bdi></td></tr>`)}</tbody></table></section>`;
}

function Decoded({ packet }) {
    const rows = Object.entries(decodedOf(packet)).map(([key, value]) => [key, typeof value === "object" ? JSON.stringify(value) : String(value)]);
    return html`<section class="card"><h2>What it says</h2><${Table} caption="Decoded" rows=${rows} rowKey=${([key]) => key} columns=${[
        { key: "k", label: "Field", short: true, cell: ([key]) => key }, { key: "v", label: "Value", cell: ([, value]) => html`<bdi class="mono">${plain(value, 400)}</bdi>` }]} /></section>`;
}

/* The keys of the hops to one station, and its own. */
function keysOf(station) {
    return [...station.hops.map((hop) => hop.pubkey), (station.observer_id ?? "").toLowerCase()];
}

const NAMED_MAX = 8; /* so few have room for their names; of more, the pointer tells */

/* What each place on these ways did, as [place, part]: its sender, a relay, or a station that heard it. */
function partsOf(ways) {
    const parts = new Map();
    for (const { places: way, from, to } of ways)
        for (const place of way) parts.set(place, place === from ? "sent it" : place === to ? "heard it" : parts.get(place) ?? "relayed it");
    return [...parts];
}

/* As the table below calls them: a radio may have one name as a station and another one as a node. */
function stationNames(ways) {
    return new Map(ways.map(({ to, station }) => [to, station.observer_name]));
}

/* Where the name of a place stands, as [side, offset]: it covers none of those that are there, and the
 * map's edge cuts nothing off; about, for nothing is measured. Leaflet adds 6 px to an
 * offset. taken: their boxes, [left, top, right, bottom]; room: the map's size. */
const SIGN_PX = 6.8;
const LINE_PX = 20;
const EDGE_PX = 8; /* as far as the guess may be wrong */

function sideOf({ x, y }, name, taken, room) {
    const wide = 12 + SIGN_PX * name.length;
    const middle = Math.max(EDGE_PX, Math.min(x - wide / 2, room.x - wide - EDGE_PX)); /* above and below it may be moved along */
    const along = middle - (x - wide / 2);
    const sides = [["right", [6, 0], x + 12, y - 10], ["left", [-6, 0], x - 12 - wide, y - 10], ...[0, LINE_PX].flatMap((more) => [
        ["bottom", [along, 4 + more], middle, y + 10 + more], ["top", [along, -4 - more], middle, y - 10 - LINE_PX - more]])];
    const isInside = ([, , left, top]) => left >= EDGE_PX && left + wide <= room.x - EDGE_PX && top >= 0 && top + LINE_PX <= room.y;
    const isFree = ([, , left, top]) => taken.every((t) => left > t[2] || left + wide < t[0] || top > t[3] || top + LINE_PX < t[1]);
    const inside = sides.filter(isInside);
    const [side, offset, left, top] = inside.find(isFree) ?? inside[0] ?? sides[2];
    taken.push([left, top, left + wide, top + LINE_PX]);
    return [side, offset];
}

function drawWays({ L, map, layer }, ways) {
    ways.forEach(({ places: way }, n) =>
        L.polyline(way.map(({ at }) => at), { color: token(`--s${1 + n % 6}`), weight: 2.5, opacity: 0.8, dashArray: n % 2 === 1 ? "6 4" : undefined, interactive: false }).addTo(layer));
    const parts = partsOf(ways);
    const names = stationNames(ways);
    const isNamed = parts.length <= NAMED_MAX;
    const taken = [];
    for (const [place, part] of parts) {
        const name = plain((part === "heard it" && names.get(place)) || place.name, isNamed ? 20 : 40) || "unnamed";
        const text = part === "relayed it" ? name : `${name}: ${part}`;
        const [direction, offset] = isNamed ? sideOf(map.latLngToContainerPoint(place.at), text, taken, map.getSize()) : [];
        L.circleMarker(place.at, { radius: part === "relayed it" ? 5 : 7, color: roleColour(place.role), weight: 2, fillOpacity: 0.8 })
            .bindTooltip(isNamed ? textBox(text) : textBox(name, part), isNamed ? { permanent: true, direction, offset, className: "place-name" } : {}).addTo(layer);
    }
}

/* Its paths across the stations on a small map. What has told no position is not on it, and said. */
function Ways({ sender, stations }) {
    const isThere = usePlaces();
    if (!isThere) return null;
    const known = places.value;
    const ways = stations.map((station) => ({ station, places: placesOf([sender, ...keysOf(station)], known), from: known.get(sender), to: known.get(keysOf(station).at(-1)) })).filter((way) => way.places.length > 0);
    const points = ways.flatMap((way) => way.places.map(({ at }) => at));
    if (points.length === 0) return html`<p class="quiet small">No station and no hop on its way has told where it is: there is no map of it.</p>`;
    const stops = stations.flatMap((station) => [...station.hops.map(({ pubkey, prefix }) => pubkey ?? prefix), keysOf(station).at(-1)]);
    const missing = new Set(stops.filter((key) => !known.has(key)));
    return html`<${LeafMap} className="way-map" label="The ways of this packet; the same stands in the table below" points=${() => points} when=${[stations, places.value]} draw=${(made) => drawWays(made, ways)} />
        <p class="quiet small">${known.has(sender) ? "A line for each station, from the sender over its hops." : "A line for each station, over the hops to it: where the sender is, is not known."}${missing.size > 0 ? ` ${many(missing.size, "hop or station is", "hops and stations are")} not on the map: no position is known.` : ""}</p>`;
}

function isUnnamed(data) {
    return data?.stations.some(({ hops }) => hops.some(({ pubkey }) => !pubkey)) === true;
}

function Stations({ hash, sender }) {
    const state = useApi(`api/packets/${hash}/path`);
    return html`<section class="card"><h2>Where it was heard</h2>
        ${state.data?.stations.length > 0 && html`<${Ways} sender=${sender} stations=${state.data.stations} />`}<p class="quiet small">Every station, in the order of hearing it; the path it had come by then. ${isUnnamed(state.data) && "Digits without a name are the first byte or bytes of a relay's key: it is not known, or one of several."}</p>
        <${Loaded} state=${state} isEmpty=${(d) => d.stations.length === 0} empty="By nobody who is known.">${(d) => html`<${Table} caption="Stations" rows=${d.stations} columns=${[
            { key: "when", label: "Heard", short: true, cell: (s) => html`<span title=${moment(s.receipt)}>${sinceFirst(d.stations[0].receipt, s.receipt)}</span>` },
            { key: "who", label: "Station", cell: (s) => html`<${ObserverLink} id=${s.observer_id} name=${s.observer_name} />${s.observer_iata && html` <span class="tag">${s.observer_iata}</span>`}` },
            { key: "path", label: "Path", cell: (s) => (s.hops.length === 0 ? html`<span class="quiet">direct</span>` : html`<${Hops} hops=${s.hops} />`) },
            { key: "snr", label: "SNR", number: true, cell: (s) => measured(s.snr, "dB") },
            { key: "rssi", label: "RSSI", number: true, cell: (s) => measured(s.rssi, "dBm", 0) },
        ]} />`}</></section>`;
}

function sinceFirst(first, time) {
    const ms = Date.parse(time) - Date.parse(first);
    return ms === 0 ? "first" : ms < 1000 ? `+${ms} ms` : `+${(ms / 1000).toFixed(1)} s`;
}

function Detail({ hash }) {
    const state = useApi(`api/packets/${encodeURIComponent(hash)}`, { every: 15000 });
    return html`<div class="stack"><p><a href=${link("packets")}>← Packets</a></p>
        <${Loaded} state=${state}>${({ packet, observation_count: times }) => html`
            <section class="card"><div class="card-head"><h1>${typeName(packet.payload_type)}</h1><code>${packet.hash}</code></div>
                <p><bdi>${summary(packet)}</bdi></p>
                <dl class="figures"><div><dt>First heard</dt><dd title=${moment(packet.first_seen)}><${Ago} time=${packet.first_seen} /></dd></div>
                    <div><dt>Heard</dt><dd>${many(times, "time")}</dd></div><div><dt>Route</dt><dd>${routeName(packet.route_type)}</dd></div>
                    <div><dt>Longest path</dt><dd>${many(pathOf(packet).length, "hop")}</dd></div>${packet.scope_name && html`<div><dt>Region</dt><dd><${Name} text=${packet.scope_name} /></dd></div>`}</dl>
                ${decodedOf(packet).pubKey && html`<p><a href=${link("nodes", [decodedOf(packet).pubKey])}>The node that sent it</a></p>`}</section>
            <${Stations} hash=${packet.hash} sender=${decodedOf(packet).pubKey} />
            <div class="grid"><${Bytes} raw=${packet.raw_hex} /><${Decoded} packet=${packet} /></div>`}</></div>`;
}

/* --- why is it missing ------------------------------------------------------------------------ */

function Missing() {
    const { query: q } = route.value;
    const kind = ["hash", "observer", "node"].find((key) => q[key]) ?? "hash";
    const [asked, ask] = useState({ kind, text: q[kind] ?? "" });
    const state = useApi(asked.text === "" ? null : `api/why${query({ [asked.kind]: asked.text })}`);
    const submit = (e) => {
        e.preventDefault();
        const form = new FormData(e.target);
        const next = { kind: form.get("kind"), text: String(form.get("text")).trim() };
        setQuery({ hash: "", observer: "", node: "", [next.kind]: next.text });
        ask(next);
    };
    return html`<div class="stack"><p><a href=${link("packets")}>← Packets</a></p><section class="card"><h1>Is one missing?</h1>
        <p class="quiet">What was filtered, rejected or dropped is noted for a while, with the rule and the setting that decides it.</p>
        <form class="row" onSubmit=${submit}><label class="field">Look for <select name="kind" defaultValue=${asked.kind}><option value="hash">a packet's hash</option><option value="observer">an observer</option><option value="node">a node's key</option></select></label>
            <input name="text" aria-label="What" defaultValue=${asked.text} size="40" class="mono" /><button class="primary">Look</button></form></section>
        ${asked.text !== "" && html`<${Loaded} state=${state}>${(d) => html`<section class="card">
            ${d.answer && html`<p>${sentence(d.answer)}</p>`}
            <${Table} caption="Why" rows=${d.rows ?? []} empty="Nothing about it is noted." columns=${[
                { key: "time", label: "When", short: true, cell: (r) => html`<${Ago} time=${r.time} />` },
                { key: "rule", label: "Rule", short: true, cell: (r) => r.rule },
                { key: "why", label: "Why", cell: (r) => sentence(r.reason ?? "") },
                { key: "key", label: "Setting", short: true, cell: (r) => (r.configKey ? html`<code>${r.configKey}</code>` : "–") },
                { key: "source", label: "Source", cell: (r) => plain(r.source) },
                { key: "observer", label: "Observer", cell: (r) => html`<bdi>${plain(r.observer, 20)}</bdi>` },
            ]} /></section>`}</>`}</div>`;
}

export default function Packets() {
    const [hash] = route.value.rest;
    if (hash === "missing") return html`<${Missing} />`;
    return hash ? html`<${Detail} key=${hash} hash=${hash} />` : html`<${List} />`;
}
