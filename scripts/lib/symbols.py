# SPDX-License-Identifier: MIT
"""symbols - the rooms' arrows held to what was compiled: symbols.py BUILD_FOLDER NM.

layers.py reads the sources, and a target per room links it with what it may use and all that this
may use. Between the two, calls could pass: of a room that is only linked through another one,
behind a door (rooms.txt), or over a table of pointers. Here every symbol that an object lacks is
held to the row of its room, and the modules of a room to having no circle.

  arrows     an object uses its own room and what the row gives it; behind a door only that module
  circles    no module reaches itself over the symbols it uses
  libraries  paho, curl, wslay and SQLite are called only where LIBRARIES says

Prints one line a finding; exit status 1 when there is any, 77 where nm can't read the
objects. Run by ctest.
"""

import re
import subprocess
import sys
from pathlib import Path

from layers import find_cycle, read_table, report, short

# prefix of a library's names -> the rooms that may call it, and the room that passes the right on
LIBRARIES = {"MQTTAsync_": {"receive"}, "curl_": {"transfer", "relay", "webhook", "clickhouse"}, "wslay_": {"relay"}, "sqlite3_": {"db"}}
WITH = {"sqlite3_": "db"}
LINE = re.compile(r"[^:]*:([^:]+)\.c\.o:\s*[0-9a-f]*\s+(\w)\s+(\S+)")
SKIPPED = 77


def read_objects(nm, build, folder):
    """[(module, kind, symbol)] of a room's library."""
    library = build / folder / f"libweir_{short(folder)}.a"
    done = subprocess.run([nm, "-A", str(library)], capture_output=True, text=True, check=False)
    rows = [match.groups() for match in map(LINE.match, done.stdout.splitlines()) if match]
    if done.returncode != 0 or not rows:
        sys.exit(SKIPPED)
    return rows


def may_use(words, room, module):
    return room in words or f"{room}/{module}.h" in words


def check_arrows(arrows, used, owner):
    for folder, module, symbol in sorted(used):
        target, by = owner.get(symbol, (folder, module))
        if target != folder and not may_use(arrows[folder], short(target), by):
            yield f"{folder}/{module}.c uses {symbol} of {target}/{by}.c (scripts/lib/rooms.txt)"
        for prefix, rooms in LIBRARIES.items():
            may = short(folder) in rooms or WITH.get(prefix) in arrows[folder]
            if symbol.startswith(prefix) and not may:
                yield f"{folder}/{module}.c calls {symbol}: only {', '.join(sorted(rooms))}"


def check_circles(folders, used, owner):
    for folder in folders:
        graph = {}
        for place, module, symbol in used:
            if place == folder and owner.get(symbol, ("", ""))[0] == folder:
                graph.setdefault(module, set()).add(owner[symbol][1])
        for module, targets in graph.items():
            targets.discard(module)
        cycle = find_cycle(graph)
        if cycle:
            yield f"{folder}: a circle of modules: " + " -> ".join(cycle)


def main():
    build, nm = Path(sys.argv[1]), sys.argv[2]
    arrows = dict(read_table())
    owner, used = {}, set()
    for folder in arrows:
        for module, kind, symbol in read_objects(nm, build, folder):
            if kind == "U":
                used.add((folder, module, symbol))
            elif kind in "TDBRCV":
                owner[symbol] = (folder, module)
    return report([*check_arrows(arrows, used, owner), *check_circles(arrows, used, owner)])


if __name__ == "__main__":
    sys.exit(main())
