#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""changelog - Debian's changelog out of the section "Changes" of the README.

    changelog.py README.md VERSION MAINTAINER OUT

Its releases are the headings `### <version>`, the newest first, which is the package's whatever its
number. What stands before the first heading is for readers. The date is that of SOURCE_DATE_EPOCH,
else today.
"""

import os
import re
import sys
import textwrap
import time
from email.utils import formatdate


def releases(readme):
    """[(version, [paragraph])] in the order of the file."""
    section = re.search(r"^## Changes\n(.*?)^## ", readme, re.M | re.S).group(1)
    for heading in re.split(r"^### ", section, flags=re.M)[1:]:
        version, _, body = heading.partition("\n")
        yield version.split()[0], [" ".join(item.split()) for item in re.split(r"^- ", body, flags=re.M)[1:]]


def main():
    path, version, maintainer, out = sys.argv[1:]
    found = list(releases(open(path, encoding="utf-8").read()))
    if not found:
        sys.exit(f"changelog: {path}: no heading ### below ## Changes")
    date = formatdate(int(os.environ.get("SOURCE_DATE_EPOCH") or time.time()))
    lines = []
    for number, (release, items) in enumerate(found):
        lines.append(f"weir ({version if number == 0 else release}) unstable; urgency=medium\n")
        for item in items or ["First release."]:
            lines.append(textwrap.fill(item, 78, initial_indent="  * ", subsequent_indent="    ",
                                       break_long_words=False, break_on_hyphens=False))
        lines.append(f"\n -- {maintainer}  {date}\n")
    with open(out, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


if __name__ == "__main__":
    main()
