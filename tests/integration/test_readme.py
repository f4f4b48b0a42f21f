# SPDX-License-Identifier: MIT
"""What README and manual pages name is there, and what is there they name: keys with defaults,
flags, metrics, checks of healthz, exit codes. Routes: test_spec; commands: scripts/lib/commands."""

import json
import re
import subprocess
import sys

import pytest
from harness import BUILD, ROOT

sys.path.insert(0, str(ROOT / "scripts/lib"))

import metrics  # noqa: E402  (needs the path above)

README = (ROOT / "README.md").read_text(encoding="utf-8")
# What a default is called that is none, a list or a place.
NOT_LITERAL = {"healthHost", "historyFile", "statsFile", "spoolDir", "channelKeysPath"}
EMPTY = {"[]", "{}", "none"}


def section(title):
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def tables():
    return {program: json.loads(subprocess.run([BUILD / program, "--print-options"], capture_output=True, check=True).stdout)
            for program in ("ingestor", "server")}


def told_keys():
    """{key: default as it stands there} of the table of keys."""
    told = {}
    for names, default, meaning in re.findall(r"^\| (`[^|]*) \|\s*([^|]*?)\s*\| (.*) \|$", section("Configuration"), re.M):
        names = re.findall(r"`([^`]+)`", names)
        parts = [part.strip("` ") for part in default.split(", ")]
        told.update((name, parts[i] if len(parts) == len(names) else default) for i, name in enumerate(names))
        if names == ["retention"]:
            told.update((f"retention.{key}", value) for key, value in re.findall(r"(\w+): (\d+)", meaning))
        if names == ["mqttSources"]:
            told.update((f"mqttSources[].{key}", None) for key in re.findall(r"\w+", re.search(r"\{(.*?)\}", meaning)[1]) if key != "or")
    return told


def test_every_key_is_told_with_its_default(tables):
    told = told_keys()
    rows = {row["key"]: row for row in tables["ingestor"]["keys"]}
    sources = {f"mqttSources[].{row['key']}" for row in tables["ingestor"]["sourceKeys"]}
    corescope = set(re.findall(r"`([\w.]+)`", section("CoreScope's keys")))
    assert {key for key in told if key not in rows and key not in sources} <= {"retention"}
    assert (set(rows) | sources) - set(told) - corescope == set()
    for key in set(rows) & set(told) - NOT_LITERAL - {"mqttSources"}:
        default, shown = rows[key].get("default"), told[key]
        assert shown == default or shown.strip('["]') == default or (default is None and shown.split(",")[0] in EMPTY), (key, default, shown)


def test_what_needs_a_restart_is_told(tables):
    """"Signals and exit codes" names the keys of both programs, then those of each alone."""
    told = re.search(r"the log names it: of both programs (.*?); of the ingestor (.*?); of the server (.*?)\. All else",
                     section("Signals and exit codes"), re.S)
    both, ingestor, server = (set(re.findall(r"`(\w+)`", part)) for part in told.groups())
    restart = {row["key"]: set(row["reload"].values()) for row in tables["ingestor"]["keys"] if "restart" in row["reload"].values()}
    assert {key for key in restart if key != "flusherProcesses"} == both | ingestor | server  # that one takes 1 alone
    needed = {row["key"] for row in tables["ingestor"]["keys"] if row["reload"].get("ingestor") == "restart"}
    assert needed - {"flusherProcesses"} == both | ingestor


def test_flags_metrics_and_variables_exist(tables):
    flags = {"--" + flag["name"] for table in tables.values() for flag in table["flags"]}
    others = {"--seed", "--short", "--target"}  # scripts/torture's, cmake's
    assert set(re.findall(r"`(--[a-z][a-z-]+)", README)) - others <= flags
    listed = {name for name, *_ in metrics.metrics()}
    named = set(re.findall(r"\b(weir_[a-z_]*[a-z])\b(?!\.|_)", re.sub(r"weir_analysis_\.\.\.", "", README)))
    assert {name for name in named if not name.startswith("weir_0")} <= listed
    variables = {row["environment"] for row in tables["ingestor"]["keys"] if "environment" in row}
    assert set(re.findall(r"\bWEIR_[A-Z_]+\b", README)) <= variables | {"WEIR_"}


def test_every_check_of_healthz_is_told():
    code = "".join(path.read_text() for folder in ("common/health", "cmd/server/state") for path in (ROOT / folder).glob("*.c"))
    checks = {name + "<name>" if name.endswith(":") else name for name in re.findall(r'health_add\(\s*out, "([a-z_]+:?)"', code)}
    table = README.split("\n| check | warns |\n")[1].split("\n\n")[0]
    assert len(checks) > 10 and sorted(re.findall(r"^\| `([^`]+)`", table, re.M)) == sorted(checks)


@pytest.mark.parametrize("program", ["ingestor", "server"])
def test_manual_pages_tell_the_exit_codes(program):
    words = dict(re.findall(r"^    (EXIT_\w+) = (\d+),", (ROOT / "common/base/base.h").read_text(), re.M))
    folders = [ROOT / "cmd" / program, ROOT / "common/cli"]
    used = {words[word] for folder in folders for path in folder.rglob("*.c") for word in re.findall(r"\bEXIT_\w+", path.read_text())
            if word in words}
    page = (ROOT / f"packaging/man/weir-{program}.8.in").read_text().split(".Sh EXIT STATUS")[1].split(".Sh ")[0]
    assert set(re.findall(r"^\.It (\d+)$", page, re.M)) == used


def test_what_packaging_names_in_the_tree_is_there():
    """Also in comments of units, rules, proxies' configurations; READMEs: scripts/lib/prose."""
    found = 0
    for path in (ROOT / "packaging").rglob("*"):
        if path.suffix in {".webp", ".md", ".pyc"} or path.is_dir():
            continue
        for name in re.findall(r"(?<![\w/])(?:tests|packaging|scripts|cmd|common)/[\w./*-]*\w", path.read_text()):
            found += 1
            assert list(ROOT.glob(name)), f"{path}: {name}"
    assert found > 5
