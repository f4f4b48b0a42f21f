/* SPDX-License-Identifier: MIT
 *
 * live - packets as they come, over Server-Sent Events: one stream for all of the page, open only
 * while somebody listens and the page is seen (a browser has six connections to a server, all tabs
 * together). It comes back by itself; the server sends what was missed, or says that there is a
 * gap. */
import { signal } from "../lib/html.js";

/* "off", "connecting", "on"; and how many gaps there were. */
export const liveState = signal("off");
export const liveGaps = signal(0);

const listeners = new Set();
let source = null;
let lastId = "";

/* The browser hands on all events of a packet of the network in one go, of a busy mesh hundreds:
 * they are read a little at a time, so that no task holds the page. */
const SLICE_MS = 8;
const WAITING_MAX = 10000;
let waiting = [];
let isReading = false;

function read() {
    const until = performance.now() + SLICE_MS;
    let done = 0;
    while (done < waiting.length && performance.now() < until) {
        const { text, kind } = waiting[done++];
        const data = JSON.parse(text || "null");
        for (const listener of listeners) listener(data, kind);
    }
    waiting.splice(0, done);
    isReading = waiting.length > 0;
    if (isReading) setTimeout(read);
}

function tell(event, kind) {
    lastId = event.lastEventId || lastId;
    if (waiting.length >= WAITING_MAX) { /* this browser can't follow: the list is asked for anew */
        waiting = [{ text: "null", kind: "gap" }];
        liveGaps.value++;
    }
    waiting.push({ text: event.data, kind });
    if (!isReading) {
        isReading = true;
        setTimeout(read);
    }
}

function open() {
    if (source !== null || listeners.size === 0 || document.hidden) return;
    liveState.value = "connecting";
    source = new EventSource(`api/live${lastId ? `?lastEventId=${encodeURIComponent(lastId)}` : ""}`);
    source.addEventListener("open", () => { liveState.value = "on"; });
    source.addEventListener("hello", () => { liveState.value = "on"; });
    source.addEventListener("message", (event) => tell(event, "packet"));
    source.addEventListener("gap", (event) => {
        liveGaps.value++;
        tell(event, "gap");
    });
    source.addEventListener("error", () => {
        liveState.value = "connecting";
        if (source.readyState === EventSource.CLOSED) { /* it will not try again: we do */
            close();
            setTimeout(open, 5000);
        }
    });
}

function close() {
    source?.close();
    source = null;
    liveState.value = "off";
}

document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));

/* Calls listener(data, "packet" | "gap"). Returns what ends it. */
export function listen(listener) {
    listeners.add(listener);
    open();
    return () => {
        listeners.delete(listener);
        if (listeners.size === 0) close();
    };
}
