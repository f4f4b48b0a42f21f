/* SPDX-License-Identifier: MIT
 *
 * leaflet - what needs Leaflet itself: a map, with tiles only where the operator has configured them
 * (config/client); else a graticule, so that there is always something to hold on to. It is Leaflet
 * and makeMap beside it: whoever loads this hands it on as L. */
import { isDark, token } from "./lib/theme.js";

export * from "leaflet/dist/leaflet-src.esm.js";

/* Leaflet gives a tile that is not wanted any more a picture with a data: address. The page's policy
 * refuses it, with a line in the console for each; without any address nothing is loaded either. */
function tilesOf(L) {
    return L.TileLayer.extend({
        _abortLoading() {
            for (const [key, { coords, el }] of Object.entries(this._tiles)) {
                if (coords.z === this._tileZoom || el.complete) continue;
                el.onload = el.onerror = null;
                el.removeAttribute("src");
                el.remove();
                delete this._tiles[key];
            }
        },
        _removeTile(key) {
            this._tiles[key]?.el.removeAttribute("src");
            L.GridLayer.prototype._removeTile.call(this, key);
        },
    });
}

/* Of whom the tiles are stands on every map. The host is the operator's choice (mapTileUrl). */
function addTiles(L, map, client) {
    const url = isDark() ? client.mapTileUrlDark ?? client.mapTileUrl : client.mapTileUrl ?? client.mapTileUrlDark;
    if (!url) return false;
    const { host } = new URL(url.replace("{s}", "a"), location.href);
    const isOpen = /openstreetmap|cartocdn|stadiamaps|thunderforest|opentopomap|maptiler/.test(host);
    L.control.attribution({ prefix: false }).addAttribution(`${isOpen ? "© OpenStreetMap contributors, " : ""}tiles: ${host.replace(/[^\w.:-]/g, "").replace(/^a\./, "")}`).addTo(map);
    /* OpenStreetMap's servers answer nobody who does not say from where; our own address is all. */
    new (tilesOf(L))(url, { maxZoom: 19, referrerPolicy: "origin" }).addTo(map);
    return true;
}

const STEPS = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01];
const LABEL_PX = 66; /* of a longitude, with what lies between two */

/* Four lines at least, unless what is written at them would touch. */
function stepOf(span, width) {
    return STEPS.find((s, i) => span / s >= 4 || STEPS[i + 1] / span * width < LABEL_PX) ?? 0.01;
}

/* A small map shows more than the world is round. */
function around(lon) {
    return ((lon + 180) % 360 + 360) % 360 - 180;
}

function degrees(angle, places, below, above) {
    const text = Math.abs(angle).toFixed(places);
    return `${text}°${Number(text) % 180 === 0 ? "" : ` ${angle < 0 ? below : above}`}`;
}

function drawGraticule(L, map, layer) {
    layer.clearLayers();
    const bounds = map.getBounds();
    const span = Math.max(bounds.getEast() - bounds.getWest(), 1e-6);
    const width = map.getSize().x;
    const step = stepOf(span, width);
    const look = { color: token("--line"), weight: 1, interactive: false };
    const label = (at, text) => L.marker(at, { interactive: false, keyboard: false, icon: L.divIcon({ className: "graticule", html: text, iconSize: [60, 14], iconAnchor: [-4, 17] }) });
    const places = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
    for (let lon = Math.ceil(bounds.getWest() / step) * step; lon <= bounds.getEast(); lon += step) {
        L.polyline([[-85, lon], [85, lon]], look).addTo(layer);
        if (map.latLngToContainerPoint([bounds.getSouth(), lon]).x < width - LABEL_PX) label([bounds.getSouth(), lon], degrees(around(lon), places, "W", "E")).addTo(layer);
    }
    for (let lat = Math.ceil(Math.max(-85, bounds.getSouth()) / step) * step; lat <= Math.min(85, bounds.getNorth()); lat += step) {
        L.polyline([[lat, bounds.getWest()], [lat, bounds.getEast()]], look).addTo(layer);
        if (map.latLngToContainerPoint([lat, bounds.getWest()]).y > 18) label([lat, bounds.getWest()], degrees(lat, places, "S", "N")).addTo(layer);
    }
}

function middle(values) {
    return [...values].sort((a, b) => a - b)[values.length >> 1];
}

/* Without those far off the others: one node that says it lies in the sea must not make the mesh a
 * dot. They are on the map all the same. */
const FAR = 8;
const NEAR_DEGREES = 3; /* 300 km: nearer ones are never far off */

function mostOf(points) {
    const centre = [middle(points.map(([lat]) => lat)), middle(points.map(([, lon]) => lon))];
    const off = ([lat, lon]) => Math.hypot(lat - centre[0], lon - centre[1]);
    const far = Math.max(NEAR_DEGREES, FAR * middle(points.map(off)));
    return points.filter((point) => off(point) <= far);
}

/* {L, map} on this element, looking at `points` ([lat, lon] each) or the configured centre; client,
 * configured: api/config/client and map. */
export function makeMap(L, element, points, client, configured) {
    const map = L.map(element, { preferCanvas: true, zoomControl: false, zoomSnap: 0.25, zoomDelta: 1, attributionControl: false, worldCopyJump: true });
    L.control.zoom({ position: "topright" }).addTo(map); /* the left edge has the degrees */
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (isCalm) Object.assign(map.options, { zoomAnimation: false, fadeAnimation: false, inertia: false });
    if (points.length > 0) map.fitBounds(L.latLngBounds(mostOf(points)).pad(0.08), { maxZoom: 13, animate: false });
    else map.setView(configured.center ?? [20, 0], configured.zoom ?? 2, { animate: false });
    if (!addTiles(L, map, client)) {
        const layer = L.layerGroup().addTo(map);
        const draw = () => drawGraticule(L, map, layer);
        map.on("moveend", draw);
        draw();
    }
    return { L, map };
}
