"""A remedy from alert to way back: the real loops, store and clients, and a simulated vendor."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
import stamina
from msgspec.structs import replace

from tests.fakes import factories
from tests.fakes.engine_world import DOWN, rule, ruleset, traits
from tests.fakes.vendor_account import make_account
from watcher import engine, jobs, model, simulator
from watcher.clock import Wakeup
from watcher.daemon import ingest
from watcher.http import exchange
from watcher.jobs import bandwidth
from watcher.metrics import Metrics
from watcher.simulator import scenario as script
from watcher.store import store, tables
from watcher.vendors import catalog, poller
from watcher.vendors.diagnostics.settings import Diagnostics
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
    def poll_now(self) -> None:
        pass

    def set_fast(self, fast: bool) -> None:  # noqa: FBT001  # the port's
        pass


class Daemon:
    """One daemon's loops; `work` starts the jobs, `stop` ends everything."""

    def __init__(self, *, opened, account, sim, clock, dialect, remedy=RAISE, per_day=24):
        self.opened, self.clock, self.sim = opened, clock, sim
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
        self.changer = InternetOnDemandBandwidth(client, customer=keys.customer, per_day=per_day)
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
            now=self.clock.now(),
            reopen_within=engine.REOPEN_WITHIN,
            keep_samples=engine.keep_samples(self.rules),
        )
        self.writer = ingest.Ingest(
            commits=self.opened.commits,
            inbox=self.opened.inbox,
            token=token,
            state=engine.restore(self.rules, loaded),
            pollers={"vyvx": Poller(), "iod": Poller(), "evpl": Poller()},
            clock=self.clock,
            metrics=Metrics(version="1", sources=["vyvx", "iod"], receivers=[]),
            wakeup=self.wakeups["inbox"],
            delivery_wakeup=self.wakeups["delivery"],
            jobs_wakeup=self.wakeups["jobs"],
            on_health=lambda _: None,
            on_clock_step=lambda _: None,
        )
        self.tasks.append(asyncio.create_task(self.writer.run()))
        await self.writer.submit(engine.Reloaded(ruleset=self.rules))
        await self.poll()

    def work(self, changer=None):
        """Begin to do jobs."""
        loop = jobs.Jobs(
            queue=self.opened.jobs,
            inbox=self.opened.inbox,
            sources={},
            diagnostics_runner=None,
            backup_finder=None,
            bandwidth_changers={"iod": changer or self.changer},
            diagnostics=Diagnostics(),
            clock=self.clock,
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
            f"approve/{self.clock.seconds}/{by}", command, self.clock.now()
        )
        self.wakeups["inbox"].set()

    @property
    def incident(self):
        (only,) = self.writer.state.incidents.values()
        return only

    async def timeline(self):
        """The remedy's entries on the timeline, as kind and text."""
        (incident,) = await self.opened.queries.incidents()
        view = await self.opened.queries.incident_view(incident.id)
        return [
            (entry.kind.value.removeprefix("remedy_"), entry.text)
            for entry in view.timeline
            if entry.kind.value.startswith("remedy_")
        ]

    async def until(self, kind, count=1):
        """Wait for that many entries of a kind; return the text of the last one."""
        async with asyncio.timeout(20):
            while True:
                texts = [text for entry, text in await self.timeline() if entry == kind]
                if len(texts) >= count:
                    return texts[-1]
                await self.wakeups["delivery"].wait(0.5)

    async def idle(self):
        """Wait until no job is being done: what the last one learned is stored then."""
        async with asyncio.timeout(20):
            while any(row.lease_until for row in await factories.rows(self.opened, tables.jobs)):
                await self.wakeups["delivery"].wait(0.05)

    async def later(self, **span):
        self.clock.seconds += timedelta(**span).total_seconds()
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
def clock():
    return HandClock()


@pytest.fixture
async def sim(clock):
    scenario = script.parse(WORLD, name="iod.yaml")
    async with simulator.Simulator(scenario, clock, with_broker=False) as running:
        yield running


@pytest.fixture
async def account(sim, clock):
    with stamina.set_testing(testing=True, attempts=1, cap=True):
        async with exchange.open_session() as session:
            yield make_account(sim, "lumen", session, clock)


@pytest.fixture
async def opened(tmp_path, clock):
    async with store.open(f"sqlite:///{tmp_path / 'watcher.db'}", clock=clock) as database:
        yield database


@pytest.fixture(params=["connections", "naas"])
def dialect(request):
    return request.param


@pytest.fixture
async def daemons(opened, account, sim, clock, dialect):
    built = []

    async def build(**changes):
        daemon = Daemon(
            opened=opened, account=account, sim=sim, clock=clock, dialect=dialect, **changes
        )
        built.append(daemon)
        await daemon.lead()
        return daemon

    yield build
    for daemon in built:
        await daemon.stop()


