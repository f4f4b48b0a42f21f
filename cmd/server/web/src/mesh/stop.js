/* SPDX-License-Identifier: MIT
 *
 * stop - where a packet was: a node, or the hop that means none that is known, or several. */
import { html } from "../lib/html.js";
import { NodeLink } from "../lib/parts.js";

export function Stop({ pubkey, name, hop, isShort = false }) {
    if (pubkey) return html`<${NodeLink} publicKey=${pubkey} name=${name} />`;
    return html`<span class="mono" title="It is not known which node this hop means.">${hop}</span>${!isShort && html` <span class="quiet small">not known who</span>`}`;
}

/* One after the other, by arrows. hops: [{pubkey, name, prefix}]. */
export function Hops({ hops }) {
    return html`<span class="hops">${hops.map(({ pubkey, name, prefix }, i) => html`<span class="hop" key=${i}><${Stop} pubkey=${pubkey} name=${name} hop=${prefix} isShort=${true} /></span>`)}</span>`;
}
