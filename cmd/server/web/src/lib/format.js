/* SPDX-License-Identifier: MIT
 *
 * format - numbers, sizes and times as people read them. What is not known is a dash, never a
 * zero. */

export const UNKNOWN = "–";

export function isKnown(value) {
    return value !== undefined && value !== null && !Number.isNaN(value);
}

/* Thousands as English has them. By hand, as the times below: Intl costs a small machine more than
 * all else that a first page does. */
function whole(n) {
    return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ",");
}

export function count(value) {
    return isKnown(value) ? whole(Number(value)) : UNKNOWN;
}

export function decimal(value, places = 1) {
    return isKnown(value) ? Number(value).toFixed(places) : UNKNOWN;
}

/* "4.5 dB" */
export function measured(value, unit, places = 1) {
    return isKnown(value) ? `${decimal(value, places)} ${unit}` : UNKNOWN;
}

export function percent(share, places = 0) {
    return isKnown(share) ? `${(100 * share).toFixed(places)} %` : UNKNOWN;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(value) {
    if (!isKnown(value)) return UNKNOWN;
    let n = Number(value);
    let i = 0;
    for (; Math.abs(n) >= 1024 && i < UNITS.length - 1; i++) n /= 1024;
    return `${i === 0 ? Math.round(n) : n.toFixed(1)} ${UNITS[i]}`;
}

/* Messages or bytes a second, with as many digits as mean something. */
export function rate(value, unit = "/s") {
    if (!isKnown(value)) return UNKNOWN;
    const n = Number(value);
    return `${n >= 100 ? whole(n) : n >= 10 ? n.toFixed(1) : n.toFixed(2)}${unit}`;
}

export function duration(seconds) {
    if (!isKnown(seconds)) return UNKNOWN;
    const s = Math.max(0, Math.round(seconds));
    if (s < 1) return "a moment";
    if (s < 120) return `${s} s`;
    if (s < 7200) return `${Math.round(s / 60)} min`;
    if (s < 172800) return `${Math.round(s / 3600)} h`;
    return `${Math.round(s / 86400)} days`;
}

/* Of a clock that is so many seconds off. */
export function skew(seconds) {
    return `${duration(Math.abs(seconds))} ${seconds > 0 ? "ahead" : "behind"}`;
}

/* From RFC 3339, unix seconds or milliseconds, or a Date; NaN = not known. */
export function millis(time) {
    if (!isKnown(time) || time === "") return NaN;
    if (typeof time === "number") return new Date(time > 1e11 ? time : time * 1000).getTime(); /* NaN = beyond all dates */
    return time instanceof Date ? time.getTime() : Date.parse(time);
}

/* When an hour or a day began, in seconds: "2026-03-29T15" or "2026-03-29", UTC. */
export function hourAt(label) {
    return Date.parse(label.includes("T") ? `${label.slice(0, 13)}:00Z` : label) / 1000;
}

export function ago(time, now = Date.now()) {
    const ms = millis(time);
    if (Number.isNaN(ms)) return UNKNOWN;
    const seconds = (now - ms) / 1000;
    if (seconds < -2) return `in ${duration(-seconds)}`;
    return seconds < 2 ? "just now" : `${duration(seconds)} ago`;
}

const two = (n) => String(n).padStart(2, "0");

function clock(at) {
    return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/* "UTC", "UTC+1", "UTC-3:30" */
function zoneOf(at) {
    const ahead = -at.getTimezoneOffset();
    if (ahead === 0) return "UTC";
    const minutes = Math.abs(ahead);
    return `UTC${ahead > 0 ? "+" : "-"}${Math.floor(minutes / 60)}${minutes % 60 > 0 ? `:${two(minutes % 60)}` : ""}`;
}

export function timeOfDay(time) {
    const ms = millis(time);
    return Number.isNaN(ms) ? UNKNOWN : clock(new Date(ms));
}

export function weekday(time) {
    return ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][new Date(millis(time)).getDay()];
}

/* "1 hop", "2 hops", "– hops" */
export function many(n, one, more = `${one}s`) {
    return `${count(n)} ${n === 1 ? one : more}`;
}

/* With date and zone: what a title says beside a relative time. */
export function moment(time) {
    const ms = millis(time);
    if (Number.isNaN(ms)) return UNKNOWN;
    const at = new Date(ms);
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(at)} ${zoneOf(at)}`;
}

/* What people typed into radios: control and direction marks are shown as what they are, one sign,
 * and a text has an end. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function plain(text, most = 200) {
    if (!isKnown(text)) return "";
    const clean = String(text).replace(CONTROL, "\ufffd");
    return clean.length > most ? `${clean.slice(0, most)}…` : clean;
}

export function shortKey(key) {
    return isKnown(key) ? String(key).slice(0, 8).toLowerCase() : UNKNOWN;
}

export const TYPES = ["Request", "Response", "Text", "Ack", "Advert", "Channel text", "Channel data", "Anonymous request",
    "Path", "Trace", "Multipart", "Control", undefined, undefined, undefined, "Custom"];

export function typeName(type) {
    return isKnown(type) ? TYPES[type] ?? `Type ${type}` : UNKNOWN;
}

export const ROUTES = ["Flood, scoped", "Flood", "Direct", "Direct, scoped"];

export function routeName(route) {
    return isKnown(route) ? ROUTES[route] ?? `Route ${route}` : UNKNOWN;
}
