# SPDX-License-Identifier: MIT
"""packaging/prometheus: each alert fires for its fault and for nothing else, by promtool
(Debian: prometheus)."""

import json
import os
import re
import shutil
import subprocess
import warnings

import pytest
from harness import ROOT

RULES = ROOT / "packaging/prometheus/weir.rules.yml"
ALERTS = re.findall(r"- alert: (\w+)", RULES.read_text())
PROMTOOL = os.environ.get("WEIR_PROMTOOL") or shutil.which("promtool")
EU, FLUSHER = 'instance="a",source="eu"', 'instance="a",source="",worker="flusher"'

WELL = {
    'up{instance="a",job="weir"}': "1x60",
    'weir_server_ready{instance="a"}': "1x60",
    'weir_ingestor_stats_usable{instance="a"}': "1x60",
    'weir_ingestor_stale{instance="a"}': "0x60",
    f'weir_ingest_dropped_total{{{EU},reason="queue_full"}}': "7x60",
    f'weir_ingest_dropped_total{{{EU},reason="soft_backpressure"}}': "7x60",
    f"weir_ingest_dead_total{{{EU}}}": "2x60",
    f'weir_ingest_rejected_total{{{EU},reason="store"}}': "2x60",
    f'weir_ingest_rejected_total{{{EU},reason="json"}}': "0+5x60",
    f"weir_ingest_unaccounted{{{EU}}}": "0x60",
    f"weir_ingest_queue_depth{{{EU}}}": "10x60",
    f"weir_ingest_queue_capacity{{{EU}}}": "100x60",
    f"weir_ingest_queue_stalled_seconds{{{EU}}}": "0x60",
    f"weir_worker_up{{{FLUSHER}}}": "1x60",
    f"weir_worker_restarts_total{{{FLUSHER}}}": "3x60",
    f"weir_source_connected{{{EU}}}": "1x60",
    f"weir_source_live{{{EU}}}": "1x60",
    'weir_source_connected{instance="a",source="us"}': "1x60",
    'weir_source_live{instance="a",source="us"}': "1x60",
    f"weir_source_sessions_lost_total{{{EU}}}": "1x60",
    'weir_retention_waits_seconds{instance="a"}': "0x60",
    'weir_figure_unusual{figure="received",instance="a"}': "0x60",
    'weir_disk_bytes{instance="a"}': "1000x1000",
    'weir_disk_free_bytes{instance="a"}': "400x1000",
    'weir_wal_used_bytes{instance="a"}': "4096000x60",
    'weir_database_replaced_timestamp_seconds{instance="a"}': "-100000x60",
    'weir_outbox_away_seconds{instance="a",shard="0"}': "0x60",
    'weir_outbox_oldest_seconds{instance="a",shard="0"}': "2x60",
    'weir_outbox_bytes{instance="a",shard="0"}': "30x60",
    'weir_outbox_bytes{instance="a",shard="1"}': "30x60",
    'weir_outbox_limit_bytes{instance="a"}': "100x60",
}
QUEUE_FULL = f'weir_ingest_dropped_total{{{EU},reason="queue_full"}}'

