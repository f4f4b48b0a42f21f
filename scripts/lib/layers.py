# SPDX-License-Identifier: MIT
"""layers - the rooms of the house and who may use whom, checked over the sources.

  arrows     a room includes itself and what its row in rooms.txt gives it, and a table without
             circles; main.c of a program, and tests/, may use any room below
  circles    inside a room no module (a .c with its .h) reaches itself over includes and calls
  owners     a function is declared by the header of the file that defines it; a room's contract, a
             header of the room's own name without a .c, may declare what any of its files define
             (and calls nothing itself)
             and by nobody else, so that no call goes past the includes
  libraries  MQTTAsync.h, curl.h ... only where CONFINED says
  sizes      files a room, lines a file; what may stand at the top level; the licence line

Prints one line a finding; exit status 1 when there is any. Run by scripts/check.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = "scripts/lib/rooms.txt"

TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "cmd", "common", "tests", "scripts", "packaging", "findings",
             "config.example.json", "README.md", "LICENSE"}
# header of a library -> the files of ours that may know it
CONFINED = {"MQTTAsync.h": {"cmd/ingestor/receive/mqtt_source.c"}, "MQTTClient.h": set(),
            "curl.h": {"common/transfer/transfer.h"}, "wslay.h": {"cmd/ingestor/relay/frames.c"},
            "curses.h": {"cmd/ingestor/watch/top.c"},
            "zlib.h": {"cmd/server/http/gzip.c", "common/clickhouse/gzip_body.c"},
            "sqlite3.h": {"common/db/db.h", "common/db/schema.h", "cmd/ingestor/tools/import_source.c"}}
SOURCE_LINES_MAX, HEADER_LINES_MAX = 600, 200
ROOM_FILES_MAX, STORE_FILES_MAX = 30, 40
# Files that are one table or one long contract, with the reason why they are not cut.
LENGTH_EXEMPT = {}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
# Comments and texts are no code; in them names stand freely.
NO_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
# A definition begins in column 0 and its brace has a line of its own (.clang-format).
DEFINITION = re.compile(r"^(?!static\b|typedef\b)[A-Za-z_][\w *\n]*?\b(\w+)\([^;{}]*\)\n\{", re.M)
EXTERN = re.compile(r"^extern\b[^;]*?\b(\w+)(?:\[[^\]]*\])*;", re.M)
# The same with a semicolon. In a .c file, a call past the header that would name an arrow.
DECLARATION = re.compile(r"^(?!static\b|typedef\b)[A-Za-z_][\w *\n]*?\b(\w+)\([^;{}]*\);", re.M)
PROTOTYPE = re.compile(r"\b(\w+)\((?=[^;{}]*\)[^;{}]*;)")
NAME = re.compile(r"[A-Za-z_]\w*")
TAG = re.compile(r"\b(?:struct|enum|union)\s+\w+")  # may be spelled as a function is, and calls nothing


def tracked_files():
    """What git knows or would add: build folders and other ignored files do not count."""
    output = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            check=True, capture_output=True).stdout
    return sorted(name for name in output.decode().split("\0") if name and (ROOT / name).exists())


def read_table():
    """[(folder, [words])] in the order of the file."""
    rows = [line.split() for line in (ROOT / TABLE).read_text(encoding="utf-8").splitlines()
            if line.strip() and not line.startswith("#")]
    return [(row[0], row[1:]) for row in rows]


def short(folder):
    return folder.rsplit("/", 1)[1]


def folder_of(name):
    return str(Path(name).parent)


def module_of(name):
    return Path(name).stem


def includes_of(text):
    return [(match[0] == '"', match[1]) for match in INCLUDE.findall(text)]


def check_table(table):
    """An arrow goes to a room above: then no row can be part of a circle."""
    seen = set()
    for folder, words in table:
        for word in words:
            if word.split("/")[0] not in seen:
                yield f"{TABLE}: {folder}: {word} is no room above it"
        if short(folder) in seen:
            yield f"{TABLE}: {folder}: a second room named {short(folder)}"
        seen.add(short(folder))


def check_top_level(files):
    for entry in sorted({name.split("/")[0] for name in files}):
        if not entry.startswith(".") and entry not in TOP_LEVEL:
            yield f"{entry}: does not belong at the top level"


def may_include(table, folder, target):
    arrows = dict(table)
    if folder == folder_of(target):
        return True
    if folder not in arrows:  # main.c stands above the rooms of its program
        return target.startswith(("common/", folder + "/"))
    if folder_of(target) not in arrows:
        return False
    room = short(folder_of(target))
    return room in arrows[folder] or f"{room}/{Path(target).name}" in arrows[folder]


def check_includes(table, name, includes):
    for is_ours, target in includes:
        for library, users in CONFINED.items():
            if Path(target).name == library and not name.startswith("tests/") and name not in users:
                yield f"{name}: may not include {target} (only {', '.join(sorted(users)) or 'nobody'})"
        if not is_ours:
            continue
        if not (ROOT / target).exists():
            yield f'{name}: "{target}" is no path from the root of the tree'
        elif not name.startswith("tests/") and not may_include(table, folder_of(name), target):
            yield f"{name}: {folder_of(name)} may not include {target} ({TABLE})"


def check_own_header_first(name, includes):
    own = re.sub(r"\.c$", ".h", name)
    ours = [target for is_ours, target in includes if is_ours]
    if name.endswith(".c") and not name.startswith("tests/") and own in ours and includes[0][1] != own:
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


class Room:
    """The modules of one folder: what each defines, includes and names."""

    def __init__(self, folder, texts):
        self.folder = folder
        self.texts = {name: text for name, text in texts.items() if folder_of(name) == folder}
        code = {name: NO_CODE.sub(" ", text) for name, text in self.texts.items()}
        self.owner = {symbol: module_of(name) for name in code if name.endswith(".c")
                      for symbol in DEFINITION.findall(code[name])}
        for name in code:
            if name.endswith(".h"):
                self.owner.update({symbol: module_of(name) for symbol in EXTERN.findall(code[name])})
        self.code = code

    def check_size(self):
        limit = STORE_FILES_MAX if short(self.folder) == "store" else ROOM_FILES_MAX
        if len(self.texts) > limit:
            yield f"{self.folder}: {len(self.texts)} files, at most {limit}"

    def is_contract(self, name):
        return module_of(name) == short(self.folder) and name.replace(".h", ".c") not in self.texts

    def check_owners(self):
        for name in sorted(self.code):
            if not name.endswith(".h") or self.is_contract(name):
                continue
            for symbol in PROTOTYPE.findall(self.code[name]):
                owner = self.owner.get(symbol)
                if owner is not None and owner != module_of(name):
                    yield f"{name}: declares {symbol}, which {owner}.c defines"

    def edges(self):
        graph = {}
        for name, code in self.code.items():
            targets = graph.setdefault(module_of(name), set())
            targets.update(module_of(target) for is_ours, target in includes_of(self.texts[name])
                           if is_ours and folder_of(target) == self.folder)
            if not self.is_contract(name):
                names = NAME.findall(TAG.sub(" ", code))
                targets.update(self.owner[symbol] for symbol in names if symbol in self.owner)
            targets.discard(module_of(name))
        return graph

    def check_circles(self):
        cycle = find_cycle(self.edges())
        if cycle:
            yield f"{self.folder}: a circle of modules: " + " -> ".join(cycle)


def check_declarations(texts):
    """A .c file declares nothing that another file defines: every call shows in the includes."""
    code = {name: NO_CODE.sub(" ", text) for name, text in texts.items() if name.endswith(".c")}
    owner = {symbol: name for name in code if not name.startswith("tests/")
             for symbol in DEFINITION.findall(code[name])}
    for name in code:
        for symbol in DECLARATION.findall(code[name]) + EXTERN.findall(code[name]):
            if owner.get(symbol, name) != name and symbol != "main":
                yield f"{name}: declares {symbol}, which {owner[symbol]} defines: include its header"


def check_length(name, text):
    limit = HEADER_LINES_MAX if name.endswith(".h") else SOURCE_LINES_MAX
    lines = len(text.splitlines())
    if lines > limit and name not in LENGTH_EXEMPT:
        yield f"{name}: {lines} lines, at most {limit}"


def check_exemptions(files):
    for name in sorted(set(LENGTH_EXEMPT) - set(files)):
        yield f"{name}: exempt from the length limit, but there is no such file"


def check_licence(name, text):
    if "SPDX-License-Identifier: MIT" not in text.split("\n", 1)[0]:
        yield f"{name}: the first line names no licence"


def check_has_row(table, name):
    folder = folder_of(name)
    if name.startswith(("common/", "cmd/")) and folder not in dict(table) and Path(name).name != "main.c":
        yield f"{name}: {folder} is no room ({TABLE})"


def findings():
    files = tracked_files()
    table = read_table()
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in files
             if re.match(r"(common|cmd|tests)/.*\.[ch]$", name)}
    yield from check_top_level(files)
    yield from check_table(table)
    yield from check_exemptions(files)
    yield from check_declarations(texts)
    for folder, _ in table:
        room = Room(folder, texts)
        yield from room.check_size()
        yield from room.check_owners()
        yield from room.check_circles()
    for name, text in texts.items():
        includes = includes_of(text)
        yield from check_has_row(table, name)
        yield from check_includes(table, name, includes)
        yield from check_own_header_first(name, includes)
        yield from check_length(name, text)
        yield from check_licence(name, text)


def report(found):
    """Prints what a generator found, a line each; the exit status."""
    count = 0
    for count, line in enumerate(found, 1):
        print(line)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(report(findings()))
