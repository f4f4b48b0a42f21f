/* SPDX-License-Identifier: MIT
 *
 * live - packets travelling over the map as they arrive, and beside it as a list; with less motion,
 * the list alone. A flight is a dot from hop to hop, drawn on one canvas above the map. */
import { html, signal, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { count, decimal, typeName } from "../lib/format.js";
import { health } from "../lib/health.js";
import { listen, liveGaps, liveState } from "../mesh/live.js";
import { link } from "../lib/route.js";
import { Ago, Name, sentence, State } from "../lib/parts.js";
import { useKeys } from "../lib/keys.js";
import { LeafMap, loadMap, roleColour } from "../mesh/leaf.js";
import { places, placesOf, usePlaces } from "../mesh/nodes.js";
import { token } from "../lib/theme.js";
import { summary, wayOf } from "../mesh/decoded.js";

const LISTED = 60;
const SHOWN_MS = 300; /* what came meanwhile is listed at once */
const SHOWN_AT_ONCE = 10; /* of a flood the newest: nobody reads more, and each costs the browser */
const FLIGHTS_MAX = 80; /* more are not begun: nobody could follow them */
const HOP_MS = 650;
const COLOURS = ["--s1", "--s2", "--s3", "--s4", "--s5", "--s6"];

class Sky {
    constructor(map, canvas) {
        this.map = map;
        this.canvas = canvas;
        this.flights = [];
        this.frame = 0;
        this.colours = COLOURS.map(token);
        this.view = 0; /* of the map: places lie elsewhere in another one */
        map.on("move zoom resize viewreset", () => { this.view++; });
        map.on("unload", () => this.end());
    }

    hasRoom() {
        return this.flights.length < FLIGHTS_MAX;
    }

    add(way, type) {
        if (way.length < 2) return;
        this.flights.push({ way, colour: this.colours[type % this.colours.length], began: performance.now() });
        this.frame ||= requestAnimationFrame((now) => this.draw(now));
    }

    draw(now) {
        const size = this.map.getSize();
        const scale = devicePixelRatio || 1;
        if (this.canvas.width !== size.x * scale || this.canvas.height !== size.y * scale) {
            this.canvas.width = size.x * scale;
            this.canvas.height = size.y * scale;
        }
        const g = this.canvas.getContext("2d");
        g.setTransform(scale, 0, 0, scale, 0, 0);
        g.clearRect(0, 0, size.x, size.y);
        this.flights = this.flights.filter((flight) => this.drawFlight(g, flight, now));
        this.frame = this.flights.length > 0 ? requestAnimationFrame((next) => this.draw(next)) : 0;
    }

    pointsOf(flight) {
        if (flight.view !== this.view) {
            flight.view = this.view;
            flight.points = flight.way.map((place) => this.map.latLngToContainerPoint(place));
        }
        return flight.points;
    }

    drawFlight(g, flight, now) {
        const { way, colour, began } = flight;
        const at = Math.max(0, now - began) / HOP_MS; /* a frame has the time at which it was due: before that of one added since */
        const hop = Math.floor(at);
        const last = way.length - 1;
        if (at > last + 1.5) return false;
        g.globalAlpha = at > last ? Math.max(0, 1 - (at - last) / 1.5) : 1;
        g.strokeStyle = g.fillStyle = colour;
        g.lineWidth = 2;
        const points = this.pointsOf(flight);
        g.beginPath();
        g.moveTo(points[0].x, points[0].y);
        for (let i = 1; i <= Math.min(hop, last); i++) g.lineTo(points[i].x, points[i].y);
        let head = points[Math.min(hop, last)];
        if (hop < last) {
            const [from, to] = [points[hop], points[hop + 1]];
            head = { x: from.x + (to.x - from.x) * (at - hop), y: from.y + (to.y - from.y) * (at - hop) };
            g.lineTo(head.x, head.y);
        }
        g.stroke();
        g.beginPath();
        g.arc(head.x, head.y, 4.5, 0, 7);
        g.fill();
        return true;
    }

    end() {
        cancelAnimationFrame(this.frame);
    }
}

/* The map below the flights; `sky` is a ref to what they are given to. */
function LiveMap({ sky, places }) {
    const draw = ({ L, layer }) => {
        for (const { at, role } of places.values())
            L.circleMarker(at, { radius: role === "repeater" ? 4 : 2.5, color: roleColour(role), weight: 1, opacity: 0.7, fillOpacity: 0.4, interactive: false }).addTo(layer);
    };
    const onMake = ({ map }) => {
        const canvas = document.createElement("canvas");
        canvas.className = "sky";
        map.getContainer().append(canvas);
        sky.current?.end();
        sky.current = new Sky(map, canvas);
    };
    useEffect(() => () => {
        sky.current?.end();
        sky.current = null;
    }, []);
    return html`<${LeafMap} className="tall" label="Packets on their way; the same as a list beside it" points=${() => [...places.values()].map(({ at }) => at)} draw=${draw} when=${[places]} onMake=${onMake} />`;
}

export default function Live() {
    const isStill = useMemo(() => matchMedia("(prefers-reduced-motion: reduce)").matches, []);
    const [isCalm, setCalm] = useState(isStill);
    const [isPaused, pause] = useState(false);
    const list = useMemo(() => signal([]), []);
    const skipped = useMemo(() => signal(0), []);
    const isThere = usePlaces();
    const sky = useRef(null);
    useKeys([{ key: " ", label: "Pause or go on", run: () => pause(!isPaused) }], [isPaused]);
    useEffect(() => { if (!isCalm) loadMap(); }, [isCalm]);
    useEffect(() => {
        if (isPaused) return undefined;
        let fresh = [];
        let timer = 0;
        const show = () => {
            timer = 0;
            list.value = [...fresh.slice(-SHOWN_AT_ONCE).reverse(), ...list.value].slice(0, LISTED);
            skipped.value += Math.max(0, fresh.length - SHOWN_AT_ONCE);
            fresh = [];
        };
        const end = listen((event, kind) => {
            if (kind !== "packet") return;
            fresh.push(event);
            timer ||= setTimeout(show, SHOWN_MS);
            if (sky.current?.hasRoom()) sky.current.add(placesOf(wayOf(event), places.value).map(({ at }) => at), event.payload_type ?? 0);
        });
        return () => {
            end();
            clearTimeout(timer);
        };
    }, [isPaused]);
    const database = health.state.value.data?.checks?.database;
    const away = database?.status === "fail" && database; /* without one nothing can come */
    return html`<div class="stack"><div class="card-head"><h1>Live</h1><span class="row">
        <${State} level=${away ? "fail" : liveState.value === "on" ? "pass" : "unknown"}>${away ? "no database" : liveState.value === "on" ? "live" : liveState.value === "off" ? "off" : "connecting"}</>
        ${liveGaps.value > 0 && html`<span class="warn small">${liveGaps.value} gaps: this browser could not follow</span>`}
        <label class="field"><input type="checkbox" checked=${!isCalm} onChange=${(e) => setCalm(!e.target.checked)} /> map</label>
        <button type="button" aria-pressed=${isPaused} onClick=${() => pause(!isPaused)}>${isPaused ? "Go on" : "Pause"}</button></span></div>
        <div class=${isCalm ? "" : "two wide-left"}>${!isCalm && (isThere ? html`<${LiveMap} sky=${sky} places=${places.value} />` : html`<div class="map tall" aria-busy="true" aria-label="Loading"></div>`)}
        <section class="card"><div class="card-head"><h2>As they arrive</h2>${skipped.value > 0 && html`<span class="quiet small">${count(skipped.value)} more came too fast to list</span>`}</div><ol class="ticker">${list.value.length === 0 && html`<li class="empty">${away ? sentence(away.output) : "Waiting for a packet."}</li>`}${list.value.map((e) => html`
            <li key=${`${e.observation_id ?? e.id}-${e.observer_id}`}><a href=${link("packets", [e.hash])}><span class="row-line"><b>${typeName(e.payload_type)}</b><span class="quiet small"><${Ago} time=${e.received ?? e.timestamp} /></span></span>
            <span class="row-line"><bdi>${summary(e)}</bdi></span><span class="row-line quiet small"><span>by <${Name} text=${e.observer_name} otherwise=${(e.observer_id ?? "").slice(0, 8)} /></span><span>SNR ${decimal(e.snr)}</span></span></a></li>`)}</ol></section></div></div>`;
}
