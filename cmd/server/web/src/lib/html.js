/* SPDX-License-Identifier: MIT
 *
 * html - what every component is written with: templates instead of a build step's JSX. A text in a
 * template is always a text: no string ever becomes markup. */
import { h, render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { computed, signal } from "@preact/signals";
import htm from "htm";

export const html = htm.bind(h);
export { render };
export { useEffect, useMemo, useRef, useState };
export { computed, signal };
