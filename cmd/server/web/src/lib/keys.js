/* SPDX-License-Identifier: MIT
 *
 * keys - the keyboard: what every page has, and what the page that is open adds (useKeys).
 * [{key, label, run}].
 * A key is one sign, or two that follow each other: "t 3". Nothing happens while somebody types into
 * a field, nor with a modifier held; and all of it can be turned off (WCAG 2.1.4). */
import { signal, useEffect } from "./html.js";
import { remember, remembered } from "./kept.js";

const SECOND_MS = 2000; /* the second of two signs comes within this, or it is a first one */

const added = new Set();
export const pageKeys = signal([]);
export const hasKeys = signal(remembered("keys") !== "off");

export function setKeys(isOn) {
    hasKeys.value = isOn;
    remember("keys", isOn ? "on" : "off");
}

/* Keys of a component, for as long as it is there; `when`: they are made anew when one of these
 * changes. */
export function useKeys(keys, when = []) {
    useEffect(() => {
        added.add(keys);
        pageKeys.value = [...added].flat();
        return () => {
            added.delete(keys);
            pageKeys.value = [...added].flat();
        };
    }, when);
}

let first = "";
let timer = 0;

/* What is pressed: a sign, or with the one before it two. */
function pressed(event, keys) {
    const both = first === "" ? event.key : `${first} ${event.key}`;
    first = "";
    clearTimeout(timer);
    if (keys.some(({ key }) => key.startsWith(`${event.key} `) && event.key !== " ") && !keys.some(({ key }) => key === both)) {
        first = event.key;
        timer = setTimeout(() => { first = ""; }, SECOND_MS);
        return null;
    }
    return keys.find(({ key }) => key === both) ?? keys.find(({ key }) => key === event.key);
}

function isTyping(target) {
    return target.closest?.("input:not([type=checkbox]):not([type=range]), select, textarea, [contenteditable]") != null;
}

/* keys(): all of them, now. always: those that work when the others are off. */
export function listenToKeys(keys, always) {
    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || ["Shift", "Tab", "Enter"].includes(event.key)) return;
        if (isTyping(event.target)) {
            if (event.key === "Escape") event.target.blur();
            return;
        }
        /* Space presses the button that has the focus; arrows move a slider. */
        if (event.key === " " && event.target.closest?.("button, a, summary, input")) return;
        const all = hasKeys.value ? keys() : keys().filter(({ key }) => always.includes(key));
        const found = pressed(event, all);
        if (found === undefined) return;
        if (found !== null) {
            if (document.querySelector("dialog[open]") && !always.includes(found.key)) return;
            found.run();
        }
        event.preventDefault();
    });
}

/* --- what any page has ------------------------------------------------------------------------ */

/* The parts of the page that is open, as a person counts them: the cards with a heading. */
export function goToPart(n) {
    const part = [...document.querySelectorAll("main section")].filter((one) => one.querySelector("h1, h2"))[n - 1];
    if (part === undefined) return;
    part.tabIndex = -1;
    part.focus({ preventScroll: true });
    part.scrollIntoView({ block: "start" });
}

export function goToFilter() {
    document.querySelector("main input[type=search], main [role=search] input, main [role=search] select")?.focus();
}
