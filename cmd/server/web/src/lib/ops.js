/* SPDX-License-Identifier: MIT
 *
 * ops - what the ops page is told, once a second: all of it by one answer, api/ops/snapshot; where
 * the server has none (an older one), by the plain answers that it is made of, and then without
 * verdicts, forecast and the server's events. Events have numbers: those behind the last one that
 * is known are asked for. */
import { batch, useMemo } from "./html.js";
import { get, Poll, SOON_MS, useApi, useStarted } from "./api.js";
import { health } from "./health.js";

const SNAPSHOT = "api/ops/snapshot";
const PLAIN = { writes: "api/perf/write-sources", mqtt: "api/mqtt/status", io: "api/perf/io", sqlite: "api/perf/sqlite" };
const PERIOD_MS = 1000;
const PLAIN_MS = 2000;
const EVENTS_KEPT = 200;

/* What happened again has come anew, with a number of its own. */
function isSame(a, b) {
    return a.atUnix === b.atUnix && a.kind === b.kind && a.subject === b.subject && a.level === b.level;
}

class Snapshot extends Poll {
    constructor() {
        super(SNAPSHOT, { every: PERIOD_MS, patience: SOON_MS });
        this.events = []; /* the newest first */
        this.last = 0;
    }

    async load(abort) {
        const data = await get(`${SNAPSHOT}?events=${EVENTS_KEPT}${this.last > 0 ? `&after=${this.last}` : ""}`, { signal: abort, patience: this.patience });
        this.keep(data);
        return { ...data, events: this.events };
    }

    /* The frame need not ask for its health, too; and both are shown at once. */
    take(data) {
        batch(() => {
            health.take(data.health);
            super.take(data);
        });
    }

    keep({ events, lastEvent }) {
        const again = events.filter((e) => e.times > 1);
        if (events.length > 0) this.events = [...[...events].reverse(), ...this.events.filter((old) => !again.some((e) => isSame(e, old)))].slice(0, EVENTS_KEPT);
        this.last = lastEvent >= this.last ? lastEvent : 0; /* a server whose clock was set back: all of them, next time */
    }
}

/* {writes, mqtt, io, sqlite}, each undefined before it came; with a snapshot also {http, server,
 * figures, silence, storage, events}. */
export function useOps() {
    const { data, error } = useStarted(useMemo(() => new Snapshot(), [])).state.value;
    const isMissing = data === undefined && error?.status === 404;
    const plain = {};
    for (const [name, path] of Object.entries(PLAIN)) plain[name] = useApi(isMissing ? path : null, { every: PLAIN_MS, patience: SOON_MS }).data;
    return data ?? plain;
}
