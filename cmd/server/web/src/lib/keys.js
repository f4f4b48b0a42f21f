/* SPDX-License-Identifier: MIT
 *
 * keys - what the page that is open adds to the keyboard: [{key, label, run}]. */
import { signal } from "./html.js";

export const pageKeys = signal([]);
