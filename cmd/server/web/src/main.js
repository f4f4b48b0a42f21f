/* SPDX-License-Identifier: MIT
 *
 * main - what runs first, and is small: which pages there are, and which of them is wanted. Its
 * module and the answers that it begins with are asked for while the frame's code is still on its
 * way, and read: on a slow machine nothing waits for anything that it does not need. */

/* A page is a row: its address, its name, the letter behind `g`, and the module, whose default is a
 * component. It reads route.value for what stands behind it in the address. `also` and `first`:
 * which more it loads, and what it asks for, when nothing stands there. */
const PAGES = [
    { page: "", label: "Ops", key: "o", load: () => import("./pages/ops.js"), first: ["api/ops/snapshot?events=200"] },
    { page: "packets", label: "Packets", key: "p", load: () => import("./pages/packets.js"), first: ["api/packets?groupByHash=true&limit=100", "api/observers"] },
    { page: "nodes", label: "Nodes", key: "n", load: () => import("./pages/nodes.js"), first: ["api/nodes?limit=2000"] },
    { page: "observers", label: "Observers", key: "b", load: () => import("./pages/observers.js"), first: ["api/observers"] },
    { page: "channels", label: "Channels", key: "c", load: () => import("./pages/channels.js"), first: ["api/channels", "api/config/regions"] },
    { page: "analytics", label: "Analytics", key: "a", load: () => import("./pages/analytics.js"), also: () => import("./pages/analytics/rf.js"), first: ["api/analytics/rf", "api/config/regions", "api/config/areas"] },
    { page: "map", label: "Map", key: "m", load: () => import("./pages/map.js"), also: () => import("./leaflet.js"), first: ["api/nodes?lastHeard=7d&limit=2000"] },
    { page: "live", label: "Live", key: "l", load: () => import("./pages/live.js"), also: () => import("./leaflet.js"), first: ["api/nodes?limit=2000", "api/observers"] },
];
const PATIENCE_MS = 4000;

const address = location.hash.replace(/^#\/?/, "");
const wanted = PAGES.find(({ page }) => page === address.split(/[/?]/)[0]);
const first = new Map();

/* What fails is told by those who wait for it. */
function quietly(promise) {
    promise.catch(() => {});
    return promise;
}

/* Read while it comes: who takes it need not wait for a byte. */
async function ask(path) {
    const response = await fetch(path, { credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE_MS) });
    const body = quietly(response.json());
    return { ok: response.ok, status: response.status, json: () => body };
}

if (wanted?.page === address) {
    for (const path of wanted.first) first.set(path, quietly(ask(path)));
    quietly(wanted.also?.() ?? Promise.resolve());
}

/* Both before anything is drawn: it is drawn once. */
const [{ start }, module] = await Promise.all([import("./frame.js"), wanted?.load().catch(() => undefined)]);
start(PAGES, first, module?.default);
