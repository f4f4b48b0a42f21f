# SPDX-License-Identifier: MIT
"""layers - the parts of the house and who may include whom, checked over the sources.

  common/          includes common/ only, without cycles; knows neither paho nor civetweb
  cmd/ingestor/    common/ and itself; MQTTAsync.h only in mqtt_source.c
  cmd/server/      common/ and itself; civetweb.h only in http.c
  tests/           anything
Besides: what may stand at the top level, and how long a file may be.

Prints one line a finding; exit status 1 when there is any. Run by scripts/check.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "cmd", "common", "tests", "scripts", "config.example.json",
             "README.md", "LICENSE"}
# folder -> the folders its files may include from
ALLOWED = {"common": {"common"}, "cmd/ingestor": {"common", "cmd/ingestor"},
           "cmd/server": {"common", "cmd/server"}}
# header of a library -> the files of ours that may know it
CONFINED = {"MQTTAsync.h": {"cmd/ingestor/mqtt_source.c"}, "MQTTClient.h": set(),
            "civetweb.h": {"cmd/server/http.c"}}
SOURCE_LINES_MAX, HEADER_LINES_MAX = 600, 200
# Files that are one table or one long contract, with the reason why they are not cut.
LENGTH_EXEMPT = {
    "common/ingest_buffer.h": "the ring's specification and its contract, read together",
    "cmd/ingestor/store_internal.h": "mostly the list of the store's SQL statements",
}
# Files that are parts of one module: they may include each other's headers.
PART_OF = {f"common/ring_{part}": "common/ingest_buffer" for part in ("files", "format", "open", "reader")}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def tracked_files():
    """What git knows or would add: build folders and other ignored files do not count."""
    output = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            check=True, capture_output=True).stdout
    return sorted(name for name in output.decode().split("\0") if name and (ROOT / name).exists())


def folder_of(name):
    return next((folder for folder in ALLOWED if name.startswith(folder + "/")), None)


def includes_of(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    return [(match[0] == '"', match[1]) for match in INCLUDE.findall(text)]


def check_top_level(files):
    for entry in sorted({name.split("/")[0] for name in files}):
        if not entry.startswith(".") and entry not in TOP_LEVEL:
            yield f"{entry}: does not belong at the top level"


def check_includes(name, includes):
    folder = folder_of(name)
    for is_ours, target in includes:
        for library, users in CONFINED.items():
            if Path(target).name == library and not name.startswith("tests/") and name not in users:
                yield f"{name}: may not include {target} (only {', '.join(sorted(users)) or 'nobody'})"
        if not is_ours:
            continue
        if not (ROOT / target).exists():
            yield f'{name}: "{target}" is no path from the root of the tree'
        elif folder and folder_of(target) not in ALLOWED[folder]:
            yield f"{name}: {folder} may not include {target}"


def check_own_header_first(name, includes):
    own = re.sub(r"\.c$", ".h", name)
    ours = [target for is_ours, target in includes if is_ours]
    if name.endswith(".c") and folder_of(name) and own in ours and includes[0][1] != own:
        yield f"{name}: its own header comes first"


def find_cycle(graph):
    """One cycle as a list of nodes, or None."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        path.append(node)
        for target in sorted(graph.get(node, ())):
            cycle = visit(target)
            if cycle:
                return cycle
        path.pop()
        done.add(node)
        return None

    return next(filter(None, map(visit, sorted(graph))), None)


def node_of(folder, name):
    """In common a module (a .c with its .h) is one; in a program a file, since a caller's .c may include headers
    that name the caller's struct."""
    module = name.rsplit(".", 1)[0]
    return PART_OF.get(module, module) if folder == "common" else name


def check_cycles(folder, includes):
    graph = {}
    for name, targets in includes.items():
        if folder_of(name) == folder:
            node = node_of(folder, name)
            ours = {node_of(folder, t) for is_ours, t in targets if is_ours and folder_of(t) == folder}
            graph.setdefault(node, set()).update(ours - {node})
    cycle = find_cycle(graph)
    if cycle:
        yield "includes go in a circle: " + " -> ".join(cycle)


def check_length(name):
    limit = HEADER_LINES_MAX if name.endswith(".h") else SOURCE_LINES_MAX
    lines = len((ROOT / name).read_text(encoding="utf-8").splitlines())
    if lines > limit and name not in LENGTH_EXEMPT:
        yield f"{name}: {lines} lines, at most {limit}"


def check_exemptions(files):
    for name in sorted(set(LENGTH_EXEMPT) - set(files)):
        yield f"{name}: exempt from the length limit, but there is no such file"


def check_licence(name):
    with open(ROOT / name, encoding="utf-8") as file:
        if "SPDX-License-Identifier: MIT" not in file.readline():
            yield f"{name}: the first line names no licence"


def findings():
    files = tracked_files()
    sources = [n for n in files if re.match(r"(common|cmd|tests)/.*\.[ch]$", n)]
    includes = {name: includes_of(name) for name in sources}
    yield from check_top_level(files)
    yield from check_exemptions(files)
    for folder in ALLOWED:
        yield from check_cycles(folder, includes)
    for name in sources:
        yield from check_includes(name, includes[name])
        yield from check_own_header_first(name, includes[name])
        yield from check_length(name)
        yield from check_licence(name)


def main():
    found = list(findings())
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
