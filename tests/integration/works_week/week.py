"""Plays a week of planned works: a mailbox, calendars, a vendor, the engine, a database, Slack.

Time is moved by hand. Mails are fetched from an IMAP server by the mailbox of the source `works`,
calendars are imported as `watcher works import` has them, and both come in through the inbox. The
vendor does what its script says, and nothing of Watcher: the ledger is compared with the script.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt

from tests.fakes import carrier_messages as carrier
from tests.fakes.imap import FakeImap
from tests.integration.golden import player
from tests.servers.mosquitto import Mosquitto
from watcher import engine, model, ports, simulator
from watcher.clock import Wakeup
from watcher.daemon import works
from watcher.ledger import read as ledger_read
from watcher.ledger.document import LedgerDocument
from watcher.ledger.period import parse_month
from watcher.metrics import Metrics
from watcher.simulator.slack.workspace import is_reply
from watcher.works.reader import read_notices
from watcher.works.settings import SOURCE

HERE = Path(__file__).parent
START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
END = START + timedelta(days=7)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NOC = "C00000NOC1"
POLL_EVERY = timedelta(minutes=30)  # vendor and mailbox, when nothing happens
NAMES = {
    "100": "HQ line A",
    "200": "HQ line B",
    "300": "Studio line",
    "400": "Playout line",
    "500": "Archive line",
    "600": "Neighbour line",
}
SCENARIO = """
world:
  slack:
    team: Northwind Sports
    channels:
      C00000NOC1: {name: noc, topic: Circuits that are down}
"""


def at(text: str) -> datetime:
    """Return the instant of `wed 02:10` in UTC."""
    day, clock = text.split()
    hours, minutes = (int(part) for part in clock.split(":"))
    return START + timedelta(days=DAYS.index(day), hours=hours, minutes=minutes)


@dataclass(frozen=True, kw_only=True)
class Outage:
    """What the vendor does: a service is offline from one time to another."""

    service: str
    begin: str
    end: str


# Inside its window; inside its own, while the other line of the site is down as well; longer than
# its window and the grace; in the window that was moved, and in the one that it was moved to; in a
# window that was cancelled; and of a line that nobody announced.
OUTAGES = (
    Outage(service="100", begin="wed 02:10", end="wed 03:20"),
    Outage(service="200", begin="wed 03:05", end="wed 03:50"),
    Outage(service="600", begin="wed 03:30", end="wed 03:45"),
    Outage(service="300", begin="thu 01:05", end="thu 03:35"),
    Outage(service="400", begin="thu 02:30", end="thu 02:40"),
    Outage(service="500", begin="fri 01:10", end="fri 01:25"),
    Outage(service="400", begin="fri 02:30", end="fri 03:00"),
)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One message of the channel: when it was posted, and its text."""

    at: datetime
    text: str  # as it was posted: edits notify nobody
    reply: bool

    def __str__(self) -> str:
        return f"{self.at:%a %H:%M:%S} {'    ' if self.reply else ''}{self.text}"


