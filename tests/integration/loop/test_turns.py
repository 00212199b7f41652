"""At 100,000 services the event loop goes on, whatever a poll says."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import msgspec
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from tests.integration.loop.probe import MOST_SECONDS, Standstill, probe
from watcher import engine, ruleset
from watcher.clock import SystemClock, Wakeup
from watcher.daemon import leader
from watcher.http import exchange
from watcher.metrics import Metrics
from watcher.store import store
from watcher.vendors.vyvx.client import VyvxClient
from watcher.vendors.vyvx.settings import VyvxSource as Settings
from watcher.vendors.vyvx.source import VyvxSource

SERVICES = 100_000
ATTEMPTS = 3
FIRST = 1_000_000


class Vendor:
    """Answers what it is told to, and waits to be told again."""

    def __init__(self) -> None:
        self.services = {
            str(FIRST + number): {"state": "online", "ingress_state": "online"}
            for number in range(SERVICES)
        }
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()

    def say(self, state: str = "online", *, every: int = SERVICES) -> None:
        for number in range(0, SERVICES, every):
            self.services[str(FIRST + number)] = {"state": state, "ingress_state": "online"}
        self.answers.put_nowait(msgspec.json.encode({"data": {"services": self.services}}))

    async def get(self, path: str, **_) -> exchange.Reply:
        return exchange.Reply(
            place="GET " + path,
            status=200,
            headers=CIMultiDictProxy(CIMultiDict()),
            body=await self.answers.get(),
        )


RULES = """
rules:
  - {name: down, source: vyvx, transition: {field: state, to: offline}, notify: [noc]}
""" + "".join(
    f"""
  - name: rule-{number}
    source: vyvx
    transition: {{field: state, from: [online], to: [degraded]}}
    for: {number}m
"""
    for number in range(1, 20)
)


def load_rules(folder) -> engine.Ruleset:
    (folder / "rules.yaml").write_text(RULES)
    traits = engine.SourceTraits(name="vyvx", kind="vyvx", blind_after=timedelta(minutes=3))
    rules = [str(folder / "rules.yaml")]
    return ruleset.load(rules, inventory=None, sources={"vyvx": traits}, receivers=["noc"])


@asynccontextmanager
async def leading(folder, vendor, rules):
    clock = SystemClock()
    async with (
        store.open(f"sqlite:///{folder / 'w.db'}", clock=clock) as database,
        asyncio.TaskGroup() as group,
    ):
        token = await database.leadership.acquire("ops1")
        watch = leader.Leader(
            store=database,
            retention=timedelta(days=1),
            rules=rules,
            sources={"vyvx": VyvxSource("vyvx", VyvxClient(vendor))},
            source_settings={
                "vyvx": Settings(
                    kind="vyvx", interval=timedelta(hours=1), fast_interval=timedelta(seconds=1)
                )
            },
            clock=clock,
            metrics=Metrics(version="1", sources=["vyvx"], receivers=[]),
            wakeup=Wakeup(),
            delivery_wakeup=Wakeup(),
            jobs_wakeup=Wakeup(),
            on_health=lambda _: None,
            on_clock_step=clock.adopt,
        )
        await watch.start(token, group)
        await watch.stop_polling()
        yield watch
        await watch.stop()


async def polled(watch):
    """Poll, and look at the overview meanwhile, as a board and a watchdog do."""
    polling = asyncio.create_task(watch.pollers["vyvx"]._poll())
    while not polling.done():
        watch.overview()
        await asyncio.wait([polling], timeout=0.05)
    await polling


async def measure(folder) -> dict[str, Standstill]:
    """Return the longest standstill of each thing that the daemon does."""
    vendor, rules = Vendor(), load_rules(folder)
    longest: dict[str, Standstill] = {}

    async def measured(name: str, watch: leader.Leader, *args, **kwargs) -> None:
        vendor.say(*args, **kwargs)
        await asyncio.sleep(0)
        async with probe() as longest[name]:
            await polled(watch)

    async with leading(folder, vendor, rules) as watch:
        await measured("the first poll", watch)
        await measured("nothing changed", watch)
        await measured("1 % changed", watch, "degraded", every=100)
        await measured("10 % failed", watch, "offline", every=10)
        await measured("10 % recovered", watch, "online", every=10)
        assert len(watch.state.incidents) == 1
    async with AsyncExitStack() as stack:
        async with probe() as longest["a start"]:
            watch = await stack.enter_async_context(leading(folder, vendor, rules))
        assert len(watch.state.subjects) == SERVICES
        await measured("the first poll after a start", watch)
        async with probe() as longest["a reload"]:
            await watch.reload(rules)
    return longest


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("as_in_the_daemon")
async def test_nothing_holds_the_loop_up_for_50_ms(tmp_path):
    least: dict[str, Standstill] = {}
    for attempt in range(ATTEMPTS):  # what others do on this machine makes a standstill longer
        (folder := tmp_path / str(attempt)).mkdir()
        for name, longest in (await measure(folder)).items():
            least[name] = min(longest, least.get(name, longest), key=lambda of: of.seconds)
        if all(longest.seconds < MOST_SECONDS for longest in least.values()):
            return
    assert {name: of for name, of in least.items() if of.seconds >= MOST_SECONDS} == {}
