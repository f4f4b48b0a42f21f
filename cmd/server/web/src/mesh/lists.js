/* SPDX-License-Identifier: MIT
 *
 * lists - long lists with columns, of which only what is seen is there. */
import { ago, moment, plain } from "../lib/format.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib/html.js";
import { isNarrow, now } from "../lib/parts.js";
import { route, setQuery } from "../lib/route.js";

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

/* A field whose text stands in the address as `search`, and follows it: the back button and a link
 * change both. wait: so many ms after the last sign. */
export function Search({ label, placeholder, wait = 0 }) {
    const { search = "" } = route.value.query;
    const field = useRef(null);
    const said = useRef("");
    const timer = useRef(0);
    useLayoutEffect(() => {
        if (search === said.current) return; /* typed here; there may be more of it by now */
        clearTimeout(timer.current);
        field.current.value = said.current = search;
    }, [search]);
    useEffect(() => () => clearTimeout(timer.current), []);
    const onInput = () => {
        clearTimeout(timer.current);
        timer.current = setTimeout(() => {
            said.current = field.current.value.trim();
            setQuery({ search: said.current });
        }, wait);
    };
    return html`<input type="search" ref=${field} aria-label=${label} placeholder=${placeholder} onInput=${onInput} />`;
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

/* How many days are looked at stands in the address. */
export function chooseDays(days) {
    setQuery({ days }, { push: true });
}

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
