# SPDX-License-Identifier: MIT
"""try_container - the steps of a Containerfile in a chroot, where no engine is at hand.

    try_container.py WORK BASE.tar CONTAINERFILE CONTEXT

Takes every stage that ends with an ENTRYPOINT through its steps: FROM is the bare Debian or an
earlier stage, COPY and RUN are done, ENV, USER, VOLUME, ENTRYPOINT, CMD and HEALTHCHECK are noted.
Then its command runs as its user without capabilities, everything read-only but the volumes (of one
name they are shared), with nothing but loopback for a network, until its health check says yes.
As root, in mount and PID name spaces of its own; scripts/deb calls it.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from glob import glob
from pathlib import Path

WORK, BASE, CONTAINERFILE, CONTEXT = map(Path, sys.argv[1:])
HEALTHY_WITHIN_S = 20
DEVICES = ("null", "zero", "urandom", "random", "tty", "full")


def run(*argv, **keys):
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **keys)
    if done.returncode != 0:
        sys.exit(f"try_container: {shlex.join(map(str, argv))[:300]}: {done.returncode}\n{done.stdout[-3000:]}")


def steps(path):
    """[(instruction, rest)], with continued lines joined."""
    text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.M).replace("\\\n", " ")
    for line in filter(None, map(str.strip, text.splitlines())):
        word, rest = line.split(None, 1)
        yield word.upper(), rest


class Stage:
    def __init__(self, name, source):
        self.name, self.root = name, WORK / name
        self.user, self.volumes, self.env, self.command, self.health = "root", [], {}, [], None
        self.root.mkdir(parents=True)
        if source is None:
            run("tar", "-C", self.root, "-xf", BASE)
        else:
            run("cp", "-a", f"{source.root}/.", self.root)
            self.user, self.volumes, self.env = source.user, list(source.volumes), dict(source.env)

    def do(self, word, rest):
        if word == "COPY":
            *sources, target = rest.split()
            for source in (path for pattern in sources for path in glob(str(CONTEXT / pattern))):
                shutil.copy(source, self.root / target.lstrip("/"))
        elif word == "RUN":
            self.shell(rest)
        elif word == "ENV":
            self.env.update(pair.split("=", 1) for pair in rest.split())
        elif word == "USER":
            self.user = rest
        elif word == "VOLUME":
            self.volumes.append(rest)
        elif word in ("ENTRYPOINT", "CMD"):
            self.command += json.loads(rest)
        elif word == "HEALTHCHECK":
            self.health = json.loads(rest[rest.index("CMD") + len("CMD"):])
        elif word != "EXPOSE":
            sys.exit(f"try_container: {word}: not known here")

    def mounts(self):
        """Lines of shell that make the root one as an engine would."""
        yield "set -e; mount --make-rprivate /"
        yield f"mount --bind {self.root} {self.root}; mount -t proc proc {self.root}/proc"
        for device in DEVICES:
            yield f"touch {self.root}/dev/{device}; mount --bind /dev/{device} {self.root}/dev/{device}"

    def shell(self, command):
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        for part in glob("/etc/apt/apt.conf.d/*proxy*"):
            shutil.copy(part, self.root / "etc/apt/apt.conf.d/")
        (self.root / "etc/apt/apt.conf.d/sandbox").write_text('APT::Sandbox::User "root";\n')
        lines = [*self.mounts(), f"exec chroot {self.root} /bin/sh -c {shlex.quote(command)}"]
        run("unshare", "--mount", "/bin/sh", "-c", "\n".join(lines),
            env={**os.environ, **self.env, "DEBIAN_FRONTEND": "noninteractive"})

    def argv(self, command):
        return ["chroot", str(self.root), "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                *(f"{key}={value}" for key, value in self.env.items()), "setpriv", "--reuid", self.user, "--regid",
                self.user, "--init-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", *command]

    def run_until_healthy(self):
        """In a network name space of its own, with loopback up and nothing else."""
        lines = [*self.mounts(), "ip link set lo up 2>/dev/null || true"]
        for volume in self.volumes:
            shared = WORK / "volumes" / volume.strip("/").replace("/", "-")
            if not shared.exists(): # an engine fills a new volume from the image
                run("cp", "-a", f"{self.root}{volume}", shared)
            lines.append(f"mount --bind {shared} {self.root}{volume}")
        lines += [f"mount -o remount,bind,ro {self.root}", shlex.join(self.argv(self.command)) + " &",
                  "program=$!", f"for i in $(seq {HEALTHY_WITHIN_S * 5}); do",
                  f"  if {shlex.join(self.argv(self.health))}; then", "    kill -TERM $program; wait $program; exit; fi",
                  "  sleep 0.2", "done", "exit 99"]
        run("unshare", "--mount", "--net", "/bin/bash", "-c", "\n".join(lines))


def main():
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)
    (WORK / "volumes").mkdir(parents=True)
    stages, stage = {}, None
    for word, rest in steps(CONTAINERFILE):
        if word == "FROM":
            source, _, name = rest.split()
            stage = stages[name] = Stage(name, stages.get(source))
        else:
            stage.do(word, rest)
    for stage in stages.values():
        if stage.command:
            started = time.monotonic()
            stage.run_until_healthy()
            print(f"try_container: {stage.name}: healthy, ended in order, {time.monotonic() - started:.1f} s",
                  file=sys.stderr)


if __name__ == "__main__":
    main()
