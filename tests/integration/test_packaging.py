# SPDX-License-Identifier: MIT
"""What an installation brings: files, units, manual pages, completions, the Debian package. Tools
that are not installed are named in the reason of a skip; scripts/deb tries the package itself."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import BUILD, ROOT
from terminal import Terminal

MADE = BUILD / "packaging"
PROGRAMS = ("weir-ingestor", "weir-server")
EXPOSURE_MAX = 2.5

pytestmark = pytest.mark.skipif(not (MADE / "weir.json.5").exists(),
                                reason="SKIPPED: a build without manual pages is not installed")


def run(*argv, **keys):
    keys = {"capture_output": True, "text": True, "check": True, "timeout": 120, **keys}
    try:
        return subprocess.run([str(a) for a in argv], **keys).stdout
    except subprocess.CalledProcessError as error:
        raise AssertionError(f"{argv}: {error.returncode}\n{error.stdout}\n{error.stderr}") from None


def needs(tool):
    found = shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"SKIPPED: {tool} is not installed")
    return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", BUILD, "--prefix", "/usr", env={**os.environ, "DESTDIR": str(root)})
    return root


def test_files(installed):
    found = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    wanted = {"etc/weir/weir.json", "usr/lib/sysusers.d/weir.conf", "usr/lib/tmpfiles.d/weir.conf",
              "usr/lib/systemd/system/weir.target", "usr/share/man/man5/weir.json.5", "usr/share/doc/weir/README.md",
              "usr/share/doc/weir/LICENSE", "usr/share/doc/weir/config.example.json",
              "usr/share/doc/weir/examples/nginx.conf", "usr/share/doc/weir/examples/haproxy.cfg", "usr/share/doc/weir/examples/Caddyfile",
              "usr/share/doc/weir/examples/weir.rules.yml", "usr/share/doc/weir/examples/weir.rules.md",
              "usr/share/doc/weir/examples/weir-grafana.json"}
    for program in PROGRAMS:
        wanted |= {f"usr/bin/{program}", f"usr/lib/systemd/system/{program}.service", f"usr/share/man/man8/{program}.8",
                   f"usr/share/bash-completion/completions/{program}", f"usr/share/zsh/vendor-completions/_{program}",
                   f"usr/share/fish/vendor_completions.d/{program}.fish"}
    assert found == wanted
    unit = (installed / "usr/lib/systemd/system/weir-server.service").read_text()
    assert "ExecStart=/usr/bin/weir-server --config /etc/weir/weir.json\n" in unit


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_reload_checks_first_and_no_end_is_the_last(installed, program):
    """What a real systemd makes of it: scripts/lib/try_units."""
    unit = (installed / f"usr/lib/systemd/system/{program}.service").read_text()
    checks, signals = re.findall(r"^ExecReload=(.*)$", unit, re.M)
    assert checks == f"/usr/bin/{program} --config /etc/weir/weir.json --check-config" and "kill -HUP" in signals
    assert "\nStartLimitIntervalSec=0\n" in unit.split("[Service]")[0]


def test_the_configuration_is_right_and_is_never_overwritten(installed, tmp_path):
    config = installed / "etc/weir/weir.json"
    for program in PROGRAMS:
        done = run(installed / "usr/bin" / program, "--config", config, "--check-config")
        assert "warnings: 0" in done
    run("cmake", "--install", BUILD, "--prefix", tmp_path)
    own = tmp_path / "etc/weir/weir.json"
    assert f"{tmp_path}/etc/weir/weir.json --check-config" in own.read_text()
    unit = (tmp_path / "lib/systemd/system/weir-ingestor.service").read_text()
    assert f"ExecStart={tmp_path}/bin/weir-ingestor --config {own}\n" in unit
    own.write_text("{}")
    run("cmake", "--install", BUILD, "--prefix", tmp_path)
    assert own.read_text() == "{}"


@pytest.mark.parametrize("program", PROGRAMS)
def test_unit(installed, tmp_path, program):
    tool = needs("systemd-analyze")
    unit, root = f"{program}.service", tmp_path / "root"
    shutil.copytree(installed, root)
    (root / "bin").symlink_to("usr/bin")
    shutil.copy("/bin/sh", root / "bin/sh")
    run(tool, "verify", "--man=no", "--recursive-errors=no", f"--root={root}", unit)
    shown = run(tool, "security", "--offline=yes", f"--root={root}", unit)
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", shown)
    assert float(exposure[1]) <= EXPOSURE_MAX, shown


# --- manual pages ---------------------------------------------------------------------------------

def tables():
    return {name: json.loads((MADE / f"{name}.json").read_text()) for name in ("ingestor", "server")}


def test_manual_pages_tell_every_flag_and_key():
    for name, table in tables().items():
        page = (MADE / f"weir-{name}.8").read_text()
        for flag in table["flags"]:
            assert f"Fl Fl {flag['name']}".replace("-", "\\-") in page, flag
    page = (MADE / "weir.json.5").read_text()
    keys = [row["key"] for kind in ("keys", "sourceKeys") for row in tables()["server"][kind]]
    assert re.findall(r"^\.It Cm (\S+)$", page, re.M) == keys
    assert "@" not in re.sub(r"user:password@", "", page)


@pytest.mark.parametrize("page", ["weir-ingestor.8", "weir-server.8", "weir.json.5"])
def test_manual_page_is_clean(page):
    if shutil.which("mandoc"):
        run("mandoc", "-T", "lint", "-W", "warning", MADE / page)
    shown = subprocess.run([needs("man"), "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(MADE / page)],
                           capture_output=True, text=True, check=True, env={**os.environ, "MANWIDTH": "80"})
    assert shown.stderr == ""


# --- completions ----------------------------------------------------------------------------------

def complete(program, *words):
    """What bash offers for the last word, as it cuts them (= breaks a word)."""
    pieces = [piece for word in words for piece in re.split(r"(=)", word)]
    while len(pieces) > 1 and pieces[-1] == "" and pieces[-2] == "" :
        pieces.pop()
    script = (f"source {MADE}/bash/{program}\n"
              "compopt() { :; }\n" # of an interactive shell
              f"COMP_WORDS=({program} {' '.join(repr(piece) for piece in pieces)}); COMP_CWORD={len(pieces)}\n"
              f"_{program.replace('-', '_')}; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return run("bash", "-c", script, cwd=ROOT).split()


def test_bash_completes():
    assert "--check-config" in complete("weir-ingestor", "--c")
    assert complete("weir-server", "--bac") == ["--backup"]
    assert complete("weir-server", "--imp") == []
    assert complete("weir-ingestor", "--log-level", "w") == ["warn"]
    assert complete("weir-ingestor", "--log-format", "") == ["text", "json"]
    assert complete("weir-server", "--set", "accessL") == ["accessLog="]
    assert complete("weir-ingestor", "--set", "accessL") == []
    assert complete("weir-server", "--set", "apiK") == [], "a secret is refused on a command line"
    assert complete("weir-ingestor", "--set", "spoolSync=i") == ["interval"]
    assert complete("weir-ingestor", "--set", "spoolSync=") == ["none", "interval"]
    assert complete("weir-ingestor", "--set", "ingestAsync=") == ["true", "false"]
    assert complete("weir-ingestor", "--log-level=w") == ["warn"]
    assert complete("weir-server", "--set=accessL") == ["accessLog="]
    assert complete("weir-server", "--set=accessLog=t") == ["true"]
    assert complete("weir-server", "--set", "port=") == complete("weir-ingestor", "--decode", "") == []
    for program in PROGRAMS:
        run("bash", "-n", MADE / "bash" / program)


def test_bash_completes_names_of_files(tmp_path):
    """By readline, in a terminal: a space in a name is one of the name's."""
    (tmp_path / "my file.json").touch()
    terminal = Terminal(["/bin/bash", "--norc", "-i"], {**os.environ, "PS1": "> ", "HOME": str(tmp_path)}, columns=120)
    try:
        terminal.type(f"cd {tmp_path}; source {MADE}/bash/weir-ingestor; clear; echo rea''dy\n")
        terminal.wait("the shell", lambda text: "ready" in text)
        for typed, shown in (("--config my", r"--config my\ file.json"), ("--import=~/m", r"--import=~/my\ file.json"),
                             ("--set dbPath=my", r"--set dbPath=my\ file.json"), ("-c m", r"-c my\ file.json")):
            terminal.type(f"weir-ingestor {typed}\t")
            terminal.wait(shown, lambda text, shown=shown: f"weir-ingestor {shown}" in text)
            terminal.type("\x15")
    finally:
        terminal.close()


