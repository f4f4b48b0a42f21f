/* SPDX-License-Identifier: MIT
 *
 * keys - the keyboard: what every page has, and what the page that is open adds (useKeys).
 * [{key, label, run}].
 * A key is one sign, or two that follow each other: "t 3". Nothing happens while somebody types into
 * a field, nor with a modifier held; and all of it can be turned off (WCAG 2.1.4). */
import { signal, useEffect, useLayoutEffect } from "./html.js";
import { remember, remembered } from "./kept.js";

const SECOND_MS = 2000; /* the second of two signs comes within this, or it is a first one */
const EARLY_MS = 5000; /* so long a key is remembered that nobody knows yet */

const added = new Set();
export const pageKeys = signal([]);
export const hasKeys = signal(remembered("keys") !== "off");

export function setKeys(isOn) {
    hasKeys.value = isOn;
    remember("keys", isOn ? "on" : "off");
}

/* Pressed while what it belongs to was still on its way, and the last one: done when that is there. */
let early = null;
window.addEventListener("hashchange", () => { early = null; });

function isEarly(event) {
    return performance.now() - event.timeStamp < EARLY_MS;
}

/* Keys of a component, for as long as it is there; `when`: they are made anew when one of these
 * changes. They work as soon as anything of it is seen: an effect would come some frames later. */
export function useKeys(keys, when = []) {
    useLayoutEffect(() => {
        added.add(keys);
        pageKeys.value = [...added].flat();
        return () => {
            added.delete(keys);
            pageKeys.value = [...added].flat();
        };
    }, when);
    useEffect(() => {
        const found = early && isEarly(early) && keys.find(({ key }) => key === early.key);
        if (!found) return;
        early = null;
        found.run();
    }, []);
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

/* keys(): all of them, now. always: those that work when the others are off. before: what was pressed
 * until now. */
export function listenToKeys(keys, always, before) {
    const act = document.onkeydown = (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || ["Shift", "Tab", "Enter"].includes(event.key)) return;
        if (isTyping(event.target)) {
            if (event.key === "Escape") event.target.blur();
            return;
        }
        /* Space presses the button that has the focus; arrows move a slider. */
        if (event.key === " " && event.target.closest?.("button, a, summary, input")) return;
        const all = hasKeys.value ? keys() : keys().filter(({ key }) => always.includes(key));
        const found = pressed(event, all);
        early = found === undefined && hasKeys.value ? event : null;
        if (found === undefined) return;
        if (found !== null) {
            if (document.querySelector("dialog[open]") && !always.includes(found.key)) return;
            found.run();
        }
        event.preventDefault();
    };
    before.filter(isEarly).forEach(act);
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
