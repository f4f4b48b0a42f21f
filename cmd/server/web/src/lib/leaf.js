/* SPDX-License-Identifier: MIT
 *
 * leaf - a map by Leaflet, loaded with the first one. Tiles only where the operator has configured
 * them (config/client); else a graticule, so that there is always something to hold on to. */
import { get } from "./api.js";

let loading = null;

export function loadLeaflet() {
    loading ??= Promise.all([import("leaflet"), get("api/config/client").catch(() => ({})), get("api/config/map").catch(() => ({}))])
        .then(([module, client, map]) => ({ L: module.default ?? module, client, map }));
    return loading;
}

export const ROLE_COLOURS = { repeater: "--s1", companion: "--s3", room: "--s4", sensor: "--s5" };

export function roleColour(role) {
    return getComputedStyle(document.documentElement).getPropertyValue(ROLE_COLOURS[role] ?? "--quiet").trim();
}

function tileUrl(client) {
    const isDark = getComputedStyle(document.documentElement).colorScheme.includes("dark") && matchMedia("(prefers-color-scheme: dark)").matches;
    const tiles = client.tiles ?? client.map?.tiles ?? {};
    return client.mapTileUrl ?? (isDark ? tiles.dark ?? tiles.darkUrl : undefined) ?? tiles.light ?? tiles.lightUrl ?? null;
}

const STEPS = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01];

function drawGraticule(L, map, layer) {
    layer.clearLayers();
    const bounds = map.getBounds();
    const span = Math.max(bounds.getEast() - bounds.getWest(), 1e-6);
    const step = STEPS.find((s) => span / s >= 4) ?? 0.01;
    const look = { color: getComputedStyle(document.documentElement).getPropertyValue("--line").trim(), weight: 1, interactive: false };
    const label = (at, text) => L.marker(at, { interactive: false, keyboard: false, icon: L.divIcon({ className: "graticule", html: text, iconSize: [60, 14], iconAnchor: [-4, 17] }) });
    const places = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
    for (let lon = Math.ceil(bounds.getWest() / step) * step; lon <= bounds.getEast(); lon += step) {
        L.polyline([[-85, lon], [85, lon]], look).addTo(layer);
        label([bounds.getSouth(), lon], `${Math.abs(lon).toFixed(places)}° ${lon < 0 ? "W" : "E"}`).addTo(layer);
    }
    for (let lat = Math.ceil(Math.max(-85, bounds.getSouth()) / step) * step; lat <= Math.min(85, bounds.getNorth()); lat += step) {
        L.polyline([[lat, bounds.getWest()], [lat, bounds.getEast()]], look).addTo(layer);
        label([lat, bounds.getWest()], `${Math.abs(lat).toFixed(places)}° ${lat < 0 ? "S" : "N"}`).addTo(layer);
    }
}

/* {L, map} on this element, looking at `points` ([lat, lon] each) or the configured centre. */
export async function makeMap(element, points = []) {
    const { L, client, map: configured } = await loadLeaflet();
    const map = L.map(element, { preferCanvas: true, zoomControl: true, attributionControl: false, worldCopyJump: true });
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (isCalm) Object.assign(map.options, { zoomAnimation: false, fadeAnimation: false, inertia: false });
    if (points.length > 0) map.fitBounds(L.latLngBounds(points).pad(0.1), { maxZoom: 13, animate: false });
    else map.setView(configured.center ?? [20, 0], configured.zoom ?? 2, { animate: false });
    const url = tileUrl(client);
    if (url) L.tileLayer(url, { maxZoom: 18, crossOrigin: true }).addTo(map);
    else {
        const layer = L.layerGroup().addTo(map);
        const draw = () => drawGraticule(L, map, layer);
        map.on("moveend", draw);
        window.addEventListener("weir-theme", draw);
        map.on("unload", () => window.removeEventListener("weir-theme", draw));
        draw();
    }
    return { L, map };
}

export function hasPlace(node) {
    return Number.isFinite(node?.lat) && Number.isFinite(node?.lon) && !(node.lat === 0 && node.lon === 0);
}
