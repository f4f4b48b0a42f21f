/* SPDX-License-Identifier: MIT
 *
 * decoded - what a packet says, in one line, and byte by byte (MeshCore's frame: header, transport
 * codes of scoped routes, path, payload). Pure. */
import { isKnown, many, moment, plain, ROUTES, typeName } from "../lib/format.js";

/* Read once: a row of a list is shown again and again. */
const read = new WeakMap();

export function decodedOf(packet) {
    if (typeof packet?.decoded_json !== "string") return packet?.decoded_json ?? {};
    let decoded = read.get(packet);
    if (decoded !== undefined) return decoded;
    try {
        decoded = JSON.parse(packet.decoded_json) ?? {};
    } catch {
        decoded = {};
    }
    read.set(packet, decoded);
    return decoded;
}

function roleOf(flags = {}) {
    if (flags.repeater) return "repeater";
    if (flags.room) return "room";
    if (flags.sensor) return "sensor";
    return flags.chat || flags.companion ? "companion" : "";
}

/* CoreScope's `text` holds the sender, too; others do not. */
function saidBy(d) {
    const text = plain(d.text, 160);
    const sender = plain(d.sender, 32);
    return sender === "" || text.startsWith(`${sender}: `) ? text : `${sender}: ${text}`;
}

const READERS = {
    4: (d) => `${plain(d.name, 40) || (d.pubKey ?? "").slice(0, 8)}${roleOf(d.flags) && ` (${roleOf(d.flags)})`}${isKnown(d.lat) && (d.lat !== 0 || d.lon !== 0) ? ` at ${d.lat.toFixed(3)}, ${d.lon.toFixed(3)}` : ""}`,
    5: (d) => (d.text !== undefined && d.text !== null
        ? `${plain(d.channel, 24)}: ${saidBy(d)}`
        : `${d.decryptionStatus === "no_key" ? "no key for channel" : "can't be opened, channel"} ${d.channelHashHex ?? d.channelHash ?? "?"}`),
    3: (d) => `checksum ${d.extraHash ?? d.checksum ?? ""}`,
    9: (d) => `tag ${d.tag ?? ""}${Array.isArray(d.snrValues) && d.snrValues.length > 0 ? `, SNR ${d.snrValues.join(", ")} dB` : ""}`,
    11: (d) => d.ctrlSubtype ?? "",
};

export function summary(packet) {
    const d = decodedOf(packet);
    if (d.error) return `broken: ${plain(d.error, 60)}`;
    const reader = READERS[packet.payload_type];
    if (reader) return reader(d);
    return d.srcHash && d.destHash ? `${d.srcHash} → ${d.destHash}` : d.destHash ? `to ${d.destHash}` : "";
}

export function pathOf(packet) {
    if (Array.isArray(packet?._parsedPath)) return packet._parsedPath;
    try {
        return JSON.parse(packet?.path_json ?? "[]") ?? [];
    } catch {
        return [];
    }
}

/* The keys of its way: sender, hops, observer; one that is not known is empty. */
export function wayOf(packet) {
    return [decodedOf(packet).pubKey, ...(packet.resolved_path ?? []), (packet.observer_id ?? "").toLowerCase()];
}

/* --- byte by byte ----------------------------------------------------------------------------- */

class Fields {
    constructor(bytes) {
        this.bytes = bytes;
        this.at = 0;
        this.list = [];
    }

    take(len, name, say = () => "") {
        const end = len === undefined ? this.bytes.length : Math.min(this.bytes.length, this.at + len);
        if (end <= this.at) return undefined;
        const part = this.bytes.slice(this.at, end);
        this.list.push({ from: this.at, to: end, name, text: say(part) });
        this.at = end;
        return part;
    }
}

