/* SPDX-License-Identifier: MIT
 *
 * Times as people read them (cmd/server/web/src/lib/format.js), on the day that a clock is changed:
 * run with TZ=America/St_Johns, where it goes from 02:00 to 03:00 on 2026-03-08 and back on
 * 2026-11-01. */
import assert from "node:assert/strict";
import { ago, moment, timeOfDay, weekday } from "../../cmd/server/web/src/lib/format.js";

const CASES = [
    ["2026-03-08T05:29:59Z", "2026-03-08 01:59:59 UTC-3:30"],
    ["2026-03-08T05:30:00Z", "2026-03-08 03:00:00 UTC-2:30"],
    ["2026-11-01T04:29:59Z", "2026-11-01 01:59:59 UTC-2:30"],
    ["2026-11-01T04:30:00Z", "2026-11-01 01:00:00 UTC-3:30"],
    ["2026-01-01T03:29:59Z", "2025-12-31 23:59:59 UTC-3:30"],
];

for (const [at, wanted] of CASES) {
    assert.equal(moment(at), wanted);
    assert.equal(moment(Date.parse(at)), wanted);
    assert.equal(moment(Date.parse(at) / 1000), wanted);
    assert.equal(timeOfDay(at), wanted.slice(11, 19));
}
assert.equal(weekday("2026-11-01T02:29:59Z"), "Sat");
assert.equal(ago("2026-03-08T05:29:00Z", Date.parse("2026-03-08T05:31:00Z")), "2 min ago"); /* not an hour more */
