/* SPDX-License-Identifier: MIT
 *
 * leaf - a map, by Leaflet, which is loaded with the first of them (../leaflet.js). */
import { get } from "../lib/api.js";
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { themeVersion, token } from "../lib/theme.js";

/* How it looks comes with it. */
function styled() {
    const link = document.getElementById("map-look");
    if (!link.disabled) return undefined;
    link.disabled = false;
    return new Promise((go) => { link.onload = link.onerror = go; });
}

let loading = null;

/* A page that knows that there will be a map need not wait until it knows what is on it. Null: it
 * can't be had now. */
export function loadMap() {
    loading ??= Promise.all([import("../leaflet.js"), get("api/config/client").catch(() => ({})), get("api/config/map").catch(() => ({})), styled()])
        .catch(() => { loading = null; return null; });
    return loading;
}

async function makeMap(element, points) {
    const loaded = await loadMap();
    if (loaded === null) return null;
    const [L, client, configured] = loaded;
    return L.makeMap(L, element, points, client, configured);
}

export const ROLE_COLOURS = { repeater: "--s1", companion: "--s3", room: "--s4", sensor: "--s5" };

export function roleColour(role) {
    return token(ROLE_COLOURS[role] ?? "--quiet");
}

/* What Leaflet is given as a string it takes for HTML. */
export function textBox(...lines) {
    const box = document.createElement("div");
    for (const line of lines) {
        const part = document.createElement("div");
        part.append(line);
        box.append(part);
    }
    return box;
}

/* Leaflet's remove() leaves timers behind, which look for what it has removed: of the wheel, of the
 * end of a zoom, and of the move that is told after a new size. */
function takeAway(map) {
    if (map === null) return;
    clearTimeout(map.scrollWheelZoom._timer);
    map._animatingZoom = false;
    map.remove();
    map.off();
}

/* A map for as long as the component is there; a new one when the theme changes, for what is drawn
 * has the theme's colours. draw({L, map, layer}) fills an empty layer: again when one of `when`
 * changes. points(): where to look at first. onMake({L, map}): once for each map. */
export function LeafMap({ className, label, points, draw, when = [], onMake }) {
    const box = useRef(null);
    const [made, setMade] = useState(null);
    const [isMissing, setMissing] = useState(false);
    const version = themeVersion.value;
    useEffect(() => {
        let map = null;
        let isGone = false;
        makeMap(box.current, points()).then((one) => {
            map = one?.map ?? null;
            if (isGone) return takeAway(map);
            setMissing(one === null);
            if (one === null) return undefined;
            onMake?.(one);
            setMade({ ...one, layer: one.L.layerGroup().addTo(map) });
            return undefined;
        });
        return () => {
            isGone = true;
            setMade(null);
            takeAway(map);
        };
    }, [version]);
    useEffect(() => {
        if (made === null) return;
        made.layer.clearLayers();
        draw(made);
    }, [made, ...when]);
    return html`${isMissing && html`<p class="notice fail">The map could not be loaded: the server can't be reached, or was upgraded. Reload.</p>`}
        <div class=${`map ${className ?? ""}`} ref=${box} role="region" aria-label=${label}></div>`;
}
