# SPDX-License-Identifier: MIT
"""--store-init and --store-export: the tables in ClickHouse, and a SQLite file of ours in them.
Against real servers of Debian's (tests/support/clickhouse.py), each test in a database of its own
there."""

import hashlib
import http.client
import itertools
import re
import signal
import sqlite3
import subprocess
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from clickhouse import PASSWORD, ClickHouse
from harness import World, free_port, rss_anon_kib, run_ok, run_tool, stopped, tail
from messages import fixture_path

TABLES = """adverts client_rx dropped ingestors messages meta neighbor_reports nodes observer_skew observers obs
    refusal_hours refusal_windows refusals region_answers reported_neighbors rollups samples tx""".split()
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def servers():
    """Two that know nothing of each other: two shards."""
    both = [ClickHouse(), ClickHouse()]
    yield both
    for server in both:
        server.close()


@pytest.fixture(scope="module")
def recorded():
    """A database with recorded messages of many kinds."""
    world = World("store")
    world.write_config(retention={"packetDays": 0, "metricsDays": 0, "rollupDays": 0}, newObserversPerMinute=0)
    for name in ("packets", "multi_observer", "status", "mesh_messages"):
        run_ok(world, "--replay", fixture_path(name))
    yield world
    world.close()


@pytest.fixture
def store(servers, request):
    """The keys of an empty store on both."""
    name = f"weir_test_{next(NUMBERS)}"
    yield {"storeUrl": [server.url for server in servers], "storeDatabase": name, "storeUser": "default"}
    for server in servers:
        server.ask(f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture
def world():
    world = World("storeinit")
    yield world
    world.close()


def init(world, **keys):
    world.write_config(**keys)
    return run_tool(world, "--store-init")


def refused(world, code, *words, flag="--store-init", **keys):
    world.write_config(**keys)
    got, out, err = run_tool(world, flag)
    assert got == code, (out, err)
    assert all(word in err for word in words), err


def total(servers, database, sql):
    return sum(int(server.ask(sql.replace("DB.", f"{database}."))[0][0]) for server in servers)


# --- --store-init ---------------------------------------------------------------------------------

def test_init_makes_the_tables_once(world, servers, store):
    code, out, err = init(world, **store)
    assert code == 0, err
    assert "2 shards on 2 servers, 2 of them made now" in out
    names = [row[0] for row in servers[1].ask(f"SELECT name FROM system.tables WHERE database = '{store['storeDatabase']}'")]
    assert sorted(names) == sorted(TABLES)
    meta = [server.ask(f"SELECT shard, shards, schema, hex(cluster) FROM {store['storeDatabase']}.meta") for server in servers]
    assert [rows[0][:3] for rows in meta] == [("0", "2", "1"), ("1", "2", "1")]
    assert meta[0][0][3] == meta[1][0][3]
    code, out, err = init(world, **store)
    assert code == 0, err
    assert out.count("was there already") == 2 and "0 of them made now" in out
    assert [server.ask(f"SELECT shard, shards, schema, hex(cluster) FROM {store['storeDatabase']}.meta")
            for server in servers] == meta


def test_init_goes_on_where_it_was_cut_short(world, servers, store):
    """Killed between two of its statements: behind CREATE DATABASE, behind CREATE TABLE meta."""
    name = store["storeDatabase"]
    servers[0].ask(f"CREATE DATABASE {name}")
    servers[1].ask(f"CREATE DATABASE {name}")
    servers[1].ask(f"CREATE TABLE {name}.meta (shard UInt16, shards UInt16, schema UInt16, cluster FixedString(16),"
                   " made_ms Int64) ENGINE = MergeTree ORDER BY shard")
    assert init(world, **store)[0] == 0
    servers[0].ask(f"DROP TABLE {name}.samples")
    refused(world, 78, "table samples has no column day", "shard 0", flag="--store-export", **store)
    code, out, err = init(world, **store)
    assert code == 0 and "1 of them made now" in out, err
    servers[1].ask(f"ALTER TABLE {name}.obs DROP COLUMN scope")  # of an older program
    refused(world, 78, "table obs has no column scope: run ingestor --store-init", "shard 1", flag="--store-export", **store)
    code, out, err = init(world, **store)
    assert code == 0 and "1 of them made now" in out, err
    assert servers[1].ask(f"SELECT type FROM system.columns WHERE database = '{name}' AND table = 'obs' AND name = 'scope'") == [("String",)]


def test_init_refuses_what_is_another_s(world, servers, store):
    name = store["storeDatabase"]
    servers[1].ask(f"CREATE DATABASE {name}")
    servers[1].ask(f"CREATE TABLE {name}.theirs (a UInt8) ENGINE = Memory")
    refused(world, 78, servers[1].url, "tables that --store-init did not make", "storeDatabase", **store)
    assert servers[0].ask(f"SELECT count() FROM system.databases WHERE name = '{name}'") == [("0",)]  # I2: nothing made
    servers[1].ask(f"DROP TABLE {name}.theirs")
    assert init(world, **store)[0] == 0

    turned = dict(store, storeUrl=store["storeUrl"][::-1])
    refused(world, 78, "this is shard 1 of its store, storeUrl has it as shard 0", **turned)
    refused(world, 78, "this is shard 1 of its store", flag="--store-export", **turned)
    refused(world, 78, "made with 2 shards, storeUrl names 1", **dict(store, storeUrl=store["storeUrl"][:1]))


def test_init_notices_one_server_under_two_names(world, servers, store):
    twice = [servers[0].url, servers[0].url.replace("127.0.0.1", "localhost")]
    refused(world, 78, "this is shard 0 of its store, storeUrl has it as shard 1", **dict(store, storeUrl=twice))


def test_two_stores_are_not_mixed(world, servers, store):
    one = dict(store, storeUrl=store["storeUrl"][:1])
    assert init(world, **one)[0] == 0
    servers[1].ask(f"CREATE DATABASE {store['storeDatabase']}")
    for server, shard in ((servers[0], 0), (servers[1], 1)):
        server.ask(f"DROP TABLE IF EXISTS {store['storeDatabase']}.meta")
        server.ask(f"CREATE TABLE {store['storeDatabase']}.meta (shard UInt16, shards UInt16, schema UInt16, cluster"
                   " FixedString(16), made_ms Int64) ENGINE = MergeTree ORDER BY shard")
        server.ask(f"INSERT INTO {store['storeDatabase']}.meta SELECT {shard}, 2, 1, toFixedString('store {shard}', 16), 0")
    refused(world, 78, "belongs to another store", servers[1].url, **store)


def test_init_needs_every_server_and_the_rights(world, servers, store):
    away = f"http://127.0.0.1:{free_port()}"
    refused(world, 74, away, "can't be reached", **dict(store, storeUrl=[servers[0].url, away]))
    assert servers[0].ask(f"SELECT count() FROM system.databases WHERE name = '{store['storeDatabase']}'") == [("0",)]
    if servers[0].has_users:
        refused(world, 78, "Code: 164", **dict(store, storeUser="reader"))
    refused(world, 64, "needs storeUrl", **dict(store, storeUrl=[]))


def test_the_password_comes_from_its_file(world, servers, store):
    if not servers[0].has_users:
        pytest.skip("the server has users of its own")
    file = world.dir / "store.pass"
    file.write_text(PASSWORD + "\n")
    file.chmod(0o600)
    keys = dict(store, storeUser="weir", storePasswordFile=str(file))
    assert init(world, **keys)[0] == 0
    file.write_text("wrong\n")
    refused(world, 78, "Code: 193", **keys)
    file.unlink()
    refused(world, 78, "store.pass", **keys)


def test_replicas_without_replication_are_refused(world, store):
    keys = dict(store, storeUrl=[",".join(store["storeUrl"])])
    world.write_config(**keys)
    code, _, err = run_tool(world, "--check-config")
    assert code == 78 and "storeUrl[0]" in err and "storeReplicated" in err


# --- --check-config --connect ---------------------------------------------------------------------

def test_connect_tries_each_server(world, servers, store):
    world.write_config(mqttSources=[], **store)
    code, out, _ = run_tool(world, "--check-config", "--connect")
    assert code == 74 and out.count("run ingestor --store-init") == 2 and "0 of 2 servers" in out, out
    assert init(world, **store)[0] == 0
    code, out, _ = run_tool(world, "--check-config", "--connect")
    assert code == 0 and out.count("may read, write and make tables") == 2, out
    assert "shard 1 of 2, version 1" in out and "2 of 2 servers of the store are as they should be" in out
    if servers[0].has_users:
        world.write_config(storeUser="reader")
        code, out, _ = run_tool(world, "--check-config", "--connect")
        assert code == 74 and "write      FAILED" in out and "Code: 164" in out, out
    world.write_config(storeUser="default")
    if servers[0].has_users:
        for reader, word, at_end in (("reader", "reader may read, and can't write", 0), ("default", "default may write: ", 74),
                                     ("nobody", "nobody can't read its tables: ", 74)):
            world.write_config(storeReaderUser=reader)
            code, out, _ = run_tool(world, "--check-config", "--connect")
            assert (code, out.count(f"reader     {'FAILED ' if at_end else 'ok     '} {word}")) == (at_end, 2), out
        world.write_config(storeReaderUser="")
    if not servers[0].given:
        with stopped(servers[1].process.pid):
            code, out, _ = run_tool(world, "--check-config", "--connect", timeout=20)
        assert code == 74 and "FAILED  no answer in time" in out and "1 of 2 servers" in out, out
    servers[1].ask(f"DROP TABLE {store['storeDatabase']}.tx")
    code, out, _ = run_tool(world, "--check-config", "--connect")
    assert code == 74 and "table tx has no column day" in out and "1 of 2 servers" in out, out


# --- --store-export -------------------------------------------------------------------------------

def number(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def rounded(text):
    return None if text in (None, "\\N") else round(float(text), 2)


def ours(world):
    sql = ("SELECT t.hash, r.identity, o.direction, o.path_size, upper(hex(o.path)), o.receipt_ms, t.type,"
           " coalesce(o.route, t.route), coalesce(o.scope_code, -1), o.envelope_ms - o.receipt_ms, o.snr, o.rssi, o.score, s.name"
           " FROM observations o JOIN transmissions t ON t.id = o.transmission_id JOIN observers r ON r.id = o.observer_id"
           " JOIN sources s ON s.id = o.source_id")
    return sorted((int.from_bytes(h, "big"), number(identity), *rest[:7], rounded(rest[7]), *map(rounded, rest[8:11]), rest[11])
                  for h, identity, *rest in world.query(sql))


def theirs(servers, database):
    rows = [row for server in servers for row in server.ask(
        "SELECT hash, observer, direction, path_size, hex(path), argMax(receipt_ms, ver), argMax(type, ver), argMax(route, ver),"
        " argMax(scope_code, ver), argMax(envelope_diff, ver), argMax(snr, ver), argMax(rssi, ver), argMax(score, ver),"
        f" argMax(source, ver) FROM {database}.obs GROUP BY hash, observer, direction, path_size, path FORMAT TabSeparated")]
    key = [0, 1, 2, 3, 5, 6, 7, 8]
    return sorted(tuple(int(v) if i in key else v if i in (4, 13) else rounded(v) for i, v in enumerate(row)) for row in rows)


def forget_nulls(rows):
    return [tuple(-1 if v is None else v for v in row) for row in rows]


def export(world, store):
    world.write_config(**store)
    out, _ = run_ok(world, "--store-export")
    return out


def test_everything_is_there(recorded, servers, store):
    assert init(recorded, **store)[0] == 0
    out = export(recorded, store)
    name = store["storeDatabase"]
    assert "TOO FEW" not in out and "all counted in the store" in out
    assert forget_nulls(theirs(servers, name)) == forget_nulls(ours(recorded))
    for table, sql in (("adverts", "SELECT count(*) FROM transmissions WHERE sender NOTNULL"),
                       ("samples", "SELECT count(*) FROM observer_metrics"), ("nodes", "SELECT count(*) FROM nodes"),
                       ("observers", "SELECT count(*) FROM observers"),
                       ("dropped", "SELECT count(*) FROM dropped_packets"),
                       ("tx", "SELECT count(*) FROM (SELECT DISTINCT transmission_id, receipt_ms / 3600000 FROM observations)"),
                       ("messages", "SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM companion_messages)")):
        assert total(servers, name, f"SELECT count() FROM DB.{table}") == recorded.scalar(sql), table
    frames = {row for server in servers for row in server.ask(f"SELECT hash, hex(raw), first_ms FROM {name}.tx")}
    assert frames == {(str(int.from_bytes(h, "big")), raw.upper(), str(ms)) for h, raw, ms in
                      recorded.query("SELECT hash, hex(raw), first_ms FROM transmissions")}
    # each hash on its shard alone
    for shard, server in enumerate(servers):
        assert server.ask(f"SELECT count() FROM {name}.obs WHERE hash % 2 != {shard}") == [("0",)]
    texts = {row for server in servers for row in server.ask(
        f"SELECT channel, text FROM {name}.messages WHERE kind = 0 AND isNotNull(text)")}
    assert len(texts) == recorded.scalar("SELECT count(*) FROM (SELECT DISTINCT c.name, m.text FROM messages m"
                                         " JOIN channels c ON c.id = m.channel_id WHERE m.text NOTNULL)")


# What the writer keeps beside observations.
ADD_KEYS = ("INSERT OR IGNORE INTO observation_keys (transmission_id, observer_id, id)"
            " SELECT transmission_id, observer_id, id FROM observations")


def test_later_runs_send_what_came_since_and_miss_what_is_gone(recorded, servers, store):
    name = store["storeDatabase"]
    assert init(recorded, **store)[0] == 0
    export(recorded, store)
    before = total(servers, name, "SELECT count() FROM DB.obs")
    with closing(sqlite3.connect(recorded.db_path)) as db, db:
        db.execute("INSERT INTO observations (transmission_id, observer_id, direction, path_size, path, source_id, receipt_ms)"
                   " SELECT transmission_id, observer_id, 1, 1, x'ee', source_id, receipt_ms + 10 FROM observations ORDER BY id DESC LIMIT 5")
        db.execute(ADD_KEYS)
    export(recorded, store)
    assert total(servers, name, "SELECT count() FROM DB.obs") == before + 5  # no row twice, merged or not
    # A reception moves to an earlier hour (an earlier copy came), another one comes in the old
    # hour: the packet is sent for that hour a second time, which is no loss.
    with closing(sqlite3.connect(recorded.db_path)) as db, db:
        last = db.execute("SELECT max(id) FROM observations").fetchone()[0]
        db.execute("UPDATE observations SET receipt_ms = receipt_ms - 7200000 WHERE transmission_id ="
                   " (SELECT transmission_id FROM observations WHERE id = ?)", (last,))
        db.execute("INSERT INTO observations (transmission_id, observer_id, direction, path_size, path, source_id, receipt_ms)"
                   " SELECT transmission_id, observer_id, 1, 1, x'ef', source_id, receipt_ms + 7200000 FROM observations WHERE id = ?",
                   (last,))
        db.execute(ADD_KEYS)
        db.execute("UPDATE meta SET commits = commits + 1")
    assert "TOO FEW" not in export(recorded, store)
    assert total(servers, name, "SELECT count() FROM DB.obs") == before + 6
    for server in servers:
        server.ask(f"DROP TABLE {name}.obs")
    assert init(recorded, **store)[0] == 0
    code, out, err = run_tool(recorded, "--store-export")
    assert code == 65 and "TOO FEW" in out and ".store-export" in err, (out, err)
    # another store is begun from the start
    for server in servers:
        server.ask(f"DROP DATABASE {name}")
    assert init(recorded, **store)[0] == 0
    export(recorded, store)
    assert total(servers, name, "SELECT count() FROM DB.obs") == before + 6


def make_large(world, rows):
    """So many observations, four a packet, over five days, not always in their order in time."""
    run_ok(world, "--replay", fixture_path("multi_observer"))
    with closing(sqlite3.connect(world.db_path)) as db, db:
        last, observer = db.execute("SELECT max(id), (SELECT min(id) FROM observers) FROM transmissions").fetchone()
        db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)"
                   " INSERT INTO transmissions (id, hash, type, route, copies, first_ms, lasted, raw)"
                   " SELECT ?1 + i, randomblob(8), 5, 1, 4, 1770000000000 + i * 432000000 / ?2 + (i % 37 = 0) * 3600000,"
                   " 0, randomblob(60) FROM n", (last, rows // 4))
        db.execute("WITH RECURSIVE k(j) AS (SELECT 0 UNION ALL SELECT j + 1 FROM k WHERE j < 3)"
                   " INSERT INTO observations (transmission_id, observer_id, direction, path_size, path, source_id, receipt_ms, heard, route)"
                   " SELECT t.id, ?2, 0, 1, CAST(x'00' || CAST(char(j + 1) AS BLOB) AS BLOB), 1,"
                   " t.first_ms + j * 900000, iif(j = 2, NULL, j), 1 FROM transmissions t, k WHERE t.id > ?1 ORDER BY t.id, j",
                   (last, observer))
        db.execute(ADD_KEYS)
    return world.scalar("SELECT count(*) FROM observations")


class Front:
    """In front of a server: what `react` says of each insert is done to it."""

    def __init__(self, url, react):
        host = url.split("//")[1]
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                what = react() if "query=INSERT" in self.path else None
                if what == "before":
                    return self.close()
                if what == "503":
                    return self.say(503, b"", {})
                connection = http.client.HTTPConnection(host)
                connection.request("POST", self.path, body, {"Content-Encoding": self.headers["Content-Encoding"]})
                answer = connection.getresponse()
                text = answer.read()
                connection.close()
                if what == "behind":
                    return self.close()
                if what == "header":
                    return self.say(200, b"", {"X-ClickHouse-Exception-Code": "159"})
                return self.say(answer.status, text, {})

            def close(self):
                self.close_connection = True

            def say(self, status, text, headers):
                self.send_response(status)
                for name, value in {"Content-Length": len(text), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

        self.server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        front.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def test_kills_and_faults_lose_and_double_nothing(world, servers, store):
    """kill -9 of the export before and behind inserts, and a server that cuts, refuses for now, and
    answers 200 with an error: at the end every key is there, and of no key two different rows."""
    rows = make_large(world, 100000)
    assert init(world, **store)[0] == 0
    count, running, held = itertools.count(1), [], []
    faults = {3: "behind", 12: "503", 19: "header"}
    kills = {2: "before", 6: "behind", 8: "behind", 15: "before", 16: "behind", 22: "behind"}

    def react():
        at = next(count)
        held.append(rss_anon_kib(running[-1].pid) or 0)
        if at in kills:
            running[-1].send_signal(signal.SIGKILL)
        return kills.get(at) or faults.get(at)

    fronts = [Front(server.url, react) for server in servers]
    world.write_config(**dict(store, storeUrl=[front.url for front in fronts]))
    ended = []
    try:
        while not ended or ended[-1][0] == -signal.SIGKILL:
            with open(world.dir / "export.log", "w", encoding="utf-8") as log:
                process = subprocess.Popen([world.build / "ingestor", "--config", world.config_path, "--store-export"],
                                           stdout=log, stderr=log, env=world.env)
            running.append(process)
            ended.append((process.wait(), tail(world.dir / "export.log")))
    finally:
        for front in fronts:
            front.close()
    assert ended[-1][0] == 0, ended[-1]
    assert len(ended) == len(kills) + 1
    if "san" not in str(world.build):  # 20,000 rows a slice, whatever the history
        assert 0 < max(held) < 80 * 1024
    assert next(count) > max(*kills, *faults)
    name = store["storeDatabase"]
    distinct = "SELECT uniqExact(hour, hash, observer, direction, path_size, path, has) FROM DB.obs"
    assert total(servers, name, distinct) == rows
    sent = total(servers, name, "SELECT count() FROM DB.obs")
    assert total(servers, name, "SELECT uniqExact(hash, observer, path, ver, receipt_ms) FROM DB.obs") == rows
    assert sent <= rows + 20000 * (len(kills) + len(faults))
    for server in servers:
        server.ask(f"OPTIMIZE TABLE {name}.obs FINAL")
        server.ask(f"OPTIMIZE TABLE {name}.tx FINAL")
    assert total(servers, name, distinct) == rows
    hours = world.scalar("SELECT count(*) FROM (SELECT DISTINCT transmission_id, receipt_ms / 3600000 FROM observations)")
    assert total(servers, name, "SELECT uniqExact(hash, hour) FROM DB.tx") == hours


def test_a_replica_that_is_away_is_done_without(world, servers, store):
    run_ok(world, "--replay", fixture_path("multi_observer"))
    one = dict(store, storeUrl=store["storeUrl"][:1])
    assert init(world, **one)[0] == 0
    away = f"http://127.0.0.1:{free_port()}"
    two = dict(store, storeUrl=[f"{away},{servers[0].url}"], storeReplicated=True)
    world.write_config(**two)
    _, err = run_ok(world, "--store-export")
    assert "a server can't be reached" in err and away in err
    assert int(servers[0].ask(f"SELECT count() FROM {store['storeDatabase']}.obs")[0][0]) == world.scalar(
        "SELECT count(*) FROM observations")
    refused(world, 74, away, flag="--store-export", **dict(two, storeUrl=[away]))


def test_an_ingestor_tells_how_far_an_export_is(world, servers, store):
    run_ok(world, "--replay", fixture_path("multi_observer"))
    assert init(world, **store)[0] == 0
    out = export(world, store)
    sent = int(re.search(r"(\d+) rows sent", out)[1])
    state = world.data / "weir.db.store-export"
    assert f"\nsent {sent} of {sent}\n" in state.read_text()
    world.start(server=True)

    def told(rows, of):
        world.wait_stats("the rows", lambda s: (s.get("exportRows"), s.get("exportTotalRows")) == (rows, of) and s["exportUnix"])
        world.wait("the same over HTTP", lambda: world.get("/api/perf/write-sources").json.get("exportTotalRows") == of)
        assert f"weir_store_export_rows {rows}\n" in world.get("/metrics").body.decode()
    told(sent, sent)
    state.write_text(state.read_text().replace(f"\nsent {sent} of {sent}\n", "\nsent 5 of 20\n"))  # one that was interrupted
    told(5, 20)
    state.unlink()
    world.wait_stats("nothing to tell", lambda s: "exportRows" not in s)


def test_a_backup_that_was_put_back_is_sent_anew(world, servers, store):
    """Its numbers name other rows than those that were sent."""
    run_ok(world, "--replay", fixture_path("multi_observer"))
    assert init(world, **store)[0] == 0
    export(world, store)
    with closing(sqlite3.connect(world.db_path)) as db, db:
        db.execute("UPDATE transmissions SET hash = randomblob(8)")
    _, err = run_ok(world, "--store-export")
    assert "from the start" in err
    assert total(servers, store["storeDatabase"], "SELECT uniqExact(hash) FROM DB.tx") == 2 * world.scalar(
        "SELECT count(*) FROM transmissions")
