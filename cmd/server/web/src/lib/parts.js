/* SPDX-License-Identifier: MIT
 *
 * parts - what pages are made of: states, times, tables, names from strangers. */
import { html, signal, useEffect, useRef, useState } from "./html.js";
import { ago, moment, plain } from "./format.js";
import { link, route, setQuery } from "./route.js";

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
    return `${t.charAt(0).toUpperCase()}${t.slice(1)}${/[.!?]$/.test(t) ? "" : "."}`;
}

/* columns: [{key, label, number, short, cell(row)}]; rows become cards on a narrow screen. canFocus:
 * a key may go from row to row. */
export function Table({ columns, rows, rowKey, caption, canFocus, empty = "Nothing to show." }) {
    return html`<div class="card-rows"><table class="cards">
        ${caption && html`<caption class="visually-hidden">${caption}</caption>`}
        <thead><tr>${columns.map((c) => html`<th key=${c.key} scope="col" class=${c.number ? "n" : ""}>${c.label}</th>`)}</tr></thead>
        <tbody>${rows.length === 0 && html`<tr><td colspan=${columns.length} class="quiet">${empty}</td></tr>`}
        ${rows.map((row, i) => html`<tr key=${rowKey ? rowKey(row) : i} tabindex=${canFocus ? "-1" : undefined}>
            ${columns.map((c) => html`<td key=${c.key} data-label=${c.label} class=${c.number ? "n" : c.short ? "s" : ""}><span>${c.cell(row)}</span></td>`)}</tr>`)}
        </tbody></table></div>`;
}

/* --- long lists ------------------------------------------------------------------------------- */

/* Cells of a list are made by the thousand: a text, or elements without a component of their own. The
 * list as a whole looks at the clock. */

export function nameIn(text, otherwise) {
    return plain(text, 64) || html`<span class="quiet">${otherwise}</span>`;
}

/* A column that says how long ago time(row) is. */
export function agoOf(time) {
    return { cell: (row) => ago(time(row), now.value), title: (row) => moment(time(row)) };
}

function cellOf({ key, number, look, cell, title }, row) {
    return html`<span key=${key} class=${number ? "cell n" : look ? `cell ${look}` : "cell"} title=${title?.(row)}>${cell(row)}</span>`;
}

/* A list of any length: only what is seen is there. Rows have one height. What scrolls out of sight
 * is used again for what comes in: a list that moves fast makes no elements. */
const SLOTS = 256; /* more than are ever seen at once */
const SPARE = 5; /* above and below what is seen */
const ABOVE_PX = 230; /* about: until the list is drawn, and its height known */

function LongList({ rows, rowHeight, href, content, label, onEnd, onHold }) {
    const [top, setTop] = useState(0);
    const [{ height, spare }, setRoom] = useState(() => ({ height: Math.max(0, window.innerHeight - ABOVE_PX), spare: 0 }));
    const ref = useRef(null);
    const frame = useRef(0);
    useEffect(() => {
        const sized = new ResizeObserver(([{ contentRect }]) => setRoom({ height: contentRect.height, spare: SPARE }));
        sized.observe(ref.current);
        return () => {
            sized.disconnect();
            cancelAnimationFrame(frame.current);
        };
    }, []);
    const first = Math.max(0, Math.floor(top / rowHeight) - spare);
    const last = Math.min(rows.length, Math.ceil((top + height) / rowHeight) + spare);
    const onScroll = () => {
        cancelAnimationFrame(frame.current);
        frame.current = requestAnimationFrame(() => {
            setTop(ref.current?.scrollTop ?? 0);
            if (onEnd && last > rows.length - 20) onEnd();
        });
    };
    return html`<div class="list" ref=${ref} tabindex="0" role="list" aria-label=${label} onScroll=${onScroll} onFocusIn=${(e) => onHold?.(e.target !== ref.current)} onFocusOut=${() => onHold?.(false)}>
        <div class="list-space" style=${`--row:${rowHeight}px;height:${rows.length * rowHeight}px`}>
        ${rows.slice(first, last).map((row, i) => html`<div class="list-row" role="listitem" aria-setsize=${rows.length} aria-posinset=${first + i + 1}
            key=${(first + i) % SLOTS} style=${`top:${(first + i) * rowHeight}px`}><a class="row-link" href=${href(row)}>${content(row)}</a></div>`)}
        </div></div>`;
}

function HeadCell({ column, sort, onSort }) {
    if (!column.sort || !onSort) return html`<span class=${column.number ? "cell n" : "cell"}>${column.label}</span>`;
    const isThis = sort.key === column.key;
    return html`<button type="button" class=${column.number ? "cell n" : "cell"} aria-label=${`Order by ${column.label}${isThis ? (sort.isDown ? ", now backwards" : ", as it is now") : ""}`} onClick=${() => onSort(column.key)}>${column.label}${isThis ? (sort.isDown ? " ↑" : " ↓") : ""}</button>`;
}

/* The order of a list as the address has it, for Rows: {sort, onSort}. */
export function orderOf(otherwise) {
    const { sort: key = otherwise, down } = route.value.query;
    const isDown = down === "1";
    return { sort: { key, isDown }, onSort: (chosen) => setQuery({ sort: chosen, down: chosen === key && !isDown ? "1" : "" }) };
}

/* By what by(row) is, the least first; it is asked once for each row. */
export function ordered(rows, by, isDown) {
    const all = rows.map((row) => [by(row), row]).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, row]) => row);
    return isDown ? all.reverse() : all;
}

const NARROW = matchMedia("(max-width: 40rem)"); /* as in app.css */
export const isNarrow = signal(NARROW.matches);
NARROW.addEventListener("change", () => { isNarrow.value = NARROW.matches; });

const ROW_PX = 34;
const CARD_PX = 84;

/* A long list with columns; below 40rem each row is what `narrow` makes of it, and `hidden` says
 * what is missing there. The rows take what the stack (`long`) leaves of the window's height.
 * columns: [{key, label, width, number, look, sort, cell(row), title(row)}]; look: "cut" what does not
 * fit, "mono". href(row): where a row leads. onEnd: the end is near. onHold(isHeld): a row has
 * the focus, nothing should move. sort: {key, isDown}, with onSort(key) in charge; a column with
 * `sort` can be chosen. */
export function Rows({ label, columns, rows, href, narrow, hidden, onEnd, onHold, empty, sort, onSort }) {
    const isCards = isNarrow.value;
    const cells = (row) => columns.map((column) => cellOf(column, row));
    return html`<div class=${isCards ? "rows cards" : "rows"} style=${`--columns:${columns.map((c) => c.width).join(" ")}`}>
        ${!isCards && html`<div class="rows-head">${columns.map((c) => html`<${HeadCell} key=${c.key} column=${c} sort=${sort} onSort=${onSort} />`)}</div>`}
        ${isCards && hidden && rows.length > 0 && html`<p class="quiet small">Not shown on a narrow screen: ${hidden}. Open one to see it.</p>`}
        ${rows.length === 0 ? html`<p class="empty">${empty}</p>` : html`<${LongList} label=${label} rows=${rows} rowHeight=${isCards ? CARD_PX : ROW_PX} href=${href} content=${isCards ? narrow : cells} onEnd=${onEnd} onHold=${onHold} />`}
    </div>`;
}

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
