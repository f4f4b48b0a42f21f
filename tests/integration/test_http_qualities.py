# SPDX-License-Identifier: MIT
"""What holds for every answer, whatever its route: encodings, tags, other sites, keys, limits.

Asked over raw sockets, so that what is compared is what was on the wire.
"""

import gzip
import json
import re

import pytest
from harness import http_raw, is_not_yet

KEY = "a-key-that-nobody-knows-4711"
ORIGIN = "https://map.example.org"
PROBES = ("/api/livez", "/api/readyz", "/api/healthz")


class Answer:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1])
        self.lines = [tuple(line.split(": ", 1)) for line in lines]
        self.headers = dict(self.lines)

    def all(self, name):
        return [value for key, value in self.lines if key.lower() == name.lower()]

    def __getitem__(self, name):
        found = self.all(name)
        assert len(found) <= 1, found
        return found[0] if found else None

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.lines} {self.body[:200]}"


def ask(world, path, method="GET", port=None, body=None, **headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close"]
    for name, value in headers.items():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            lines.append(f"{name.replace('_', '-')}: {one}")
    if method == "POST":
        lines.append(f"Content-Length: {len(body or '')}")
    request = "\r\n".join(lines) + "\r\n\r\n" + (body or "")
    answer = None
    while answer is None or is_not_yet(answer):  # what the background makes is not there at once
        answer = Answer(http_raw(port or world.config["port"], request.encode("utf-8", "surrogateescape")))
    return answer


def start(world, broker, **keys):
    world.add_source(broker)
    world.start(server=True, **keys)
    world.wait("readiness", lambda: world.get("/api/readyz").status == 200)
    return world


@pytest.fixture
def running(world, broker):
    return start(world, broker)


def get_paths(world):
    """Every GET that the server says it has, without parameters in the path."""
    spec = world.get("/api/spec").json
    return sorted(path for path, methods in spec["paths"].items() if "get" in methods and "{" not in path)


# --- paths and refusals ---------------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/api/mqtt/status/a%00", "/api/mqtt/status/a%2Fb", "/api/mqtt/status/a%2fb",
                                  "/api/mqtt/status/%ff", "/api/mqtt/status/%c3", "/api/mqtt/status/%ed%a0%80",
                                  "/api/mqtt/status/%4", "/api/mqtt/status/%zz", "/api/healthz?strict=%00"])
def test_what_can_not_be_decoded_is_refused(running, path):
    answer = ask(running, path)
    assert answer.status == 400 and answer.json["error"], answer


def test_a_segment_is_decoded_once(running):
    assert "'#test'" in json.dumps(ask(running, "/api/mqtt/status/%23test").json) or \
        "#test" in ask(running, "/api/mqtt/status/%23test").json["error"]
    assert "%2F" in ask(running, "/api/mqtt/status/a%252Fb").json["error"]


@pytest.mark.parametrize("path", ["/api/nope", "/api/", "/api", "/api//stats", "/api/stats/", "/api/./stats",
                                  "/api/x/../stats", "/API/STATS"])
def test_an_unknown_path_is_a_json_404(running, path):
    answer = ask(running, path)
    assert answer.status == 404 and answer.json == {"error": "not found"}, answer
    assert answer["Content-Type"] == "application/json" and answer["Cache-Control"] == "no-store"


# --- forms of an answer ---------------------------------------------------------------------------

def test_every_get_has_a_head_and_options(running):
    for path in get_paths(running):
        got, head = ask(running, path), ask(running, path, "HEAD")
        assert head.status == got.status and head.body == b"", path
        assert [name for name, _ in head.lines] == [name for name, _ in got.lines], path
        options = ask(running, path, "OPTIONS")
        assert options.status == (got.status if path in PROBES else 204), (path, options)


# Probes, figures of the moment, and what has no end.
NEVER_STORED = (*PROBES, "/metrics", "/api/live")


def test_every_get_that_can_has_a_tag(running):
    for path in get_paths(running):
        answer = ask(running, path, "HEAD")
        if answer.status != 200 or path in NEVER_STORED:
            assert answer["ETag"] is None and answer["Cache-Control"] == "no-store", (path, answer)
        else:
            assert answer["ETag"] and re.fullmatch(r'"[0-9a-f]+"', answer["ETag"]), (path, answer)
            assert answer["Cache-Control"] == "no-cache" and answer["Vary"] == "Accept-Encoding", (path, answer)


