/* SPDX-License-Identifier: MIT
 *
 * rf - how strong what was received was, how much of it, of which type and size. */
import { html, useMemo } from "../../lib/html.js";
import { count, decimal, isKnown, measured, typeName } from "../../lib/format.js";
import { Facts, Table } from "../../lib/parts.js";
import { Bars, Chart } from "../../lib/chart.js";
import { Analysis, Explained, Histogram, overTime, useAnalysis } from "./analysis.js";

const MEASURED = "Receptions without a measurement, and the pair 12.5 dB and -65 dBm that some bridges send instead of one, are left out.";

/* The figures of nothing are all 0 in the answer: none of them is known. */
function some({ avg, min, max, ...others }) {
    return avg === 0 && min === 0 && max === 0 ? {} : { avg, min, max, ...others };
}

function range(figures, unit) {
    const { avg, median, stddev, min, max } = some(figures);
    return [["Mean", measured(avg, unit)], ["Median", measured(median, unit)], ["Standard deviation", measured(stddev, unit)],
        ["Lowest", measured(min, unit)], ["Highest", measured(max, unit)]];
}

function Signals({ d }) {
    return html`<section class="card"><h2>Signal</h2><div class="grid">
        <div><${Histogram} title="SNR" name="snr" histogram=${d.snrValues} answer=${d} unit=${`dB, bins of at least ${d.resolution.snr} dB; the axis to the left counts receptions`} write=${count} what=${`How far above the noise each reception was, as the observer measured it. ${MEASURED}`} />
            <${Facts} rows=${range(d.snr, "dB")} /></div>
        <div><${Histogram} title="RSSI" name="rssi" histogram=${d.rssiValues} answer=${d} unit=${`dBm, bins of at least ${d.resolution.rssi} dBm; the axis to the left counts receptions`} write=${count} what=${`How strong each reception was at the observer's antenna. ${MEASURED}`} />
            <${Facts} rows=${range(d.rssi, "dBm")} /></div></div></section>`;
}

function OverTime({ d }) {
    const packets = useMemo(() => overTime(d.packetsPerHour), [d]);
    const signal = useMemo(() => overTime(d.signalOverTime, d.signalBucketHours), [d]);
    const step = d.signalBucketHours === 1 ? "UTC hour" : "UTC day";
    return html`<section class="card"><h2>Over time</h2><div class="grid">
        <${Explained} answer=${d} unit="receptions in a UTC hour" what="How often an observer received a packet. One packet counts as often as observers heard it." csv=${{ name: "receptions-per-hour", columns: ["hour", "receptions"], rows: d.packetsPerHour.map((p) => [p.hour, p.count]) }}>
            <${Chart} title="Receptions" sync="rf" x=${packets.x} series=${[{ label: "receptions", values: packets.of("count") }]} unit=${count} /></>
        <${Explained} answer=${d} unit=${`dB, mean of a ${step}`} what=${`The mean SNR of what was received. ${MEASURED}`} csv=${{ name: "snr-over-time", columns: ["hour", "receptions", "mean SNR"], rows: d.signalOverTime.map((p) => [p.hour, p.count, p.avgSnr]) }}>
            <${Chart} title="SNR" sync="rf" x=${signal.x} series=${[{ label: "mean SNR", values: signal.of("avgSnr") }]} unit=${(v) => `${decimal(v)} dB`} /></></div></section>`;
}

function Types({ d }) {
    const rows = [...d.payloadTypes].sort((a, b) => b.count - a.count);
    const what = d.typesCount === "packets" ? "Packets by their type, each once however many observers heard it." : "Receptions by the packet's type: over more than a day, what one region received is counted so.";
    return html`<section class="card"><h2>Types and sizes</h2><div class="grid">
        <${Explained} answer=${d} unit=${d.typesCount} what=${what} csv=${{ name: "types", columns: ["type", "name", d.typesCount], rows: rows.map((t) => [t.type, t.name, t.count]) }}>
            <${Bars} title=${d.typesCount === "packets" ? "Packets by type" : "Receptions by type"} rows=${rows.map((t) => [typeName(t.type), t.count])} unit=${count} /></>
        ${d.packetSizes && html`<${Histogram} title="Size" name="sizes" label="packets" histogram=${d.packetSizes} answer=${d} write=${count} unit=${`bytes of the frame, bins of at least ${d.resolution.size}; the axis to the left counts packets`} what="How many bytes a packet has on the air, at its first reception: header, path and payload." />`}
        ${d.snrByType && html`<${Explained} answer=${d} unit="dB, mean, lowest and highest" what=${`SNR of the receptions of each type. ${MEASURED}`} csv=${{ name: "snr-by-type", columns: ["type", "receptions", "mean", "lowest", "highest"], rows: d.snrByType.map((t) => [t.name, t.count, t.avg, t.min, t.max]) }}>
            <h3>SNR by type</h3><${Table} caption="SNR by type" rows=${d.snrByType} rowKey=${(t) => t.name} columns=${[
                { key: "name", label: "Type", cell: (t) => t.name }, { key: "count", label: "Receptions", number: true, cell: (t) => count(t.count) }, { key: "avg", label: "Mean", number: true, cell: (t) => decimal(t.avg) },
                { key: "min", label: "Lowest", number: true, cell: (t) => decimal(t.min) }, { key: "max", label: "Highest", number: true, cell: (t) => decimal(t.max) }]} /></>`}</div></section>`;
}

const noLine = () => null;

function Scatter({ d }) {
    const points = useMemo(() => [...d.scatterData].sort((a, b) => a.rssi - b.rssi), [d]);
    return html`<section class="card"><h2>SNR against RSSI</h2>
        <${Explained} answer=${d} unit="dB over dBm" what="The newest 500 receptions that had both measured: SNR upwards, RSSI to the right. Where SNR falls while RSSI does not, the noise is what rises." csv=${{ name: "snr-rssi", columns: ["rssi", "snr"], rows: points.map((p) => [p.rssi, p.snr]) }}>
            <${Chart} title="Newest receptions" isTime=${false} height=${260} x=${points.map((p) => p.rssi)} unit=${(v) => `${decimal(v)} dB`} series=${[{ label: "SNR", values: points.map((p) => p.snr), look: { paths: noLine, points: { show: true, size: 5 } } }]} /></></section>`;
}

export default function Rf() {
    const state = useAnalysis("rf", { hasWindow: true });
    return html`<${Analysis} state=${state}>${(d) => html`
        <section class="card"><dl class="figures"><div><dt>Receptions</dt><dd>${count(d.totalAllPackets)}</dd></div><div><dt>with an SNR</dt><dd>${count(d.totalPackets)}</dd></div>
            ${isKnown(d.totalTransmissions) && html`<div><dt>Packets</dt><dd>${count(d.totalTransmissions)}</dd></div>`}<div><dt>Mean SNR</dt><dd>${measured(some(d.snr).avg, "dB")}</dd></div><div><dt>Mean RSSI</dt><dd>${measured(some(d.rssi).avg, "dBm", 0)}</dd></div>
            ${isKnown(d.avgPacketSize) && html`<div><dt>Mean size</dt><dd>${measured(d.avgPacketSize || undefined, "bytes", 0)}</dd></div>`}</dl></section>
        <${Signals} d=${d} /><${OverTime} d=${d} /><${Types} d=${d} />${d.scatterData.length > 0 && html`<${Scatter} d=${d} />`}`}</>`;
}
