# SPDX-License-Identifier: MIT
"""What the server says of its own API, held to what it answers."""

import copy
import re
from html.parser import HTMLParser

import pytest
from harness import ROOT
from jsonschema import Draft202012Validator, RefResolver
from messages import packets, recorded
from mqtt_lite import Client

KEY = "a-key-that-nobody-knows-4711"
VOID = {"meta", "link", "br", "hr", "img", "input"}
# What to ask for where a path has a name in it.
ARGUMENTS = {"source": lambda world: "main", "observer": lambda world: "obs1", "channel": lambda world: "enc_11",
             "key": lambda world: world.scalar("SELECT hex(public_key) FROM nodes"),
             "hash": lambda world: world.scalar("SELECT lower(hex(hash)) FROM transmissions LIMIT 1"),
             "id": lambda world: str(world.scalar("SELECT max(id) FROM transmissions"))}
# What a route does not answer without.
QUERIES = {"/api/packets/timestamps": "?since=1", "/api/nodes/resolve": "?prefix=abcd", "/api/analytics/subpath-detail": "?hops=ab,cd"}


@pytest.fixture
def running(world, broker):
    world.add_source(broker)
    world.start(server=True, apiKey=KEY, stateDir="state", clientRxCoverage={"enabled": True})
    with Client(broker.port) as client:
        adverts = [(topic, text) for topic, text, _ in recorded("packets") if '"packet_type":"4"' in text]
        sent = client.publish_all(packets(25) + adverts[:5])
    world.wait_drained(sent)
    world.wait("what the background counts", lambda: world.get("/api/nodes").json["window"]["observations"])
    world.wait("the packets", lambda: world.get("/api/stats").json.get("totalObservations") == sent)
    return world


def spec_of(world):
    return world.get("/api/spec").json


def operations(spec):
    return [(path, method, operation) for path, methods in spec["paths"].items()
            for method, operation in methods.items()]


def closed(schema):
    """The same, but an object that does not say so may hold nothing else."""
    schema = copy.deepcopy(schema)
    todo = [schema]
    while todo:
        at = todo.pop()
        if isinstance(at, dict):
            if at.get("type") in ("object", ["object", "null"]) and "properties" in at:
                at.setdefault("additionalProperties", False)
            todo += at.values()
        elif isinstance(at, list):
            todo += at
    return schema


def errors_of(spec, schema, answer):
    validator = Draft202012Validator(schema, resolver=RefResolver("", spec))
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in validator.iter_errors(answer)]