@dataclass(kw_only=True)
class Week:
    """An installation under way, and the carrier's mailbox."""

    installation: player.Installation
    slack: simulator.Simulator
    receivers: dict[str, ports.Receiver]
    client: aiomqtt.Client
    server: FakeImap
    source: ports.Source
    runner: engine.Runner = field(init=False)
    published: list[tuple[str, bytes]] = field(default_factory=list)
    reported: dict[str, str] = field(default_factory=dict)
    posted: dict[str, str] = field(default_factory=dict)  # texts, by the message's ts

    async def until(self, text: str) -> None:
        """Go on to a time: look at the vendor and the mailbox now and then, and when it is due."""
        then = at(text) if text != "end" else END
        while self.runner.now < then:
            due = min(self._next_poll(), then)
            await self._go(self.runner.wait(due))
            self.installation.clock.at = due
            await self.poll()
            await self.fetch()

    def _next_poll(self) -> datetime:
        """Return the next full half-hour, or when the vendor does something."""
        now = self.runner.now
        round_time = START + ((now - START) // POLL_EVERY + 1) * POLL_EVERY
        edges = [at(edge) for outage in OUTAGES for edge in (outage.begin, outage.end)]
        return min([round_time, *(edge for edge in edges if edge > now)])

    async def poll(self) -> None:
        """Ask the vendor for what has changed."""
        now = self.runner.now
        states = dict.fromkeys(NAMES, "online")
        states |= {o.service: "offline" for o in OUTAGES if at(o.begin) <= now < at(o.end)}
        changed = {
            name: state for name, state in states.items() if self.reported.get(name) != state
        }
        self.reported = states
        seen = tuple(
            model.Observed(
                key=f"vyvx/{name}",
                fields={"state": state, "ingress_state": "online"},
                vendor_time=now,
            )
            for name, state in changed.items()
        )
        await self.take(model.Polled(source="vyvx", seen=seen, total=len(NAMES)))

    async def fetch(self) -> None:
        """Look into the mailbox, and take what has come in."""
        await self.source.poll()
        await self._obey()

    async def mail(self, page: str, **headers: Any) -> None:
        """Deliver a mail of the carrier's; it is fetched at the next look."""
        now = self.runner.now
        number = len(self.server.mails) + 1
        self.server.add(
            carrier.mail(page=page, date=now, message_id=f"<{number}@lumen.com>", **headers)
        )

    async def import_(self, calendar: bytes, name: str) -> None:
        """Import a calendar, as `watcher works import` does."""
        now = self.runner.now
        for notice in await read_notices(calendar, origin=f"file {name}", now=now):
            await self.installation.database.inbox.submit(
                f"notice/{notice.digest}", model.NoticeRead(notice=notice), now
            )
        await self._obey()

    async def take(self, event: engine.Event) -> None:
        """Step one event now."""
        await self._go(self.runner.take(event, self.runner.now))

    async def _obey(self) -> None:
        for envelope in await self.installation.database.inbox.read():
            for step in self.runner.take(envelope.command, self.runner.now):
                mine = step.event is envelope.command
                await self._commit(step, envelope.number if mine else None)

    async def _go(self, steps: Iterator[engine.StepResult]) -> None:
        for step in steps:
            await self._commit(step, None)

    async def _commit(self, step: engine.StepResult, inbox: int | None) -> None:
        await player.commit(self.installation, step, inbox)
        if await player.deliver(self.installation, self.receivers, step):
            for message in self._messages():
                self.posted.setdefault(message["ts"], message["text"])
            async for topic, payload in player.published(self.client):
                self.published.append((topic, payload))

    def answer(
        self, effect: model.Effect, now: datetime
    ) -> Iterator[tuple[datetime, engine.Event]]:
        """Answer what the engine asks for: nobody knows details."""
        match effect:
            case model.PollNeeded():
                yield now, model.Polled(source="vyvx", total=len(NAMES))
            case model.DetailsNeeded():
                yield now, model.DetailsRead(subject=effect.subject, details=None, error="unlisted")
            case model.HistoryNeeded():
                yield (
                    now,
                    model.HistoryRead(
                        subject=effect.subject,
                        start=effect.start,
                        end=effect.end,
                        alarms=(),
                        error="this service has no alarm record",
                        permanent=True,
                    ),
                )
            case _:
                pass

    def shown(self) -> list[Shown]:
        """Return what the channel was sent, in the order of time."""
        return sorted(
            (
                Shown(
                    at=datetime.fromtimestamp(int(float(message["ts"])), UTC),
                    text=self.posted[message["ts"]],
                    reply=is_reply(message),
                )
                for message in self._messages()
            ),
            key=lambda message: message.at,
        )

    def _messages(self) -> Iterator[dict[str, Any]]:
        space = self.slack.workspace
        for parent in space.top(NOC):
            if not is_reply(parent):
                yield from space.thread(NOC, parent["ts"])

    async def ledger(self) -> LedgerDocument:
        """Return the month's ledger, as `watcher report` reads it."""
        store = self.installation.database
        return await ledger_read.read(
            store.journal,
            await store.queries.sources(),
            (),
            self.installation.rules,
            parse_month("2026-03"),
            now=self.runner.now,
            works=await store.queries.works(),
        )


@contextlib.asynccontextmanager
async def monday(home: Path) -> AsyncIterator[Week]:
    """Start the daemon's parts at midnight of Monday, with all lines online."""
    clock = player.PlayedClock()
    clock.at = START
    async with contextlib.AsyncExitStack() as stack:
        broker = Mosquitto(home)
        await broker.start()
        stack.push_async_callback(broker.stop)
        slack = await stack.enter_async_context(
            simulator.Simulator(simulator.parse(SCENARIO, name="week"), clock, with_broker=False)
        )
        server = await stack.enter_async_context(FakeImap().serving())
        config = player.furnish(
            HERE,
            home,
            {
                "SLACK": slack.slack_api_url,
                "MQTT_PORT": str(broker.port),
                "IMAP_PORT": str(server.port),
            },
        )
        installation = await stack.enter_async_context(player.open_installation(config, clock))
        client = await stack.enter_async_context(player.listening(broker.port))
        receivers = await stack.enter_async_context(player.open_receivers(installation))
        await player.connected(client)
        metrics = Metrics(version="1.2.3", sources=[SOURCE], receivers=[])
        sources = works.build_source(
            installation.settings, installation.database, Wakeup(), clock, metrics
        )
        week = Week(
            installation=installation,
            slack=slack,
            receivers=receivers,
            client=client,
            server=server,
            source=sources[SOURCE],
        )
        state = await player.restored(installation, START)
        week.runner = engine.Runner(state, now=START, responder=week.answer)
        await week.take(engine.Reloaded(ruleset=installation.rules))
        await week.poll()
        yield week


@dataclass(frozen=True, kw_only=True)
class Played:
    """What the week left."""

    channel: list[Shown]
    events: list[dict[str, Any]]
    planned: dict[str, dict[str, Any]]  # what MQTT said, by the title of the incident
    commands: list[str]  # that the mail server was sent
    ledger: LedgerDocument
    works: dict[str, model.Work]
    rejected: list[str]


def page(number: str, window: tuple[str, str], circuit: str, update: str, now: datetime) -> str:
    """Return Lumen's mail about one window of one circuit."""
    block = (
        carrier.window(*map(at, window)),
        carrier.circuits((circuit, "Outage"), (circuit, "Outage")),
    )
    return carrier.lumen_page(number, block, update=update, updated_at=f"{now:%Y-%m-%d %H:%M:%S}")


def calendar(begin: str, end: str, sequence: int, status: str, now: datetime, **more: Any) -> bytes:
    """Return a calendar about one window."""
    return carrier.calendar(
        carrier.event(
            at(begin),
            at(end),
            provider="lumen.com",
            sequence=sequence,
            status=status,
            at=now,
            **more,
        )
    )


async def play(week: Week) -> Played:
    """Play it: what the carrier announces, moves and cancels, while its lines break."""
    scheduled = "This maintenance is scheduled."
    await week.until("mon 08:00")
    await week.mail(page("100100", ("wed 02:00", "wed 04:00"), "1-AAA", scheduled, week.runner.now))
    await week.until("mon 08:30")
    await week.import_(
        calendar("wed 03:00", "wed 05:00", 1, "CONFIRMED", week.runner.now, **_SECOND), "two.ics"
    )
    await week.until("mon 09:00")
    await week.mail(page("300300", ("thu 01:00", "thu 03:00"), "1-CCC", scheduled, week.runner.now))
    await week.mail(page("500500", ("fri 01:00", "fri 02:00"), "1-EEE", scheduled, week.runner.now))
    await week.mail("<p>Our new portal is here!</p>", subject="News from Lumen")
    await week.import_(
        calendar("thu 02:00", "thu 04:00", 1, "CONFIRMED", week.runner.now, **_MOVED), "four.ics"
    )
    await week.until("tue 10:00")
    moved = calendar("fri 02:00", "fri 04:00", 2, "RE-SCHEDULED", week.runner.now, **_MOVED)
    await week.import_(moved, "four-again.ics")
    await week.until("thu 12:00")
    cancelled = "The scheduled maintenance has been cancelled."
    await week.mail(page("500500", ("fri 01:00", "fri 02:00"), "1-EEE", cancelled, week.runner.now))
    await week.until("end")
    return Played(
        channel=week.shown(),
        events=[json.loads(body) for topic, body in week.published if topic == "watcher/events"],
        planned=_planned(week.published),
        commands=week.server.commands,
        ledger=await week.ledger(),
        works=dict(week.runner.state.works),
        rejected=sorted(
            file.read_text() for file in (week.installation.home / "rejected").glob("*.txt")
        ),
    )


_SECOND = {"identity": "WO-2", "circuits": ("1-BBB",), "uid": "2"}
_MOVED = {"identity": "WO-4", "circuits": ("1-DDD",), "uid": "4"}


def _planned(published: Iterable[tuple[str, bytes]]) -> dict[str, dict[str, Any]]:
    documents = [
        json.loads(body)
        for topic, body in published
        if topic.count("/") == 2 and topic.startswith("watcher/incidents/") and body
    ]
    return {
        document["alerts"][0]["name"]: document["planned"]
        for document in documents
        if document.get("planned") and document["alerts"]
    }