@pytest.fixture
async def daemon(daemons):
    return await daemons()


def order_endpoint(dialect):
    return "order" if dialect == "naas" else "bandwidth"


async def ask(daemon):
    """Break down, and have the proposal approved."""
    await daemon.sees("online")
    await daemon.sees("offline")
    await daemon.until("proposed")
    await daemon.approve()
    await daemon.until("approved")


@pytest.mark.covers("iod/remedy", "iod/accepted")
async def test_what_is_approved_is_ordered_applied_and_put_back(daemon, sim):
    daemon.work()
    await ask(daemon)
    await daemon.until("pending")
    assert daemon.orders == 1
    await daemon.later(minutes=7)
    assert await daemon.until("applied") == "c1 now has 2 Gbps, 7 min after it was requested"
    await daemon.sees("online")
    await daemon.until("pending", 2)
    await daemon.later(minutes=7)
    assert await daemon.until("reverted") == "c1 has 500 Mbps again, 7 min after it was requested"
    assert [kind for kind, _ in await daemon.timeline()] == [
        "proposed", "approved", "requested", "pending", "applied",
        "approved", "requested", "pending", "reverted",
    ]  # fmt: skip  # as they are read
    assert daemon.orders == 2
    assert sim.world.on_demand.connections["c1"].bandwidth == "500 Mbps"


@pytest.mark.covers("iod/own-words")
async def test_what_is_put_back_is_in_the_vendors_own_words(daemons, sim):
    sim.world.on_demand.change("c1", {"bandwidth": "0.5 Gbit/s"})
    daemon = await daemons()
    daemon.work()
    await ask(daemon)
    await daemon.until("pending")
    await daemon.later(minutes=7)
    await daemon.until("applied")
    await daemon.sees("online")
    await daemon.until("pending", 2)
    await daemon.later(minutes=7)
    assert await daemon.until("reverted") == "c1 has 500 Mbps again, 7 min after it was requested"
    assert sim.world.on_demand.connections["c1"].bandwidth == "0.5 Gbit/s"


@pytest.mark.covers("iod/own-words")
@pytest.mark.parametrize("words", ["1,5 Gbps", "1.000 Mbps", "500"])
async def test_a_bandwidth_that_is_not_certain_is_never_changed(daemons, sim, words):
    sim.world.on_demand.change("c1", {"bandwidth": words})
    daemon = await daemons(remedy=replace(RAISE, approved=True))
    daemon.work()
    await daemon.sees("online")
    await daemon.sees("offline")
    message = await daemon.until("untouched")
    assert message == "no bandwidth change is proposed: the bandwidth of c1 is unknown"
    assert daemon.orders == 0


async def test_where_the_rule_asks_nobody_it_is_ordered_at_once(daemons):
    daemon = await daemons(remedy=replace(RAISE, approved=True))
    daemon.work()
    await daemon.sees("offline")
    await daemon.until("pending")
    assert [kind for kind, _ in await daemon.timeline()] == ["approved", "requested", "pending"]


async def test_what_the_vendor_refuses_is_reported_in_its_words(daemon, sim, dialect):
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
    daemon.work()
    await ask(daemon)
    message = await daemon.until("failed")
    assert message.startswith("c1 was not raised to 2 Gbps: ")
    assert "Bandwidth is not offered here" in message
    assert daemon.incident.remedy.ended_at is not None


@pytest.mark.covers("iod/422-blip")
async def test_an_hour_of_422_is_waited_out_and_ordered_once(daemon, sim, dialect):
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
    daemon.work()
    await ask(daemon)
    message = await daemon.until("waiting")
    assert "Not a NaaS Enabled Location" in message
    assert message.endswith("next attempt in 1 min")
    for wait in (1, 5, 15):
        assert daemon.orders == 0
        calls = sim.world.calls[f"lumen.{endpoint}"]
        await daemon.later(minutes=wait, seconds=1)
        async with asyncio.timeout(20):
            while sim.world.calls[f"lumen.{endpoint}"] == calls:
                await daemon.wakeups["delivery"].wait(0.05)
        await daemon.idle()
    await daemon.until("pending")
    assert daemon.orders == 1
    assert [kind for kind, _ in await daemon.timeline()].count("waiting") == 1


@pytest.mark.covers("iod/remedy-once", "iod/never-repeated")
async def test_an_order_whose_answer_is_lost_is_looked_for_and_not_repeated(daemon, sim, dialect):
    sim.change(fault={"vendor": "lumen", "kind": "drop", "endpoint": order_endpoint(dialect)})
    daemon.work()
    await ask(daemon)
    await daemon.until("pending")  # the vendor shows it, so it was taken
    await daemon.later(minutes=7)
    await daemon.until("applied")
    assert daemon.orders == 1
    assert sim.world.calls[f"lumen.{order_endpoint(dialect)}"] == 1


