/* SPDX-License-Identifier: MIT
 *
 * analytics - what the mesh looks like as a whole: a list of views, each a module that is loaded
 * when it is first opened. A further view is a row here. */
import { html, useEffect, useState } from "../lib/html.js";
import { link, route } from "../lib/route.js";
import { Filters } from "./analytics/analysis.js";

const VIEWS = [
    { view: "rf", label: "Radio", hasWindow: true, load: () => import("./analytics/rf.js") },
    { view: "channels", label: "Channels", hasWindow: true, load: () => import("./analytics/channels.js") },
    { view: "hashes", label: "Hash collisions", load: () => import("./analytics/hashes.js") },
    { view: "roles", label: "Roles", load: () => import("./analytics/roles.js") },
    { view: "scopes", label: "Scopes", load: () => import("./analytics/scopes.js") },
    { view: "topology", label: "Topology", load: () => import("./analytics/topology.js") },
    { view: "paths", label: "Paths", load: () => import("./analytics/paths.js") },
    { view: "distance", label: "Distance", load: () => import("./analytics/distance.js") },
    { view: "airtime", label: "Airtime", load: () => import("./analytics/airtime.js") },
    { view: "clocks", label: "Clocks", isWhole: true, load: () => import("./analytics/clocks.js") },
];

/* The filters stay from view to view. */
function address(view) {
    const { region, area, window } = route.value.query;
    return link("analytics", [view], { region, area, window });
}

export default function Analytics() {
    const wanted = route.value.rest[0] ?? VIEWS[0].view;
    const row = VIEWS.find((one) => one.view === wanted);
    const [shown, setShown] = useState({});
    useEffect(() => {
        row?.load().then((module) => setShown({ view: wanted, View: module.default }), () => setShown({ view: wanted, error: "This view could not be loaded: the server can't be reached, or was upgraded. Reload." }));
    }, [wanted]);
    const isShown = shown.view === wanted;
    return html`<div class="stack"><div class="card-head"><h1>Analytics</h1>
            <nav class="views" aria-label="Analyses">${VIEWS.map((one) => html`<a key=${one.view} href=${address(one.view)} aria-current=${one.view === wanted ? "page" : undefined}>${one.label}</a>`)}</nav></div>
        ${row === undefined ? html`<p class="notice fail">There is no analysis “${wanted}”.</p>` : html`${!row.isWhole && html`<${Filters} hasWindow=${row.hasWindow} />`}
        ${isShown && shown.error && html`<p class="notice fail">${shown.error}</p>`}
        ${isShown && shown.View ? html`<${shown.View} />` : !shown.error && html`<div class="skeleton" aria-busy="true" aria-label="Loading"></div>`}`}</div>`;
}