def test_who_has_the_bytes_is_told_304(running):
    """A page's file does not change, so its tag is known whatever the list around it."""
    tag = ask(running, "/docs.css")["ETag"]
    for value in (tag, f"W/{tag}", f'"x", {tag}', f'"x,y" , W/"z",{tag}', "*", ['"x"', tag]):
        for method in ("GET", "HEAD"):
            answer = ask(running, "/docs.css", method, If_None_Match=value)
            assert answer.status == 304 and not answer.body and answer["ETag"] == tag, (value, answer)
            assert answer["Vary"] == "Accept-Encoding" and answer["Content-Length"] is None
    for value in ('"x"', tag.strip('"'), tag[:-1], ""):
        assert ask(running, "/docs.css", If_None_Match=value).status == 200, value


@pytest.mark.parametrize("path", ["/docs.css", "/metrics", "/api/spec"])
@pytest.mark.parametrize("accepted", ["gzip", "br;q=1, gzip;q=0.1", "*", "x-gzip", ["br", "gzip"]])
def test_who_takes_gzip_gets_the_same_bytes(running, path, accepted):
    plain, packed = ask(running, path), ask(running, path, Accept_Encoding=accepted)
    assert plain["Content-Encoding"] is None and packed["Content-Encoding"] == "gzip"
    assert len(packed.body) == int(packed["Content-Length"]) < 0.75 * len(plain.body)
    if path != "/metrics":  # it counts what is asked
        assert gzip.decompress(packed.body) == plain.body
        assert packed["ETag"] != plain["ETag"]
        assert ask(running, path, Accept_Encoding=accepted, If_None_Match=packed["ETag"]).status == 304
        assert ask(running, path, Accept_Encoding=accepted, If_None_Match=plain["ETag"]).status == 200
    head = ask(running, path, "HEAD", Accept_Encoding=accepted)
    assert head["Content-Encoding"] == "gzip" and head["ETag"] == packed["ETag"] and not head.body


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "gzip;q=0, *", "*;q=0", "br", "gzip;q=0.2, identity",
                                      "gzip;q=7", "gzipped"])
def test_who_does_not_take_gzip_gets_none(running, accepted):
    assert ask(running, "/docs.css", Accept_Encoding=accepted)["Content-Encoding"] is None


# --- what may be done with an answer --------------------------------------------------------------

def test_security_headers(running):
    for path in ("/", "/docs.css", "/api/docs"):
        page = ask(running, path)
        assert page["X-Content-Type-Options"] == "nosniff" and page["X-Frame-Options"] == "DENY", path
        assert page["Referrer-Policy"] == "same-origin"
        assert "default-src 'self'" in page["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    for path in ("/api/stats", "/api/nope", "/metrics"):
        answer = ask(running, path)
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


# --- other sites ----------------------------------------------------------------------------------

ASKS = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "x-api-key"}


def test_no_other_site_reads_by_default(running):
    answer = ask(running, "/api/stats", Origin=ORIGIN)
    assert answer.status == 200 and answer["Access-Control-Allow-Origin"] is None
    assert "Origin" not in answer["Vary"]
    assert ask(running, "/api/stats", "OPTIONS", Origin=ORIGIN, **ASKS).status == 403


