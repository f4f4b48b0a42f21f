# SPDX-License-Identifier: MIT
"""metrics - every metric of /metrics with its type, its labels and its meaning, read from the one
list of them (common/stats/metrics.def, and the ledger's reasons in common/ring/ledger.h).

  metrics.py           prints the table
  metrics.py --write   puts it into packaging/prometheus/README.md; a test holds that to the list
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "packaging/prometheus/README.md"
BEGIN, END = "<!-- metrics: scripts/lib/metrics.py --write -->\n", "<!-- end -->\n"
COMMENT = re.compile(r"/\*.*?\*/", re.S)
SECTION = re.compile(r"^#define (\w+)\(([\w, ]+)\)$", re.M)
ROW = re.compile(r"^([A-Z_]+)\((\w+),\s*(.*?)\)\s*$", re.M | re.S)
TEXTS = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'
VALUE = re.compile(rf"\s*(?:{TEXTS}|([A-Z_]+))\s*(?:,|$)")
# A section says its labels in the comment at its head.
LABELS = re.compile(r"^#ifndef (\w+) /\*.*; labels? ([\w, ]+) \*/$", re.M)
# Of DERIVED, which come out of the sections above.
DERIVED_LABELS = {"weir_source_": "source", "weir_worker_": "worker, source", "weir_commit_": "quantile"}
TYPES = {"COUNTER": "counter", "GAUGE": "gauge", "TIME": "gauge", "STATE_TIME": "gauge", "SUMMARY": "summary",
         "HISTOGRAM": "histogram"}


def values_of(text):
    for texts, word in VALUE.findall(text):
        yield word or "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', texts))


def labels_of(said, section, name):
    if section != "DERIVED":
        return said.get(section, "").replace(" and ", ", ")
    return next((labels for prefix, labels in DERIVED_LABELS.items() if name.startswith(prefix)), "")


def declared():
    """[(name, type, labels, help)] of metrics.def."""
    text = (ROOT / "common/stats/metrics.def").read_text(encoding="utf-8")
    said = dict(LABELS.findall(text))
    text = COMMENT.sub("", text)
    columns = {name: [word.strip() for word in words.split(",")] for name, words in SECTION.findall(text)}
    columns["WRITE_SOURCE"] = columns["METRIC"]
    for section, ident, rest in ROW.findall(text):
        if section not in columns:
            continue
        row = dict(zip(columns[section], [ident, *values_of(rest)]))
        if row["prometheus"]:
            kind = TYPES[row.get("kind", "COUNTER")]
            yield row["prometheus"], kind, labels_of(said, section, row["prometheus"]), row["help"]


def outcomes():
    """The same of the ledger's buckets."""
    text = (ROOT / "common/ring/ledger.h").read_text(encoding="utf-8")
    reasons = {}
    for bucket, reason in re.findall(r'^\s+X\(\w+, (\w+), "(\w*)", \w+\)', text, re.M):
        reasons.setdefault(bucket, []).append(reason)
    for bucket, names in reasons.items():
        labels = "source, reason" if names != [""] else "source"
        which = f" Reasons: {', '.join(names)}." if names != [""] else ""
        yield f"weir_ingest_{bucket}_total", "counter", labels, f"Messages that ended so.{which}"


def metrics():
    build = ("weir_build_info", "gauge", "version, commit", "What this server is.")
    return sorted([build, *declared(), *outcomes()])


def table():
    lines = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {kind} | {labels} | {text} |" for name, kind, labels, text in metrics()]
    return "\n".join(lines) + "\n"


def page_with_table(text):
    head, _, rest = text.partition(BEGIN)
    return head + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page_with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table(), end="")
