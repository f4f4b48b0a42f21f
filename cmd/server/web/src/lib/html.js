/* SPDX-License-Identifier: MIT
 *
 * html - what every component is written with: templates, which the build turns into calls of this
 * function (templates.mjs). A text in a template is always a text: no string ever becomes markup. */
import { h, render } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { batch, computed, signal } from "@preact/signals";

export { h as html };
export { render };
export { useEffect, useLayoutEffect, useMemo, useRef, useState };
export { batch, computed, signal };
