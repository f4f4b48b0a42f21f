/* SPDX-License-Identifier: MIT
 *
 * main - what runs first, and is small: which pages there are, and which of them is wanted. Its
 * module and the answers that it begins with are asked for while the frame's code is still on its
 * way, and read: on a slow machine nothing waits for anything that it does not need. */

/* A page is a row: its address, the letter behind `g`, and the module, whose default is a component;
 * in the order of the navigation (index.html), which has their names. It reads route.value for what
 * stands behind it in the address. `also` and `first`: which more it loads, and what its first
 * picture is made of, when nothing stands there; what else it needs it asks for when that is drawn. */
const PAGES = [
    { page: "", key: "o", load: () => import("./pages/ops.js"), first: ["api/ops/snapshot?events=200"] },
    { page: "packets", key: "p", load: () => import("./pages/packets.js"), first: ["api/packets?groupByHash=true&limit=100"] },
    { page: "nodes", key: "n", load: () => import("./pages/nodes.js"), first: ["api/nodes?limit=2000"] },
    { page: "observers", key: "b", load: () => import("./pages/observers.js"), first: ["api/observers"] },
    { page: "channels", key: "c", load: () => import("./pages/channels.js"), first: ["api/channels"] },
    { page: "analytics", key: "a", load: () => import("./pages/analytics.js"), also: () => import("./pages/analytics/rf.js"), first: ["api/analytics/rf"] },
    { page: "map", key: "m", load: () => import("./pages/map.js"), first: ["api/nodes?lastHeard=7d&limit=2000"] },
    { page: "live", key: "l", load: () => import("./pages/live.js"), first: [] },
];
const PATIENCE_MS = 15000; /* as api.js */
const SOON_MS = 4000; /* what is answered out of memory */

const address = location.hash.replace(/^#\/?/, "");
const wanted = PAGES.find(({ page }) => page === address.split(/[/?]/)[0]);
const first = new Map();

/* Pressed before there is anybody to act (lib/keys.js). */
const pressed = [];
document.onkeydown = (event) => { pressed.push(event); };

/* What fails is told by those who wait for it. */
function quietly(promise) {
    promise.catch(() => {});
    return promise;
}

/* Read while it comes: who takes it need not wait for a byte. */
async function ask(path) {
    const response = await fetch(path, { credentials: "same-origin", signal: AbortSignal.timeout(path.startsWith("api/ops/") ? SOON_MS : PATIENCE_MS) });
    const body = quietly(response.json());
    return { ok: response.ok, status: response.status, headers: response.headers, json: () => body };
}

if (wanted?.page === address) {
    for (const path of wanted.first) first.set(path, quietly(ask(path)));
    quietly(wanted.also?.() ?? Promise.resolve());
}
if (wanted?.page) quietly(import(new URL(document.body.dataset.mesh, document.baseURI).href)); /* what the pages of the mesh share */
quietly(wanted?.load() ?? Promise.resolve());

(await import("./frame.js")).start(PAGES, first, pressed);