@pytest.mark.covers("iod/remedy-once", "iod/never-repeated")
async def test_an_order_that_may_have_been_lost_is_reported_and_not_repeated(daemon, sim, dialect):
    sim.change(fault={"vendor": "lumen", "kind": "reset", "endpoint": order_endpoint(dialect)})
    daemon.work()
    await ask(daemon)
    message = await daemon.until("unknown")
    assert message.startswith("unknown whether 2 Gbps was ordered for c1: ")
    assert message.endswith("It will not be ordered again; the inventory shows 500 Mbps")
    await daemon.later(minutes=16)
    message = await daemon.until("stuck")
    assert message == (
        "c1 does not have 2 Gbps yet: after 15 min the inventory shows 500 Mbps;"
        " checking every 5 min from now on"
    )
    await daemon.later(hours=25)
    message = await daemon.until("unknown", 2)
    assert message.endswith("after 1 d the inventory shows 500 Mbps; it is no longer watched")
    assert daemon.orders == 0
    assert sim.world.calls[f"lumen.{order_endpoint(dialect)}"] == 1


async def test_a_change_that_is_late_is_reported_and_watched_until_it_is_done(daemon, sim):
    daemon.work()
    await ask(daemon)
    await daemon.until("pending")
    pending = sim.world.on_demand.pending
    pending["c1"] = dataclasses.replace(
        pending["c1"], at=daemon.clock.now() + timedelta(minutes=40)
    )
    await daemon.later(minutes=16)
    message = await daemon.until("stuck")
    assert "after 15 min the inventory shows 500 Mbps, with a change pending" in message
    await daemon.later(minutes=30)
    await daemon.until("applied")


async def die_at(daemon, moment):
    """Do what a daemon had done when it was killed: claimed the job, and no more than `moment`."""
    (job,) = await claim(daemon)
    if moment == "claimed":
        return
    sent = replace(job.change, sent_at=daemon.clock.now())
    assert (
        await daemon.opened.jobs.start_change(
            job, sent, now=daemon.clock.now(), customer="c", per_day=24
        )
        == "begun"
    )
    if moment == "sent":
        wanted = job.change.wanted
        await daemon.changer.order(
            "c1", mbps=wanted.to_mbps, at_most=wanted.max_mbps, reference=wanted.order
        )


@pytest.mark.covers("iod/remedy-once")
@pytest.mark.parametrize(
    ("moment", "outcome"),
    [("claimed", ("requested", 1)), ("intended", ("unknown", 0)), ("sent", ("pending", 1))],
)
async def test_a_daemon_that_is_killed_orders_at_most_once_and_the_next_reports_the_truth(
    daemon, daemons, moment, outcome
):
    kind, orders = outcome
    await ask(daemon)
    await die_at(daemon, moment)
    await daemon.stop()
    successor = await daemons()
    successor.work()
    await successor.later(minutes=4)
    words = await successor.until(kind)
    assert successor.orders == orders
    if moment == "intended":
        assert "Watcher was interrupted while it ordered" in words
        await successor.later(minutes=20)
        await successor.until("stuck")
        assert successor.orders == 0


