/* SPDX-License-Identifier: MIT
 *
 * copy - what the ops page copies: the diagnostic bundle, or a text of the page's. Browsers let a page
 * do so over https and on this machine alone; elsewhere, and where the reader has forbidden it, the
 * text is shown, marked, and offered as a file. */
import { get } from "../../lib/api.js";
import { html, useEffect, useMemo, useRef } from "../../lib/html.js";
import { events } from "../../lib/samples.js";
import { masked } from "./mask.js";

const BUNDLE = ["api/healthz", "api/stats", "api/perf", "api/perf/io", "api/perf/sqlite", "api/perf/write-sources", "api/mqtt/status", "api/ops/snapshot?events=200", "api/config/client"];

async function bundle() {
    const answers = await Promise.all(BUNDLE.map((path) => get(path, { accepts: [503] }).catch((error) => ({ error: error.message }))));
    return masked(JSON.stringify({ page: navigator.userAgent, at: new Date().toISOString(), events: events.value, ...Object.fromEntries(BUNDLE.map((path, i) => [path, answers[i]])) }, null, 1));
}

/* text(): what to copy, the bundle where there is none. What could not be copied, null = it was. */
export async function copied(text = bundle) {
    const all = await text();
    try {
        await navigator.clipboard.writeText(all);
        return null;
    } catch {
        return all;
    }
}

export default function ByHand({ text }) {
    const field = useRef(null);
    const file = useMemo(() => URL.createObjectURL(new Blob([text], { type: "text/plain" })), [text]);
    useEffect(() => {
        field.current.select(); /* it has the focus, too */
        return () => URL.revokeObjectURL(file);
    }, [file]);
    return html`<div class="notice warn by-hand" role="alert"><p>The browser did not let this page copy: pages may over https, or on this machine. Here is the text, marked: copy it by hand, or <a href=${file} download="weir.txt">keep it as a file</a>.</p>
        <textarea ref=${field} readonly rows="6" aria-label="The text to copy">${text}</textarea></div>`;
}
