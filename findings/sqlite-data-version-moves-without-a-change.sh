#!/bin/bash
# SPDX-License-Identifier: MIT
# SQLite 3.40.1 (Debian 12): PRAGMA data_version also changes when nothing in the database did:
# after a TRUNCATE checkpoint by another connection, but not after a PASSIVE, FULL or RESTART one.
#
# The documentation says that the value differs when changes were committed by another connection,
# which one takes for the other direction, too. In WAL mode a checkpoint commits nothing, and three
# of the four kinds leave data_version alone. The fourth cuts the log to no bytes, which a reader
# can't tell from a log that was begun anew, so it reads everything again and counts. Who takes the
# value for "new rows are there", and drops caches, asks again or tells clients, does so at each
# such checkpoint. It means "look"; what has changed a counter in a table of one's own can tell.
#
# Runs a small Python program against Debian's SQLite, unpacked in a temporary folder. Exit status:
# 0 as described, 1 it has changed, 2 the package can't be fetched.
set -euo pipefail

version=3.40.1-2+deb12u2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

apt-get -q -o APT::Sandbox::User="$(id -un)" download "libsqlite3-0=$version" >log 2>&1 || { tail -n 3 log; exit 2; }
dpkg-deb -x ./*.deb .
LD_LIBRARY_PATH=$(dirname "$(find "$folder" -name 'libsqlite3.so.0' | head -n 1)")
export LD_LIBRARY_PATH

cat >look.py <<'PYTHON'
import sqlite3

writer = sqlite3.connect("x.db", isolation_level=None)
writer.execute("PRAGMA journal_mode = WAL")
writer.execute("CREATE TABLE t (a)")
reader = sqlite3.connect("x.db", isolation_level=None)


def version():
    return reader.execute("PRAGMA data_version").fetchone()[0]


def moves(statement):
    reader.execute("SELECT count(*) FROM t").fetchall()
    before = version()
    writer.execute(statement).fetchall()
    rows = reader.execute("SELECT count(*) FROM t").fetchone()[0]
    return "changes" if version() != before else "stays", rows


print("SQLite", sqlite3.sqlite_version)
print("a row:", *moves("INSERT INTO t VALUES (1)"))
for kind in ("PASSIVE", "FULL", "RESTART", "TRUNCATE"):
    writer.execute("INSERT INTO t VALUES (1)")
    print(f"{kind}:", *moves(f"PRAGMA wal_checkpoint({kind})"))
PYTHON
output=$(/usr/bin/python3 look.py)
echo "$output"
[ "$output" = $'SQLite 3.40.1\na row: changes 1\nPASSIVE: stays 2\nFULL: stays 3\nRESTART: stays 4\nTRUNCATE: changes 5' ] || exit 1
echo 'as described'
