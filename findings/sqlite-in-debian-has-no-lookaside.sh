#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian 12 builds SQLite 3.40.1 without lookaside memory, and the calls that set it up say OK.
#
# SQLite's documentation tells of a pool for small allocations that each connection has by default,
# with which a statement's cursors and names cost no malloc. Debian's library is compiled with
# SQLITE_OMIT_LOOKASIDE: sqlite3_config(SQLITE_CONFIG_LOOKASIDE) and
# sqlite3_db_config(SQLITE_DBCONFIG_LOOKASIDE) answer SQLITE_OK and change nothing, and all counters
# of sqlite3_db_status(SQLITE_DBSTATUS_LOOKASIDE_*) stay 0. A step that opens a cursor calls malloc,
# also of a statement that is kept prepared. Who counts allocations, or tunes lookaside for a small
# machine, has to look at `PRAGMA compile_options` first.
#
# Compiles a small program against Debian's package, unpacked in a temporary folder: it asks for
# lookaside, steps one prepared statement a hundred times, and counts SQLite's allocations. Exit
# status: 0 as described, 1 it has changed, 2 the packages can't be fetched.
set -euo pipefail

version=3.40.1-2+deb12u2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

for package in libsqlite3-0=$version libsqlite3-dev=$version; do
    apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package" >log 2>&1 || { tail -n 3 log; exit 2; }
done
for package in ./*.deb; do
    dpkg-deb -x "$package" .
done
library=$(dirname "$(find . -name 'libsqlite3.so.0' | head -n 1)")

cat >lookaside.c <<'C'
#include <sqlite3.h>
#include <stdio.h>

static sqlite3_mem_methods real;
static int allocations;

static void *counting(int bytes)
{
    allocations++;
    return real.xMalloc(bytes);
}

int main(void)
{
    sqlite3 *db;
    sqlite3_stmt *find;
    int used, most;
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
    sqlite3_mem_methods methods = real;
    methods.xMalloc = counting;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    printf("for all: %d", sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 1200, 100));
    sqlite3_open(":memory:", &db);
    printf(", for one: %d\n", sqlite3_db_config(db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 1200, 100));
    sqlite3_exec(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1, 2)", 0, 0, 0);
    sqlite3_prepare_v3(db, "SELECT b FROM t WHERE a = 1", -1, SQLITE_PREPARE_PERSISTENT, &find, 0);
    allocations = 0;
    for (int i = 0; i < 100; i++) {
        sqlite3_step(find);
        sqlite3_reset(find);
    }
    sqlite3_db_status(db, SQLITE_DBSTATUS_LOOKASIDE_HIT, &used, &most, 0);
    printf("compiled without it: %d\n", sqlite3_compileoption_used("OMIT_LOOKASIDE"));
    printf("served from it: %d, allocations in 100 steps: %d\n", most, allocations);
    return 0;
}
C
cc -std=c11 -Iusr/include lookaside.c -o lookaside -L"$library" -l:libsqlite3.so.0
echo "Debian's SQLite $version"
output=$(LD_LIBRARY_PATH=$library ./lookaside)
echo "$output"
[[ $output == $'for all: 0, for one: 0\ncompiled without it: 1\nserved from it: 0, allocations in 100 steps: '* ]] || exit 1
[ "${output##*: }" -ge 100 ] || exit 1
echo 'as described'
