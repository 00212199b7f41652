"""An account's circuit spares a vendor that is down, and does not delay seeing it again."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from tests.unit.vendors.poller.test_poller import keys
from watcher import model
from watcher.vendors import poller
from watcher.vendors.http import account as circuit

DOWN = model.TemporaryError("GET https://x answered 503")
ENDS = 1_000.0
PAUSE = circuit.PAUSE * 1.2  # with the poller's jitter


class Outage:
    """A vendor that is down for `ENDS` seconds; `asked` is when it was asked until then."""

    def __init__(self, shared: circuit.CircuitBreaker | None) -> None:
        self.began = asyncio.get_running_loop().time()
        self.circuit = shared
        self.asked: list[float] = []

    def time(self) -> float:
        return asyncio.get_running_loop().time() - self.began


class Source:
    """Asks the vendor as a client does: thrice if need be, and not at all while it may not."""

    def __init__(self, name: str, vendor: Outage) -> None:
        self.name = name
        self.seen_at: float | None = None
        self._vendor = vendor

    async def poll(self) -> model.Snapshot:
        shared = self._vendor.circuit
        for _ in range(3):
            if shared:
                shared.admit(is_poll=True)
            self._vendor.asked.append(self._vendor.time())
            await asyncio.sleep(0.1)
            if self._vendor.time() >= ENDS:
                if shared:
                    shared.answered()
                self.seen_at = self.seen_at or self._vendor.time()
                return model.Snapshot(readings={}, translate=lambda *_: None)
            if shared:
                shared.failed(DOWN)
                if shared.trouble:
                    break
        raise DOWN


async def outage(clock, begins: list[float], *, shared: circuit.CircuitBreaker | None):
    """Run a poller from each beginning on; return when each saw again, and when it was asked."""
    vendor = Outage(shared)
    sources = [Source(f"s{number}", vendor) for number in range(len(begins))]

    async def submit(event: model.Event) -> None:
        pass

    async def run(source: Source, begin: float) -> None:
        await asyncio.sleep(begin)
        await poller.Poller(source, keys(), submit=submit, clock=clock, jitter=lambda: 0.0).run()

    pairs = zip(sources, begins, strict=True)
    tasks = [asyncio.ensure_future(run(source, begin)) for source, begin in pairs]
    await asyncio.sleep(2 * ENDS)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return [source.seen_at or 0.0 for source in sources], [at for at in vendor.asked if at < ENDS]


@pytest.mark.covers("http/circuit-poll")
@pytest.mark.parametrize("begins", [[0.0], [0.0, 3.0], [0.0, 3.0, 5.0, 41.0, 300.0]])
def test_a_vendor_that_is_back_is_seen_no_later_and_was_asked_less(virtually, clock, begins):
    async def both():
        shared = circuit.CircuitBreaker("main", clock)
        return await outage(clock, begins, shared=None), await outage(clock, begins, shared=shared)

    with capture_logs() as logs:
        (alone, asked_alone), (together, asked) = virtually(both())
    assert all(alone)
    assert all(together)
    for late, before in zip(together, alone, strict=True):
        assert late <= before + PAUSE * len(begins)
    assert len(asked) < len(asked_alone) * 0.6
    opened = asked[circuit.FAILURES :]
    assert all(later - at >= circuit.PAUSE for at, later in pairwise(opened))
    counts = Counter((entry["source"], entry["event"]) for entry in logs if "source" in entry)
    # Once without the circuit and once with it, and once more by who was held back to begin with.
    assert max(counts.values()) <= 3
