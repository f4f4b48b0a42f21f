/* SPDX-License-Identifier: MIT
 *
 * graph - who hears whom, laid out by d3-force, which is loaded with the first graph. Everything in
 * it is also a table. */
import { html, useEffect, useMemo, useRef, useState } from "../../lib/html.js";
import { count, measured, plain, shortKey } from "../../lib/format.js";
import { go } from "../../lib/route.js";
import { NodeLink, Table } from "../../lib/parts.js";
import { Analysis, Explained, useAnalysis } from "./analysis.js";
import { ROLE_COLOURS, roleColour } from "../../mesh/leaf.js";
import { themeVersion, token } from "../../lib/theme.js";

const HEIGHT = 520;
const ROWS = 200;
const EDGES_DRAWN = 1200;
const CALM_TICKS = 300;
const NEAR_PX = 14;
const MARGIN = 40;
const NARROW_PX = 600;

let loading = null;

function loadForce() {
    loading ??= import("d3-force");
    return loading;
}

function nameOf(node) {
    return plain(node.name, 40) || shortKey(node.pubkey);
}

/* What is drawn: the strongest edges, and the nodes at their ends. */
function choose(data, least) {
    const edges = data.edges.filter((e) => e.weight >= least).slice(0, EDGES_DRAWN);
    const ends = new Set(edges.flatMap((e) => [e.source, e.target]));
    return { nodes: data.nodes.filter((n) => ends.has(n.pubkey)).map((n) => ({ ...n, id: n.pubkey })), edges: edges.map((e) => ({ ...e })) };
}

/* Draws what the simulation has placed; zoom and move by `view` {x, y, k}. */
function draw(canvas, { nodes, edges }, view, hovered) {
    const context = canvas.getContext("2d");
    const scale = devicePixelRatio || 1;
    const most = Math.max(1, ...edges.map((e) => e.weight));
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.translate(view.x, view.y);
    context.scale(view.k, view.k);
    context.strokeStyle = token("--quiet");
    for (const edge of edges) {
        const isLit = hovered && (edge.source === hovered || edge.target === hovered);
        context.globalAlpha = hovered ? (isLit ? 0.9 : 0.08) : 0.15 + 0.5 * Math.sqrt(edge.weight / most);
        context.lineWidth = (0.5 + 3 * Math.sqrt(edge.weight / most)) / view.k;
        context.beginPath();
        context.moveTo(edge.source.x, edge.source.y);
        context.lineTo(edge.target.x, edge.target.y);
        context.stroke();
    }
    context.globalAlpha = 1;
    const colours = new Map([...Object.keys(ROLE_COLOURS), null].map((role) => [role, roleColour(role)]));
    for (const node of nodes) {
        context.fillStyle = colours.get(node.role) ?? colours.get(null);
        context.beginPath();
        context.arc(node.x, node.y, radius(node) / Math.sqrt(view.k), 0, 2 * Math.PI);
        context.fill();
    }
    context.fillStyle = token("--ink");
    context.font = `${12 / view.k}px system-ui, sans-serif`;
    const labelled = hovered ? [hovered] : nodes.filter((n) => n.isLabelled);
    for (const node of labelled) context.fillText(nameOf(node), node.x + 8 / view.k, node.y + 4 / view.k);
}

/* The view that shows all nodes. */
function frameOf(nodes, width) {
    const [left, right] = [Math.min(0, ...nodes.map((n) => n.x)), Math.max(0, ...nodes.map((n) => n.x))];
    const [top, bottom] = [Math.min(0, ...nodes.map((n) => n.y)), Math.max(0, ...nodes.map((n) => n.y))];
    const k = Math.min(1.5, (width - 2 * MARGIN) / Math.max(1, right - left), (HEIGHT - 2 * MARGIN) / Math.max(1, bottom - top));
    return { k, x: width / 2 - k * (left + right) / 2, y: HEIGHT / 2 - k * (top + bottom) / 2 };
}

function radius(node) {
    return 3 + Math.min(9, Math.sqrt(node.neighbor_count));
}

