/* SPDX-License-Identifier: MIT
 *
 * mask - no secret in what is copied for others. Our answers hold none, but addresses that the
 * operator wrote may: of tiles, of brokers, in texts of errors. What stands where keys stand, or looks
 * like one, is taken out; rather too much than too little. Pure. */

const HIDDEN = "****";
const NAMED = "[\\w.-]*(?:key|token|secret|passw|pwd|auth|sig|cred|session|appid)[\\w.-]*";
const VALUE = new RegExp(`([?&;#]${NAMED}=)[^&;#]*`, "gi");
const FIELD = new RegExp(`("${NAMED}"\\s*:\\s*)"(?:[^"\\\\]|\\\\.)*"`, "gi");
const FOLDER = new RegExp(`(/${NAMED}/)[^/?#]+`, "gi");

/* Digits among letters, or letters without an end: no word. */
function isKey(text) {
    return /^[\w.~%+=-]{16,}$/.test(text) && (/\d/.test(text) ? /[a-z]/i.test(text) : /[a-z]{24}/i.test(text));
}

/* Who asks stands before the last @ of the host's part. A password may hold a slash, against the
 * rules, even after digits, as a port would be. */
function withoutUser(url) {
    return url.replace(/^(\w[\w+.-]*:\/\/)(?:[^/?#]*|[^/?#:@[]*:.*)@/, `$1${HIDDEN}@`);
}

function maskedUrl(url) {
    const [, start, rest] = withoutUser(url).match(/^(\w[\w+.-]*:\/\/[^/?#]*)(.*)$/);
    return start + rest.replace(VALUE, `$1${HIDDEN}`).replace(FOLDER, `$1${HIDDEN}`).replace(/([/=])([^/?&;#=]+=*)(?=[/?&;#]|$)/g, (all, sign, text) => (isKey(text) ? sign + HIDDEN : all));
}

export function masked(text) {
    return text.replace(FIELD, `$1"${HIDDEN}"`).replace(/\b(Bearer|Basic)\s+[\w.~+/=-]+/g, `$1 ${HIDDEN}`).replace(/\w[\w+.-]*:\/\/[^\s"<>\\]+/g, maskedUrl);
}
