/* SPDX-License-Identifier: MIT
 *
 * channels - what is said: a list of channels, and one of them as a chat. */
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { query, useApi, usePoll } from "../lib/api.js";
import { count, decimal, many, moment, plain } from "../lib/format.js";
import { Search } from "../mesh/lists.js";
import { listen } from "../mesh/live.js";
import { link, route, setQuery } from "../lib/route.js";
import { Ago, Loaded, Name, useDrawn } from "../lib/parts.js";
import { decodedOf } from "../mesh/decoded.js";

const MESSAGES = 200;
const AFTER_MS = 500; /* what is said is there so soon after it came */

function Channel({ channel, isOpen }) {
    return html`<li><a class="channel" href=${link("channels", [channel.hash], route.value.query)} aria-current=${isOpen ? "page" : undefined}>
        <span class="row-line"><b><${Name} text=${channel.name} /></b><span class="quiet small"><${Ago} time=${channel.lastActivity} /></span></span>
        <span class="row-line quiet small"><span><bdi>${channel.encrypted ? "no key: what is said can't be read" : `${plain(channel.lastSender, 24)}${channel.lastSender ? ": " : ""}${plain(channel.lastMessage, 60)}`}</bdi></span><span>${count(channel.messageCount)}</span></span></a></li>`;
}

function Message({ message }) {
    return html`<li class="message"><span class="row-line"><b><${Name} text=${message.sender} otherwise="somebody" /></b><span class="quiet small"><time title=${moment(message.timestamp)}><${Ago} time=${message.first_seen ?? message.timestamp} /></time></span></span>
        <bdi class="said">${plain(message.text, 2000)}</bdi>
        <span class="quiet small">${message.packetHash && html`<a href=${link("packets", [message.packetHash])}>heard ${many(message.repeats, "time")}</a>`} · ${many(message.hops, "hop")} · SNR ${decimal(message.snr)}</span></li>`;
}

function Chat({ hash, name }) {
    const { region = "" } = route.value.query;
    const path = `api/channels/${encodeURIComponent(hash)}/messages${query({ limit: MESSAGES, region })}`;
    const poll = usePoll(path, { every: 15000 });
    const state = poll.state.value;
    const box = useRef(null);
    const [isAtEnd, setAtEnd] = useState(true);
    useEffect(() => {
        let timer = 0; /* a question at a time: one that is asked anew for each message is never answered */
        const end = listen((event, kind) => {
            if (kind !== "packet" || decodedOf(event).channel !== name) return;
            timer ||= setTimeout(() => {
                timer = 0;
                poll.ask();
            }, AFTER_MS);
        });
        return () => {
            end();
            clearTimeout(timer);
        };
    }, [name, poll]);
    useEffect(() => { if (isAtEnd && box.current) box.current.scrollTop = box.current.scrollHeight; }, [state.data]);
    return html`<section class="card chat"><div class="card-head"><h2><${Name} text=${name} /></h2><a href=${`api/channels/${encodeURIComponent(hash)}/messages${query({ format: "csv", region })}`} download="messages.csv">CSV</a></div>
        <${Loaded} state=${state} isEmpty=${(d) => d.messages.length === 0} empty="Nothing that can be read was said here.">${(d) => html`
            ${d.total > d.messages.length && html`<p class="quiet small">The newest ${count(d.messages.length)} of ${count(d.total)}.</p>`}
            <ol class="messages" ref=${box} tabindex="0" aria-label="Messages" onScroll=${(e) => setAtEnd(e.target.scrollHeight - e.target.scrollTop - e.target.clientHeight < 40)}>
                ${d.messages.map((m) => html`<${Message} key=${m.packetId ?? m.packetHash} message=${m} />`)}</ol>`}</></section>`;
}

export default function Channels() {
    const { rest: [hash], query: { region = "", all = "", search = "" } } = route.value;
    const state = useApi(`api/channels${query({ region, includeEncrypted: all === "1" ? "true" : "" })}`, { every: 10000 });
    const regions = useApi(useDrawn() ? "api/config/regions" : null);
    const shown = useMemo(() => (state.data?.channels ?? []).filter((c) => (c.name ?? "").toLowerCase().includes(search.toLowerCase())), [state.data, search]);
    return html`<div class="stack"><div class="card-head"><h1>Channels</h1><div class="row" role="search">
        <${Search} label="Search channels" placeholder="name" />
        <label class="field">Region <select value=${region} onChange=${(e) => setQuery({ region: e.target.value }, { push: true })}><option value="">all</option>${Object.keys(regions.data ?? {}).map((r) => html`<option key=${r}>${r}</option>`)}</select></label>
        <label class="field"><input type="checkbox" checked=${all === "1"} onChange=${(e) => setQuery({ all: e.target.checked ? "1" : "" })} /> also those without a key</label></div></div>
        <div class=${hash ? "two has-detail" : "two"}><section class="card"><${Loaded} state=${state} isEmpty=${() => shown.length === 0} empty=${state.data?.channels.length > 0 || region ? "No channel fits." : "Nothing was said yet in a channel whose key is known."}>${() => html`
            <ul class="channels">${shown.slice(0, 500).map((c) => html`<${Channel} key=${c.hash} channel=${c} isOpen=${c.hash === hash} />`)}</ul>`}</></section>
        ${hash ? html`<${Chat} key=${hash} hash=${hash} name=${shown.find((c) => c.hash === hash)?.name ?? hash} />` : html`<p class="empty wide-only">Choose a channel.</p>`}</div></div>`;
}
