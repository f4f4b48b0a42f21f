# SPDX-License-Identifier: MIT
"""/api/config/..., /api/iata-coords, /api/known-channels: the operator's configuration as a page
asks for it (shapes: api.md 8, ui-fields.md "Every page")."""

import pytest
from harness import ROOT
from messages import packet
from mqtt_lite import Client

CONSTANT = ("cache", "client", "map", "theme", "geo-filter", "areas", "areas/polygons")
POLYGON = [[51.55, 3.8], [51.55, 5.9], [50.65, 5.9], [50.65, 3.8]]
GIVEN = {
    "branding": {"siteName": "Mäsh", "_comment": "x"}, "theme": {"accent": "#4a9eff"}, "home": {"steps": []},
    "roles": {"repeater": {"label": "R"}}, "snrThresholds": {"excellent": 6}, "distThresholds": {"local": 50},
    "healthThresholds": {"infraDegradedHours": 24, "infraSilentHours": 72, "nodeDegradedHours": 0.5,
                         "observerOnlineMinutes": 10, "_comment": "x"},
    "tiles": {"dark": "https://tiles/{z}"}, "map": {"tiles": {"darkDefault": "x"}}, "limits": {"packets": 1},
    "maxHopDist": 1.8, "perfSlowMs": 100, "wsReconnectMs": 3000, "cacheInvalidateMs": 5000,
    "externalUrls": {"flasher": "https://f"}, "timestamps": {"defaultMode": "ago"}, "cacheTTL": {"stats": 10},
    "liveMap": {"propagationBufferMs": 3000, "maxNodes": 500}, "customizer": {"disabledTabs": ["geofilter"]},
    "clientRxCoverage": {"enabled": True}, "debugAffinity": True, "mapDarkTileProvider": "carto-dark",
    "mapDefaults": {"center": [37.45, -122.0], "zoom": 9}, "regions": {"SJC": "San Jose", "XXX": "Nowhere"},
    "geo_filter": {"polygon": POLYGON, "bufferKm": 20},
    "areas": {"n": {"label": "North", "polygon": POLYGON},
              "s": {"latMin": 1, "latMax": 2, "lonMin": 3, "lonMax": 4.5}},
}


@pytest.fixture
def serve(world):
    """A server alone: these answers need no database."""
    def run(**keys):
        world.write_config(**keys)
        world.start_server()
        return world
    return run


def test_what_is_not_configured(serve):
    world = serve()
    got = {name: world.get(f"/api/config/{name}").json for name in CONSTANT}
    assert got["cache"] == got["map"] == {}
    assert got["theme"] == dict.fromkeys(["branding", "theme", "themeDark", "nodeColors", "typeColors",
                                          "markerStroke"], {})
    assert got["areas"] == got["areas/polygons"] == []
    assert got["geo-filter"] == {"polygon": None, "bufferKm": 0, "writeEnabled": False}
    client = got["client"]
    for key in ("roles", "healthThresholds", "tiles", "map", "snrThresholds", "distThresholds", "maxHopDist", "limits",
                "perfSlowMs", "wsReconnectMs", "cacheInvalidateMs", "externalUrls", "timestamps"):
        assert client.pop(key) is None
    assert client == {"propagationBufferMs": 5000, "liveMapMaxNodes": 2000, "customizer": {"disabledTabs": []},
                      "clientRxCoverage": False, "debugAffinity": False}
    assert world.get("/api/known-channels").json == {"fetchedAt": None, "source": "", "entries": []}


def test_what_is_configured_is_passed_on(serve):
    world = serve(**GIVEN)
    assert "warn" not in world.server.log()
    client = world.get("/api/config/client").json
    assert client["healthThresholds"] == {"infraDegradedMs": 86400000, "infraSilentMs": 259200000,
                                          "nodeDegradedMs": 1800000, "observerOnlineMs": 600000}
    for key in ("roles", "snrThresholds", "distThresholds", "tiles", "map", "limits", "maxHopDist", "perfSlowMs",
                "wsReconnectMs", "cacheInvalidateMs", "externalUrls", "timestamps", "customizer", "debugAffinity",
                "mapDarkTileProvider"):
        assert client[key] == GIVEN[key], key
    assert (client["propagationBufferMs"], client["liveMapMaxNodes"], client["clientRxCoverage"]) == (3000, 500, True)
    assert world.get("/api/config/cache").json == GIVEN["cacheTTL"]
    assert world.get("/api/config/map").json == GIVEN["mapDefaults"]
    theme = world.get("/api/config/theme").json
    assert (theme["branding"], theme["theme"], theme["home"]) == ({"siteName": "Mäsh"}, GIVEN["theme"], {"steps": []})
    assert world.get("/api/config/areas").json == [{"key": "n", "label": "North"}, {"key": "s", "label": "s"}]
    assert world.get("/api/config/areas/polygons").json == [
        {"key": "n", "label": "North", "polygon": POLYGON},
        {"key": "s", "label": "s", "latMin": 1, "latMax": 2, "lonMin": 3, "lonMax": 4.5}]
    assert world.get("/api/config/geo-filter").json == {"polygon": POLYGON, "bufferKm": 20, "writeEnabled": False}


def test_a_box_is_a_polygon_too(serve):
    world = serve(geo_filter={"latMin": 1, "latMax": 2, "lonMin": 3, "lonMax": 4})
    answer = world.get("/api/config/geo-filter").json
    assert answer["polygon"] == [[1, 3], [1, 4], [2, 4], [2, 3]]
    assert (answer["latMin"], answer["lonMax"], answer["bufferKm"]) == (1, 4, 0)