/* The node under the pointer, if there is one. */
function nodeAt(nodes, view, x, y) {
    const at = { x: (x - view.x) / view.k, y: (y - view.y) / view.k };
    let found = null;
    let nearest = NEAR_PX / view.k;
    for (const node of nodes) {
        const far = Math.hypot(node.x - at.x, node.y - at.y);
        if (far < nearest) [found, nearest] = [node, far];
    }
    return found;
}

/* What is at (x, y) stays there. */
function zoomAt(view, x, y, factor) {
    const k = Math.min(8, Math.max(0.1, view.k * factor));
    Object.assign(view, { x: x - (x - view.x) * k / view.k, y: y - (y - view.y) * k / view.k, k });
}

/* Pointer and wheel: hover, move, zoom, open. */
function listen(canvas, graph, view, redraw, onHover) {
    let from = null;
    let moved = 0;
    const place = (e) => [e.offsetX, e.offsetY];
    const handlers = {
        pointerdown: (e) => {
            from = place(e);
            moved = 0;
            canvas.setPointerCapture(e.pointerId);
        },
        pointermove: (e) => {
            const [x, y] = place(e);
            if (from) {
                moved += Math.abs(x - from[0]) + Math.abs(y - from[1]);
                view.x += x - from[0];
                view.y += y - from[1];
                from = [x, y];
                redraw();
            } else onHover(nodeAt(graph.nodes, view, x, y));
        },
        pointerup: (e) => {
            const node = moved < 4 ? nodeAt(graph.nodes, view, ...place(e)) : null;
            from = null;
            if (node) go("nodes", [node.pubkey]);
        },
        pointerleave: () => onHover(null),
        wheel: (e) => {
            if (!e.ctrlKey && !e.metaKey) return; /* else the page can't be scrolled past it */
            e.preventDefault();
            const [x, y] = place(e);
            zoomAt(view, x, y, 2 ** (-e.deltaY / 300));
            redraw();
        },
    };
    for (const [name, handler] of Object.entries(handlers)) canvas.addEventListener(name, handler, { passive: false });
    return () => { for (const [name, handler] of Object.entries(handlers)) canvas.removeEventListener(name, handler); };
}

function Picture({ graph }) {
    const box = useRef(null);
    const canvas = useRef(null);
    const control = useRef(null);
    const [hovered, setHovered] = useState(null);
    useEffect(() => {
        let isGone = false;
        let simulation = null;
        let stopListening = () => {};
        const view = { x: 0, y: 0, k: 1 };
        let lit = null;
        const redraw = () => canvas.current && draw(canvas.current, graph, view, lit);
        const fit = () => {
            if (canvas.current === null) return;
            const scale = devicePixelRatio || 1;
            const width = box.current.clientWidth;
            Object.assign(canvas.current, { width: width * scale, height: HEIGHT * scale });
            Object.assign(view, frameOf(graph.nodes, width));
            redraw();
        };
        const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
        loadForce().then(({ forceSimulation, forceLink, forceManyBody, forceX, forceY }) => {
            if (isGone) return;
            const labelled = [...graph.nodes].sort((a, b) => b.neighbor_count - a.neighbor_count).slice(0, box.current.clientWidth < NARROW_PX ? 5 : 15);
            for (const node of labelled) node.isLabelled = true;
            simulation = forceSimulation(graph.nodes)
                .force("link", forceLink(graph.edges).id((n) => n.id).distance(45).strength((e) => 0.1 + 0.4 * e.score))
                .force("charge", forceManyBody().strength(-70).distanceMax(350))
                .force("x", forceX().strength(0.06)).force("y", forceY().strength(0.08)).stop();
            if (isCalm || graph.nodes.length > 400) {
                simulation.tick(isCalm ? CALM_TICKS : CALM_TICKS / 2);
            } else simulation.tick(CALM_TICKS / 4).on("tick", redraw).on("end", fit).restart();
            fit();
            stopListening = listen(canvas.current, graph, view, redraw, (node) => {
                if (node === lit) return;
                lit = node;
                setHovered(node);
                redraw();
            });
        });
        const zoom = (factor) => {
            zoomAt(view, box.current.clientWidth / 2, HEIGHT / 2, factor);
            redraw();
        };
        control.current = { zoom, fit };
        const sized = new ResizeObserver(fit);
        sized.observe(box.current);
        const themed = themeVersion.subscribe(redraw);
        return () => {
            isGone = true;
            simulation?.stop();
            stopListening();
            sized.disconnect();
            themed();
        };
    }, [graph]);
    return html`<div class="graph" ref=${box}><canvas ref=${canvas} role="img" aria-label=${`${count(graph.nodes.length)} nodes and ${count(graph.edges.length)} links between them; the same as a table by the button above`}></canvas>
        <div class="graph-tools"><button type="button" aria-label="Closer" onClick=${() => control.current?.zoom(1.4)}>+</button><button type="button" aria-label="Farther" onClick=${() => control.current?.zoom(1 / 1.4)}>−</button><button type="button" onClick=${() => control.current?.fit()}>All</button></div>
        <p class="small quiet">${hovered ? html`<bdi>${nameOf(hovered)}</bdi>, ${hovered.role ?? "role not known"}, ${count(hovered.neighbor_count)} neighbours` : "Point at a node; click opens it. Ctrl and the wheel zoom."}</p></div>`;
}

