#!/bin/bash
# SPDX-License-Identifier: MIT
# promtool 2.42 (Debian 12): `promtool check metrics` finds nothing wrong with a series that stands
# twice, nor with buckets of a histogram that fall, and complains of a name.
#
# The check reads the text format and lints names, help and units. A page on which one series has
# two samples with different values passes with exit status 0 and no word, and so does a histogram
# whose bucket for a greater bound holds less than that for a smaller one, and whose +Inf bucket is
# not its count. Of a page with a counter whose name does not end in _total it says so, with status
# 3. A green check says that names are fine, and nothing of what a scrape can make of the figures:
# that needs a test of one's own.
#
# Runs promtool out of Debian's package, unpacked in a temporary folder. Exit status: 0 as
# described, 1 it has changed, 2 the package can't be fetched.
set -euo pipefail

version=2.42.0+ds-5+deb12u1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

apt-get -q -o APT::Sandbox::User="$(id -un)" download "prometheus=$version" >log 2>&1 || { tail -n 3 log; exit 2; }
dpkg-deb -x ./*.deb .

check() { # status and words, for the page on standard input
    local status=0 text
    text=$(usr/bin/promtool check metrics 2>&1) || status=$?
    echo "$status${text:+: $text}"
}

usr/bin/promtool --version | head -n 1
twice=$(check <<'PAGE'
# HELP jobs_total Jobs done.
# TYPE jobs_total counter
jobs_total{kind="a"} 1
jobs_total{kind="a"} 2
PAGE
)
falling=$(check <<'PAGE'
# HELP wait_seconds Time waited.
# TYPE wait_seconds histogram
wait_seconds_bucket{le="1"} 9
wait_seconds_bucket{le="5"} 4
wait_seconds_bucket{le="+Inf"} 2
wait_seconds_sum 3
wait_seconds_count 7
PAGE
)
name=$(check <<'PAGE'
# HELP jobs Jobs done.
# TYPE jobs counter
jobs{kind="a"} 1
PAGE
)
printf 'twice: %s\nfalling buckets: %s\na name: %s\n' "$twice" "$falling" "$name"
[ "$twice" = 0 ] && [ "$falling" = 0 ] && [[ $name == 3:*_total* ]] || exit 1
echo 'as described'
