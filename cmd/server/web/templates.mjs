/* SPDX-License-Identifier: MIT
 *
 * templates - html`<p class=${x}>...</p>` becomes html("p", { class: x }, ...) while the page is
 * built: a browser need not read a template, and each rendering is a plain call. What a template
 * means is htm's to say: its own reader is used. */
import { parse } from "acorn";
import { build as read, treeify } from "./node_modules/htm/src/build.mjs";

/* The outermost templates below a node, in the order of the text. */
function templatesBelow(node, found = []) {
    if (Array.isArray(node)) node.forEach((one) => templatesBelow(one, found));
    else if (node?.type === "TaggedTemplateExpression" && node.tag.name === "html") found.push(node);
    else if (typeof node?.type === "string") Object.values(node).forEach((one) => typeof one === "object" && templatesBelow(one, found));
    return found;
}

function rewritten(source, node) {
    let text = "";
    let at = node.start;
    for (const template of templatesBelow(node)) {
        text += source.slice(at, template.start) + compiled(source, template.quasi);
        at = template.end;
    }
    return text + source.slice(at, node.end);
}

/* Of a template a text, or the code that stood in ${}. */
function valueOf(part) {
    return part instanceof Code ? `(${part.text})` : JSON.stringify(part);
}

class Code {
    constructor(text) {
        this.text = text;
    }
}

function propsOf(props) {
    const parts = props.map((some) => (some instanceof Code ? `...${valueOf(some)}`
        : Object.entries(some).map(([key, [first, ...more]]) => `${JSON.stringify(key)}: ${[valueOf(first), ...more.map((one) => `String(${valueOf(one)})`)].join(" + ")}`).join(", ")));
    return parts.length > 0 ? `{ ${parts.join(", ")} }` : "null";
}

function callOf(one) {
    if (one instanceof Code || typeof one !== "object") return valueOf(one);
    return `html(${[valueOf(one.tag), propsOf(one.props), ...one.children.map(callOf)].join(", ")})`;
}

function compiled(source, { quasis, expressions }) {
    const fields = expressions.map((one) => new Code(rewritten(source, one)));
    const tree = treeify(read(quasis.map(({ value }) => value.cooked)), fields);
    return Array.isArray(tree) ? `[${tree.map(callOf).join(", ")}]` : tree === undefined ? "null" : callOf(tree);
}

export function withoutTemplates(source) {
    return rewritten(source, parse(source, { ecmaVersion: "latest", sourceType: "module" }));
}
