/* SPDX-License-Identifier: MIT
 *
 * build - makes the page of src/ and writes it as one C file of byte arrays (web_assets.h).
 *
 *     node build.mjs OUT.c
 *
 * Every file but the page itself has a name that holds a hash of its bytes, so that a browser may
 * keep it for ever. Each page of the application is a piece of its own, loaded when it is first
 * opened. Nothing is fetched: what is not in node_modules is not there. */
import * as esbuild from "esbuild";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { withoutTemplates } from "./templates.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const TYPES = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml", ".gif": "image/gif", ".png": "image/png",
};
/* What of a package is not as this page needs it: [file, what stands there, what is to stand there].
 * Leaflet's stand-in for a tile is a data: URL, which default-src 'self' refuses. uPlot makes formats
 * of the browser's language while it is loaded, which take a small machine longer than a curve; our
 * numbers are written in one way everywhere. */
const CHANGES = [
    [/leaflet-src\.esm\.js$/, /data:image\/gif;base64,[A-Za-z0-9+/=]+/, "assets/empty.gif"],
    [/uPlot\.esm\.js$/, /const numFormatter = new Intl\.NumberFormat\(.*\);\n/, ""],
    [/uPlot\.esm\.js$/, "numFormatter.format(val)", 'String(Math.round(val * 1000) / 1000).replace(/\\B(?=(\\d{3})+(?!\\d))/g, ",")'],
    [/uPlot\.esm\.js$/, "new Intl.DateTimeFormat().resolvedOptions().timeZone;\n", '"";\n'],
];

function changed(path, source) {
    return CHANGES.filter(([file]) => file.test(path)).reduce((text, [, from, to]) => {
        const other = text.replace(from, () => to);
        if (other === text) throw new Error(`${path}: ${from} is not there any more`);
        return other;
    }, source);
}

const changedPackages = {
    name: "changed-packages",
    setup(build) {
        build.onLoad({ filter: /(leaflet-src|uPlot)\.esm\.js$/ }, ({ path }) => ({ contents: changed(path, readFileSync(path, "utf8")), loader: "js" }));
    },
};

/* Every page names all of src/lib, and every one but those over the server itself all of src/mesh: so
 * each is one piece that they share, not one for each set of pages that share a file of it. On a
 * small machine a request costs more than the few lines in it. */
const SHARED = { "all-of-lib": "lib", "all-of-mesh": "mesh" };

function sharedBy(path) {
    if (/[\\/](lib|mesh)[\\/]|[\\/]src[\\/]main\.js$/.test(path)) return []; /* main.js is small, and waits for nothing */
    return /[\\/](frame|leaflet|login|ops|shards)\.js$/.test(path) ? ["all-of-lib"] : ["all-of-lib", "all-of-mesh"];
}

const pieces = {
    name: "pieces",
    setup(build) {
        build.onResolve({ filter: /^all-of-/ }, ({ path }) => ({ path, namespace: "pieces" }));
        build.onLoad({ filter: /./, namespace: "pieces" }, ({ path }) =>
            ({ contents: readdirSync(join(here, "src", SHARED[path])).map((name) => `import "./${SHARED[path]}/${name}";`).join("\n"), resolveDir: join(here, "src") }));
        build.onLoad({ filter: /[\\/]src[\\/].*\.js$/ }, ({ path }) => {
            const source = withoutTemplates(readFileSync(path, "utf8"));
            return { contents: [source, ...sharedBy(path).map((name) => `import "${name}";`)].join("\n"), loader: "js" };
        });
    },
};

async function bundle() {
    const result = await esbuild.build({
        absWorkingDir: here,
        entryPoints: { main: "src/main.js", app: "src/app.css", map: "src/map.css" },
        bundle: true, splitting: true, format: "esm", minify: true, write: false, metafile: true,
        target: ["chrome105", "firefox115", "safari16"],
        outdir: "out", entryNames: "[name]-[hash]", chunkNames: "[name]-[hash]", assetNames: "[name]-[hash]",
        loader: { ".png": "file", ".svg": "file", ".gif": "file" },
        legalComments: "none", logLevel: "warning", plugins: [changedPackages, pieces],
    });
    const imports = new Map(Object.entries(result.metafile.outputs).map(([path, made]) =>
        [basename(path), made.imports.filter(({ kind }) => kind === "import-statement").map((one) => basename(one.path))]));
    return result.outputFiles.map((file) => ({ name: basename(file.path), imports: imports.get(basename(file.path)) ?? [], bytes: Buffer.from(file.contents) }));
}

/* Whatever the frame needs is asked for at once, not when the one before it was read. */
function neededBy(files, name, found = new Set()) {
    for (const one of files.find((file) => file.name === name).imports) {
        if (found.has(one)) continue;
        found.add(one);
        neededBy(files, one, found);
    }
    return [...found];
}

function named(files, start, end) {
    const file = files.find(({ name }) => name.startsWith(start) && name.endsWith(end));
    if (file === undefined) throw new Error(`no ${start}...${end} was built`);
    return file.name;
}

function page(files) {
    const main = named(files, "main-", ".js");
    const frame = named(files, "frame-", ".js");
    const mesh = neededBy(files, named(files, "packets-", ".js")).filter((name) => !neededBy(files, frame).includes(name));
    if (mesh.length !== 1) throw new Error(`src/mesh is not one piece: ${mesh}`);
    const early = [frame, ...neededBy(files, frame)].map((name) => `<link rel="modulepreload" href="assets/${name}">\n`).join("");
    return readFileSync(join(here, "src/index.html"), "utf8").replace(/<!--.*?-->\n/gs, "")
        .replace("map.css", `assets/${named(files, "map-", ".css")}`)
        .replace("app.css", `assets/${named(files, "app-", ".css")}`)
        .replace("mesh.js", `assets/${mesh[0]}`)
        .replace("<script", `${early}<script`)
        .replace("main.js", `assets/${main}`);
}

function asC(files) {
    const arrays = files.map(({ bytes }, i) =>
        `static const unsigned char asset_${i}[] = {${[...bytes].join(",")}${bytes.length > 0 ? "," : ""}0};`);
    const rows = files.map(({ name, bytes }, i) => {
        const type = TYPES[name.slice(name.lastIndexOf("."))];
        if (type === undefined) throw new Error(`${name}: of no known type`);
        return `    {"${name}", "${type}", asset_${i}, ${bytes.length}},`;
    });
    return `#include "cmd/server/web/web_assets.h"\n\n${arrays.join("\n")}\n\n` +
        `const struct web_asset web_assets[] = {\n${rows.join("\n")}\n    {0, 0, 0, 0},\n};\n`;
}

const files = await bundle();
files.push({ name: "index.html", bytes: Buffer.from(page(files)) });
for (const name of ["docs.css", "favicon.svg", "favicon-warn.svg", "favicon-fail.svg"])
    files.push({ name, bytes: readFileSync(join(here, "src", name)) });
files.push({ name: "empty.gif", bytes: Buffer.from("R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==", "base64") });
writeFileSync(process.argv[2], asC(files));
