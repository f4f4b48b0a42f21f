#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pages - a manual page out of a template and the programs' own tables.

    pages.py PAGE.in INGESTOR.json SERVER.json >PAGE

The two JSON files are what `ingestor --print-options` and `server --print-options` say. In the
template (mdoc) a line is replaced by what it names:

    @FLAGS ingestor@   the flags of a program
    @KEYS@             every key of the configuration file
    @SOURCE_KEYS@      every key of a source in mqttSources

Fails when a template asks for something else, so that no page is half made.
"""

import json
import re
import sys
import textwrap

# When a change counts after a reload; weir.json(5) explains the words.
RELOADS = {"live": "at once", "receivers": "the receivers concerned are started again",
           "writer": "the writer is started again",
           "receivers, writer": "receivers and writer are started again", "restart": "after a restart"}
WIDTH = 79 # of a line of text; mandoc complains from 80 on


def escape(text):
    """As text in a line of mdoc: no escapes, no request at its beginning, no ends of sentences
    inside (mandoc wants a line for each)."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return re.sub(r"^([.'])", r"\\&\1", text)


def sentence(text):
    """Lines that end where sentences do, or where they are full."""
    text = text.rstrip(".") + "."
    return [escape(line) for part in re.split(r"(?<=[.;])  *(?=\S)", text)
            for line in textwrap.wrap(part, WIDTH - 6, break_long_words=False, break_on_hyphens=False)]


def argument(text):
    """One argument of a macro."""
    return '"' + escape(text) + '"' if " " in text else escape(text)


def flags(table):
    yield ".Bl -tag -width Ds"
    for flag in table["flags"]:
        letter = f"Fl {flag['letter']} , " if "letter" in flag else ""
        value = f" Ar {argument(flag['argument'])}" if "argument" in flag else ""
        yield f".It {letter}Fl Fl {argument(flag['name'])}{value}"
        yield from sentence(flag["help"][0].upper() + flag["help"][1:])
    yield ".El"


def facts(row):
    """What a row says of itself beside its help."""
    shown = row.get("default")
    if row["isRequired"]:
        yield "It must be given."
    elif shown is not None:
        yield f"Default: {escape(shown)}."
    yield f"It takes {'a path' if row['isPath'] else escape(row['takes'])}."
    if row["isSecret"]:
        yield "It is secret: refused on a command line, never shown."


def reloads(row):
    said = [f"{program}: {RELOADS[how]}" for program, how in row["reload"].items()]
    return "Reload of the " + "; of the ".join(said) + "."


def source_reload(row):
    how = row["reload"]["ingestor"]
    return None if "receivers" in how else f"A change of it alone cuts no connection: {RELOADS[how]}."


def keys(rows, are_global):
    yield ".Bl -tag -width Ds"
    for row in rows:
        yield f".It Cm {argument(row['key'])}"
        yield from sentence(row["help"])
        yield from facts(row)
        if are_global and "environment" in row:
            yield ".br"
            yield f"Environment: {row['environment']}."
        if are_global:
            yield ".br"
            yield reloads(row)
        elif source_reload(row):
            yield ".br"
            yield source_reload(row)
    yield ".El"


def fill(template, tables):
    parts = {"@FLAGS ingestor@": lambda: flags(tables["ingestor"]),
             "@FLAGS server@": lambda: flags(tables["server"]),
             "@KEYS@": lambda: keys(tables["ingestor"]["keys"], True),
             "@SOURCE_KEYS@": lambda: keys(tables["ingestor"]["sourceKeys"], False)}
    for line in template.splitlines():
        if line in parts:
            yield from parts[line]()
        elif line.startswith("@"):
            sys.exit(f"pages: {line}: nothing of that name")
        else:
            yield line.replace("@VERSION@", tables["ingestor"]["version"])


def main():
    template = open(sys.argv[1], encoding="utf-8").read()
    tables = {}
    for path in sys.argv[2:]:
        table = json.load(open(path, encoding="utf-8"))
        tables[table["program"]] = table
    sys.stdout.reconfigure(encoding="utf-8")
    print("\n".join(fill(template, tables)))


if __name__ == "__main__":
    main()
