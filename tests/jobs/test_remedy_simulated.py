"""A remedy from alert to way back: the real loops, store and clients, and a simulated vendor."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import stamina

from tests.engine.worlds import DOWN, rule, ruleset, traits
from watcher import engine, jobs, model, simulator
from watcher.clock import Wakeup
from watcher.daemon import ingest
from watcher.jobs import bandwidth
from watcher.metrics import Metrics
from watcher.simulator import scenario as script
from watcher.store import store
from watcher.vendors import catalog, poller
from watcher.vendors import settings as vendor_settings
from watcher.vendors.diagnostics.settings import Diagnostics
from watcher.vendors.http import exchange
from watcher.vendors.http.account import VendorAccount
from watcher.vendors.internet_on_demand.settings import InternetOnDemandSource
from watcher.vendors.internet_on_demand.source import InternetOnDemandBandwidth
from watcher.vendors.internet_on_demand.vendor import build_client

WORLD = """
world:
  tokens: {lumen: 7d}
  iod:
    takes: 6m
    connections:
      c1: {bandwidth: 500 Mbps}
      c2: {bandwidth: 1 Gbps}
"""
RAISE = engine.Bandwidth(connection="iod/c1", to=2000.0, max=2000.0, revert=True)
BLIP = {"reason": "Not a NaaS Enabled Location", "code": "INVALIDVALUE"}


class HandClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, 0, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class Poller:
    def hurry(self) -> None:
        pass

    def quicken(self, fast: bool) -> None:  # noqa: FBT001  # the port's
        pass


class NoMeter:
    async def spend(self, account: str, month: str, budget: int) -> bool:
        raise AssertionError("nothing has a budget here")


class Desk:
    """One daemon's loops; `work` begins the jobs, `stop` ends everything."""

    def __init__(self, *, opened, account, sim, hand, dialect, remedy=RAISE, per_day=24):
        self.opened, self.hand, self.sim = opened, hand, sim
        keys = InternetOnDemandSource(
            kind="internet_on_demand",
            base_url=sim.lumen_url,
            dialect=dialect,
            customer_number=sim.credentials.lumen_customer_number,
            changes_per_day=per_day,
        )
        self.source = catalog.build("iod", keys, account)
        self.differ = poller.Differ("iod")
        client = build_client(keys, account)
        self.orderer = InternetOnDemandBandwidth(client, customer=keys.customer, per_day=per_day)
        plain = ruleset(rule(bandwidth=remedy, condition=DOWN))
        iod = traits("internet_on_demand", name="iod")
        self.rules = replace(plain, sources={**plain.sources, "iod": iod})
        self.wakeups = {name: Wakeup() for name in ("inbox", "delivery", "jobs")}
        self.tasks = []
        self.writer = None

    async def lead(self):
        """Load what is stored, and step from there on."""
        token = await self.opened.leadership.acquire("tests")
        loaded = await self.opened.commits.load(
            now=self.hand.now(),
            reopen_within=engine.REOPEN_WITHIN,
            keep_samples=engine.keep_samples(self.rules),
        )
        self.writer = ingest.Ingest(
            commits=self.opened.commits,
            inbox=self.opened.inbox,
            token=token,
            state=engine.restore(self.rules, loaded),
            pollers={"vyvx": Poller(), "iod": Poller(), "evpl": Poller()},
            clock=self.hand,
            metrics=Metrics(version="1", sources=["vyvx", "iod"], receivers=[]),
            wakeup=self.wakeups["inbox"],
            delivery_wakeup=self.wakeups["delivery"],
            jobs_wakeup=self.wakeups["jobs"],
            on_health=lambda _: None,
        )
        self.tasks.append(asyncio.create_task(self.writer.run()))
        await self.writer.submit(engine.Reloaded(ruleset=self.rules))
        await self.poll()

    def work(self, orderer=None):
        """Begin to do jobs."""
        loop = jobs.Jobs(
            workshop=self.opened.jobs,
            inbox=self.opened.inbox,
            sources={},
            examiner=None,
            qualifier=None,
            orderers={"iod": orderer or self.orderer},
            keys=Diagnostics(),
            clock=self.hand,
            wakeup=self.wakeups["jobs"],
            inbox_wakeup=self.wakeups["inbox"],
        )
        self.tasks.append(asyncio.create_task(loop.run()))
        return self.tasks[-1]

    async def poll(self):
        await self.writer.submit(self.differ.compare(await self.source.poll()))

    async def sees(self, state):
        """Poll the service whose trouble the rule is about."""
        seen = model.Observed(key="vyvx/a", fields={"state": state})
        await self.writer.submit(model.Polled(source="vyvx", seen=(seen,), total=1))

    async def approve(self, by="ann"):
        command = model.RemedyApproved(incident=self.incident.id, by=by)
        await self.opened.inbox.submit(
            f"approve/{self.hand.seconds}/{by}", command, self.hand.now()
        )
        self.wakeups["inbox"].set()

    @property
    def incident(self):
        (only,) = self.writer.state.incidents.values()
        return only

    async def timeline(self):
        """The remedy's entries on the timeline, as kind and text."""
        (known,) = await self.opened.queries.incidents()
        view = await self.opened.queries.incident_view(known.id)
        return [
            (entry.kind.value.removeprefix("remedy_"), entry.text)
            for entry in view.timeline
            if entry.kind.value.startswith("remedy_")
        ]

    async def until(self, kind, count=1):
        """Wait until it is told so often; give the last one's words."""
        async with asyncio.timeout(20):
            while True:
                found = [text for each, text in await self.timeline() if each == kind]
                if len(found) >= count:
                    return found[-1]
                await self.wakeups["delivery"].wait(0.5)

    async def later(self, **span):
        self.hand.seconds += timedelta(**span).total_seconds()
        for wakeup in self.wakeups.values():
            wakeup.set()

    @property
    def orders(self):
        return sum(self.sim.world.on_demand.taken.values())

    async def stop(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@pytest.fixture
def hand():
    return HandClock()


@pytest.fixture
async def sim(hand):
    scenario = script.parse(WORLD, name="iod.yaml")
    async with simulator.Simulator(scenario, hand, with_broker=False) as running:
        yield running


@pytest.fixture
async def account(sim, hand):
    keys = vendor_settings.OAuth2Account(
        kind="oauth2",
        token_url=sim.lumen_token_url,
        client_id=sim.credentials.lumen_client_id,
        client_secret=sim.credentials.lumen_client_secret,
        calls_per_second=10_000,
    )
    with stamina.set_testing(testing=True, attempts=1, cap=True):
        async with exchange.open_session() as session:
            yield VendorAccount("lumen", keys, session, hand, NoMeter())


@pytest.fixture
async def opened(tmp_path, hand):
    async with store.open(f"sqlite:///{tmp_path / 'watcher.db'}", clock=hand) as database:
        yield database


@pytest.fixture(params=["connections", "naas"])
def dialect(request):
    return request.param


@pytest.fixture
async def desks(opened, account, sim, hand, dialect):
    built = []

    async def build(**changes):
        desk = Desk(opened=opened, account=account, sim=sim, hand=hand, dialect=dialect, **changes)
        built.append(desk)
        await desk.lead()
        return desk

    yield build
    for desk in built:
        await desk.stop()


@pytest.fixture
async def desk(desks):
    return await desks()


def order_endpoint(dialect):
    return "order" if dialect == "naas" else "bandwidth"


async def ask(desk):
    """Break down, and have the proposal approved."""
    await desk.sees("online")
    await desk.sees("offline")
    await desk.until("proposed")
    await desk.approve()
    await desk.until("approved")


@pytest.mark.covers("iod/remedy", "iod/accepted")
async def test_what_is_approved_is_ordered_applied_and_put_back(desk, sim):
    desk.work()
    await ask(desk)
    await desk.until("pending")
    assert desk.orders == 1
    await desk.later(minutes=7)
    assert await desk.until("applied") == "c1 has 2 Gbps now, 7 min after it was requested"
    await desk.sees("online")
    await desk.until("pending", 2)
    await desk.later(minutes=7)
    assert await desk.until("reverted") == "c1 has 500 Mbps again, 7 min after it was requested"
    assert [kind for kind, _ in await desk.timeline()] == [
        "proposed", "approved", "requested", "pending", "applied",
        "approved", "requested", "pending", "reverted",
    ]  # fmt: skip  # as they are read
    assert desk.orders == 2
    assert sim.world.on_demand.connections["c1"].bandwidth == "500 Mbps"


async def test_where_the_rule_asks_nobody_it_is_ordered_at_once(desks):
    desk = await desks(remedy=replace(RAISE, approved=True))
    desk.work()
    await desk.sees("offline")
    await desk.until("pending")
    assert [kind for kind, _ in await desk.timeline()] == ["approved", "requested", "pending"]


async def test_what_the_vendor_refuses_is_told_in_its_words(desk, sim, dialect):
    body = {"reason": "Bandwidth is not offered here", "code": "INVALIDVALUE"}
    sim.change(
        fault={
            "vendor": "lumen",
            "kind": "answer",
            "status": 422,
            "body": body,
            "endpoint": order_endpoint(dialect),
        }
    )
    desk.work()
    await ask(desk)
    told = await desk.until("failed")
    assert told.startswith("c1 was not raised to 2 Gbps: ")
    assert "Bandwidth is not offered here" in told
    assert desk.incident.remedy.ended_at is not None


@pytest.mark.covers("iod/422-blip")
async def test_an_hour_of_422_is_waited_out_and_ordered_once(desk, sim, dialect):
    endpoint = "price" if dialect == "naas" else "bandwidth"
    sim.change(
        fault={
            "vendor": "lumen",
            "kind": "answer",
            "status": 422,
            "body": BLIP,
            "endpoint": endpoint,
            "for": "20m",
        }
    )
    desk.work()
    await ask(desk)
    told = await desk.until("waiting")
    assert "Not a NaaS Enabled Location" in told
    assert told.endswith("it is tried again in 1 min")
    for wait in (1, 5, 15):
        assert desk.orders == 0
        calls = sim.world.calls[f"lumen.{endpoint}"]
        await desk.later(minutes=wait, seconds=1)
        async with asyncio.timeout(20):
            while sim.world.calls[f"lumen.{endpoint}"] == calls:
                await desk.wakeups["delivery"].wait(0.05)
            await asyncio.sleep(0.05)  # until its answer is kept
    await desk.until("pending")
    assert desk.orders == 1
    assert [kind for kind, _ in await desk.timeline()].count("waiting") == 1


@pytest.mark.covers("iod/remedy-once", "iod/never-repeated")
async def test_an_order_whose_answer_is_lost_is_looked_for_and_not_repeated(desk, sim, dialect):
    sim.change(fault={"vendor": "lumen", "kind": "drop", "endpoint": order_endpoint(dialect)})
    desk.work()
    await ask(desk)
    await desk.until("pending")  # the vendor shows it, so it was taken
    await desk.later(minutes=7)
    await desk.until("applied")
    assert desk.orders == 1
    assert sim.world.calls[f"lumen.{order_endpoint(dialect)}"] == 1


@pytest.mark.covers("iod/remedy-once", "iod/never-repeated")
async def test_an_order_that_may_have_been_lost_is_said_and_not_repeated(desk, sim, dialect):
    sim.change(fault={"vendor": "lumen", "kind": "reset", "endpoint": order_endpoint(dialect)})
    desk.work()
    await ask(desk)
    told = await desk.until("unknown")
    assert told.startswith("it is not known whether 2 Gbps was ordered for c1: ")
    assert told.endswith("It is not ordered again; the inventory shows 500 Mbps")
    await desk.later(minutes=16)
    told = await desk.until("stuck")
    assert told == (
        "c1 does not have 2 Gbps yet: after 15 min the inventory shows 500 Mbps;"
        " it is looked at every 5 min from now on"
    )
    await desk.later(hours=25)
    told = await desk.until("unknown", 2)
    assert told.endswith("after 1 d the inventory shows 500 Mbps, and nobody looks any more")
    assert desk.orders == 0
    assert sim.world.calls[f"lumen.{order_endpoint(dialect)}"] == 1


async def test_a_change_that_is_late_is_said_and_looked_at_until_it_is_done(desk, sim):
    desk.work()
    await ask(desk)
    await desk.until("pending")
    pending = sim.world.on_demand.pending
    pending["c1"] = replace(pending["c1"], at=desk.hand.now() + timedelta(minutes=40))
    await desk.later(minutes=16)
    told = await desk.until("stuck")
    assert "after 15 min the inventory shows 500 Mbps, with a change pending" in told
    await desk.later(minutes=30)
    await desk.until("applied")


async def die_at(desk, moment):
    """Do what a daemon had done when it was killed: claimed the job, and no more than `moment`."""
    (job,) = await claim(desk)
    if moment == "claimed":
        return
    sent = replace(job.change, sent_at=desk.hand.now())
    assert (
        await desk.opened.jobs.start_change(
            job, sent, now=desk.hand.now(), customer="c", per_day=24
        )
        == "begun"
    )
    if moment == "sent":
        wanted = job.change.wanted
        await desk.orderer.order(
            "c1", mbps=wanted.to_mbps, at_most=wanted.max_mbps, reference=wanted.order
        )


@pytest.mark.covers("iod/remedy-once")
@pytest.mark.parametrize(
    ("moment", "outcome"),
    [("claimed", ("requested", 1)), ("intended", ("unknown", 0)), ("sent", ("pending", 1))],
)
async def test_a_daemon_that_is_killed_orders_once_at_most_and_the_next_tells_the_truth(
    desk, desks, moment, outcome
):
    told, orders = outcome
    await ask(desk)
    await die_at(desk, moment)
    await desk.stop()
    heir = await desks()
    heir.work()
    await heir.later(minutes=4)
    words = await heir.until(told)
    assert heir.orders == orders
    if moment == "intended":
        assert "Watcher was interrupted while it ordered" in words
        await heir.later(minutes=20)
        await heir.until("stuck")
        assert heir.orders == 0


class Frozen:
    """The orderer of a daemon that freezes while it looks, until another one has its job."""

    def __init__(self, desk):
        self.desk = desk
        self.customer, self.per_day = desk.orderer.customer, desk.orderer.per_day

    async def look(self, connection):
        await self.desk.later(minutes=4)
        assert await claim(self.desk)
        return await self.desk.orderer.look(connection)

    async def order(self, connection, **what):
        raise AssertionError("it was ordered by a daemon that had lost the job")


def claim(desk):
    return desk.opened.jobs.claim(
        kind="bandwidth", now=desk.hand.now(), lease=timedelta(minutes=3), limit=1
    )


@pytest.mark.covers("iod/remedy-once")
async def test_a_frozen_daemon_that_was_relieved_orders_nothing(desk):
    await ask(desk)
    (job,) = await claim(desk)
    frozen = bandwidth.Bandwidths(
        workshop=desk.opened.jobs, orderers={"iod": Frozen(desk)}, clock=desk.hand
    )
    await frozen.pool().work(job)
    desk.work()
    await desk.later(minutes=4)
    await desk.until("pending")
    assert desk.orders == 1


@pytest.mark.covers("iod/remedy-once")
async def test_two_daemons_order_once(desk):
    desk.work()
    desk.work()
    await ask(desk)
    await desk.until("pending")
    assert desk.orders == 1


class Slow:
    """An orderer whose order is answered when `answers` is set."""

    def __init__(self, orderer):
        self.orderer, self.customer, self.per_day = orderer, orderer.customer, orderer.per_day
        self.look = orderer.look
        self.asked, self.answers = asyncio.Event(), asyncio.Event()

    async def order(self, connection, **what):
        self.asked.set()
        await self.answers.wait()
        return await self.orderer.order(connection, **what)


async def test_a_stop_hears_the_answer_to_the_order_in_hand(desk):
    await ask(desk)
    slow = Slow(desk.orderer)
    working = desk.work(slow)
    await slow.asked.wait()
    working.cancel()
    slow.answers.set()
    await asyncio.wait([working])
    assert (await desk.until("requested")).startswith("requested: c1 to 2 Gbps; the vendor took it")
    desk.work()
    await desk.until("pending")
    assert [kind for kind, _ in await desk.timeline()][-2:] == ["requested", "pending"]
    assert desk.orders == 1


async def test_a_stop_does_not_wait_for_an_answer_for_ever(desk, monkeypatch):
    monkeypatch.setattr(bandwidth, "STOP_WITHIN", timedelta(milliseconds=20))
    await ask(desk)
    slow = Slow(desk.orderer)
    working = desk.work(slow)
    await slow.asked.wait()
    working.cancel()
    await asyncio.wait([working])
    desk.work()
    assert "Watcher was interrupted while it ordered" in await desk.until("unknown")
    assert desk.orders == 0


@pytest.mark.covers("iod/changes-per-day")
async def test_the_days_changes_are_counted_and_refused_in_words(desks, sim, hand):
    desk = await desks(per_day=1)
    desk.work()
    await ask(desk)
    await desk.until("pending")
    await desk.later(minutes=7)
    await desk.until("applied")
    await desk.sees("online")
    told = await desk.until("failed")
    assert "all 1 changes of today are used up; the vendor counts anew from 00:00 UTC" in told
    assert "watcher iod set-bandwidth c1 '500 Mbps'" in told
    assert desk.orders == 1
    assert not await desk.opened.call_counter.spend_change(
        sim.credentials.lumen_customer_number, hand.now().date(), 1
    )


async def test_what_somebody_else_has_changed_is_not_put_back(desk, sim):
    desk.work()
    await ask(desk)
    await desk.until("pending")
    await desk.later(minutes=7)
    await desk.until("applied")
    sim.change(iod={"id": "c1", "bandwidth": "5 Gbps"})
    await desk.sees("online")
    told = await desk.until("untouched")
    assert told == (
        "c1 is not put back to 500 Mbps: somebody has changed it meanwhile: it has 5 Gbps now"
    )
    assert desk.orders == 1


async def test_what_has_the_bandwidth_by_now_is_not_ordered(desk, sim):
    await ask(desk)
    sim.change(iod={"id": "c1", "bandwidth": "2 Gbps"})
    desk.work()
    told = await desk.until("untouched")
    assert told == "no change of bandwidth was requested: it has 2 Gbps already"
    assert desk.orders == 0


async def test_what_was_approved_and_is_over_before_it_leaves_is_not_ordered(desk):
    await ask(desk)
    await desk.sees("online")
    desk.work()
    told = await desk.until("withdrawn")
    assert told == "not requested, the incident is over: c1 stays at 500 Mbps"
    assert desk.orders == 0


async def test_nothing_above_the_limit_passes_the_door(desks):
    desk = await desks(remedy=replace(RAISE, max=1000.0))
    desk.work()
    await ask(desk)
    told = await desk.until("failed")
    assert told.endswith("2 Gbps is above the limit of 1 Gbps: nothing was requested")
    assert desk.orders == 0


@pytest.mark.covers("iod/change-pending")
async def test_a_change_that_the_inventory_did_not_show_yet_is_waited_for(desk, sim, dialect):
    said = "The Service Id cannot be modified since the current status is - Change pending"
    sim.change(
        fault={
            "vendor": "lumen",
            "kind": "answer",
            "status": 422,
            "body": {"reason": said, "code": "INVALIDSTATE"},
            "endpoint": order_endpoint(dialect),
            "times": 1,
        }
    )
    desk.work()
    await ask(desk)
    assert said in await desk.until("waiting")
    await desk.later(minutes=1)
    await desk.until("pending")
    assert desk.orders == 1


@pytest.mark.covers("iod/change-pending")
async def test_another_change_under_way_is_waited_for(desk, sim, hand):
    await ask(desk)
    sim.world.on_demand.order("c1", "500 Mbps", hand.now())
    desk.work()
    told = await desk.until("waiting")
    assert told.endswith("another change of it is under way; it is tried again in 1 min")
    await desk.later(minutes=7)
    await desk.until("pending")
    assert desk.orders == 2
