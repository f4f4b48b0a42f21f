/* SPDX-License-Identifier: MIT
 *
 * html - what every component is written with: templates, which the build turns into calls of this
 * function (templates.mjs). A text in a template is always a text: no string ever becomes markup. */
import { h, render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { computed, signal } from "@preact/signals";

export { h as html };
export { render };
export { useEffect, useMemo, useRef, useState };
export { computed, signal };