def test_listed_sites_may_read(world, broker):
    start(world, broker, corsAllowedOrigins=[ORIGIN, "http://10.0.0.5:8080"])
    for path in ("/api/stats", "/api/healthz", "/api/nope"):
        for method in ("GET", "HEAD"):
            answer = ask(world, path, method, Origin=ORIGIN)
            assert answer["Access-Control-Allow-Origin"] == ORIGIN, answer
            assert "Origin" in answer.all("Vary") and answer["Access-Control-Allow-Credentials"] is None
        for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": ORIGIN + ".evil.example"}, {"Origin": "null"}):
            answer = ask(world, path, **headers)
            assert answer["Access-Control-Allow-Origin"] is None and "Origin" in answer.all("Vary")
        preflight = ask(world, path, "OPTIONS", Origin=ORIGIN, **ASKS)
        assert preflight.status == (404 if path == "/api/nope" else 204), preflight
        if preflight.status == 204:
            assert preflight["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
            assert preflight["Access-Control-Allow-Headers"] == "Content-Type, X-API-Key"
            assert ask(world, path, "OPTIONS", Origin="https://evil.example", **ASKS).status == 403


def test_a_star_lets_all_sites_read(world, broker):
    start(world, broker, corsAllowedOrigins=["*"])
    for headers in ({}, {"Origin": ORIGIN}):
        answer = ask(world, "/api/stats", **headers)
        assert answer["Access-Control-Allow-Origin"] == "*" and answer.all("Vary") == ["Accept-Encoding"]
    assert ask(world, "/api/stats", "OPTIONS", Origin=ORIGIN, **ASKS)["Access-Control-Allow-Origin"] == "*"


# --- keys -----------------------------------------------------------------------------------------

READ_KEY = "another-key-for-those-who-read-0815"
OPEN = (*PROBES, "/", "/docs.css")


@pytest.fixture
def locked(world, broker):
    return start(world, broker, apiKey=KEY, readApiKey=READ_KEY)


def is_open(path):
    return path in OPEN or not path.startswith(("/api/", "/metrics"))


def test_everything_but_probes_and_the_page_asks_for_the_key(locked):
    spec = locked.get("/api/spec", headers={"X-API-Key": READ_KEY}).json
    paths = [path for path, methods in spec["paths"].items() if "get" in methods]
    assert len(paths) > 8
    for path in paths:
        real = re.sub(r"{\w+}", "main", path)
        key = KEY if "security" in spec["paths"][path]["get"] else READ_KEY
        for method in ("GET", "HEAD"):
            answer = ask(locked, real, method)
            if is_open(path):
                assert answer.status == 200, (path, answer)
            else:
                assert answer.status == 401 and answer["WWW-Authenticate"] == "Bearer", (path, answer)
                assert answer["ETag"] is None and answer["Cache-Control"] == "no-store"
        assert ask(locked, real, "OPTIONS").status in (200, 204), path
        if not is_open(path) and path != "/api/live":
            assert ask(locked, real, X_API_Key=key).status not in (401, 403), path
    assert ask(locked, "/api/nope").status == 404
    assert ask(locked, "/metrics", port=locked.config["healthPort"]).status == 401
    assert ask(locked, "/api/healthz", port=locked.config["healthPort"]).status == 200


def test_which_keys_open_what(locked):
    for headers in ({"X_API_Key": READ_KEY}, {"X_API_Key": KEY}, {"Authorization": f"Bearer {READ_KEY}"},
                    {"Authorization": f"bearer {KEY}"}):
        assert ask(locked, "/api/stats", **headers).status == 200, headers
    for headers in ({"X_API_Key": ""}, {"X_API_Key": READ_KEY[:-1]}, {"X_API_Key": READ_KEY + "x"},
                    {"Authorization": READ_KEY}, {"Authorization": f"Basic {READ_KEY}"}, {"Cookie": "weir_login="},
                    {"X_API_Key": "x", "Authorization": f"Bearer {READ_KEY}"}):
        assert ask(locked, "/api/stats", **headers).status == 401, headers
    packet = json.dumps({"hex": "zz"})
    assert ask(locked, "/api/packets", "POST", body=packet, X_API_Key=READ_KEY).status == 401
    assert ask(locked, "/api/packets", "POST", body=packet, X_API_Key=KEY).status == 400
    assert ask(locked, "/api/packets", "POST", body=packet).status == 401


def log_in(world, key=READ_KEY, **headers):
    return ask(world, "/api/login", "POST", body=json.dumps({"key": key}), **headers)


def test_a_login_reads_and_does_not_write(locked):
    answer = log_in(locked)
    assert answer.status == 200 and answer.json["loggedIn"] is True and answer["Cache-Control"] == "no-store"
    cookie, *attributes = answer["Set-Cookie"].split("; ")
    assert set(attributes) == {"Path=/", "Max-Age=604800", "HttpOnly", "SameSite=Strict"}
    assert READ_KEY not in cookie
    assert ask(locked, "/api/stats", Cookie=f"other=1; {cookie}").status == 200
    assert ask(locked, "/api/stats", "HEAD", Cookie=["other=1", cookie]).status == 200
    assert ask(locked, "/api/packets", "POST", body="{}", Cookie=cookie).status == 401
    assert ask(locked, "/api/stats", Cookie=cookie[:-1] + ("0" if cookie[-1] != "0" else "1")).status == 401
    locked.server.stop()
    locked.server.start()  # and a restart ends no login
    locked.wait("the server", lambda: locked.try_get("/api/livez") is not None)
    assert ask(locked, "/api/stats", Cookie=cookie).status == 200
    gone = ask(locked, "/api/logout", "POST")
    assert gone.status == 200 and "Max-Age=0" in gone["Set-Cookie"]
    assert "Secure" in log_in(locked, X_Forwarded_Proto="https")["Set-Cookie"].split("; ")


def test_bad_logins(locked):
    assert log_in(locked, "wrong").status == 401 and log_in(locked, "").status == 401
    assert log_in(locked, KEY).status == 200
    for body in ("", "{", "[]", '{"key": 5}', "{}", '"' + READ_KEY + '"'):
        answer = ask(locked, "/api/login", "POST", body=body)
        assert answer.status == 400 and answer.json["field"] == "key", (body, answer)
        assert answer["Set-Cookie"] is None


def test_without_a_key_for_reading_all_may(world, broker):
    start(world, broker, apiKey=KEY)
    assert ask(world, "/api/stats").status == 200 and log_in(world, KEY).status == 403


def test_a_weak_key_for_reading_opens_nothing(world, broker):
    start(world, broker, readApiKey="short")
    assert world.server.log_lines("readApiKey is well known or shorter")
    for headers in ({}, {"X_API_Key": "short"}):
        assert ask(world, "/api/stats", **headers).status == 403
    assert log_in(world, "short").status == 403


def test_other_sites_may_read_with_a_key(world, broker):
    start(world, broker, readApiKey=READ_KEY, corsAllowedOrigins=[ORIGIN])
    assert ask(world, "/api/stats", "OPTIONS", Origin=ORIGIN, **ASKS).status == 204
    for headers, status in (({}, 401), ({"X_API_Key": READ_KEY}, 200)):
        answer = ask(world, "/api/stats", Origin=ORIGIN, **headers)
        assert answer.status == status and answer["Access-Control-Allow-Origin"] == ORIGIN


# --- rates ----------------------------------------------------------------------------------------

def ask_often(world, times=40, path="/api/stats", **headers):
    """How many of so many were answered, and the last refusal."""
    answers = [ask(world, path, **headers) for _ in range(times)]
    refused = [answer for answer in answers if answer.status == 429]
    assert {answer.status for answer in answers} <= {200, 404, 429}
    return times - len(refused), refused[-1] if refused else None


def test_who_asks_too_often_is_told_to_wait(world, broker):
    start(world, broker, rateLimitPerSecond=1)
    passed, refused = ask_often(world, 60)
    assert 8 <= passed <= 59 and refused["Retry-After"] == "1" and refused.json["error"]
    for path in PROBES:
        assert ask(world, path).status == 200
    assert ask(world, "/metrics", port=world.config["healthPort"]).status == 200
    world.wait("a line in the log", lambda: world.server.log_lines("rateLimitPerSecond"))
    world.wait("a token", lambda: ask(world, "/api/stats").status == 200)


def test_a_proxy_asks_for_many(world, broker):
    """Each client behind a named proxy has a bucket, by what the proxy itself has written."""
    start(world, broker, rateLimitPerSecond=1, trustedProxies=["127.0.0.1", "10.0.0.0/8"])
    for client in range(30):
        assert ask(world, "/api/stats", X_Forwarded_For=f"203.0.113.{client}").status == 200
        assert ask(world, "/api/stats", Forwarded=f'for="[2001:db8:{client:x}::1]:99";proto=https').status == 200
    assert ask_often(world, X_Forwarded_For="198.51.100.1")[1], "one client"
    assert ask_often(world, X_Forwarded_For="6.6.6.6, 198.51.100.1, 10.0.0.9")[0] < 20, "what it invents is not read"
    assert ask_often(world, X_Forwarded_For=["7.7.7.7", "198.51.100.1"])[0] < 20, "over lines, too"
    mixed = [ask(world, "/api/stats", X_Forwarded_For=f"192.0.2.{i}", Forwarded="for=192.0.2.200") for i in range(60)]
    assert 429 in {answer.status for answer in mixed}, "two that disagree are the proxy's own"


def test_the_log_names_whom_a_proxy_asks_for(world, broker):
    """Without a limit of requests, too."""
    start(world, broker, accessLog=True, trustedProxies=["127.0.0.1"])
    for named, logged in (("203.0.113.9", "203.0.113.9"), ("2001:db8::7", "2001:db8::7"), ("not one", "127.0.0.1")):
        assert ask(world, "/api/stats", X_Forwarded_For=named).status == 200
        world.wait(f"a line about {logged}", lambda text=f"client={logged} ": [
            line for line in world.server.log_lines("path=/api/stats") if text in line + " "])


def test_who_is_no_proxy_asks_for_itself(world, broker):
    start(world, broker, rateLimitPerSecond=1, trustedProxies=["10.0.0.0/8"])
    answers = [ask(world, "/api/stats", X_Forwarded_For=f"203.0.113.{i}").status for i in range(60)]
    assert 429 in answers
