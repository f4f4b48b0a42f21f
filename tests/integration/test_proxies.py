# SPDX-License-Identifier: MIT
"""nginx, HAProxy and Caddy in front of the server, each with its file of packaging/proxy: TLS, both
live feeds, below a path of another site, and what the server is told of who asks."""

import http.client
import re
import shutil
import signal
import ssl
import time
from urllib.parse import urljoin

import pytest
from certificates import Authority
from harness import PATIENCE, ROOT, Program, World, free_port
from live_client import Closed, Stream, WebSocket, read_until_closed
from messages import packets
from mqtt_lite import Client

PATHS = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
NAME = "mesh.example.org"
SOMEBODY = "127.0.0.2"  # not the proxy's own address
KEY = "a key for reading, 4711"
NGINX = """
worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/nginx-error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {dir}/nginx-body; proxy_temp_path {dir}/nginx-proxy;
    fastcgi_temp_path {dir}/nginx-1; uwsgi_temp_path {dir}/nginx-2; scgi_temp_path {dir}/nginx-3;
    include {dir}/weir.conf;
}}
"""


def replaced(text, *pairs):
    """Each piece stands there, and once."""
    for piece, other in pairs:
        assert text.count(piece) == 1, piece
        text = text.replace(piece, other)
    return text


class Proxy:
    """Its file as it stands but for addresses and certificate, and with the lines for a path."""

    def __init__(self, kind, world):
        self.kind, self.world = kind, world
        self.port, self.plain_port = free_port(), free_port()
        self.authority = Authority(world.dir)
        self.certificate = self.authority.issue("proxy", [NAME])
        self.context = ssl.create_default_context(cafile=self.authority.cert)

    def text(self, file):
        text = (ROOT / "packaging/proxy" / file).read_text(encoding="utf-8")
        return replaced(re.sub(r"^(\s*)#(?=\S)", r"\1", text, flags=re.M),  # prose has a space behind its #
                        ("127.0.0.1:3000", f"127.0.0.1:{self.world.config['port']}"))

    def nginx(self):
        text = re.sub(r"^ *listen \[::\].*\n", "", self.text("nginx.conf"), flags=re.M)
        (self.world.dir / "weir.conf").write_text(replaced(
            text, ("listen 80;", f"listen 127.0.0.1:{self.plain_port};"), ("listen 443 ", f"listen 127.0.0.1:{self.port} "),
            (f"/etc/letsencrypt/live/{NAME}/fullchain.pem", self.certificate.cert),
            (f"/etc/letsencrypt/live/{NAME}/privkey.pem", self.certificate.key)))
        config = self.world.dir / "nginx.conf"
        config.write_text(NGINX.format(dir=self.world.dir))
        return ["-c", config, "-e", self.world.dir / "nginx-error.log", "-p", self.world.dir]

    def haproxy(self):
        both = self.world.dir / "both.pem"
        both.write_text("".join(open(part).read() for part in (self.certificate.cert, self.certificate.key)))
        config = self.world.dir / "haproxy.cfg"
        config.write_text(replaced(
            self.text("haproxy.cfg"), (":::80 v4v6", f"127.0.0.1:{self.plain_port}"),
            (":::443 v4v6", f"127.0.0.1:{self.port}"), (f"/etc/haproxy/{NAME}.pem", str(both))))
        return ["-db", "-f", config]

    def caddy(self):
        """Which would ask for a certificate, and listen on port 80."""
        config = self.world.dir / "Caddyfile"
        config.write_text("{\n admin off\n skip_install_trust\n auto_https disable_redirects\n}\n" + replaced(
            self.text("Caddyfile"), (f"\n{NAME} {{", f"\nhttps://{NAME}:{self.port} {{\n\ttls {self.certificate.cert} {self.certificate.key}")))
        self.plain_port = None
        return ["run", "--adapter", "caddyfile", "--config", config]

    def start(self):
        binary = shutil.which(self.kind, path=PATHS)
        if binary is None:
            pytest.skip(f"NOT TESTED: {self.kind} is not installed (scripts/bootstrap)")
        env = {**self.world.env, "XDG_DATA_HOME": str(self.world.dir), "XDG_CONFIG_HOME": str(self.world.dir)}
        program = Program(self.kind, [binary, *getattr(self, self.kind)()], self.world.dir, env).start()
        self.world.programs.append(program)
        self.world.wait(self.kind, lambda: self.get("/api/livez").status == 200)

    def get(self, path, method="GET", body=None, headers=None, port=None):
        """port: the one without TLS."""
        at = ("127.0.0.1", port or self.port)
        connection = http.client.HTTPConnection(*at, timeout=10 * PATIENCE, source_address=(SOMEBODY, 0))
        connection.connect()
        if port is None:
            connection.sock = self.context.wrap_socket(connection.sock, server_hostname=NAME)
        try:
            connection.request(method, path, body, {"Host": f"{NAME}:{at[1]}", **(headers or {})})
            answer = connection.getresponse()
            answer.body = answer.read()
            return answer
        finally:
            connection.close()

    @property
    def tls(self):
        return {"tls": (self.context, NAME)}


@pytest.fixture(scope="module", params=["nginx", "haproxy", "caddy"])
def proxied(request):
    """The proxy before a world with one source."""
    world = World("proxies")
    try:
        world.add_source(world.start_broker())
        world.start(server=True, trustedProxies=["127.0.0.1"], accessLog=True, shutdownDelaySeconds=60)
        proxy = Proxy(request.param, world)
        proxy.start()
        yield proxy
    finally:
        world.close()


