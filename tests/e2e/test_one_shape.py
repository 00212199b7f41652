"""An incident is one document, field by field, for whoever reads it over whatever door."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import OFFLINE, ONLINE
from tests.e2e.test_daemon_over_http import site
from tests.e2e.test_works_import import watcher
from tests.eventually import eventually

__all__ = ["site", "watcher"]
pytestmark = pytest.mark.broker
BOARD = "https://watcher.example.net"


def comparable(document: dict) -> dict:
    """Return it without where PDFs are on the broker, and when its booking was looked at."""
    document["booking"]["at"] = ""
    for run in document["diagnostics"]:
        if run["report"]:
            run["report"] |= {"topic": None, "pdf_topic": None}
    return document


async def test_mqtt_http_webhook_and_json_have_one_incident_in_one_shape(  # noqa: PLR0917  # fixtures
    world, daemon, home, site, bridge, watcher, subscribed
):
    config = home / "config.toml"
    config.write_text(config.read_text().replace("[web]\n", f'[web]\npublic_url = "{BOARD}"\n'))
    rules = home / "rules.yaml"
    everybody = "    diagnose: true\n    notify: [noc, mqtt, bridge]"
    rules.write_text(rules.read_text().replace("    diagnose: true", everybody))
    async with subscribed() as seen, daemon():
        await world.change(vyvx=OFFLINE)

        async def diagnosed() -> bool:
            return bool(seen.document()["diagnostics"][0]["report"])

        await eventually(diagnosed)
        await world.change(vyvx=ONLINE)

        async def agreed() -> dict:
            published = seen.document()
            assert published["status"] == "resolved"
            posted = bridge.posts[-1]
            assert posted["version"] == published["version"]
            return posted

        posted = await eventually(agreed)
        published = seen.document()
        answered = json.loads((await site(f"/api/v1/incidents/{published['id']}"))[1])
        code, output, _ = await watcher("incidents", "--all", "--json")
        (printed,) = json.loads(output)
    assert (code, published["schema_version"]) == (0, 1)
    assert published["links"]["page"] == f"{BOARD}/incidents/{published['id']}"
    assert published["diagnostics"][0]["report"]["pdf_topic"]
    whole = comparable(published)
    # Fields that one of them would leave out or spell otherwise show up here by name.
    for where, document in {"HTTP": answered, "webhook": posted, "--json": printed}.items():
        assert list(document) == list(whole), where
        different = {key for key in whole if comparable(document)[key] != whole[key]}
        assert different == set(), where
