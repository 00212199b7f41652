"""What the store does takes as many statements for 200 incidents as for three: never one for each.

Rows are written in chunks of 500, each of which is one statement.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from sqlalchemy import update

from tests.fakes import factories
from tests.fakes.factories import HOUR, MINUTE, NOW
from tests.fakes.incident_builder import FakeClock
from watcher import model, ports
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt.broker.publisher import Publisher
from watcher.receivers.mqtt.receiver import MqttReceiver
from watcher.store import tables

FEW, MANY = 3, 200


def outages(count: int, *, version: int = 1, **changes) -> Iterator[model.Effect]:
    """Yield the effects of outages of as many subjects."""
    yield factories.health()
    for number in range(count):
        incident, subject = f"w-{number:05}", f"vyvx/{number}"
        receivers = ("noc", "mqtt")
        changed = {"version": version, "entries": version, "notify": receivers, **changes}
        yield factories.subject(subject)
        yield factories.alert(subject, incident=incident)
        yield factories.incident(incident, receivers=receivers, **changed)
        yield factories.incident_alert(incident, subject=subject)
        yield factories.entry(version, incident)
        yield model.DetailsNeeded(subject=subject)


class StillConnection:
    """A connection to a broker that takes everything at once."""

    prefix, instance, discovery = "watcher", "ops1", False

    def __init__(self) -> None:
        self.publisher = Publisher(receiver_settings.Mqtt(), FakeClock())
        self.documents: set[str] = set()

    def on_connect(self, handle) -> None:
        self.connect = handle

    def publish_soon(self, _) -> None:
        """Publish no list again."""

    async def connected(self):
        return self.publisher.limits

    async def publish(self, topic, payload, **_) -> None:
        if topic.startswith("watcher/incidents/") and payload:
            self.documents.add(topic)


class Large:
    """A store with open incidents, each of which two receivers are to be notified of."""

    def __init__(self, opened, token) -> None:
        self.opened, self.queries, self.listings = opened, opened.queries, opened.listings
        self.token = token
        self.size = 0

    async def grow(self, size):
        await self.opened.commits.commit(self.token, factories.commit(*outages(size)))
        self.size = size

    async def commit_news_of_all(self):
        news = outages(self.size, version=2)
        await self.opened.commits.commit(self.token, factories.commit(*news))

    async def resolve_all(self):
        resolved = {"status": model.IncidentStatus.RESOLVED, "resolved_at": NOW}
        news = outages(self.size, version=3, **resolved)
        await self.opened.commits.commit(self.token, factories.commit(*news))

    async def load(self):
        loaded = await factories.load(self.opened)
        assert len(loaded.incidents) == self.size

    async def claim_a_delivery(self):
        claim = self.opened.outbox.claim
        assert await claim(now=NOW, receivers=["noc"], lease=MINUTE, limit=1)

    async def deliver(self):
        claim = self.opened.outbox.claim
        (pending,) = await claim(now=NOW, receivers=["mqtt"], lease=MINUTE, limit=1)
        view = await self.queries.incident_view(pending.receipt.incident)
        receipt = replace(pending.receipt, parent_version=view.incident.version, told_through=2)
        await self.opened.outbox.save_receipt(receipt, pending.token)
        await self.opened.outbox.release(receipt, pending.token, again_at=None)

    async def claim_all_jobs(self):
        claim = self.opened.jobs.claim
        jobs = await claim(kind="details", now=NOW + HOUR, lease=MINUTE, limit=self.size)
        assert len(jobs) == self.size

    async def read_all_views(self):
        incidents = await self.queries.incidents(limit=self.size)
        views = await self.queries.incident_views([incident.id for incident in incidents])
        assert [view.incident.id for view in views] == [incident.id for incident in incidents]
        assert all(len(view.subjects) == 1 for view in views)

    async def publish_all_again(self):
        connection = StillConnection()
        MqttReceiver(
            name="mqtt",
            connection=connection,
            reader=self.queries,
            clock=FakeClock(),
            configured=(),
        )
        await connection.connect()
        assert len(connection.documents) == self.size

    async def show_status(self):
        assert sum((await self.queries.counts()).values()) == self.size
        assert (await self.queries.backlog())["noc"].owed == self.size
        await self.queries.daemons()
        await self.queries.sources()

    async def show_board(self):
        assert len(await self.listings.firing()) == self.size
        await self.listings.mark()
        await self.listings.incidents(ports.IncidentFilter(), limit=self.size)
        await self.queries.resolved(since=NOW - HOUR, limit=self.size)
        await self.queries.ticketed(NOW - HOUR)

    async def move_clock(self):
        waits = {"due": NOW + HOUR}
        async with self.opened.database.write() as connection:
            await connection.execute(update(tables.receipts).values(**waits))
        event = model.ClockStepped(by=MINUTE)
        await self.opened.commits.commit(self.token, factories.commit(event=event))

    async def record_mails(self):
        mails = [f"<{number}@carrier.example>" for number in range(self.size)]
        record = self.opened.mail_log.record
        await record("works", (1, self.size), mails, NOW, forget=NOW - HOUR)
        assert len(await self.opened.mail_log.already_read(mails)) == self.size

    async def finish_jobs(self):
        """A job is finished by itself, whatever else is to do."""
        (job,) = await self.opened.jobs.claim(
            kind="details", now=NOW + 2 * HOUR, lease=MINUTE, limit=1
        )
        read = model.DetailsRead(subject=job.key, details=model.Details())
        await self.opened.jobs.finish(job, at=NOW, command=read)
        assert await self.opened.inbox.read()

    async def hand_over(self):
        await self.opened.leadership.leave()
        self.opened.leadership._joined = False
        self.token = await self.opened.leadership.acquire("another")

    async def keep_checkpoint(self):
        await self.opened.journal.checkpoint(NOW, reopen_within=HOUR, keep_samples=HOUR)


@pytest.fixture
def large(opened, token) -> Large:
    return Large(opened, token)


WHAT = [
    Large.load,
    Large.commit_news_of_all,
    Large.claim_a_delivery,
    Large.deliver,
    Large.claim_all_jobs,
    Large.read_all_views,
    Large.publish_all_again,
    Large.show_status,
    Large.show_board,
    Large.move_clock,
    Large.record_mails,
    Large.finish_jobs,
    Large.keep_checkpoint,
    Large.hand_over,
    Large.resolve_all,
]


async def test_nothing_takes_a_statement_for_each_incident(large, statements):
    counts: dict[str, list[int]] = {what.__name__: [] for what in WHAT}
    for size in (FEW, MANY):
        await large.grow(size)
        for what in WHAT:
            statements.clear()
            await what(large)
            assert statements, what.__name__
            # A PDF is read by itself: many of them together would not fit into memory.
            counts[what.__name__].append(sum("FROM papers" not in text for text in statements))
        await large.opened.retention.prune(NOW + HOUR)
    more = {what: few_and_many for what, few_and_many in counts.items() if len({*few_and_many}) > 1}
    assert more == {}
