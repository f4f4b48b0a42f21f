/* SPDX-License-Identifier: MIT
 *
 * best - whom the observers heard best. A reception's SNR is of the last radio on the way: of the
 * sender where there was no hop, else of the last relay. Pure. */
import { isKnown } from "../../lib/format.js";
import { decodedOf, pathOf } from "../../mesh/decoded.js";

/* Some bridges send these two figures where the radio measured nothing. */
function isInvented({ snr, rssi }) {
    return snr === 12.5 && rssi === -65;
}

function lastOf(packet, seen) {
    const path = pathOf(seen);
    return path.length === 0 ? decodedOf(packet).pubKey : (seen.resolved_path ?? [])[path.length - 1];
}

function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const half = sorted.length >> 1;
    return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/* How many receptions, and how many of them told an SNR that counts. */
export function receptionsOf(packets) {
    const all = packets.flatMap((packet) => packet.observations ?? [packet]);
    return { all: all.length, told: all.filter((seen) => isKnown(seen.snr) && !isInvented(seen)).length };
}

/* packets with their observations -> [{key, snr (median), most, count, hash, observer_id,
 * observer_name}], the best first; hash and observer are those of the strongest reception. */
export function bestHeard(packets) {
    const all = new Map();
    for (const packet of packets)
        for (const seen of packet.observations ?? [packet]) {
            const key = lastOf(packet, seen);
            if (!key || !isKnown(seen.snr) || isInvented(seen)) continue;
            const one = all.get(key) ?? { key, values: [], most: -Infinity };
            one.values.push(seen.snr);
            if (seen.snr > one.most) Object.assign(one, { most: seen.snr, hash: packet.hash, observer_id: seen.observer_id, observer_name: seen.observer_name });
            all.set(key, one);
        }
    return [...all.values()].map(({ values, ...one }) => ({ ...one, snr: median(values), count: values.length }))
        .sort((a, b) => b.snr - a.snr || b.count - a.count);
}