def publish(proxy, messages):
    with Client(proxy.world.brokers[0].port) as client:
        return client.publish_all(messages)


@pytest.mark.parametrize("path", ["", "/weir"])
def test_events_pass_at_once(proxied, path):
    before = proxied.world.count("observations")
    with Stream(proxied.port, f"{path}/api/live", **proxied.tls) as stream:
        assert stream.status == 200
        stream.begin()  # held back, this would not come
        for number in range(10):
            began = time.monotonic()
            publish(proxied, packets(1, start=before + number))
            stream.packets(1)
            assert time.monotonic() - began < 2 * PATIENCE, "held back until more came"
        last_id = stream.last_id
    publish(proxied, packets(30, start=before + 10))
    proxied.world.wait("them", lambda: proxied.world.count("observations") == before + 40)
    with Stream(proxied.port, f"{path}/api/live", last_id=last_id, **proxied.tls) as stream:
        stream.hello()
        assert [e["observation_id"] for e in stream.packets(30)] == list(range(last_id + 1, last_id + 31))


@pytest.mark.parametrize("path", ["/", "/weir/"])
def test_websockets_pass(proxied, path):
    page = f"https://{NAME}:{proxied.port}"
    before = proxied.world.count("observations")
    with Stream(proxied.world.config["port"]) as stream, WebSocket(proxied.port, path, origin=page, **proxied.tls) as listener:
        assert listener.status == 101
        stream.begin()
        publish(proxied, packets(5, start=before))
        for event in stream.packets(5):
            assert listener.message()["data"]["observation_id"] == event["observation_id"]
        listener.send(9, b"ping")
        assert listener.frame() == (10, b"ping")
        listener.send(8, b"\x03\xe8")
        assert listener.frame() == (8, b"\x03\xe8")
    with WebSocket(proxied.port, path, origin="https://evil.example", **proxied.tls) as listener:
        assert listener.status == 403


def test_below_a_path_is_the_same_page(proxied):
    """Whatever it loads is named from where it stands."""
    moved = proxied.get("/weir")
    assert moved.status in (301, 302) and re.search(r"(^|:\d+)/weir/$", moved.headers["Location"]), moved.headers
    assert proxied.get("/weir/").body == proxied.get("/").body
    for page, least in (("/weir/", 4), ("/weir/api/docs", 2)):
        answer = proxied.get(page)
        parts = re.findall(r'(?:src|href)="([^"#]+)"', answer.body.decode())
        assert answer.status == 200 and len(parts) >= least, parts
        for part in parts:
            assert urljoin(page, part).startswith("/weir/"), part
            assert proxied.get(urljoin(page, part)).status == 200, part
    # What is escaped stays so: a slash inside of a segment is none that parts two.
    server = proxied.world.server
    for asked in ("/api/observers/A%2FB%20%23c?x=%2F", "/api/nodes?search=%23%26"):
        position = server.log_size()
        assert proxied.get(f"/weir{asked}").body == proxied.get(asked).body

        def paths(position=position):
            told = re.findall(r"path=(\S+)", server.log_since(position))
            return [path for path in told if path != "/api/readyz"]  # which proxies ask
        proxied.world.wait("both lines", lambda paths=paths: len(paths()) == 2)
        assert set(paths()) == {asked.partition("?")[0]}


def test_the_server_is_told_who_asks(proxied):
    """By what the proxy says alone: what the client says of itself counts for nothing."""
    world = proxied.world
    position = world.server.log_size()
    proxied.get("/api/stats", headers={"X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.8"})
    world.wait("its line", lambda: "path=/api/stats" in world.server.log_since(position))
    assert f"client={SOMEBODY}" in world.server.log_since(position)


def test_logins_are_for_tls_alone(proxied):
    if proxied.plain_port is not None:
        moved = proxied.get("/api/nodes?x=1", port=proxied.plain_port)
        assert moved.status == 301 and re.fullmatch(rf"https://{NAME}(:\d+)?/api/nodes\?x=1", moved.headers["Location"])
    world = proxied.world
    world.write_config(readApiKey=KEY)
    world.server.signal(signal.SIGHUP)
    try:
        world.wait("the reload", lambda: proxied.get("/api/stats").status == 401)
        cookie = proxied.get("/weir/api/login", "POST", f'{{"key": "{KEY}"}}').headers["Set-Cookie"]
        assert "; Secure" in cookie
        assert proxied.get("/api/stats", headers={"Cookie": cookie.split(";")[0]}).status == 200
    finally:
        del world.config["readApiKey"]
        world.write_config()
        world.server.signal(signal.SIGHUP)
    world.wait("the reload", lambda: proxied.get("/api/stats").status == 200)


def test_who_drains_is_asked_no_more_and_its_end_passes(proxied):
    """The last one. nginx looks at who answers, and not at readyz."""
    world = proxied.world
    with Stream(proxied.port, **proxied.tls) as stream, WebSocket(proxied.port, **proxied.tls) as listener:
        stream.begin()
        world.server.signal(signal.SIGTERM)
        world.wait("readyz", lambda: world.get("/api/readyz").json.get("reason") == "draining")
        assert world.get("/api/livez").status == 200
        if proxied.kind != "nginx":
            world.wait("the proxy's own 503", lambda: proxied.get("/api/livez").status == 503)
        world.wait("the end by a second signal", lambda: world.server.signal(signal.SIGTERM) or not world.server.is_running)
        assert world.server.wait_exit() == 0
        read_until_closed(stream)
        with pytest.raises(Closed):
            while True:
                listener.message()
    world.start_server()
    world.wait("it to be asked again", lambda: proxied.get("/api/livez").status == 200)
