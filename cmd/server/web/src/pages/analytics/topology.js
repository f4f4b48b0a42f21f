/* SPDX-License-Identifier: MIT
 *
 * topology - how far packets come, over whom, and who hears whom. */
import { html, useState } from "../../lib/html.js";
import { count, decimal, many, plain } from "../../lib/format.js";
import { Name, ObserverLink, Table } from "../../lib/parts.js";
import { Bars } from "../../lib/chart.js";
import { Analysis, Explained, useAnalysis } from "./analysis.js";
import { Stop } from "../../mesh/stop.js";
import { Graph } from "./graph.js";

const RECEPTIONS = "receptions: a packet that three observers heard counts three times";
const ROWS = 30;

function Hops({ d }) {
    return html`<section class="card"><h2>Hops</h2><dl class="figures"><div><dt>Mean</dt><dd>${decimal(d.avgHops)}</dd></div><div><dt>Median</dt><dd>${decimal(d.medianHops)}</dd></div>
            <div><dt>Most</dt><dd>${count(d.maxHops)}</dd></div><div><dt>Nodes that relayed</dt><dd>${count(d.uniqueNodes)}</dd></div></dl><div class="grid">
        <${Explained} answer=${d} unit=${RECEPTIONS} what="How many relays a flood had come over when an observer received it. What came without a hop is not in here." csv=${{ name: "hops", columns: ["hops", "receptions"], rows: d.hopDistribution.map((r) => [r.hops, r.count]) }}>
            <${Bars} title="Receptions by hops" rows=${d.hopDistribution.map((r) => [String(r.hops), r.count])} unit=${count} /></>
        <${Explained} answer=${d} unit="dB; receptions" what="The mean SNR of the last step, as the observer measured it, by the hops that the packet had come over. What bridges invent is left out." csv=${{ name: "snr-by-hops", columns: ["hops", "mean SNR dB", "receptions"], rows: d.hopsVsSnr.map((r) => [r.hops, r.avgSnr, r.count]) }}>
            <h3>Signal by hops</h3><${Table} caption="SNR by hops" rows=${d.hopsVsSnr} rowKey=${(r) => r.hops} empty="Nothing was measured." columns=${[{ key: "h", label: "Hops", number: true, cell: (r) => r.hops },
                { key: "s", label: "Mean SNR", number: true, cell: (r) => `${decimal(r.avgSnr)} dB` }, { key: "n", label: "Receptions", number: true, cell: (r) => count(r.count) }]} /></></div></section>`;
}

function Repeaters({ d }) {
    return html`<section class="card"><h2>Relays</h2><div class="grid">
        <${Explained} answer=${d} unit=${RECEPTIONS} what="Over whom packets came: receptions whose path names the node, each once. A hop that may be several nodes stays a hop." csv=${{ name: "repeaters", columns: ["hop", "name", "public key", "receptions"], rows: d.topRepeaters.map((r) => [r.hop, r.name, r.pubkey, r.count]) }}>
            <h3>Top repeaters</h3><${Table} caption="Top repeaters" rows=${d.topRepeaters.slice(0, ROWS)} rowKey=${(r) => r.pubkey ?? r.hop} empty="No packet came over a relay." columns=${[
                { key: "n", label: "Node", cell: (r) => html`<${Stop} ...${r} />` }, { key: "c", label: "Receptions", number: true, cell: (r) => count(r.count) }]} /></>
        <${Explained} answer=${d} unit=${RECEPTIONS} what="Two relays that followed each other on a path, in either order." csv=${{ name: "pairs", columns: ["hop", "name", "public key", "other hop", "other name", "other public key", "receptions"], rows: d.topPairs.map((r) => [r.hopA, r.nameA, r.pubkeyA, r.hopB, r.nameB, r.pubkeyB, r.count]) }}>
            <h3>Top pairs</h3><${Table} caption="Top pairs" rows=${d.topPairs.slice(0, ROWS)} empty="No packet came over two relays." columns=${[
                { key: "a", label: "One", cell: (r) => html`<${Stop} pubkey=${r.pubkeyA} name=${r.nameA} hop=${r.hopA} />` }, { key: "b", label: "The other", cell: (r) => html`<${Stop} pubkey=${r.pubkeyB} name=${r.nameB} hop=${r.hopB} />` },
                { key: "c", label: "Receptions", number: true, cell: (r) => count(r.count) }]} /></></div></section>`;
}

function Reach({ d }) {
    const [chosen, setChosen] = useState("");
    const id = d.perObserverReach[chosen] ? chosen : d.observers[0]?.id;
    const rings = d.perObserverReach[id]?.rings ?? [];
    const rows = rings.flatMap((ring) => ring.nodes.map((n) => [id, ring.hops, n.hop, n.name, n.pubkey, n.count]));
    if (d.observers.length === 0) return null;
    return html`<section class="card"><h2>Who an observer meets</h2><p><label class="field">Observer <select onChange=${(e) => setChosen(e.target.value)}>${d.observers.map((o) => html`<option key=${o.id} value=${o.id} selected=${o.id === id}>${plain(o.name ?? o.id, 40)}</option>`)}</select></label> <${ObserverLink} id=${id} name="its page" /></p>
        <${Explained} answer=${d} unit=${`${RECEPTIONS}; hops`} what="The stops on the paths to one observer, by the fewest hops before it at which they stood: 1 is the relay that it hears itself. Up to 8 hops, of each the 20 most frequent." csv=${{ name: "observer-reach", columns: ["observer", "hops", "hop", "name", "public key", "receptions"], rows }}>
        <dl class="rings">${rings.map((ring) => html`<div key=${ring.hops}><dt>${many(ring.hops, "hop")} <span class="quiet small">${count(ring.total)}</span></dt><dd class="stops">${ring.nodes.map((n) => html`<span class="tag" key=${n.pubkey ?? n.hop} title=${`${count(n.count)} receptions${n.distRange ? `, at ${n.distRange} hops` : ""}`}><${Stop} ...${n} isShort=${true} /></span>`)}</dd></div>`)}</dl></></section>`;
}

function Several({ d }) {
    return html`<section class="card"><h2>Met by several observers</h2>
        <${Explained} answer=${d} unit="observers; hops" what="Relays on the paths to more than one observer, and the fewest hops to each of the nearest." csv=${{ name: "met-by-several", columns: ["hop", "name", "public key", "observers", "fewest hops"], rows: d.multiObsNodes.map((r) => [r.hop, r.name, r.pubkey, r.observerCount, r.observers[0].minDist]) }}>
        <${Table} caption="Met by several observers" rows=${d.multiObsNodes.slice(0, ROWS)} rowKey=${(r) => r.pubkey ?? r.hop} empty="None." columns=${[
            { key: "n", label: "Node", cell: (r) => html`<${Stop} ...${r} />` }, { key: "c", label: "Observers", number: true, cell: (r) => count(r.observerCount) },
            { key: "o", label: "Nearest", cell: (r) => html`<span class="stops">${r.observers.slice(0, 4).map((o) => html`<span class="tag" key=${o.observer_id}><${Name} text=${o.observer_name} otherwise=${o.observer_id.slice(0, 8)} /> ${o.minDist}</span>`)}</span>` }]} /></></section>`;
}

export default function Topology() {
    const state = useAnalysis("topology");
    return html`<${Analysis} state=${state}>${(d) => html`<${Hops} d=${d} /><${Repeaters} d=${d} /><${Graph} /><${Reach} d=${d} /><${Several} d=${d} />`}</>`;
}
