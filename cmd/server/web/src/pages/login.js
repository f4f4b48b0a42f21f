/* SPDX-License-Identifier: MIT
 *
 * The form that asks for the readApiKey. onIn: the key was right. */
import { login } from "../lib/api.js";
import { html, useState } from "../lib/html.js";

export default function Login({ onIn }) {
    const [error, setError] = useState("");
    const submit = async (e) => {
        e.preventDefault();
        const isGood = await login(new FormData(e.target).get("key")).catch(() => undefined);
        setError(isGood === undefined ? "The server can't be reached." : isGood ? "" : "This is not the key.");
        if (isGood) onIn();
    };
    return html`<form onSubmit=${submit}><h2>This mesh asks for a key</h2>
        <p class="quiet">It is <code>readApiKey</code> in the server's configuration; this browser keeps a cookie for a week.</p>
        <p><label class="field">Key <input name="key" type="password" autocomplete="current-password" required /></label> <button class="primary">Log in</button></p>
        ${error && html`<p class="fail" role="alert">${error}</p>`}</form>`;
}