const u32 = (b) => (b.length === 4 ? (b[0] | b[1] << 8 | b[2] << 16 | b[3] << 24) >>> 0 : NaN);
const i32 = (b) => (b.length === 4 ? b[0] | b[1] << 8 | b[2] << 16 | b[3] << 24 : NaN);
const hex = (b) => b.map((x) => x.toString(16).padStart(2, "0")).join("");
const encrypted = (f) => {
    f.take(2, "MAC", hex);
    f.take(undefined, "Encrypted", (b) => `${b.length} bytes, ${b.length / 16} blocks`);
};
const addressed = (f) => {
    f.take(1, "To", hex);
    f.take(1, "From", hex);
    encrypted(f);
};
const ROLES = ["none", "companion", "repeater", "room server", "sensor"];
const PAYLOADS = {
    0: addressed, 1: addressed, 2: addressed, 8: addressed,
    3: (f) => f.take(undefined, "Checksum", hex),
    4: (f) => {
        f.take(32, "Public key", hex);
        f.take(4, "Sender's clock", (b) => moment(u32(b)));
        f.take(64, "Signature", () => "Ed25519, 64 bytes");
        const [flags] = f.take(1, "Flags", (b) => `${ROLES[b[0] & 15] ?? `role ${b[0] & 15}`}${b[0] & 16 ? ", position" : ""}${b[0] & 128 ? ", name" : ""}`) ?? [0];
        if (flags & 16) {
            f.take(4, "Latitude", (b) => (i32(b) / 1e6).toFixed(6));
            f.take(4, "Longitude", (b) => (i32(b) / 1e6).toFixed(6));
        }
        if (flags & 32) f.take(2, "Feature 1", hex);
        if (flags & 64) f.take(2, "Feature 2", hex);
        if (flags & 128) f.take(undefined, "Name", (b) => plain(new TextDecoder().decode(Uint8Array.from(b))));
    },
    5: (f) => {
        f.take(1, "Channel's hash", hex);
        encrypted(f);
    },
    7: (f) => {
        f.take(1, "To", hex);
        f.take(32, "Sender's key", hex);
        encrypted(f);
    },
    9: (f) => {
        f.take(4, "Tag", hex);
        f.take(4, "Auth code", hex);
        f.take(1, "Flags", hex);
        f.take(undefined, "Route to trace", hex);
    },
    10: (f) => {
        f.take(1, "Remaining and type", (b) => `${b[0] >> 4} more, ${typeName(b[0] & 15)}`);
        f.take(undefined, "Part", hex);
    },
    11: (f) => {
        f.take(1, "Kind and flags", hex);
        f.take(undefined, "Body", hex);
    },
};
PAYLOADS[6] = PAYLOADS[5];

/* {bytes: [0..255], fields: [{from, to, name, text}]}; nothing is left without a field. */
export function breakdown(rawHex) {
    const bytes = (String(rawHex ?? "").match(/[0-9a-fA-F]{2}/g) ?? []).map((pair) => parseInt(pair, 16));
    const f = new Fields(bytes);
    const [head] = f.take(1, "Header", (b) => `${typeName(b[0] >> 2 & 15)}, ${ROUTES[b[0] & 3].toLowerCase()}, version ${1 + (b[0] >> 6)}`) ?? [];
    if (head === undefined) return { bytes, fields: [] };
    const route = head & 3;
    const type = head >> 2 & 15;
    if (route === 0 || route === 3) f.take(4, "Transport codes", (b) => `${hex(b.slice(0, 2))}, ${hex(b.slice(2))}`);
    const [lens] = f.take(1, "Path length", (b) => (type === 9 ? `${b[0]} SNR values` : `${many(b[0] & 63, "hop")} of ${many(1 + (b[0] >> 6), "byte")}`)) ?? [0];
    const size = type === 9 ? 1 : 1 + (lens >> 6);
    for (let i = 0; i < (type === 9 ? lens : lens & 63); i++)
        f.take(size, type === 9 ? `SNR ${i + 1}` : `Hop ${i + 1}`, (b) => (type === 9 ? `${(b[0] << 24 >> 24) / 4} dB` : hex(b)));
    PAYLOADS[type]?.(f);
    f.take(undefined, "Payload", (b) => `${b.length} bytes`);
    return { bytes, fields: f.list };
}
