/* SPDX-License-Identifier: MIT
 *
 * The shards of ClickHouse that the ingestor writes to: what waits for each, and how long it will; and
 * how far an export of the database is. */
import { count, duration, isKnown, percent, rate, UNKNOWN } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Ago, State, Table } from "../../lib/parts.js";
import { latest } from "../../lib/samples.js";
import { worseOf } from "../../lib/verdict.js";

/* What waits for less is on its way. */
const WAITS_S = 10;

/* Rows a second, of the shard. */
function stored(s) {
    return latest(`shard${s.shard}Rate`);
}

function left(s) {
    return s.rows > 0 && s.oldestSeconds >= WAITS_S && stored(s) > 0 ? duration(s.rows / stored(s)) : UNKNOWN;
}

/* While it is not at its end, also where it was interrupted. */
function exported(writes) {
    const { exportRows: sent, exportTotalRows: all, exportUnix: at } = writes;
    return sent < all && html`<p>Export of the database: ${count(sent)} of ${count(all)} rows (${percent(sent / all)}), the last <${Ago} time=${at} />.</p>`;
}

export default function Shards({ rows, checks, writes }) {
    const level = (s) => worseOf(checks[`shard:${s.shard}`]?.status ?? "pass", checks[`sums:${s.shard}`]?.status ?? "pass");
    return html`<section class="card"><h2>Shards of ClickHouse</h2><${Table} caption="Shards of ClickHouse" rows=${rows} rowKey=${(s) => s.shard} columns=${[
        { key: "n", label: "Shard", short: true, cell: (s) => html`<${State} level=${level(s)}>${s.shard}</>` },
        { key: "server", label: "Server", short: true, cell: (s) => s.server },
        { key: "rows", label: "Rows that wait", number: true, cell: (s) => count(s.rows) },
        { key: "old", label: "Oldest", number: true, cell: (s) => (isKnown(s.oldestSeconds) ? duration(s.oldestSeconds) : UNKNOWN) },
        { key: "rate", label: "Stored a second", number: true, cell: (s) => rate(stored(s), "") },
        { key: "left", label: "Caught up in", number: true, cell: left },
        { key: "sums", label: "Days without sums", number: true, cell: (s) => count(s.sumsBehindDays) },
        { key: "error", label: "Last error", cell: (s) => s.error ?? s.sumsError ?? UNKNOWN },
    ]} />${exported(writes)}</section>`;
}
