/* SPDX-License-Identifier: MIT
 *
 * parts - what pages are made of: states, times, tables, names from strangers. */
import { html, signal, useEffect, useRef, useState } from "./html.js";
import { ago, moment, plain } from "./format.js";
import { link } from "./route.js";

export const SHAPES = { pass: "●", warn: "▲", fail: "■", unknown: "○" };

/* A state is a shape and a word; the colour comes on top. */
export function State({ level = "unknown", children }) {
    return html`<span class="state ${level}" data-shape=${SHAPES[level]}>${children}</span>`;
}

/* What somebody typed into a radio. */
export function Name({ text, otherwise = "unnamed", most = 64 }) {
    const clean = plain(text, most);
    return clean === "" ? html`<span class="quiet">${otherwise}</span>` : html`<bdi>${clean}</bdi>`;
}

/* Ticks once a second, for ages, while the page is seen. */
export const now = signal(Date.now());
setInterval(() => {
    if (!document.hidden) now.value = Date.now();
}, 1000);

export function Ago({ time }) {
    return html`<time title=${moment(time)}>${ago(time, now.value)}</time>`;
}

/* What is below the first screenful, and what is only there to be opened, comes when that is drawn: on
 * a small machine the rest stands much earlier. */
export function useDrawn(isReady = true) {
    const [isDrawn, setDrawn] = useState(false);
    useEffect(() => { if (isReady) setDrawn(true); }, [isReady]);
    return isDrawn;
}

/* Every answer of this server is one of: not yet, not at all, here. */
export function Loaded({ state, children, empty = "Nothing here yet.", isEmpty = () => false }) {
    if (state.data === undefined && state.error === undefined)
        return html`<div class="skeleton" aria-busy="true" aria-label="Loading"></div>`;
    if (state.data === undefined)
        return html`<p class="notice fail">${sentence(state.error.message)}</p>`;
    return html`${state.error && html`<p class="notice warn">${sentence(state.error.message)} Shown: what was answered <${Ago} time=${state.at} />.</p>`}
        ${isEmpty(state.data) ? html`<p class="empty">${empty}</p>` : children(state.data)}`;
}

export function sentence(text) {
    const t = String(text);
    return `${/^\w+:\/\//.test(t) ? t : t.charAt(0).toUpperCase() + t.slice(1)}${/[.!?]$/.test(t) ? "" : "."}`;
}

/* columns: [{key, label, number, short, wide, cell(row)}]; rows become cards on a narrow screen. canFocus:
 * a key may go from row to row. */
export function Table({ columns, rows, rowKey, caption, canFocus, empty = "Nothing to show." }) {
    return html`<div class="card-rows"><table class="cards">
        ${caption && html`<caption class="visually-hidden">${caption}</caption>`}
        <thead><tr>${columns.map((c) => html`<th key=${c.key} scope="col" class=${c.number ? "n" : ""}>${c.label}</th>`)}</tr></thead>
        <tbody>${rows.length === 0 && html`<tr><td colspan=${columns.length} class="quiet">${empty}</td></tr>`}
        ${rows.map((row, i) => html`<tr key=${rowKey ? rowKey(row) : i} tabindex=${canFocus ? "-1" : undefined}>
            ${columns.map((c) => html`<td key=${c.key} data-label=${c.label} class=${c.number ? "n" : c.short ? "s" : c.wide ? "w" : ""}><span>${c.cell(row)}</span></td>`)}</tr>`)}
        </tbody></table></div>`;
}

/* By what by(row) is, the least first; it is asked once for each row. */
export function ordered(rows, by, isDown) {
    const all = rows.map((row) => [by(row), row]).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, row]) => row);
    return isDown ? all.reverse() : all;
}

const NARROW = matchMedia("(max-width: 40rem)"); /* as in app.css */
export const isNarrow = signal(NARROW.matches);
NARROW.addEventListener("change", () => { isNarrow.value = NARROW.matches; });

export function PacketLink({ hash }) {
    return html`<a class="mono" href=${link("packets", [hash])}>${hash}</a>`;
}

export function NodeLink({ publicKey, name }) {
    return html`<a href=${link("nodes", [publicKey])}><${Name} text=${name} otherwise=${String(publicKey ?? "").slice(0, 8)} /></a>`;
}

export function ObserverLink({ id, name }) {
    return html`<a href=${link("observers", [id])}><${Name} text=${name} otherwise=${String(id ?? "").slice(0, 8)} /></a>`;
}

/* A few figures with their names, one below the other. */
export function Facts({ rows }) {
    return html`<dl class="facts">${rows.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

export function Segments({ label, options, value, onChange }) {
    return html`<span class="segments" role="group" aria-label=${label}>${options.map(([key, text]) =>
        html`<button type="button" key=${key} aria-pressed=${key === value} onClick=${() => onChange(key)}>${text}</button>`)}</span>`;
}

/* One polite voice for the page: transitions only. */
export const spoken = signal("");

export function say(text) {
    spoken.value = text;
}

/* A component in a file of its own, which few need: null until it is wanted and there. */
export function useLater(isWanted, load) {
    const [View, setView] = useState(null);
    useEffect(() => { if (isWanted) load().then((module) => setView(() => module.default), () => say("A part of the page could not be loaded: reload it.")); }, [isWanted]);
    return isWanted ? View : null;
}
