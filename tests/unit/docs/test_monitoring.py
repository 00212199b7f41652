"""The alerts and the dashboard about Watcher itself name metrics and labels that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from watcher import model
from watcher.metrics import Metrics

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
ALERTS = yaml.safe_load((ROOT / "systemd" / "prometheus-alerts.yaml").read_text())
DASHBOARD = json.loads((ROOT / "systemd" / "grafana-dashboard.json").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
EXPRESSIONS = {rule["alert"]: rule["expr"] for rule in RULES} | {
    panel["title"]: target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
}


def exposed() -> dict[str, set[str]]:
    """Return the names of all series, each with its labels."""
    metrics = Metrics(version="1", sources=["vyvx"], receivers=["noc"])
    for gauge in (metrics.calls, metrics.call_budget, metrics.account_failing):
        gauge.labels("lumen")
    metrics.oncall_gap.labels("noc")
    metrics.drill_failed.labels("noc")
    metrics.rule_matches.labels("vyvx-service-down")
    metrics.availability.labels("vyvx")
    metrics.availability_seconds.labels("vyvx", "up")
    series: dict[str, set[str]] = {}
    for line in metrics.exposition().decode().splitlines():
        if match := re.match(r"(\w+)(?:\{(.*)\})? ", line):
            names = set(re.findall(r"(\w+)=", match[2] or ""))
            series.setdefault(match[1], set()).update(names)
    return series


@pytest.mark.parametrize("where", EXPRESSIONS)
def test_each_expression_names_series_and_labels_that_there_are(where):
    series = exposed()
    expression = EXPRESSIONS[where]
    names = re.findall(r"watcher_\w+", expression)
    assert set(names) <= set(series), expression
    labels = set().union(*(series[name] for name in names)) if names else set()
    for selector in re.findall(r"watcher_\w+\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)\s*=", selector)) <= {*labels, "job"}, expression
    for grouping in re.findall(r"by \(([^)]*)\)", expression):
        assert set(grouping.split(", ")) <= {*labels, "instance"}, expression


def test_each_alert_says_what_is_so_and_what_to_do():
    for rule in RULES:
        assert rule["labels"]["severity"] in set(model.Severity)
        assert rule["annotations"].keys() == {"summary", "action"}


def test_each_panel_has_its_own_place():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels]
    assert len(set(places)) == len(places)
    assert all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in panels)


def test_each_alert_has_a_row_that_says_what_it_means_and_what_to_do():
    page = (ROOT / "docs" / "howto" / "operations.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    explained = " ".join(cells[0] for cells in rows if len(cells) == 3)
    missing = {rule["alert"] for rule in RULES} - set(re.findall(r"`(Watcher\w+)`", explained))
    assert missing == set()


def test_what_the_page_on_operations_quotes_is_what_the_daemon_says():
    page = (ROOT / "docs" / "howto" / "operations.md").read_text(encoding="utf-8")
    source = " ".join(file.read_text() for file in (ROOT / "watcher").rglob("*.py"))
    quoted = re.findall(r'\*"([^"]+)"\*', page)
    assert len(quoted) > 5
    assert [sentence for sentence in quoted if sentence not in source] == []
