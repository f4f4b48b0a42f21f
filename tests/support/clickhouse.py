# SPDX-License-Identifier: MIT
"""clickhouse - a ClickHouse server of a test's own (Debian's package clickhouse-server, 18.16): a
folder, free ports on loopback, its own users. Without the package the tests that need one are
skipped, and say so.

$WEIR_LIBCHDB, the path of a libchdb.so (npm pack @chdb/lib-linux-x64-gnu), has a modern engine
started in its place, behind chdb_front.py: killed and stopped as a server is, but without users.

$WEIR_CLICKHOUSE_URL names others instead, separated by commas: then nothing is started, and they
are given out in turn."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from harness import PATIENCE, free_port, tail

BINARY = shutil.which("clickhouse-server", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
LIBRARY = os.environ.get("WEIR_LIBCHDB")
FRONT = Path(__file__).with_name("chdb_front.py")
PASSWORD = "s3cret: of the tests"
GIVEN = itertools.cycle(os.environ.get("WEIR_CLICKHOUSE_URL", "").split(","))

CONFIG = """<yandex>
<logger><level>warning</level><log>{dir}/log</log><errorlog>{dir}/error.log</errorlog></logger>
<http_port>{http}</http_port><tcp_port>{tcp}</tcp_port><interserver_http_port>{inter}</interserver_http_port>
<listen_host>127.0.0.1</listen_host><max_concurrent_queries>20</max_concurrent_queries>
<uncompressed_cache_size>1048576</uncompressed_cache_size><mark_cache_size>16777216</mark_cache_size>
<path>{dir}/data/</path><tmp_path>{dir}/tmp/</tmp_path><user_files_path>{dir}/files/</user_files_path>
<format_schema_path>{dir}/schemas/</format_schema_path>
<users_config>{dir}/users.xml</users_config><default_profile>default</default_profile>
<default_database>default</default_database><timezone>America/New_York</timezone>
{more}</yandex>
"""
USERS = """<yandex>
<profiles><default><max_memory_usage>500000000</max_memory_usage><background_pool_size>2</background_pool_size>
<max_threads>2</max_threads></default>
<readonly><readonly>2</readonly></readonly></profiles>
<users>
<default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
<weir><password>{password}</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></weir>
<reader><password></password><networks><ip>127.0.0.1</ip></networks><profile>readonly</profile><quota>default</quota></reader>
</users>
<quotas><default></default></quotas>
</yandex>
"""


class ClickHouse:
    """Started in the constructor; `url` answers. Its time zone is none of ours, on purpose.
    more: of its configuration."""

    def __init__(self, more=""):
        self.process = None
        self.given = os.environ.get("WEIR_CLICKHOUSE_URL")
        self.has_users = not self.given and not LIBRARY  # those of USERS
        if self.given:
            self.url = next(GIVEN)
            return
        if BINARY is None and not LIBRARY:
            pytest.skip("NO clickhouse-server: apt-get install clickhouse-server (scripts/bootstrap)")
        self.dir = Path(tempfile.mkdtemp(prefix="weir-clickhouse-"))
        self.url = f"http://127.0.0.1:{free_port()}"
        for name in ("data", "tmp", "files", "schemas"):
            (self.dir / name).mkdir()
        (self.dir / "config.xml").write_text(CONFIG.format(
            dir=self.dir, http=self.url.rsplit(":", 1)[1], tcp=free_port(), inter=free_port(), more=more))
        (self.dir / "users.xml").write_text(USERS.format(password=PASSWORD))
        try:
            self.start()
        except BaseException:  # also Ctrl-C: nobody else knows of it yet
            self.close()
            raise

    def start(self):
        argv = [BINARY, f"--config-file={self.dir}/config.xml"]
        if LIBRARY:
            argv = [sys.executable, str(FRONT), LIBRARY, self.url.rsplit(":", 1)[1], str(self.dir / "data")]
        with open(self.dir / "stderr", "ab") as log:
            self.process = subprocess.Popen(argv, cwd=self.dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        deadline = time.monotonic() + 30 * PATIENCE
        while True:
            try:
                urllib.request.urlopen(self.url, timeout=5).read()
                return
            except (OSError, urllib.error.URLError):
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise AssertionError(f"no {argv[0]}:\n{tail(self.dir / 'stderr')}\n"
                                         f"{tail(self.dir / 'error.log')}") from None
                time.sleep(0.05)

    def close_database(self, name):
        """It may be away, or have gone away, in the test that used it."""
        if self.process is None and not self.given:
            self.start()
        self.ask(f"DROP DATABASE IF EXISTS {name}")

    def kill(self):
        if self.process is not None:
            if self.process.poll() is None:  # it may have ended in its start
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def close(self):
        if self.given:
            return
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def ask(self, sql):
        """Rows of text columns; as `default`, who may do all."""
        request = urllib.request.Request(self.url + "/?wait_end_of_query=1", data=sql.encode())
        try:
            with urllib.request.urlopen(request, timeout=60 * PATIENCE) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{sql}: {error.read().decode()}") from None
        return [tuple(line.split("\t")) for line in text.splitlines()]