def test_fish_completes():
    for program in PROGRAMS:
        run(needs("fish"), "-n", MADE / "fish" / program)
    script = f"source {MADE}/fish/weir-server; complete -C 'weir-server --set accessL'"
    assert run("fish", "--no-config", "-c", script).startswith("accessLog=")


ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; bindkey '^I' complete-word; echo rea''dy"
zpty -r -m shell out '*ready*'
for pair in "${@:2}"; do
    zpty -n -w shell "${pair%|*}"$'\t'
    zpty -r -m shell out "*${pair#*|}*"
    zpty -n -w shell $'\x15'
done
zpty -d shell
"""


def test_zsh_completes(tmp_path):
    """In a terminal of its own: what is typed before a TAB, and what then stands there (whatever
    bell or colour lies between)."""
    for program in PROGRAMS:
        run(needs("zsh"), "-n", MADE / "zsh" / program)
        shutil.copy(MADE / "zsh" / program, tmp_path / f"_{program}")
    (tmp_path / "try.zsh").write_text(ZSH)
    run("zsh", "-f", tmp_path / "try.zsh", tmp_path, "weir-server --set accessL|og=", "weir-ingestor --log-level w|arn",
        "weir-ingestor --set spoolSync=i|nterval", "weir-server --set accessLog=t|rue", "weir-ingestor --check-c|onfig",
        "weir-server --set webRoot=/et|c", timeout=60)


# --- the package ----------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def package(tmp_path_factory):
    needs("dpkg-shlibdeps")
    out = tmp_path_factory.mktemp("deb")
    run("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", out,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"})
    return next(out.glob("weir_*.deb"))


def test_package(package, tmp_path):
    def field(name):
        return run("dpkg-deb", "-f", package, name).strip()

    assert field("Package") == "weir"
    for library in ("libc6", "libpaho-mqtt1.3", "libsqlite3-0", "libcjson1", "libsodium23", "libssl3", "libcurl4",
                    "libwslay1", "zlib1g"):
        assert re.search(rf"\b{re.escape(library)}\b", field("Depends")), field("Depends")
    run("dpkg-deb", "-e", package, tmp_path / "control")
    assert (tmp_path / "control/conffiles").read_text() == "/etc/weir/weir.json\n"
    for script in ("preinst", "postinst", "prerm", "postrm"):
        run("sh", "-n", tmp_path / "control" / script)
    listed = run("dpkg-deb", "-c", package)
    assert {line.split()[1] for line in listed.splitlines()} == {"root/root"}
    assert {line.split()[3] for line in listed.splitlines()} == {"2023-11-14"}
    run("dpkg-deb", "-x", package, tmp_path / "root")
    doc = tmp_path / "root/usr/share/doc/weir"
    assert "License: Expat" in (doc / "copyright").read_text()
    changes = run("gzip", "-dc", doc / "changelog.gz")
    assert changes.startswith(f"weir ({field('Version')}) ")
    parsed = run("dpkg-parsechangelog", "-l", "-", input=changes)
    assert f"Version: {field('Version')}\n" in parsed
    binary = Path(tmp_path / "root/usr/bin/weir-server")
    assert ".symtab" not in run("readelf", "-S", "-W", binary), "stripped"
