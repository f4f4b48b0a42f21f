/* SPDX-License-Identifier: MIT
 *
 * paths - the stretches that many paths have in common, one of them, and which nodes the hops of a
 * path may be. */
import { html, useMemo, useState } from "../../lib/html.js";
import { post, query, useApi } from "../../lib/api.js";
import { count, decimal, measured, plain } from "../../lib/format.js";
import { Ago, Loaded, Name, NodeLink, ObserverLink, Segments, State, Table } from "../../lib/parts.js";
import { Bars } from "../../lib/chart.js";
import { Analysis, Explained, useAnalysis } from "./analysis.js";
import { route, setQuery } from "../../lib/route.js";
import { Stop } from "../../mesh/stop.js";

const GROUPS = [["2", "2 hops"], ["3", "3 hops"], ["4", "4 hops"], ["5", "5 to 8 hops"]];
const HOPS = /^[0-9a-f]{2,6}$/i;

function Stretch({ hops }) {
    const state = useApi(`api/analytics/subpath-detail${query({ hops })}`);
    return html`<section class="card"><div class="card-head"><h2>One stretch</h2><button type="button" class="plain small" onClick=${() => setQuery({ hops: "" })}>Close</button></div><${Loaded} state=${state}>${(d) => html`
        <p class="hops">${d.nodes.map((n, i) => html`<span class="hop" key=${i}><${Stop} ...${n} isShort=${true} /></span>`)}</p>
        <dl class="figures"><div><dt>Receptions</dt><dd>${count(d.totalMatches)}</dd></div><div><dt>First</dt><dd><${Ago} time=${d.firstSeen} /></dd></div><div><dt>Last</dt><dd><${Ago} time=${d.lastSeen} /></dd></div>
            <div><dt>Mean SNR</dt><dd>${measured(d.signal.avgSnr, "dB")}</dd></div><div><dt>Mean RSSI</dt><dd>${measured(d.signal.avgRssi, "dBm", 0)}</dd></div></dl>
        <div class="grid"><${Explained} answer=${d} unit="receptions by hour of the day, UTC" what="When packets were received along paths that hold these hops in a row." csv=${{ name: "stretch-hours", columns: ["hour UTC", "receptions"], rows: d.hourDistribution.map((n, hour) => [hour, n]) }}>
                <${Bars} title="By hour" rows=${d.hourDistribution.map((n, hour) => [`${String(hour).padStart(2, "0")} h`, n])} unit=${count} /></>
            <${Explained} answer=${d} unit="receptions" what="Who received them. The signal above is theirs: of the last step, not of these hops." csv=${{ name: "stretch-observers", columns: ["observer", "name", "receptions"], rows: d.observers.map((o) => [o.id, o.name, o.count]) }}>
                <${Table} caption="Observers" rows=${d.observers} rowKey=${(o) => o.id} empty="Nobody." columns=${[{ key: "o", label: "Observer", cell: (o) => html`<${ObserverLink} id=${o.id} name=${o.name} />` }, { key: "n", label: "Receptions", number: true, cell: (o) => count(o.count) }]} /></></div>
        <${Explained} answer=${d} unit="receptions" what="The whole paths that these hops are a part of, the most frequent 20." csv=${{ name: "stretch-paths", columns: ["path", "hops", "receptions"], rows: d.parentPaths.map((p) => [p.path, p.rawHops.join(" "), p.count]) }}>
            <${Table} caption="Paths" rows=${d.parentPaths} rowKey=${(p) => p.rawHops.join()} empty="None." columns=${[{ key: "p", label: "Path", cell: (p) => html`<bdi>${plain(p.path, 300)}</bdi>` }, { key: "n", label: "Receptions", number: true, cell: (p) => count(p.count) }]} /></>`}</></section>`;
}

