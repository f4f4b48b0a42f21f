/* SPDX-License-Identifier: MIT */
import { html } from "../lib/html.js";

export default function Page() {
    return html`<p class="empty">Not here yet.</p>`;
}
