#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""completions - what shells complete behind a program's name, out of its own tables.

    completions.py bash|zsh|fish TABLE.json >FILE

TABLE.json is what `ingestor --print-options` (or `server`) says. Flags and their arguments are
completed, also behind --flag=; behind --set the keys that the program reads, and what such a key
takes where that is one of a few words or a path.
"""

import json
import sys

# What an argument of a flag is, by the name that --help gives it.
FILES = {"FILE"}
WORDS = {"LEVEL": "logLevel", "FORMAT": "logFormat"}


class Table:
    def __init__(self, path):
        table = json.load(open(path, encoding="utf-8"))
        self.name = "weir-" + table["program"]
        self.flags = table["flags"]
        self.rows = [row for row in table["keys"] if table["program"] in row["reload"]]
        # Only a single value can be given with --set; a secret is refused there.
        self.settable = [row for row in self.rows if "environment" in row and not row["isSecret"]]

    def words_of(self, argument):
        key = WORDS.get(argument)
        return next((row["words"] for row in self.rows if row["key"] == key), [])

    def words(self):
        """{key: words} of the keys whose value is one of a few."""
        of_bool = ["true", "false"]
        return {row["key"]: row.get("words", of_bool) for row in self.settable
                if "words" in row or row["takes"] == " or ".join(of_bool)}

    def paths(self):
        return [row["key"] for row in self.settable if row["isPath"]]


# --- bash -----------------------------------------------------------------------------------------

def bash(table):
    function = "_" + table.name.replace("-", "_")
    names = [f"--{flag['name']}" for flag in table.flags]
    names += [f"-{flag['letter']}" for flag in table.flags if "letter" in flag]
    lines = [f"# bash completion for {table.name}, made from its own tables.",
             f"{function}() {{",
             "    local i=$COMP_CWORD word=${COMP_WORDS[COMP_CWORD]} prev key= words= here",
             "    COMPREPLY=()",
             "    # A word with = in it is three where = is in COMP_WORDBREAKS.",
             "    while ((i > 1)) && [[ ${COMP_WORDS[i]} == = || ${COMP_WORDS[i-1]} == = ]]; do",
             "        word=${COMP_WORDS[--i]}$word",
             "    done",
             "    prev=${COMP_WORDS[i-1]}",
             "    if [[ $word == --*=* ]]; then",
             "        prev=${word%%=*} word=${word#*=}",
             "    fi",
             "    if [[ $prev == --set && $word == *=* ]]; then",
             "        key=${word%%=*} word=${word#*=}",
             "    fi",
             "    # Names of files are readline's own business: it knows of spaces and of ~.",
             "    case $prev:$key in"]
    for flag in table.flags:
        if "argument" not in flag:
            continue
        pattern = f"--{flag['name']}:" + (f" | -{flag['letter']}:" if "letter" in flag else "")
        if flag["name"] == "set":
            # No space behind the =.
            action = f"compopt -o nospace; words='{' '.join(row['key'] + '=' for row in table.settable)}'"
        elif flag["argument"] in FILES:
            action = "compopt -o default; return"
        else:
            action = f"words='{' '.join(table.words_of(flag['argument']))}'"
        lines.append(f"    {pattern}) {action} ;;")
    for key, words in table.words().items():
        lines.append(f"    --set:{key}) words='{' '.join(words)}' ;;")
    lines += [f"    {' | '.join('--set:' + key for key in table.paths())}) compopt -o default; return ;;",
              "    --set:*) ;;",
              f"    *) words='{' '.join(names)}' ;;",
              "    esac",
              "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))",
              "    # Where it is one word, all of it is replaced.",
              "    here=${COMP_WORDS[COMP_CWORD]}",
              "    if [[ $here == ?*=* ]]; then",
              "        COMPREPLY=(\"${COMPREPLY[@]/#/${here%\"$word\"}}\")",
              "    fi",
              "}",
              f"complete -F {function} {table.name}"]
    return lines


# --- zsh ------------------------------------------------------------------------------------------

def zsh_text(text):
    """Inside [...] of a specification, in single quotes."""
    for char in "\\[]:":
        text = text.replace(char, "\\" + char)
    return text.replace("'", "'\\''")


def zsh_action(table, flag):
    argument = flag["argument"]
    if flag["name"] == "set":
        return "KEY=VALUE:->set"
    if argument in FILES:
        return "FILE:_files"
    words = " ".join(table.words_of(argument))
    return f"{argument}:({words})" if words else f"{argument}: "


def zsh(table):
    lines = [f"#compdef {table.name}", f"# zsh completion for {table.name}, made from its own tables.",
             "local context state state_descr line", "typeset -A opt_args", "_arguments -s -S \\"]
    for flag in table.flags:
        help_text = zsh_text(flag["help"])
        star = "*" if flag["name"] == "set" else ""
        value = ":" + zsh_action(table, flag) if "argument" in flag else ""
        if "letter" in flag:
            names = f"-{flag['letter']} --{flag['name']}"
            lines.append(f"    '({names})'{{-{flag['letter']},--{flag['name']}}}'[{help_text}]{value}' \\")
        else:
            lines.append(f"    '{star}--{flag['name']}[{help_text}]{value}' \\")
    lines[-1] = lines[-1][:-2]
    lines += ["[[ $state == set ]] || return", "if compset -P '*='; then", "    case ${IPREFIX%=} in"]
    for key, words in table.words().items():
        lines.append(f"    *{key}) compadd -- {' '.join(words)} ;;")
    lines.append(f"    {' | '.join('*' + key for key in table.paths())}) _files ;;")
    lines += ["    esac", "else", "    compadd -S = -- \\"]
    lines += [f"        {row['key']} \\" for row in table.settable]
    lines[-1] = lines[-1][:-2]
    lines.append("fi")
    return lines


# --- fish -----------------------------------------------------------------------------------------

def fish_text(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish(table):
    lines = [f"# fish completion for {table.name}, made from its own tables.",
             f"complete -c {table.name} -f"]
    for flag in table.flags:
        line = f"complete -c {table.name} -l {flag['name']}"
        if "letter" in flag:
            line += f" -s {flag['letter']}"
        if flag.get("argument") in FILES:
            line += " -r -F"
        elif "argument" in flag:
            words = table.words_of(flag["argument"])
            if flag["name"] == "set":
                words = [f"{row['key']}=" for row in table.settable]
                words += [f"{key}={word}" for key, all_words in table.words().items() for word in all_words]
            line += f" -x -a {fish_text(' '.join(words))}" if words else " -x"
        lines.append(f"{line} -d {fish_text(flag['help'])}")
    return lines


def main():
    shells = {"bash": bash, "zsh": zsh, "fish": fish}
    sys.stdout.reconfigure(encoding="utf-8")
    print("\n".join(shells[sys.argv[1]](Table(sys.argv[2]))))


if __name__ == "__main__":
    main()
