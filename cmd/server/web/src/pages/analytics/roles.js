/* SPDX-License-Identifier: MIT
 *
 * roles - how many nodes of each role there are, and how right their clocks are. */
import { html } from "../../lib/html.js";
import { count, duration, UNKNOWN } from "../../lib/format.js";
import { link } from "../../lib/route.js";
import { Table } from "../../lib/parts.js";
import { Bars } from "../../lib/chart.js";
import { Analysis, Explained, useAnalysis } from "./analysis.js";

const CLOCKS = [["okCount", "right"], ["warningCount", "5 minutes off"], ["criticalCount", "an hour off"], ["absurdCount", "a month off"], ["noClockCount", "no clock"]];

function skew(role, seconds) {
    return role.withSkew > 0 ? duration(seconds) : UNKNOWN;
}

export default function Roles() {
    const state = useAnalysis("roles");
    return html`<${Analysis} state=${state}>${(d) => html`
        <section class="card"><h2>Roles</h2><div class="grid"><${Explained} answer=${d} unit="nodes" what="Every node that is known, by the role that its newest advert told." csv=${{ name: "roles", columns: ["role", "nodes"], rows: d.roles.map((r) => [r.role, r.nodeCount]) }}>
            <${Bars} title=${`${count(d.totalNodes)} nodes`} rows=${d.roles.map((r) => [r.role, r.nodeCount])} unit=${count} /></></div>
            <p><a href=${link("nodes")}>All nodes</a></p></section>
        <section class="card"><h2>Clocks</h2><${Explained} answer=${d} unit="nodes; seconds without their sign" what="How far a node's clock is from this server's: of its newest five adverts the median of what the advert says minus when it was first received. Only nodes with a stored advert of their own. From 5 minutes on a clock is a warning, from an hour critical, from 30 days absurd, from a year none." csv=${{ name: "clocks-by-role", columns: ["role", "nodes", "with a clock", "mean", "median", ...CLOCKS.map(([, label]) => label)], rows: d.roles.map((r) => [r.role, r.nodeCount, r.withSkew, r.meanAbsSkewSec, r.medianAbsSkewSec, ...CLOCKS.map(([key]) => r[key])]) }}>
            <${Table} caption="Clocks by role" rows=${d.roles} rowKey=${(r) => r.role} columns=${[
                { key: "role", label: "Role", cell: (r) => r.role }, { key: "n", label: "Clock known", number: true, cell: (r) => count(r.withSkew) },
                { key: "median", label: "Median", number: true, cell: (r) => skew(r, r.medianAbsSkewSec) }, { key: "mean", label: "Mean", number: true, cell: (r) => skew(r, r.meanAbsSkewSec) },
                ...CLOCKS.map(([key, label]) => ({ key, label, number: true, cell: (r) => count(r[key]) }))]} /></></section>`}</>`;
}
