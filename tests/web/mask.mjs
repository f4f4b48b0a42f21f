/* SPDX-License-Identifier: MIT
 *
 * What the bundle's mask takes out, and what it leaves (cmd/server/web/src/pages/ops/mask.js). */
import assert from "node:assert/strict";
import { masked } from "../../cmd/server/web/src/pages/ops/mask.js";

const CASES = [
    /* who asks */
    ["mqtt://user:pass@broker:1883", "mqtt://****@broker:1883"],
    ["https://ghp_0a1b2c3d@git.example/x", "https://****@git.example/x"],
    ["wss://user:p@ss@w@rd@broker/mqtt", "wss://****@broker/mqtt"],
    ["mqtt://user:pa/ss@broker:1883", "mqtt://****@broker:1883"],
    ["mqtt://user:12/34@broker:1883", "mqtt://****@broker:1883"],
    ["can't reach mqtt://u:p@a:1, nor mqtt://u:q@b:2", "can't reach mqtt://****@a:1, nor mqtt://****@b:2"],
    /* values of a query, by name or by look */
    ["https://t.example/{z}/{x}/{y}.png?key=abc&lang=en", "https://t.example/{z}/{x}/{y}.png?key=****&lang=en"],
    ["https://t.example/a?lang=en&access_token=pk.e30.x&v=2", "https://t.example/a?lang=en&access_token=****&v=2"],
    ["https://t.example/a?X-Amz-Signature=00ff#api_key=1", "https://t.example/a?X-Amz-Signature=****#api_key=****"],
    ["https://t.example/a?u=8c1f6e2ab94d4f0e", "https://t.example/a?u=****"],
    /* keys in a path */
    ["https://t.example/maps/8c1f6e2ab94d4f0e9a77/{z}/{x}.png", "https://t.example/maps/****/{z}/{x}.png"],
    ["https://hooks.example/services/T00AB12CD/B00AB12CD/XyZabcdefghij0123456789a", "https://hooks.example/services/T00AB12CD/B00AB12CD/****"],
    ["https://t.example/token/abc/{z}", "https://t.example/token/****/{z}"],
    ["https://t.example/QwErTyUiOpAsDfGhJkLzXcVbNm/{z}", "https://t.example/****/{z}"],
    /* in JSON, and in what a server said */
    ['{"apiKey": "s3\\"cret", "name": "main"}', '{"apiKey": "****", "name": "main"}'],
    ['"url": "https://u:p@h/a?token=x"', '"url": "https://****@h/a?token=****"'],
    ["refused: Bearer abc.def-1", "refused: Bearer ****"],
    /* nothing to hide */
    ...["mqtt://broker:1883", "wss://mqtt.example:443/mqtt", "https://t.example/styles/world_imagery_hybrid_labels/{z}/{x}/{y}@2x.png", "http://[::1]:8080/x",
        "meshcore/SJC/+/packets", '{"commit": "8c1f6e2ab94d4f0e9a77", "hash": "0123456789abcdef"}', "the key of this mesh is not known"].map((text) => [text, text]),
];

for (const [text, wanted] of CASES) assert.equal(masked(text), wanted);
