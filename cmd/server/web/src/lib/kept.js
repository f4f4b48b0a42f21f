/* SPDX-License-Identifier: MIT
 *
 * kept - what this browser remembers of a person's choices; nothing where its settings refuse. */

export function remembered(key) {
    try {
        return localStorage.getItem(`weir.${key}`);
    } catch {
        return null;
    }
}

export function remember(key, value) {
    try {
        localStorage.setItem(`weir.${key}`, value);
    } catch { /* then it holds until the page is left */ }
}