def test_spec_is_openapi(running):
    spec = spec_of(running)
    assert spec["openapi"] == "3.1.0" and {"title", "version"} <= set(spec["info"])
    names = [operation["operationId"] for _, _, operation in operations(spec)]
    assert len(names) == len(set(names))
    paths = spec["paths"]
    assert "security" not in paths["/api/livez"]["get"] and {} in paths["/api/stats"]["get"]["security"]
    assert paths["/api/perf/reset"]["post"]["security"] == [{"key": []}, {"bearer": []}]
    for path, method, operation in operations(spec):
        assert path.startswith("/") and method in ("get", "post") and operation["summary"], path
        declared = operation.get("parameters", [])
        assert re.findall(r"{(\w+)}", path) == [p["name"] for p in declared if p["in"] == "path"], path
        assert all(p["description"] and p["schema"]["type"] for p in declared), path
        assert "default" in operation["responses"], path
        ways = [way for ways in operation.get("security", []) for way in ways or ["none"]]
        assert set(ways) <= {"none", *spec["components"]["securitySchemes"]}, path
    for schema in spec["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    references = set(re.findall(r'"#/components/schemas/(\w+)"', running.get("/api/spec").body.decode()))
    assert references <= set(spec["components"]["schemas"]), "a reference that leads nowhere"


def gets(spec):
    """Each path that is asked with GET and whose answer has an end (streams: test_live.py)."""
    for path, method, operation in operations(spec):
        if method == "get" and "text/event-stream" not in operation["responses"]["200"]["content"]:
            yield path, operation


def real_path(world, path, more=""):
    real = re.sub(r"{(\w+)}", lambda m: str(ARGUMENTS[m[1]](world)), path) + QUERIES.get(path, "")
    return real + (("&" if "?" in real else "?") + more if more else "")


def asked_for(world, real):
    """What is made first, a backup or an analysis, is 503 or 202 until then."""
    return world.wait(f"{real} to answer", lambda: (a := world.get(real, headers={"X-API-Key": KEY})).status not in (202, 503) and a)


def check_answer(world, spec, operation, real):
    """What is wrong with the answer to a question that is right."""
    answer = asked_for(world, real)
    content = operation["responses"]["200"]["content"]
    assert answer.status == 200, (real, answer)
    assert answer.headers["Content-Type"].split(";")[0] in content, (real, answer.headers["Content-Type"])
    if "application/json" not in content:
        return []
    return [f"{real} {e}" for e in errors_of(spec, content["application/json"]["schema"], answer.json)]


def alternatives(text):
    """{a,b} is two paths; {hash} is a name."""
    found = re.search(r"\{([^{}]*,[^{}]*)\}", text)
    if found is None:
        return [text]
    return [path for word in found[1].split(",") for path in alternatives(text[:found.start()] + word + text[found.end():])]


def told_in_readme():
    section = (ROOT / "README.md").read_text().split("\n## API\n")[1].split("\n## ")[0]
    for row in re.findall(r"^\| (`.*?) \| ", section, re.M):
        method, before = "GET", ""
        for text in re.findall(r"`([^`]*)`", row):
            if text.startswith(("GET ", "POST ")):
                method, text = text.split(" ", 1)
            text = re.sub(r"\[.*|\?.*", "", before + text[3:] if text.startswith("...") else text)
            for path in alternatives(text) if text.startswith("/") else []:
                before = path
                yield method.lower(), re.sub(r"<[^>]*>|\{[^}]*\}", "{}", path)


def test_readme_has_a_row_for_every_route(running):
    routes = {(method, re.sub(r"\{[^}]*\}", "{}", path)) for path, method, _ in operations(spec_of(running))}
    assert set(told_in_readme()) == routes | {("get", "/")}


def test_every_answer_has_its_shape(running):
    """Also with each flag set: none of them may change an answer to what is not told."""
    strict = closed(spec_of(running))
    wrong, asked = [], 0
    for path, operation in gets(strict):
        flags = [p["name"] for p in operation.get("parameters", []) if p["schema"]["type"] == "boolean" and p["name"] != "strict"]
        for more in ["", *(f"{name}=1" for name in flags)]:
            asked += 1
            wrong += check_answer(running, strict, operation, real_path(running, path, more))
    assert asked >= 10 and not wrong, "\n".join(wrong)


def test_nonsense_is_refused_by_name_or_has_a_default(running):
    """A number or a time that can't be read is the default, or 400 with the parameter's name."""
    strict = closed(spec_of(running))
    wrong, asked = [], 0
    for path, operation in gets(strict):
        for parameter in operation.get("parameters", []):
            name, kind = parameter["name"], parameter["schema"]["type"]
            if parameter["in"] != "query" or kind not in ("integer", ["string", "integer"]):
                continue
            for value in ("x", "-1", "99999999999999999999", "1e999", "%22"):
                real = real_path(running, path, f"{name}={value}")
                answer = asked_for(running, real)
                asked += 1
                if answer.status == 400:
                    wrong += [real] if answer.json.get("field") != name else []
                else:
                    wrong += [] if answer.status == 200 else [f"{real}: {answer.status}"]
    assert asked >= 50 and not wrong, "\n".join(wrong)


def test_refusals_have_theirs(running):
    spec = spec_of(running)
    for path in ("/api/nothing", "/api/mqtt/status/nobody"):
        answer = running.get(path)
        assert answer.status == 404
        schema = closed(spec["components"]["schemas"]["error"])
        assert errors_of(spec, schema, answer.json) == []
        assert errors_of(spec, schema, {**answer.json, "invented": 1}), "nothing is held to anything"


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.links, self.ids, self.tags = [], [], [], set()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        self.links += [attrs[name] for name in ("href", "src") if name in attrs]
        self.ids += [attrs["id"]] if "id" in attrs else []
        assert not any(name.startswith("on") or name == "style" for name in attrs), attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_docs_are_a_page_of_our_own(running):
    answer = running.get("/api/docs")
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    page = Page()
    page.feed(answer.body.decode())
    assert "script" not in page.tags and page.open in ([], ["html"])
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        assert link[1:] in page.ids if link.startswith("#") else link in ("../docs.css", "spec"), link
    assert running.get("/docs.css").headers["Content-Type"] == "text/css; charset=utf-8"
    for path, method, _ in operations(spec_of(running)):
        assert method.upper() + re.sub(r"{(\w+)}", r":\1", path) in page.ids
