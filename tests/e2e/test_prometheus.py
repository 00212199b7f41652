"""A real Prometheus scrapes a daemon: the panels have data, and the alerts are evaluated."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from tests.e2e.test_daemon_over_http import OFFLINE
from tests.eventually import eventually
from tests.servers.ports import free_port, until_it_listens
from tests.servers.programs import program

pytestmark = pytest.mark.broker

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
DASHBOARD = json.loads((ROOT / "systemd" / "grafana-dashboard.json").read_text())
ALERTS = ROOT / "systemd" / "prometheus-alerts.yaml"
PANELS = {
    panel["title"]: [target["expr"] for target in panel["targets"]]
    for panel in DASHBOARD["panels"]
    if "targets" in panel
}
NOTHING_TO_SHOW = {
    "Oldest message owed": "nothing is owed",
    "Availability this month": "it is measured once every [web] availability_every",
    "Calls of accounts, share of the month's budget": "no account has a budget",
}


@asynccontextmanager
async def scraping(address: str, folder: Path):
    """Run Prometheus with the shipped alerts; yield its address."""
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(ALERTS)],
        "scrape_configs": [
            {"job_name": "watcher", "static_configs": [{"targets": [address]}]},
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    process = await asyncio.create_subprocess_exec(
        program("prometheus", "prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await until_it_listens(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def test_each_panel_of_the_dashboard_has_data_and_each_alert_is_evaluated(
    world, daemon, home, session, tmp_path
):
    address = f"127.0.0.1:{free_port()}"
    config = home / "config.toml"
    config.write_text(config.read_text().replace('listen = ""', f'listen = "{address}"'))
    async with daemon(), scraping(address, tmp_path) as prometheus:

        async def answer(path: str, **arguments: str) -> dict:
            async with session.get(f"{prometheus}/api/v1/{path}", params=arguments) as response:
                document = json.loads(await response.read())
            assert document["status"] == "success", document
            return document["data"]

        async def is_scraped() -> bool:
            return bool(
                (await answer("query", query='watcher_leads{job="watcher"} == 1'))["result"]
            )

        await eventually(is_scraped)
        await world.change(vyvx=OFFLINE)
        assert set(NOTHING_TO_SHOW) < set(PANELS)
        for title, expressions in PANELS.items():
            for expression in expressions:
                query = expression.replace("$job", "watcher")

                async def shown(query: str = query) -> bool:
                    return bool((await answer("query", query=query))["result"])

                if title in NOTHING_TO_SHOW:
                    assert not await shown(), title
                else:
                    assert await eventually(shown), title

        async def is_evaluated() -> bool:
            groups = (await answer("rules"))["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            assert len(rules) >= 10
            assert {rule["health"] for rule in rules} == {"ok"}
            return True

        await eventually(is_evaluated)
        firing = [
            alert["labels"]["alertname"]
            for alert in (await answer("alerts"))["alerts"]
            if alert["state"] == "firing"
        ]
        assert firing == []
