"""Prometheus' own tool judges the alerts, and what /metrics says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.servers.programs import program
from watcher.metrics import Metrics

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
ALERTS = ROOT / "systemd" / "prometheus-alerts.yaml"
HERE = Path(__file__).parent


@pytest.fixture
def promtool():
    path = program("promtool", "prometheus")

    def run(*arguments: str, given: str = "") -> str:
        done = subprocess.run(
            [path, *arguments], input=given, capture_output=True, text=True, check=False, cwd=HERE
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize(
    "cases", ["prometheus_alerts_test.yaml", "prometheus_idle_rules_test.yaml"]
)
def test_the_alerts_fire_when_they_must_and_not_otherwise(promtool, cases):
    assert "SUCCESS" in promtool("test", "rules", cases)


def test_the_alerts_are_valid(promtool):
    assert "SUCCESS" in promtool("check", "rules", str(ALERTS))


def test_prometheus_has_nothing_to_say_about_our_metrics(promtool):
    metrics = Metrics(version="1", sources=["vyvx"], receivers=["noc"])
    metrics.count_delivery("noc", None)
    metrics.commit_seconds.observe(0.01)
    text = metrics.exposition().decode()
    assert "_created" not in text
    assert not promtool("check", "metrics", given=text).strip()