def test_the_file_is_the_operators(serve):
    """writeEnabled says so beforehand: a PUT is no method of this path."""
    world = serve(apiKey="a-key-that-nobody-knows-4711")
    answer = world.get("/api/config/geo-filter", method="PUT", headers={"X-API-Key": "a-key-that-nobody-knows-4711"})
    assert answer.status == 405 and "GET" in answer.headers["Allow"] and answer.json["error"]


def test_they_are_kept_by_clients(serve):
    world = serve()
    for path in [f"/api/config/{name}" for name in CONSTANT] + ["/api/iata-coords"]:
        first = world.get(path)
        assert first.status == 200 and first.headers["Content-Type"].startswith("application/json")
        again = world.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status, again.body) == (304, b"")
        head = world.get(path, method="HEAD")
        assert (head.body, head.headers["Content-Length"]) == (b"", str(len(first.body)))


def test_airports(serve):
    """The table in the tree, and nothing else."""
    world = serve()
    answer = world.get("/api/iata-coords").json
    lines = (ROOT / "cmd/server/settings/airports.txt").read_text().splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    assert len(rows) > 8000
    assert answer["coords"] == {code: {"lat": float(lat), "lon": float(lon)} for code, lat, lon in rows}
    assert abs(answer["coords"]["SJC"]["lat"] - 37.36) < 0.1 and abs(answer["coords"]["SJC"]["lon"] + 121.93) < 0.1
    for word in answer["source"].replace(",", "").split():
        assert any(word in line for line in lines[:2]) or "@" in "".join(lines[:2]), word


def test_regions_are_the_configured_and_the_observers(world, broker):
    world.add_source(broker)
    world.start(server=True, regions={"SJC": "San Jose", "ZRH": "Zurich"}, observerBlacklist=["OBS3"])
    with Client(broker.port) as client:
        client.publish_all([packet(1, observer="OBS1", region="SJC"), packet(2, observer="OBS2", region="OAK"),
                            packet(4, observer="OBS4", region="OAK")])
    want = {"SJC": "San Jose", "ZRH": "Zurich", "OAK": "OAK"}
    world.wait("the regions", lambda: world.get("/api/config/regions").json == want)


@pytest.mark.parametrize("keys,light,dark,hosts", [
    ({}, None, None, None),
    ({"mapTileUrl": "https://{s}.tile.example.org/{z}/{x}/{y}.png", "tiles": {"light": "https://no/{z}/{x}/{y}"}},
     "https://{s}.tile.example.org/{z}/{x}/{y}.png", "https://{s}.tile.example.org/{z}/{x}/{y}.png",
     ["https://*.tile.example.org"]),
    ({"tiles": {"dark": "http://night:81/{z}/{x}/{y}.png"}}, "http://night:81/{z}/{x}/{y}.png",
     "http://night:81/{z}/{x}/{y}.png", ["http://night:81"]),
    ({"map": {"tiles": {"lightUrl": "https://a.org/{z}/{x}/{y}{r}.png", "darkUrl": "https://b.org/{z}/{y}/{x}?k=1"}}},
     "https://a.org/{z}/{x}/{y}{r}.png", "https://b.org/{z}/{y}/{x}?k=1", ["https://a.org", "https://b.org"]),
    ({"mapTileUrl": "/tiles/{z}/{x}/{y}.png"}, "/tiles/{z}/{x}/{y}.png", "/tiles/{z}/{x}/{y}.png", None),
    # What could say more than a host to a browser is no address of tiles.
    ({"tiles": {"light": "https://a.org; script-src *'/{z}/{x}/{y}", "dark": "https://u@a.org/{z}/{x}/{y}"}}, None, None,
     None),
])
def test_tiles_come_from_the_operators_host_alone(serve, keys, light, dark, hosts):
    world = serve(**keys)
    client = world.get("/api/config/client").json
    assert (client.get("mapTileUrl"), client.get("mapTileUrlDark")) == (light, dark)
    policy = world.get("/").headers.get_all("Content-Security-Policy")
    assert len(policy) == 1 and policy[0].startswith("default-src 'self'; base-uri 'none';")
    images = [part.split() for part in policy[0].split("; ") if part.startswith("img-src")]
    assert images == ([] if hosts is None else [["img-src", "'self'", *hosts]])


def test_a_new_host_of_tiles_reaches_who_has_the_page(serve):
    """A 304 repeats no policy: with another one the page is another."""
    world = serve()
    etag = world.get("/").headers["ETag"]
    world.server.stop()
    world.write_config(mapTileUrl="https://a.org/{z}/{x}/{y}.png")
    world.start_server()
    answer = world.get("/", headers={"If-None-Match": etag})
    assert answer.status == 200 and "https://a.org" in answer.headers["Content-Security-Policy"]
    assert world.get("/", headers={"If-None-Match": answer.headers["ETag"]}).status == 304


@pytest.mark.parametrize("url", ["https://a.org/", "ftp://a.org/{z}/{x}/{y}", "https://a.{s}.org/{z}/{x}/{y}",
                                 "https://a org/{z}/{x}/{y}", "//a.org/{z}/{x}/{y}", "https://[::1]/{z}/{x}/{y}"])
def test_a_wrong_address_of_tiles_is_refused(world, url):
    world.write_config(mapTileUrl=url)
    world.server.start()
    assert world.server.wait_exit() == 78
    assert "mapTileUrl: must be the address of tiles" in world.server.log()
