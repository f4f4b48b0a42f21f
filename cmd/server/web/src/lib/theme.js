/* SPDX-License-Identifier: MIT
 *
 * theme - light, dark, or as the system has it. What draws with colours of its own (charts, maps)
 * reads themeVersion and draws anew when it moves. */
import { signal } from "./html.js";
import { remember, remembered } from "./kept.js";
import { route, setQuery } from "./route.js";

const THEMES = ["auto", "dark", "light"];

/* What the address asks for (a wall: #/?kiosk=1&theme=dark) is remembered nowhere. */
const asked = route.value.query.theme;
export const theme = signal(THEMES.includes(asked) ? asked : remembered("theme") ?? "auto");
export const themeVersion = signal(0);

const system = matchMedia("(prefers-color-scheme: dark)");

export function isDark() {
    return theme.value === "dark" || (theme.value === "auto" && system.matches);
}

/* Each is read once for a theme: to read one, the browser first finds out how all of the page looks. */
const tokens = new Map();

export function token(name) {
    if (!tokens.has(name)) tokens.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
    return tokens.get(name);
}

function changed() {
    tokens.clear();
    themeVersion.value++;
}

export function showTheme() {
    const { value } = theme;
    if (value === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = value;
}

function setTheme(value) {
    theme.value = value;
    if (route.value.query.theme) setQuery({ theme: value }); /* or the next reload undoes it */
    else remember("theme", value);
    showTheme();
    changed();
}

export function nextTheme() {
    setTheme(THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]);
}

system.addEventListener("change", changed);
