/* SPDX-License-Identifier: MIT
 *
 * stop - where a packet was: a node, or the hop that means none that is known, or several. */
import { html } from "./html.js";
import { NodeLink } from "./parts.js";

export function Stop({ pubkey, name, hop, isShort = false }) {
    if (pubkey) return html`<${NodeLink} publicKey=${pubkey} name=${name} />`;
    return html`<span class="mono" title="It is not known which node this hop means.">${hop}</span>${!isShort && html` <span class="quiet small">not known who</span>`}`;
}