# alert: (what is otherwise than well, when to look, the labels of all that fires)
FAULTS = {
    "WeirServerDown": ({'up{instance="a",job="weir"}': "0x60"}, "5m", ['WeirServerDown instance="a",job="weir"']),
    "WeirNotReady": ({'weir_server_ready{instance="a"}': "0x60"}, "5m", ['WeirNotReady instance="a"']),
    # What a dead ingestor makes of the other figures is not told a second time.
    "WeirIngestorDown": ({'weir_ingestor_stale{instance="a"}': "1x60", f"weir_source_connected{{{EU}}}": "0x60",
                          'weir_source_connected{instance="a",source="us"}': "0x60",
                          f"weir_worker_up{{{FLUSHER}}}": "0x60"}, "8m", ['WeirIngestorDown instance="a"']),
    "WeirHardDrops": ({QUEUE_FULL: "7x10 9x50"}, "6m", [f'WeirHardDrops {EU},reason="queue_full"']),
    "WeirNotStored": ({f"weir_ingest_dead_total{{{EU}}}": "2x10 3x50"}, "6m", [f"WeirNotStored {EU}"]),
    "WeirSoftDrops": ({f'weir_ingest_dropped_total{{{EU},reason="soft_backpressure"}}': "7x10 8x50"}, "6m",
                      [f"WeirSoftDrops {EU}"]),
    "WeirUnaccounted": ({f"weir_ingest_unaccounted{{{EU}}}": "-3x60"}, "5m", [f"WeirUnaccounted {EU}"]),
    "WeirQueueDepth": ({f"weir_ingest_queue_depth{{{EU}}}": "51x60"}, "5m", [f"WeirQueueDepth {EU}"]),
    "WeirWriterStuck": ({f"weir_ingest_queue_stalled_seconds{{{EU}}}": "0+30x60"}, "5m", ['WeirWriterStuck instance="a"']),
    "WeirAllSourcesDown": ({f"weir_source_connected{{{EU}}}": "0x60", f"weir_source_live{{{EU}}}": "0x60",
                            'weir_source_connected{instance="a",source="us"}': "0x60"}, "4m",
                           ['WeirAllSourcesDown instance="a"']),
    "WeirSourceDown": ({f"weir_source_connected{{{EU}}}": "0x60", f"weir_source_live{{{EU}}}": "0x60"}, "8m",
                       [f"WeirSourceDown {EU}"]),
    "WeirSourceSilent": ({f"weir_source_live{{{EU}}}": "0x60"}, "15m", [f"WeirSourceSilent {EU}"]),
    "WeirSessionLost": ({f"weir_source_sessions_lost_total{{{EU}}}": "1x10 2x50"}, "10m", [f"WeirSessionLost {EU}"]),
    "WeirWorkerRestarts": ({f"weir_worker_restarts_total{{{FLUSHER}}}": "3+1x60"}, "8m", [f"WeirWorkerRestarts {FLUSHER}"]),
    "WeirRetentionWaits": ({'weir_retention_waits_seconds{instance="a"}': "3601+30x60"}, "10m",
                           ['WeirRetentionWaits instance="a"']),
    "WeirDiskFilling": ({'weir_disk_free_bytes{instance="a"}': "90x1000"}, "40m", ['WeirDiskFilling instance="a"']),
    "falling": ({'weir_disk_free_bytes{instance="a"}': "400-1x300"}, "2h", ['WeirDiskFilling instance="a"']),
    "WeirDiskFull": ({'weir_disk_free_bytes{instance="a"}': "19x1000"}, "10m", ['WeirDiskFull instance="a"']),
    "WeirLogGrows": ({'weir_wal_used_bytes{instance="a"}': "300000000x60"}, "10m", ['WeirLogGrows instance="a"']),
    "WeirUnusual": ({'weir_figure_unusual{figure="received",instance="a"}': "-1x60"}, "15m",
                    ['WeirUnusual figure="received",instance="a"']),
    "WeirDatabaseReplaced": ({'weir_database_replaced_timestamp_seconds{instance="a"}': "60x60"}, "5m",
                             ['WeirDatabaseReplaced instance="a"']),
    "WeirShardAway": ({'weir_outbox_away_seconds{instance="a",shard="0"}': "0+30x60",
                       'weir_outbox_oldest_seconds{instance="a",shard="0"}': "0+30x60"}, "10m",
                      ['WeirShardAway instance="a",shard="0"']),
    "WeirOutboxFilling": ({'weir_outbox_bytes{instance="a",shard="1"}': "60x60"}, "10m", ['WeirOutboxFilling instance="a"']),
}
SEVERITY = dict(re.findall(r"- alert: (\w+)\n(?:(?!- alert).*\n)*?.*severity: (\w+)", RULES.read_text()))


def labels_of(text):
    name, labels = text.split(" ", 1)
    pairs = sorted([f'alertname="{name}"', 'alertstate="firing"', f'severity="{SEVERITY[name]}"', *labels.split(",")])
    return "ALERTS{" + ", ".join(pair for pair in pairs if not pair.endswith('""')) + "}"


def case(changes, at, firing):
    series = [{"series": name, "values": values} for name, values in {**WELL, **changes}.items()]
    expected = [{"labels": labels_of(alert), "value": 1} for alert in firing]
    return {"interval": "30s", "input_series": series, "promql_expr_test": [
        {"expr": 'ALERTS{alertstate="firing"}', "eval_time": at, "exp_samples": expected}]}


def test_every_alert_has_a_fault():
    assert sorted(set(FAULTS) - {"falling"}) == sorted(ALERTS)  # of a disk, the second way
    assert sorted(SEVERITY) == sorted(ALERTS)


@pytest.fixture
def promtool():
    if PROMTOOL is None:
        warnings.warn("SKIPPED: the alert rules were not tried: no promtool (apt-get install prometheus)", stacklevel=1)
        pytest.skip("no promtool here (apt-get install prometheus): the alert rules were not tried")
    return PROMTOOL


def test_what_the_board_asks_can_be_read(promtool, tmp_path):
    """Each of its queries as a rule, with what Grafana puts in."""
    board = json.loads((ROOT / "packaging/grafana/weir.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    rules = [{"record": f"query:{i}", "expr": query.replace("$__rate_interval", "1m").replace("$instance", ".*")}
             for i, query in enumerate(queries)]
    assert len(rules) > 40 and not any("$" in rule["expr"] for rule in rules)
    (tmp_path / "board.yml").write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", tmp_path / "board.yml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and f"{len(rules)} rules found" in done.stdout, done.stdout + done.stderr
    places = [(panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y) for panel in board["panels"]
              for x in range(panel["gridPos"]["w"]) for y in range(panel["gridPos"]["h"])]
    assert len(places) == len(set(places)) and len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_alerts_fire_for_their_fault_alone(promtool, tmp_path):
    shutil.copy(RULES, tmp_path / "weir.rules.yml")
    subprocess.run([promtool, "check", "rules", tmp_path / "weir.rules.yml"], check=True, capture_output=True)
    tests = [case({}, at, []) for at in ("1m", "20m")] + [case(*fault) for fault in FAULTS.values()]
    (tmp_path / "test.yml").write_text(json.dumps({  # JSON is YAML
        "rule_files": ["weir.rules.yml"], "evaluation_interval": "30s", "tests": tests}))
    done = subprocess.run([promtool, "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