function Stretches({ d }) {
    const { hops, length = "2" } = route.value.query;
    const group = d.results[Math.max(0, GROUPS.findIndex(([key]) => key === length))];
    return html`<section class="card"><div class="card-head"><h2>Stretches</h2><${Segments} label="Length" options=${GROUPS} value=${length} onChange=${(value) => setQuery({ length: value })} /></div>
        <${Explained} answer=${d} unit="receptions; percent of those along paths that are long enough" what="Hops that follow each other in a path, and how many receptions came along a path that holds them. A path that holds them twice counts once." csv=${{ name: "stretches", columns: ["path", "hops", "receptions", "percent"], rows: d.results.flatMap((g) => g.subpaths.map((r) => [r.path, r.rawHops.join(" "), r.count, r.pct])) }}>
        <${Table} caption="Stretches" rows=${group.subpaths} rowKey=${(r) => r.rawHops.join()} empty="No path is so long." columns=${[
            { key: "p", label: "Hops", cell: (r) => html`<button type="button" class="plain linked" aria-pressed=${hops === r.rawHops.join(",")} onClick=${() => setQuery({ hops: r.rawHops.join(",") })}><bdi>${plain(r.path, 200)}</bdi></button>` },
            { key: "r", label: "In hex", cell: (r) => html`<span class="mono small quiet">${r.rawHops.join(" ")}</span>` },
            { key: "n", label: "Receptions", number: true, cell: (r) => count(r.count) }, { key: "s", label: "Share", number: true, cell: (r) => `${decimal(r.pct)} %` }]} /></></section>`;
}

/* --- which nodes may it be -------------------------------------------------------------------- */

function Candidate({ candidate }) {
    const hops = candidate.evidence.perHop;
    return html`<li><p><${State} level=${candidate.speculative ? "warn" : "pass"}>${candidate.speculative ? "a guess" : "likely"}</> <span class="quiet">score ${decimal(candidate.score, 2)}</span></p>
        <p class="hops">${hops.map((hop, i) => html`<span class="hop" key=${i} title=${`${hop.prefix}: ${count(hop.candidatesConsidered)} candidates${i > 0 ? `, link ${decimal(hop.edgeWeight, 2)}` : ""}`}><${NodeLink} publicKey=${hop.chosen} name=${candidate.names[i]} /></span>`)}</p>
        ${hops.some((hop) => hop.alternatives.length > 0) && html`<details class="small"><summary>Others that it may be</summary><ul>${hops.filter((hop) => hop.alternatives.length > 0).map((hop, i) => html`<li key=${i}><span class="mono">${hop.prefix}</span>: ${hop.alternatives.map((other) => html`<span class="tag" key=${other.publicKey}><${Name} text=${other.name} /> ${decimal(other.score, 2)}</span> `)}</li>`)}</ul></details>`}</li>`;
}

function Inspector() {
    const [text, setText] = useState("");
    const [result, setResult] = useState({});
    const prefixes = useMemo(() => text.split(/[\s,;→>]+/).filter(Boolean), [text]);
    const wrong = prefixes.find((prefix) => !HOPS.test(prefix) || prefix.length % 2 === 1 || prefix.length !== prefixes[0].length);
    const submit = async (e) => {
        e.preventDefault();
        setResult({ isAsking: true });
        setResult(await post("api/paths/inspect", { prefixes }).then((answer) => ({ answer }), (error) => ({ error })));
    };
    return html`<section class="card"><h2>Which nodes may it be?</h2><form onSubmit=${submit}><p><label class="field">Hops <input type="text" class="mono" size="30" placeholder="3F A0 11" value=${text} onInput=${(e) => setText(e.target.value)} /></label> <button class="primary" disabled=${prefixes.length === 0 || wrong !== undefined}>Look</button></p>
        <p class="quiet small">${wrong === undefined ? "Hops in hex, 1 to 3 bytes each, all of one length. Nodes that are known to hear each other are the likelier ones." : html`<bdi>${plain(wrong, 20)}</bdi> is no hop like the others.`}</p></form>
        ${result.error && html`<p class="notice fail" role="alert">${result.error.message}</p>`}
        ${result.answer && (result.answer.candidates.length === 0 ? html`<p class="empty">A hop is no known node's.</p>` : html`<ol class="candidates">${result.answer.candidates.map((c) => html`<${Candidate} key=${c.path.join()} candidate=${c} />`)}</ol>`)}</section>`;
}

export default function Paths() {
    const state = useAnalysis("subpaths-bulk");
    const { hops } = route.value.query;
    return html`${hops && html`<${Stretch} key=${hops} hops=${hops} />`}<${Analysis} state=${state}>${(d) => html`<${Stretches} d=${d} />`}</><${Inspector} />`;
}
