"""At 100,000 services the event loop goes on, whatever people and programs ask: `make standstill`.

It takes one to four minutes, so that it is not in the gate, which probes the polls (test_turns.py).
"""

from __future__ import annotations

import os

import pytest

from tests.integration.loop.probe import MOST_SECONDS, Standstill
from tests.integration.loop.whole_daemon import RULES, SERVICES, WholeDaemon
from tests.servers.mosquitto import Mosquitto

ATTEMPTS = 3
PAGES = (
    "/",
    "/subjects",
    "/subjects?q=a3&page=2",
    "/works",
    "/metrics",
    "/api/v1/incidents?limit=100",
    "/api/v1/sources",
    "/api/v1/subjects?limit=1000",
)


async def measure(folder, broker, monkeypatch) -> dict[str, Standstill]:
    """Return the longest standstill of each thing that the daemon does."""
    daemon = WholeDaemon(folder, mqtt=broker.port)
    async with daemon.others_serving():
        await daemon.say("online", every=1)
        async with daemon.running("a first start", monkeypatch):
            await daemon.poll("Internet On-Demand", "iod")
            await daemon.poll("EVPL", "evpl")
            await daemon.say("offline", every=10)
            await daemon.poll("10,000 services fail", "vyvx")
            assert len(daemon.leader.state.subjects) > SERVICES
            for page in PAGES:
                await daemon.get(page)
            for resource in ("/status", "/incidents", "/why/vyvx/1000000"):
                await daemon.ask(resource)
            (incident,) = daemon.leader.state.incidents
            for part in ("", "/timeline", "/receipts"):
                await daemon.get(f"/api/v1/incidents/{incident}{part}")
            await daemon.get(f"/incidents/{incident}")
            await daemon.ask(f"/why/{incident}")
            await daemon.ask(f"/incidents/{incident}/packet")
            await daemon.ask(f"/incidents/{incident}/ack", {"by": "ann"})
            daemon.write(RULES.replace("rule-3", "rule-three"), site="LAX")
            await daemon.ask("/reload", {})
            await daemon.say("online", every=1)
            await daemon.poll("10,000 services recover", "vyvx")
            async with daemon.measured("a checkpoint"):
                await daemon.leader._prune()
            await daemon.get("/subjects/vyvx/1000000")
            await daemon.get("/subjects/evpl/LINE00001")
            await daemon.get("/availability")
            await daemon.get("/api/v1/availability")
        async with daemon.running("a start with all known", monkeypatch):
            pass
    return daemon.longest


@pytest.mark.skipif(
    not os.environ.get("WATCHER_STANDSTILL"),
    reason="takes minutes: make standstill",
)
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("as_in_the_daemon")
async def test_nothing_that_is_asked_holds_the_loop_up_for_50_ms(tmp_path, monkeypatch):
    least: dict[str, Standstill] = {}
    for attempt in range(ATTEMPTS):  # what others do on this machine makes a standstill longer
        (folder := tmp_path / str(attempt)).mkdir()
        broker = Mosquitto(folder)
        await broker.start()
        try:
            longest = await measure(folder, broker, monkeypatch)
        finally:
            await broker.stop()
        for name, of in longest.items():
            least[name] = min(of, least.get(name, of), key=lambda of: of.seconds)
        too_long = {name: of for name, of in least.items() if of.seconds >= MOST_SECONDS}
        if not too_long:
            return
    assert too_long == {}
