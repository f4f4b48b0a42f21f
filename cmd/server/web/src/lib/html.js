/* SPDX-License-Identifier: MIT
 *
 * html - what every component is written with: templates, which the build turns into calls of this
 * function (templates.mjs). A text in a template is always a text: no string ever becomes markup. */
import { h, options, render } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { batch, computed, effect, signal } from "@preact/signals";

export { h as html };
export { render };
export { useEffect, useLayoutEffect, useMemo, useRef, useState };
export { batch, computed, effect, signal };

/* Effects come when the picture that they belong to is drawn, however long that takes: by itself
 * preact waits 35 ms, and a small machine would do everything before it shows anything. A page that
 * is hidden is not drawn. */
const HIDDEN_MS = 500;
options.requestAnimationFrame = (run) => {
    const timer = setTimeout(run, HIDDEN_MS);
    requestAnimationFrame(() => {
        clearTimeout(timer);
        setTimeout(run);
    });
};
