# SPDX-License-Identifier: MIT
"""prose - what is written about the sources, checked over the tree.

  names      a README names only what exists. In the first column of a table of modules, files,
             rooms, folders or scripts that is each `name`, seen from the README's folder or the
             root; elsewhere each path that begins with one of our folders, and each `name` with
             an ending of ours, wherever that file is
  coverage   every file below a README's folder is named there, alone, by its module (`json` is
             json.c and json.h), by a pattern (`config*`) or by its folder (`lib/`); files below a
             README further down are that one's, and then the folder is named in this one
  width      comments stay within 100 columns, as clang-format holds C's code

Prints one line a finding; exit status 1 when there is any. Run by scripts/check.
"""

import fnmatch
import io
import re
import sys
import tokenize
from pathlib import Path, PurePosixPath

from layers import ROOT, report, tracked_files

COLUMNS = 100
# Cover themselves: what builds a folder, and its README.
PLAIN = {"README.md", "CMakeLists.txt"}
OURS = {".c", ".h", ".py", ".cmake", ".sql", ".html", ".css", ".js", ".jsonl", ".def", ".md"}
LISTS = {"module", "file", "room", "folder", "script"}
FENCED = re.compile(r"^```.*?^```", re.M | re.S)
QUOTED = re.compile(r"`([^`\n]+)`")
# Texts first: what looks like a comment in them is none.
C_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|(/\*.*?\*/|//[^\n]*)', re.S)


class Tree:
    """The files that git knows, and the folders above them."""

    def __init__(self, files):
        self.files = files
        self.folders = {str(parent) for name in files for parent in PurePosixPath(name).parents} - {"."}
        self.top_level = {name.split("/")[0] for name in self.folders}

    def matches(self, base, name):
        """The files and folders that `name` means, seen from the folder `base` ("" = the root)."""
        pattern = re.sub(r"<[^>]*>", "*", name.rstrip("/"))
        path = f"{base}/{pattern}" if base else pattern
        folders = {folder for folder in self.folders if fnmatch.fnmatchcase(folder, path)}
        if name.endswith("/"):
            return folders
        stem = path if PurePosixPath(path).suffix in OURS else path + ".*"
        return folders | {file for file in self.files
                          if fnmatch.fnmatchcase(file, path) or fnmatch.fnmatchcase(file, stem)}

    def named(self, name):
        """The files of this name, in any folder."""
        return {file for file in self.files if PurePosixPath(file).name == name}


class Readme:
    def __init__(self, tree, name):
        self.tree = tree
        self.name = name
        self.folder = "" if name == "README.md" else str(PurePosixPath(name).parent)
        self.text = FENCED.sub("", (ROOT / name).read_text(encoding="utf-8"))
        self.named = set()

    def tokens(self):
        """(base, name, is a row of a list) of all that is quoted; base: the folder whose row
        it stands in."""
        is_list = False
        for line in self.text.splitlines():
            cells = line.split("|") if line.startswith("|") else []
            if cells and cells[1].strip() in LISTS:
                is_list = True
            elif not cells:
                is_list = False
            base = self.folder
            for number, cell in enumerate(cells or ["", line]):
                for name in QUOTED.findall(cell):
                    in_list = is_list and number == 1
                    yield base, name.split(" ")[0] if in_list else name, in_list
                    if in_list and name.endswith("/"):
                        base = "/".join(filter(None, (self.folder, name.rstrip("/"))))

    def is_claim(self, name):
        if not re.fullmatch(r"[\w.*<>/-]+", name) or name.startswith("/"):
            return False
        return (PurePosixPath(name).suffix in OURS and "<" not in name
                or name.split("/")[0] in self.tree.top_level)

    def check_names(self):
        for base, name, in_list in self.tokens():
            found = set()
            for place in dict.fromkeys((base, self.folder, "")):
                found |= self.tree.matches(place, name)
            if not found and "/" not in name and self.is_claim(name):
                found = self.tree.named(name)
            self.named |= found
            if not found and (in_list or self.is_claim(name)):
                yield f"{self.name}: `{name}` does not exist"

    def check_coverage(self, readmes):
        """A file may be named by any of its folders; one of a folder with a README only
        by that folder."""
        prefix = self.folder + "/"
        below = {readme.folder for readme in readmes if readme.folder.startswith(prefix)}
        for file in self.tree.files:
            if not file.startswith(prefix) or (str(PurePosixPath(file).parent) == self.folder
                                               and PurePosixPath(file).name in PLAIN):
                continue
            parents = [str(parent) for parent in PurePosixPath(file).parents if str(parent).startswith(prefix)]
            names = [parent for parent in parents if parent in below][-1:] or [file] + parents
            if not self.named.intersection(names):
                yield f"{self.name}: says nothing of {names[0]}"


def check_readmes(files):
    tree = Tree(files)
    readmes = [Readme(tree, name) for name in files if PurePosixPath(name).name == "README.md"]
    for readme in readmes:
        yield from readme.check_names()
    for readme in readmes:
        if readme.folder:
            yield from sorted(set(readme.check_coverage(readmes)))


# --- width ----------------------------------------------------------------------------------------


def c_comment_lines(text):
    """The numbers of the lines that end in a comment."""
    for match in C_COMMENT.finditer(text):
        if match[1]:
            first = text.count("\n", 0, match.start())
            yield from range(first + 1, first + match[1].count("\n") + 2)


def python_comment_lines(text):
    """Comments and strings that stand alone; those behind code are held by nobody,
    like the code."""
    fresh = True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_alone = token.type == tokenize.COMMENT and not token.line[:token.start[1]].strip()
        if is_alone or token.type == tokenize.STRING and fresh:
            yield from range(token.start[0], token.end[0] + 1)
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            fresh = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)


def hash_comment_lines(text):
    return (number for number, line in enumerate(text.splitlines(), 1) if line.lstrip().startswith("#"))


def comment_lines(name, text):
    if name.endswith((".c", ".h")):
        return c_comment_lines(text)
    if name.endswith(".py") or text.startswith("#!/usr/bin/python3") or text.startswith("#!/usr/bin/env python3"):
        return python_comment_lines(text)
    if name.endswith((".cmake", "CMakeLists.txt", "rooms.txt")) or text.startswith("#!"):
        return hash_comment_lines(text)
    return ()


def check_width(name, text):
    lines = text.splitlines()
    for number in sorted(set(comment_lines(name, text))):
        if len(lines[number - 1]) > COLUMNS:
            yield f"{name}:{number}: a comment of {len(lines[number - 1])} columns, at most {COLUMNS}"


def is_source(name):
    return not name.startswith(("tests/fixtures/", "tests/fuzz/corpus/", "tests/fuzz/regress/", "packaging/pictures/"))


def findings():
    files = tracked_files()
    yield from check_readmes(files)
    for name in files:
        if is_source(name):
            yield from check_width(name, (ROOT / name).read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(report(findings()))
