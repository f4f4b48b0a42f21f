/* SPDX-License-Identifier: MIT
 *
 * nodes - all nodes and observers, asked for once for the whole page and kept fresh while somebody
 * shows them: lists page by page, and who is where. */
import { computed, useEffect, useMemo } from "../lib/html.js";
import { get, Poll, query, useStarted } from "../lib/api.js";

const PAGE = 2000; /* what one answer of api/nodes holds */
const NODES_MAX = 10000;

/* One answer made of the pages of a list: {...the first answer, nodes: all of them}. */
class Pages extends Poll {
    async load(abort) {
        const parameters = Object.fromEntries(new URLSearchParams(this.path));
        const first = await get(`api/nodes${query({ ...parameters, limit: PAGE })}`, { signal: abort });
        const nodes = [...first.nodes];
        const seen = new Set(nodes.map((n) => n.public_key));
        const most = Math.min(first.total, NODES_MAX);
        for (let offset = PAGE; offset < most; offset += PAGE) {
            const more = await get(`api/nodes${query({ ...parameters, limit: PAGE, offset })}`, { signal: abort });
            for (const node of more.nodes.filter((n) => !seen.has(n.public_key))) {
                seen.add(node.public_key);
                nodes.push(node);
            }
        }
        return { ...first, nodes };
    }
}

/* The state of a poll, for as long as the component is there. */
export function useNodes(filters = {}, every = 15000) {
    const asked = query(filters).slice(1);
    return useStarted(useMemo(() => new Pages(asked, { every }), [asked])).state.value;
}

/* --- who is where ------------------------------------------------------------------------------ */

const nodes = new Pages("", { every: 120000 });
const observers = new Poll("api/observers", { every: 120000 });
let users = 0;

export const meshNodes = computed(() => nodes.state.value.data?.nodes);

/* 0, 0 is what a radio without a position says. */
export function hasPlace(one) {
    return Number.isFinite(one.lat) && Number.isFinite(one.lon) && !(one.lat === 0 && one.lon === 0);
}

/* key or observer's id in lower case -> {at: [lat, lon], name, role}. A radio that is
 * both lies where its node says. */
export const places = computed(() => {
    const all = new Map();
    for (const o of observers.state.value.data?.observers ?? [])
        if (hasPlace(o)) all.set(o.id.toLowerCase(), { at: [o.lat, o.lon], name: o.name, role: "observer" });
    for (const n of nodes.state.value.data?.nodes ?? [])
        if (hasPlace(n)) all.set(n.public_key, { at: [n.lat, n.lon], name: n.name, role: n.role });
    return all;
});

/* The places of these keys, as far as they are known; none twice in a row. */
export function placesOf(keys, known) {
    return keys.map((key) => known.get(key)).filter(Boolean).filter((place, i, all) => i === 0 || place !== all[i - 1]);
}

/* True when both were answered. */
export function usePlaces() {
    useEffect(() => {
        if (users++ === 0) {
            nodes.start();
            observers.start();
        }
        return () => {
            if (--users > 0) return;
            nodes.stop();
            observers.stop();
        };
    }, []);
    return nodes.state.value.data !== undefined && observers.state.value.data !== undefined;
}
