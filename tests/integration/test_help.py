# SPDX-License-Identifier: MIT
"""--help of each program: the keys that its code reads, and no others."""

import re
import subprocess

from harness import BUILD, ROOT


def keys_read_in(folder):
    """Of config.h's fields that the program's sources name, the keys; a struct stands for all its
    members, but `store`, of which each program reads its own, and the key whose value counts where
    another one is not given is read with that."""
    table = (ROOT / "common/config/config_table.c").read_text().partition("global_rows[]")[2]
    rows = re.findall(r'\{"([\w.]+)", &config_type_\w+,[^{]*?GLOBAL\(([\w.]+)\)', table)
    instead = dict(re.findall(r'\{"([\w.]+)", &config_type_\w+,[^{}]*?\.fallback_key = "(\w+)"', table))
    code = "".join(path.read_text() for path in (ROOT / folder).rglob("*.c"))
    named = {name + "." for name in re.findall(r"\bconfig->([\w.]*\w)", code)}
    read = {key for key, field in rows if any((field + ".").startswith(name) or name.startswith(field + ".") for name in named)}
    in_store = set(re.findall(r"\b(?:config|store)(?:->|\.)(\w+)", code))
    read -= {key for key, field in rows if field.startswith("store.") and field[len("store."):] not in in_store}
    return read | {instead[key] for key in read if key in instead}


def keys_shown(program):
    shown = subprocess.run([BUILD / program, "--help"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^  ([a-z][\w.]+) ", shown.split("meaning")[1], re.M))


def test_the_server_shows_what_it_reads():
    # The log's are read where both programs begin.
    assert keys_shown("server") == keys_read_in("cmd/server") | {"logLevel", "logFormat"}


def test_the_ingestor_shows_what_it_reads():
    shown = keys_shown("ingestor")
    assert keys_read_in("cmd/ingestor") - shown == set()
    assert not shown & (keys_shown("server") - keys_read_in("cmd/ingestor") - {"logLevel", "logFormat"})
