# SPDX-License-Identifier: MIT
"""Every statement of the server: how SQLite will run it, with and without statistics.

A SELECT that walks transmissions or observations costs more every day, and nothing shows it while
the database is small. The statements are read out of the sources (constants named SQL_..., as the
preprocessor leaves them), so that a new one can't be forgotten here.
"""

import re
import sqlite3
import subprocess

import pytest
from harness import ROOT
from messages import packets
from mqtt_lite import Client

BIG = "transmissions|observations|observation_keys"
LITERAL = r'"(?:[^"\\]|\\.)*"'
CONSTANT = re.compile(rf"\b(SQL_\w+)\s*\[\s*\]\s*=\s*((?:{LITERAL}\s*)+);")
BARE = re.compile(r'"\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE|REPLACE)\b[^"]*"')
NO_ALIAS = "WHERE|ORDER|GROUP|LIMIT|INDEXED|NOT|CROSS|JOIN|LEFT|INNER|ON|USING|UNION"


def preprocessed(path):
    command = ["cc", "-E", "-P", "-I", str(ROOT), str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def statements():
    """{name: text}; a statement that stands in no constant is an error."""
    found = {}
    for path in sorted([*(ROOT / "cmd/server").rglob("*.c"), *(ROOT / "common/why").glob("*.c")]):
        if path.parent.name in ("shards", "engine"):  # ClickHouse's, not SQLite's
            continue
        if not BARE.search(path.read_text()) and "SQL_" not in path.read_text():
            continue
        text = preprocessed(path)
        for name, literals in CONSTANT.findall(text):
            parts = re.findall(LITERAL, literals)
            found[f"{path.stem}.{name}"] = "".join(part[1:-1] for part in parts)
        bare = BARE.findall(CONSTANT.sub("", text))
        assert not bare, f"{path.name}: name it SQL_..., so that its plan is looked at: {bare}"
    return found


def big_names(text):
    """What the two big tables are called in a plan of this statement."""
    names = set()
    for table, alias in re.findall(rf"\b({BIG})\b(?:\s+(?:AS\s+)?(?!(?:{NO_ALIAS})\b)(\w+))?", text):
        names.add(alias or table)
    return names


def complaint(text, plan):
    """The line of a plan that must not be, or None."""
    is_walk = re.search(r"\bORDER BY (?:\w+\.)?id\b", text) and re.search(r"\bLIMIT\b", text)
    for line in plan:
        scan = re.match(r"SCAN (\w+)( USING)?", line)
        if scan and scan.group(1) in big_names(text) and (scan.group(2) or not is_walk):
            return line
        if "TEMP B-TREE" in line and not re.search(r"\bLIMIT\b", text):
            return line
        if "AUTOMATIC" in line or "BLOOM FILTER" in line:
            return line
    return None


def plan_of(connection, text):
    parameters = max([int(n) for n in re.findall(r"\?(\d+)", text)], default=0)
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", [1] * parameters)]


@pytest.mark.parametrize("text,is_refused", [
    ("SELECT min(id), max(id) FROM observations", True),
    ("SELECT (SELECT min(id) FROM observations), (SELECT max(id) FROM observations)", False),
    ("SELECT count(*) FROM transmissions", True),
    ("SELECT t.id FROM transmissions t WHERE t.type = ?1 ORDER BY t.id DESC LIMIT 50", False),
    ("SELECT t.id FROM transmissions t WHERE t.route = ?1 ORDER BY t.last_ms LIMIT 50", True),
    ("SELECT id FROM observations AS o WHERE +o.observer_id = ?1", True),
    ("SELECT id FROM observations WHERE id >= ?1 ORDER BY id LIMIT 1", False),
    ("SELECT role, count(*) FROM nodes GROUP BY role", True),
])
def test_the_rule_itself(database, text, is_refused):
    assert (complaint(text, plan_of(database, text)) is not None) == is_refused, plan_of(database, text)


@pytest.fixture(name="database")
def _database(world, broker):
    """What an ingestor has made, with rows of all kinds; nobody else uses it any more."""
    world.add_source(broker)
    world.start()
    with Client(broker.port) as client:
        sent = client.publish_all(packets(300))
    world.wait_drained(sent)
    assert world.ingestor.stop() == 0
    connection = sqlite3.connect(world.db_path)
    connection.execute("DROP TABLE IF EXISTS sqlite_stat1")
    yield connection
    connection.close()


def test_no_statement_walks_a_big_table(database):
    texts = statements()
    assert texts, "no statement was found: the search is broken"
    wrong = []

    def look(when):
        for name, text in texts.items():
            line = complaint(text, plan_of(database, text))
            if line:
                wrong.append(f"{name} {when}: {line}")
    look("without statistics")
    database.execute("ANALYZE")
    look("with statistics")
    # The same as if there were ten million rows: plans change with the sizes.
    database.execute("UPDATE sqlite_stat1 SET stat = '10000000' || substr(stat, instr(stat || ' ', ' '))"
                     f" WHERE tbl IN ({', '.join(repr(name) for name in BIG.split('|'))})")
    database.commit()
    database.execute("ANALYZE sqlite_schema")  # read them in
    look("with ten million rows")
    assert not wrong, "\n".join(wrong)