class FrozenChanger:
    """The changer of a daemon that freezes while it looks, until another one has its job."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.customer, self.per_day = daemon.changer.customer, daemon.changer.per_day

    async def fetch(self, connection):
        await self.daemon.later(minutes=4)
        assert await claim(self.daemon)
        return await self.daemon.changer.fetch(connection)

    async def order(self, connection, **what):
        raise AssertionError("it was ordered by a daemon that had lost the job")


def claim(daemon):
    return daemon.opened.jobs.claim(
        kind="bandwidth", now=daemon.clock.now(), lease=timedelta(minutes=3), limit=1
    )


@pytest.mark.covers("iod/remedy-once")
async def test_a_frozen_daemon_that_was_relieved_orders_nothing(daemon):
    await ask(daemon)
    (job,) = await claim(daemon)
    frozen = bandwidth.BandwidthJobs(
        queue=daemon.opened.jobs, changers={"iod": FrozenChanger(daemon)}, clock=daemon.clock
    )
    await frozen.pool().run(job)
    daemon.work()
    await daemon.later(minutes=4)
    await daemon.until("pending")
    assert daemon.orders == 1


@pytest.mark.covers("iod/remedy-once")
async def test_two_daemons_order_once(daemon):
    daemon.work()
    daemon.work()
    await ask(daemon)
    await daemon.until("pending")
    assert daemon.orders == 1


class SlowChanger:
    """A changer whose order is answered when `answers` is set."""

    def __init__(self, changer):
        self.changer, self.customer, self.per_day = changer, changer.customer, changer.per_day
        self.fetch = changer.fetch
        self.asked, self.answers = asyncio.Event(), asyncio.Event()

    async def order(self, connection, **what):
        self.asked.set()
        await self.answers.wait()
        return await self.changer.order(connection, **what)


async def test_a_stop_waits_for_the_answer_to_an_order_under_way(daemon):
    await ask(daemon)
    slow = SlowChanger(daemon.changer)
    running = daemon.work(slow)
    await slow.asked.wait()
    running.cancel()
    slow.answers.set()
    await asyncio.wait([running])
    text = await daemon.until("requested")
    assert text.startswith("requested: c1 to 2 Gbps; accepted by the vendor")
    daemon.work()
    await daemon.until("pending")
    assert [kind for kind, _ in await daemon.timeline()][-2:] == ["requested", "pending"]
    assert daemon.orders == 1


async def test_a_stop_does_not_wait_forever_for_an_answer(daemon, monkeypatch):
    monkeypatch.setattr(bandwidth, "STOP_GRACE", timedelta(milliseconds=20))
    await ask(daemon)
    slow = SlowChanger(daemon.changer)
    running = daemon.work(slow)
    await slow.asked.wait()
    running.cancel()
    await asyncio.wait([running])
    daemon.work()
    assert "Watcher was interrupted while it ordered" in await daemon.until("unknown")
    assert daemon.orders == 0


@pytest.mark.covers("iod/changes-per-day")
async def test_the_days_changes_are_counted_and_refused_in_words(daemons, sim, clock):
    daemon = await daemons(per_day=1)
    daemon.work()
    await ask(daemon)
    await daemon.until("pending")
    await daemon.later(minutes=7)
    await daemon.until("applied")
    await daemon.sees("online")
    message = await daemon.until("failed")
    assert "all 1 changes of today are used up; the limit resets at 00:00 UTC" in message
    assert "watcher iod set-bandwidth c1 '500 Mbps'" in message
    assert daemon.orders == 1
    assert not await daemon.opened.call_counter.spend_change(
        sim.credentials.lumen_customer_number, clock.now().date(), 1
    )


async def test_what_somebody_else_has_changed_is_not_put_back(daemon, sim):
    daemon.work()
    await ask(daemon)
    await daemon.until("pending")
    await daemon.later(minutes=7)
    await daemon.until("applied")
    sim.change(iod={"id": "c1", "bandwidth": "5 Gbps"})
    await daemon.sees("online")
    message = await daemon.until("untouched")
    assert message == (
        "c1 is not reverted to 500 Mbps: someone else has changed it: it has 5 Gbps now"
    )
    assert daemon.orders == 1


async def test_what_has_the_bandwidth_by_now_is_not_ordered(daemon, sim):
    await ask(daemon)
    sim.change(iod={"id": "c1", "bandwidth": "2 Gbps"})
    daemon.work()
    message = await daemon.until("untouched")
    assert message == "no bandwidth change was requested: it has 2 Gbps already"
    assert daemon.orders == 0


async def test_what_was_approved_and_is_over_before_it_leaves_is_not_ordered(daemon):
    await ask(daemon)
    await daemon.sees("online")
    daemon.work()
    message = await daemon.until("withdrawn")
    assert message == "not requested, the incident is over: c1 stays at 500 Mbps"
    assert daemon.orders == 0


async def test_nothing_above_the_limit_is_ordered(daemons):
    daemon = await daemons(remedy=replace(RAISE, max=1000.0))
    daemon.work()
    await ask(daemon)
    message = await daemon.until("failed")
    assert message.endswith("2 Gbps is above the limit of 1 Gbps: nothing was requested")
    assert daemon.orders == 0


@pytest.mark.covers("iod/change-pending")
async def test_a_change_that_the_inventory_did_not_show_yet_is_waited_for(daemon, sim, dialect):
    reason = "The Service Id cannot be modified since the current status is - Change pending"
    sim.change(
        fault={
            "vendor": "lumen",
            "kind": "answer",
            "status": 422,
            "body": {"reason": reason, "code": "INVALIDSTATE"},
            "endpoint": order_endpoint(dialect),
            "times": 1,
        }
    )
    daemon.work()
    await ask(daemon)
    assert reason in await daemon.until("waiting")
    await daemon.later(minutes=1)
    await daemon.until("pending")
    assert daemon.orders == 1


@pytest.mark.covers("iod/change-pending")
async def test_another_change_under_way_is_waited_for(daemon, sim, clock):
    await ask(daemon)
    sim.world.on_demand.order("c1", "500 Mbps", clock.now())
    daemon.work()
    message = await daemon.until("waiting")
    assert message.endswith("another change is in progress; next attempt in 1 min")
    await daemon.later(minutes=7)
    await daemon.until("pending")
    assert daemon.orders == 2