function Drawn({ d }) {
    const [least, setLeast] = useState(2);
    const [isTable, setTable] = useState(false);
    const graph = useMemo(() => choose(d, least), [d.computedAt, least]);
    const byKey = useMemo(() => new Map(d.nodes.map((n) => [n.pubkey, n])), [d.computedAt]);
    const name = (key) => byKey.get(key)?.name;
    return html`<div class="row"><label class="field">Links of at least <input type="range" min="1" max="50" value=${least} onInput=${(e) => setLeast(Number(e.target.value))} aria-valuetext=${`${least} receptions`} /> ${count(least)}</label>
            <button type="button" aria-pressed=${isTable} onClick=${() => setTable(!isTable)}>As a table</button>
            <span class="small">${Object.keys(ROLE_COLOURS).map((role) => html`<span key=${role}><span class="dot ${role}"></span> ${role} </span>`)}</span></div>
        <p class="quiet small">${count(d.stats.total_nodes)} nodes, ${count(d.stats.total_edges)} links; ${count(d.stats.ambiguous_edges)} more have an end that means no node, or several.${graph.edges.length < d.stats.total_edges ? ` Shown: ${count(graph.edges.length)}.` : ""}</p>
        <${Explained} answer=${d} unit="receptions, in either direction" what="Two nodes are linked when they stood next to each other on a path: as relays, as the sender of an advert and who took it on, or as the last relay and the observer. A link is certain (score 1) from 100 receptions on. The figure places who is linked near each other; it is no map."
            csv=${{ name: "links", columns: ["node", "name", "other node", "other name", "receptions", "score", "both ways", "mean SNR dB"], rows: d.edges.map((e) => [e.source, name(e.source), e.target, name(e.target), e.weight, e.score, e.bidirectional, e.avg_snr]) }}>
        ${isTable ? html`<${Table} caption="Links" rows=${d.edges.filter((e) => e.weight >= least).slice(0, ROWS)} rowKey=${(e) => e.source + e.target} columns=${[
            { key: "a", label: "One", cell: (e) => html`<${NodeLink} publicKey=${e.source} name=${name(e.source)} />` }, { key: "b", label: "The other", cell: (e) => html`<${NodeLink} publicKey=${e.target} name=${name(e.target)} />` },
            { key: "w", label: "Receptions", number: true, cell: (e) => count(e.weight) }, { key: "d", label: "Both ways", short: true, cell: (e) => (e.bidirectional ? "yes" : "no") },
            { key: "s", label: "Mean SNR", number: true, cell: (e) => measured(e.avg_snr, "dB") }]} />` : html`<${Picture} graph=${graph} />`}</>`;
}

export function Graph() {
    const state = useAnalysis("neighbor-graph");
    return html`<section class="card"><h2>Who hears whom</h2><${Analysis} state=${state}>${(d) => (d.edges.length === 0 ? html`<p class="empty">No link between known nodes was seen.</p>` : html`<${Drawn} d=${d} />`)}</></section>`;
}
