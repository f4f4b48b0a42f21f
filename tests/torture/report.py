# SPDX-License-Identifier: MIT
"""report - what the torture says in the end: a table for people, JSON for programs."""

import json

TITLES = ("scenario", "rounds", "sent", "stored", "dropped", "unaccounted", "verdict", "s")


def plain(value):
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(part)}" for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return " / ".join(plain(part) for part in value)
    return str(value)


def cells(outcome):
    return (outcome.name, outcome.rounds, outcome.sent, outcome.stored, plain(outcome.dropped) or "-", outcome.unaccounted,
            outcome.verdict, f"{outcome.seconds:.0f}")


def table(outcomes):
    rows = [TITLES, *(tuple(map(str, cells(outcome))) for outcome in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(TITLES))]
    lines = []
    for row in rows:
        lines.append("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if row is TITLES:
            lines.append("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def remarks(outcomes):
    """Figures, what is wrong, and what was skipped, loudly."""
    lines = []
    for outcome in outcomes:
        if outcome.skipped:
            lines.append(f"{outcome.name}: NOT TRIED: {outcome.skipped}")
        if outcome.figures:
            lines.append(f"{outcome.name}: " + "; ".join(f"{key}: {plain(value)}" for key, value in outcome.figures.items()))
        lines += [f"{outcome.name}: WRONG: {what}" for what in outcome.wrong]
    return "\n".join(lines)


def as_json(seed, outcomes):
    return json.dumps({"seed": seed, "outcomes": [outcome.as_dict() for outcome in outcomes]}, indent=1)
