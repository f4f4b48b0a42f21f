#!/bin/bash
# SPDX-License-Identifier: MIT
# Leaflet 1.9.4: setting L.Util.emptyImageUrl has no effect on the picture that a removed tile is
# given.
#
# A layer of tiles frees memory by giving an image that it drops, while it loads, the source
# L.Util.emptyImageUrl, a GIF in a data: URL. The name is documented and can be assigned to, but the
# bundled library goes on to use its own variable of that name, of which L.Util has a copy. So under
# a Content-Security-Policy without `data:` in img-src each such tile is a violation in the console,
# and pointing emptyImageUrl at a file does not help; the text in the library has to be replaced.
#
# Installs leaflet and jsdom from npm in a temporary folder. Exit status: 0 as described, 1 it has
# changed, 2 the packages can't be fetched, or there is no node.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

command -v npm >/dev/null || { echo 'no npm here'; exit 2; }
npm install --no-audit --no-fund --silent leaflet@1.9.4 jsdom@22.1.0 >log 2>&1 || { tail -n 3 log; exit 2; }

cat >tiles.cjs <<'JS'
const { JSDOM } = require("jsdom");
const dom = new JSDOM("<div id=map style='width:256px;height:256px'></div>", { pretendToBeVisual: true });
Object.assign(globalThis, { window: dom.window, document: dom.window.document });
Object.defineProperty(globalThis, "navigator", { value: dom.window.navigator, configurable: true });
const L = require("leaflet");
L.Util.emptyImageUrl = "/empty.gif";
const map = L.map("map", { zoomAnimation: false, fadeAnimation: false }).setView([0, 0], 3);
map.getSize = () => L.point(256, 256); // jsdom lays nothing out
const layer = L.tileLayer("/tile/{z}/{x}/{y}.png").addTo(map);
map.invalidateSize();
const tile = Object.values(layer._tiles)[0].el;
console.log("Leaflet", L.version, "loads", tile.getAttribute("src").replace(/\d+/g, "N"));
map.setZoom(5, { animate: false }); // a tile that has not come is given up
console.log("L.Util.emptyImageUrl:", L.Util.emptyImageUrl);
console.log("the tile's source:", tile.getAttribute("src").slice(0, 14));
process.exit(0);
JS
output=$(node tiles.cjs)
echo "$output"
[ "$output" = $'Leaflet 1.9.4 loads /tile/N/N/N.png\nL.Util.emptyImageUrl: /empty.gif\nthe tile\'s source: data:image/gif' ] || exit 1
echo 'as described'
