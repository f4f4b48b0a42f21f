/* SPDX-License-Identifier: MIT
 *
 * channels - who says how much in which channel. */
import { html, useMemo } from "../../lib/html.js";
import { count, hourAt, plain } from "../../lib/format.js";
import { link } from "../../lib/route.js";
import { Ago, Name, Table } from "../../lib/parts.js";
import { Bars, Chart } from "../../lib/chart.js";
import { Analysis, Explained, Histogram, useAnalysis } from "./analysis.js";

const CURVES = 6;
const ROWS = 100;
const LENGTH_WIDTH = 10;

function timeline(d) {
    const step = d.timelineBucketHours * 3600;
    const times = d.channelTimeline.map((p) => hourAt(p.hour));
    const first = Math.min(...times), last = Math.max(...times);
    const x = [];
    for (let t = first; times.length > 0 && t <= last; t += step) x.push(t);
    const names = d.channels.slice(0, CURVES).map((c) => c.name);
    const curves = new Map(names.map((name) => [name, x.map(() => 0)]));
    d.channelTimeline.forEach((p, i) => {
        const curve = curves.get(p.channel);
        if (curve) curve[Math.round((times[i] - first) / step)] += p.count;
    });
    return { x, series: names.map((name) => ({ label: plain(name, 20), values: curves.get(name) })) };
}

function lengths(d) {
    const counts = [];
    for (const n of d.msgLengths) counts[Math.floor(n / LENGTH_WIDTH)] = (counts[Math.floor(n / LENGTH_WIDTH)] ?? 0) + 1;
    return { bins: Array.from(counts, (n, i) => ({ x: i * LENGTH_WIDTH, w: LENGTH_WIDTH, count: n ?? 0 })) };
}

function Said({ d }) {
    const curves = useMemo(() => timeline(d), [d]);
    const step = d.timelineBucketHours === 1 ? "UTC hour" : "UTC day";
    return html`<section class="card"><h2>Over time</h2><div class="grid">
        <${Explained} answer=${d} unit=${`messages in a ${step}`} what=${`Messages of the ${CURVES} busiest channels, each once, at the time of its first reception.`} csv=${{ name: "channel-timeline", columns: ["hour", "channel", "messages"], rows: d.channelTimeline.map((p) => [p.hour, p.channel, p.count]) }}>
            <${Chart} title="Messages" x=${curves.x} series=${curves.series} unit=${count} /></>
        <${Histogram} title="Length" name="message-lengths" label="messages" histogram=${lengths(d)} answer=${d} write=${count} unit="characters, bins of 10; the axis to the left counts messages" what="How long messages are that a key of this server opens, without the sender's name: the newest 10,000." /></div></section>`;
}

export default function Channels() {
    const state = useAnalysis("channels", { hasWindow: true });
    return html`<${Analysis} state=${state}>${(d) => (d.channels.length === 0 ? html`<p class="empty">Nothing was said in this time.</p>` : html`
        <section class="card"><dl class="figures"><div><dt>Channels with messages</dt><dd>${count(d.activeChannels)}</dd></div><div><dt>that can be read</dt><dd>${count(d.decryptable)}</dd></div>
            <div><dt>Messages</dt><dd>${count(d.channels.reduce((sum, c) => sum + c.messages, 0))}</dd></div></dl></section>
        <${Said} d=${d} />
        <section class="card"><h2>Who</h2><${Explained} answer=${d} unit="messages" what="The names that messages give as their sender, over all channels that can be read. Anybody may use any name." csv=${{ name: "senders", columns: ["name", "messages"], rows: d.topSenders.map((s) => [s.name, s.count]) }}>
            <${Bars} title="Busiest names" rows=${d.topSenders.map((s) => [plain(s.name, 24), s.count])} unit=${count} /></></section>
        <section class="card"><h2>Channels</h2><${Explained} answer=${d} unit="messages; different names" what="Every channel with a message in the window. Senders are known only where a key opens the channel." csv=${{ name: "channels", columns: ["channel", "messages", "senders", "last message"], rows: d.channels.map((c) => [c.name, c.messages, c.senders, c.lastActivity]) }}>
            <${Table} caption="Channels" rows=${d.channels.slice(0, ROWS)} rowKey=${(c) => c.hash} columns=${[
                { key: "name", label: "Channel", cell: (c) => html`<a href=${link("channels", [c.hash])}><${Name} text=${c.name} /></a>` },
                { key: "messages", label: "Messages", number: true, cell: (c) => count(c.messages) }, { key: "senders", label: "Senders", number: true, cell: (c) => (c.encrypted ? "–" : count(c.senders)) },
                { key: "last", label: "Last message", number: true, cell: (c) => html`<${Ago} time=${c.lastActivity} />` }]} /></></section>`)}</>`;
}
