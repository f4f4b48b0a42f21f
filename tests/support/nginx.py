# SPDX-License-Identifier: MIT
"""nginx - an nginx in front of several servers, configured as packaging/proxy/nginx.conf says, but
without TLS. The address of the server that answered stands in `X-Upstream`."""

import grp
import os
import pwd
import re
import shutil
from pathlib import Path

from harness import ROOT, Program, http_request

BINARY = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
CONFIG = """
{user}worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/nginx-error.log;
events {{ worker_connections 512; }}
http {{
    access_log off; add_header X-Upstream $upstream_addr;
    client_body_temp_path {dir}/nginx-body; proxy_temp_path {dir}/nginx-proxy;
    fastcgi_temp_path {dir}/nginx-1; uwsgi_temp_path {dir}/nginx-2; scgi_temp_path {dir}/nginx-3;
    include {dir}/weir.conf;
}}
"""


def example(servers, port):
    """packaging/proxy/nginx.conf as it stands, but for its servers, the address that it listens on,
    and without TLS."""
    text = (ROOT / "packaging/proxy/nginx.conf").read_text(encoding="utf-8")
    text = re.sub(r"^server \{\n    listen 80;.*?^\}\n", "", text, flags=re.M | re.S)
    text = re.sub(r"^ *(listen \[::\]|ssl_).*\n", "", text, flags=re.M)
    for piece, other in (("127.0.0.1:3000", servers), ("listen 443 ssl http2", f"listen 127.0.0.1:{port}")):
        assert text.count(piece) == 1, piece
        text = text.replace(piece, other)
    return text


def user():
    """root's workers would be somebody who may not enter a test's folder."""
    if os.getuid() != 0:
        return ""
    return f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(0).gr_name};\n"


def make(folder, servers, port):
    """servers: ports on loopback; one that does not answer is left out for a second."""
    lines = ";\n    server ".join(f"127.0.0.1:{server}" + (" fail_timeout=1s" if len(servers) > 1 else "")
                                  for server in servers)
    (Path(folder) / "weir.conf").write_text(example(lines, port))
    config = Path(folder) / "nginx.conf"
    config.write_text(CONFIG.format(dir=folder, user=user()))
    return Program("nginx", [BINARY, "-c", config, "-e", Path(folder) / "nginx-error.log", "-p", folder], folder)


def start(world, servers, port):
    """One of the world's programs from now on; it answers."""
    program = make(world.dir, servers, port).start()
    world.programs.append(program)
    world.wait("nginx", lambda: http_request(port, "/api/livez").status == 200)
    return program
