/* SPDX-License-Identifier: MIT
 *
 * html - what every component is written with: templates instead of a build step's JSX. A text in a
 * template is always a text: no string ever becomes markup. */
import { Component, Fragment, h, render } from "preact";
import { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { batch, computed, effect, signal, untracked } from "@preact/signals";
import htm from "htm";

export const html = htm.bind(h);
export { Component, Fragment, h, render };
export { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState };
export { batch, computed, effect, signal, untracked };
