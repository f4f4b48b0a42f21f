/* SPDX-License-Identifier: MIT
 *
 * route - which page, with which filters: all of it stands behind the # of the address, so that a
 * link can be shared, the back button works, and the server knows one page only.
 *
 *     #/packets/1f3e9c8aa0b1c2d3?type=4&observer=...
 *
 * `route`: {page: "packets", rest: ["1f3e..."], query: {type: "4"}}. */
import { signal } from "./html.js";

function parse() {
    const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
    const segments = path.split("/").filter(Boolean).map(decode);
    return { page: segments[0] ?? "", rest: segments.slice(1), query: Object.fromEntries(new URLSearchParams(search)) };
}

function decode(text) {
    try {
        return decodeURIComponent(text);
    } catch {
        return text;
    }
}

export const route = signal(parse());

window.addEventListener("hashchange", () => { route.value = parse(); });

/* The address of a page: link("packets", [hash], {type: 4}). */
export function link(page, rest = [], query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
    const search = given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
    return `#/${[page, ...rest].map(encodeURIComponent).join("/")}${search}`;
}

/* What the address says of `name`: one of these options, [[key, text]], or else this one's key. */
export function chosen(name, options, otherwise) {
    const value = route.value.query[name];
    return options.some(([key]) => key === value) ? value : otherwise;
}

export function go(page, rest, query) {
    location.hash = link(page, rest, query);
}

/* Filters of the page that is open; `push` makes a step for the back button. At once, so that what is
 * pressed next goes on from there. */
export function setQuery(changes, { push = false } = {}) {
    const { page, rest, query } = route.value;
    const address = link(page, rest, { ...query, ...changes });
    if (address === location.hash) return;
    history[push ? "pushState" : "replaceState"](null, "", address);
    route.value = parse();
}
