#!/bin/bash
# SPDX-License-Identifier: MIT
# SQLite 3.40.1 (Debian 12): the largest id of a table is one look-up, until somebody asks something
# of it: as a subquery in FROM it reads all of it.
#
# SELECT max(id) FROM t is found at the end of the table, whatever its size. The same in
# SELECT x FROM (SELECT max(id) AS x FROM t) WHERE x > 5 walks the table, or the smallest index that
# covers it, from one end to the other; so does min and max in one SELECT, which people know. As a
# scalar subquery, SELECT (SELECT max(id) FROM t) > 5, it is one look-up again. It grows with the
# table; a small test database shows nothing.
#
# Counts SQLite's own virtual machine steps (sqlite3's .stats) with Debian's shell and library,
# unpacked in a temporary folder. Exit status: 0 as described, 1 it has changed, 2 the packages
# can't be fetched.
set -euo pipefail

version=3.40.1-2+deb12u2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

for package in sqlite3 libsqlite3-0; do
    apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package=$version" >log 2>&1 || { tail -n 3 log; exit 2; }
done
for package in ./*.deb; do
    dpkg-deb -x "$package" .
done
libraries=$(dirname "$(find . -name 'libsqlite3.so.0' | head -n 1)")

shell() {
    LD_LIBRARY_PATH=$libraries usr/bin/sqlite3 "$@"
}

shell t.db "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
    INSERT INTO t (name) SELECT 'name ' || i FROM n;"

steps() { # SQL
    shell t.db ".stats on" "$1" | sed -n 's/^Virtual Machine Steps: *//p'
}

shell :memory: "SELECT 'SQLite ' || sqlite_version()"
alone=$(steps "SELECT max(id) FROM t")
in_from=$(steps "SELECT x FROM (SELECT max(id) AS x FROM t) WHERE x > 5")
scalar=$(steps "SELECT (SELECT max(id) FROM t) > 5")
printf '20,000 rows, steps of the virtual machine: alone %s, in FROM with a condition %s, as a scalar subquery %s\n' \
    "$alone" "$in_from" "$scalar"
shell t.db "EXPLAIN QUERY PLAN SELECT x FROM (SELECT max(id) AS x FROM t) WHERE x > 5"
[ "$alone" -lt 100 ] && [ "$scalar" -lt 100 ] && [ "$in_from" -gt 20000 ]
