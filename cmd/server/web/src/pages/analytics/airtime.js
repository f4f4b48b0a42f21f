/* SPDX-License-Identifier: MIT
 *
 * airtime - which types of packets take the relays' time on the air. */
import { html } from "../../lib/html.js";
import { count, decimal, typeName } from "../../lib/format.js";
import { Table } from "../../lib/parts.js";
import { Bars } from "../../lib/chart.js";
import { Analysis, Explained, useAnalysis } from "./analysis.js";

function minutes(ns) {
    return `${decimal(ns / 6e10)} min`;
}

function preset(p) {
    return `${decimal(p.freq_hz / 1e6, 3)} MHz, ${decimal(p.bw_khz, 1)} kHz, SF ${p.sf}, CR 4/${p.cr}`;
}

export default function Airtime() {
    const state = useAnalysis("relay-airtime-share");
    return html`<${Analysis} state=${state}>${(d) => html`<section class="card"><h2>What relays send</h2>
        <p class="quiet small">Reckoned for ${preset(d.preset)}${d.preset.is_assumed ? ": no observer told its radio's settings, these are assumed" : ", what most observers tell of their radios"}.</p>
        <${Explained} answer=${d} unit="percent; minutes on the air, of all relays together" what="A packet's time on the air, by the length of the frame as first received, for each hop that it was seen to come over, each hop once. What no observer heard is not in here." csv=${{ name: "airtime", columns: ["type", "name", "packets", "percent of packets", "percent of airtime", "airtime ns"], rows: d.rows.map((r) => [r.type, r.payload_type, r.count, r.count_pct, r.airtime_pct, r.score]) }}>
        <div class="grid"><${Bars} title="Share of the relays' airtime" rows=${d.rows.map((r) => [typeName(r.type), r.airtime_pct])} unit=${(v) => `${decimal(v)} %`} />
            <${Table} caption="Airtime by type" rows=${d.rows} rowKey=${(r) => r.type} empty="Nothing was received." columns=${[{ key: "t", label: "Type", cell: (r) => typeName(r.type) }, { key: "n", label: "Packets", number: true, cell: (r) => count(r.count) }, { key: "p", label: "of packets", number: true, cell: (r) => `${decimal(r.count_pct)} %` },
                { key: "a", label: "Airtime", number: true, cell: (r) => minutes(r.score) }, { key: "s", label: "of airtime", number: true, cell: (r) => `${decimal(r.airtime_pct)} %` }]} /></div></></section>`}</>`;
}
