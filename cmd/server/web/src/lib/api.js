/* SPDX-License-Identifier: MIT
 *
 * api - asking this server, and only this one.
 *
 * Paths are relative: the page works below any path of a proxy. A page that is hidden asks nothing;
 * when it is shown again everything is asked at once. What was answered last stays, with its age,
 * when the server does not answer. */
import { signal, useLayoutEffect, useMemo } from "./html.js";

const TIMEOUT_MS = 15000;
const BACKOFF_MAX_MS = 30000;
const MISSING_MS = 5000; /* while a part is missing, a list that is asked for now and then is asked for so often */
/* What is answered out of memory: a network that was cut says nothing at all. */
export const SOON_MS = 4000;

class ApiError extends Error {
    constructor(status, text) {
        super(text);
        this.status = status; /* 0 = no answer */
    }
}

/* The server asks for a key (readApiKey): main.js shows where to give it. */
export const needsKey = signal(false);

function asPost(body) {
    return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

/* True: the key opened the page; the browser holds a cookie for it. */
export async function login(key) {
    const response = await fetch("api/login", { ...asPost({ key }), credentials: "same-origin" });
    if (!response.ok) return false;
    needsKey.value = false;
    for (const poller of pollers) poller.wake();
    return true;
}

/* What main.js has asked for before this was here: path -> a promise of its response. Each serves one
 * question, and soon: later the answer is an old one. */
const FIRST_MS = 5000;
let first = new Map();

export function takeFirst(asked) {
    first = asked;
    setTimeout(() => first.clear(), FIRST_MS);
}

function firstAnswer(path) {
    const asked = first.get(path);
    first.delete(path);
    return asked;
}

/* Which answers that are shown lack a shard of the store: path -> "1", or "0,2"; until the next answer
 * of the same path has it. */
export const missing = signal(new Map());

let pages = 0; /* what was asked for another page counts no more */

export function forgetMissing() {
    missing.value = new Map();
    pages++;
}

function noteMissing(path, shards, askedFor) {
    const [route] = path.split("?");
    if (askedFor !== pages) return;
    if (shards === null && !missing.value.has(route)) return;
    const changed = new Map(missing.value);
    if (shards === null) changed.delete(route);
    else changed.set(route, shards.replace("shard=", ""));
    missing.value = changed;
}

/* Anything but an answer of 200 to 299 is an ApiError, with the server's own words. `accepts`:
 * statuses whose body is an answer, too (a 503 of healthz says why). */
export async function get(path, { signal: abort, accepts = [], patience = TIMEOUT_MS, ...request } = {}) {
    const timeout = AbortSignal.timeout(patience);
    const askedFor = pages;
    let response;
    try {
        response = await (firstAnswer(path) ?? fetch(path, { ...request, signal: abort ? anySignal([abort, timeout]) : timeout, credentials: "same-origin" }));
    } catch (error) {
        throw new ApiError(0, error.name === "TimeoutError" ? "the server did not answer in time" : "the server can't be reached");
    }
    if (response.status === 401) needsKey.value = true;
    noteMissing(path, response.headers.get("X-Weir-Partial"), askedFor);
    /* 202: it is being made, and not there yet. */
    const isAnswer = (response.ok && response.status !== 202) || accepts.includes(response.status);
    const body = await response.json().catch(() => undefined);
    if (!isAnswer || body === undefined)
        throw new ApiError(response.status, (body && (body.error ?? body.detail)) || `the server answered ${response.status}`);
    return body;
}

/* The same for a question with a body. */
export function post(path, question) {
    return get(path, asPost(question));
}

function anySignal(signals) {
    if (AbortSignal.any) return AbortSignal.any(signals);
    const controller = new AbortController();
    for (const one of signals) one.addEventListener("abort", () => controller.abort(one.reason), { once: true });
    return controller.signal;
}

/* Everything that polls: one place knows whether the page is seen. */
const pollers = new Set();

/* When somebody stopped the figures to read them, in ms; 0 = they move. */
export const pausedAt = signal(0);

export function pause(isPaused) {
    pausedAt.value = isPaused ? Date.now() : 0;
    for (const poller of pollers) poller.wake();
}

document.addEventListener("visibilitychange", () => {
    for (const poller of pollers) poller.wake();
});

/* A question asked again and again. `state`: a signal of {data, error, at, isOld}; data is the last
 * answer, error an ApiError while the newest one failed, at when data came (ms), isOld = two
 * failures in a row. canPause: it stands still with the others. patience: an answer that takes
 * longer is none. */
export class Poll {
    constructor(path, { every = 0, accepts = [], backoff = 2000, canPause = true, patience = TIMEOUT_MS } = {}) {
        this.canPause = canPause;
        this.path = path;
        this.every = every;
        this.accepts = accepts;
        this.backoff = backoff;
        this.patience = patience;
        this.failures = 0;
        this.timer = 0;
        this.state = signal({ data: undefined, error: undefined, at: 0, isOld: false });
    }

    /* isTold: it is answered by another answer that is on its way. */
    start({ isTold = false } = {}) {
        pollers.add(this);
        if (isTold) this.plan();
        else this.ask();
        return this;
    }

    stop() {
        pollers.delete(this);
        clearTimeout(this.timer);
        this.abort?.abort();
    }

    isStill() {
        return document.hidden || (this.canPause && pausedAt.value > 0);
    }

    wake() {
        clearTimeout(this.timer);
        if (!this.isStill()) this.ask();
    }

    /* What was answered, here or by another answer that told it already: it is asked again later. */
    take(data) {
        clearTimeout(this.timer);
        this.failures = 0;
        this.state.value = { data, error: undefined, at: Date.now(), isOld: false };
        this.plan();
    }

    load(abort) {
        return get(this.path, { signal: abort, accepts: this.accepts, patience: this.patience });
    }

    async ask() {
        clearTimeout(this.timer);
        this.abort?.abort();
        const abort = this.abort = new AbortController();
        try {
            const data = await this.load(abort.signal);
            if (!abort.signal.aborted) this.take(data);
        } catch (error) {
            if (abort.signal.aborted) return;
            this.failures++;
            this.state.value = { ...this.state.value, error, isOld: this.failures > 1 };
            this.plan();
        }
    }

    plan() {
        const again = this.failures > 0 ? Math.min(BACKOFF_MAX_MS, this.backoff * 2 ** (this.failures - 1)) : Math.min(this.every, missing.value.size > 0 ? MISSING_MS : Infinity);
        if (again > 0 && !this.isStill() && pollers.has(this)) this.timer = setTimeout(() => this.ask(), again);
    }
}

/* Asks for as long as the component is there, and this is its poll; null asks nothing. Before the
 * first picture is drawn, not after it. */
export function useStarted(poll) {
    useLayoutEffect(() => {
        poll?.start();
        return () => poll?.stop();
    }, [poll]);
    return poll;
}

/* A question for as long as the component is there; null asks nothing, and is null. */
export function usePoll(path, options = {}) {
    return useStarted(useMemo(() => (path === null ? null : new Poll(path, options)), [path]));
}

/* Its state. */
export function useApi(path, options = {}) {
    const poll = usePoll(path, options);
    return poll === null ? { data: undefined, error: undefined, at: 0, isOld: false } : poll.state.value;
}

export function query(parameters) {
    const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== "");
    return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}
