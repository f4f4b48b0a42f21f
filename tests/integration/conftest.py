# SPDX-License-Identifier: MIT
"""Integration tests: the real programs, real mosquittos, one folder a test (see
tests/support/harness.py)."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import harness  # noqa: E402  (needs the path above)


def pytest_configure(config):
    config.addinivalue_line("markers", "crash: kill -9 loops; WEIR_CRASH_ROUNDS scales them (default 100)")


# What waits for a minute or half of one (backoffs, keep-alives, a job's turn): begun at the end, it
# would be waited for by all.
LONG = ("test_connection_that_ends_at_every_byte", "test_attempts_after_a_loss_come_from_a_fresh_process",
        "test_size_limit", "test_changes_are_told_signed_and_tried_again", "test_two_clients_with_one_id_are_suspected")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.originalname not in LONG)


def pytest_report_header():
    return f"weir: {harness.BUILD}, patience {harness.PATIENCE:g}, crash rounds {crash_rounds_setting()}"


def crash_rounds_setting():
    return int(os.environ.get("WEIR_CRASH_ROUNDS", "100"))


@pytest.fixture
def crash_rounds():
    return crash_rounds_setting()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True


@pytest.fixture
def world(request):
    """A fresh world; its folder is kept when the test failed."""
    made = harness.World(request.node.originalname.removeprefix("test_"))
    yield made
    made.close(keep=getattr(request.node, "failed", False))


@pytest.fixture
def broker(world):
    return world.start_broker()
