"""Plays one night by the minute: the engine, a database, Slack's own client and Mosquitto.

Time is moved by hand, so that two hours take seconds. Whatever a person does goes in as the command
that a press or a CLI verb submits. Slack is the simulated one, so that its page can be looked at.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
from msgspec.structs import replace

from tests.integration.golden import player
from tests.servers.mosquitto import Mosquitto
from watcher import engine, model, ports, simulator
from watcher.simulator.slack.workspace import is_reply

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
START = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)  # clocks jump at 01:00 UTC in Europe/Paris
RUN_TAKES = timedelta(seconds=40)
NOC, MANAGERS = "C00000NOC1", "C0000LEAD1"
FINAL, FEED, REHEARSAL = "100", "200", "300"
CITY = tuple(str(number) for number in range(401, 413))
SERVICES = (FINAL, FEED, REHEARSAL, *CITY)
SCENARIO = """
world:
  slack:
    team: Northwind Sports
    channels:
      C00000NOC1: {name: noc, topic: Circuits that are down}
      C0000LEAD1: {name: duty-managers, topic: Escalations only}
"""


def at(text: str) -> datetime:
    """Return the instant of HH:MM or HH:MM:SS in UTC."""
    hours, minutes, *seconds = (int(part) for part in text.split(":"))
    return START + timedelta(hours=hours, minutes=minutes, seconds=sum(seconds))


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One message of a channel: when it was posted, and its text and blocks as they are now."""

    at: datetime
    text: str
    blocks: str
    reply: bool

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {'    ' if self.reply else ''}{self.text}"


@dataclass(kw_only=True)
class Night:
    """An installation under way, and what its readers have."""

    installation: player.Installation
    slack: simulator.Simulator
    runner: engine.Runner = field(init=False)
    receivers: dict[str, ports.Receiver]
    client: aiomqtt.Client
    published: list[tuple[str, bytes]] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)

    async def until(self, text: str) -> None:
        """Poll each minute, and step whatever is due, up to this time."""
        then = at(text)
        while self.runner.now < then:
            minute = self.runner.now.replace(second=0, microsecond=0) + timedelta(minutes=1)
            target = min(minute, then)
            await self._go(self.runner.wait(target))
            if target == minute:
                await self.poll()

    async def poll(self, **states: str) -> None:
        """Answer a poll now, in which these services have changed."""
        changed = {f"vyvx/{name.removeprefix('s')}": state for name, state in states.items()}
        self.states |= changed
        seen = changed or (self.states if not self.runner.state.subjects else {})
        observed = tuple(
            model.Observed(
                key=key,
                fields={"state": state, "ingress_state": "online"},
                vendor_time=self.runner.now,
            )
            for key, state in seen.items()
        )
        await self.take(model.Polled(source="vyvx", seen=observed, total=len(self.states)))

    async def take(self, event: engine.Event) -> None:
        """Step one event now."""
        await self._go(self.runner.take(event, self.runner.now))

    async def act(self, command: type[Any], subject: str, *, by: str) -> None:
        """Have a person do something with the latest incident about a subject."""
        await self.take(command(incident=self.incident(subject).id, by=by))

    async def silence(self, subject: str, now: datetime, *, until: datetime) -> None:
        """Have ann silence a subject."""
        await self.take(
            model.Silenced(
                silence=model.Silence(
                    id="s-night",
                    matchers=(model.Matcher(name="subject", value=subject),),
                    begin=now,
                    end=until,
                    by="ann",
                    comment="the studio works on it",
                )
            )
        )

    def incident(self, subject: str) -> model.Incident:
        """Return the latest incident that is about a subject."""
        members = self.runner.state.members
        incidents = self.runner.state.incidents.values()
        (*_, latest) = (
            incident
            for incident in incidents
            if any(key == subject for _, key in members.get(incident.id, ()))
            or incident.group == subject
        )
        return latest

    def forbid_edits(self, after: timedelta) -> None:
        """Let the workspace forbid edits of messages older than this, as its owners may."""
        space = self.slack.workspace
        space.config = space.config.model_copy(update={"edits_within": after})

    def shown(self, channel: str) -> list[Shown]:
        """Return what a channel shows now, oldest first."""
        space = self.slack.workspace
        parents = [message for message in space.top(channel) if not is_reply(message)]
        return [
            Shown(
                at=datetime.fromtimestamp(float(message["ts"]), UTC),
                text=message["text"],
                blocks=json.dumps(message.get("blocks", []), ensure_ascii=False),
                reply=is_reply(message),
            )
            for parent in parents
            for message in space.thread(channel, parent["ts"])
        ]

    def answer(
        self, effect: model.Effect, now: datetime
    ) -> Iterator[tuple[datetime, engine.Event]]:
        """Answer what the engine asks for: nobody knows details, and no diagnosis succeeds."""
        match effect:
            case model.PollNeeded():
                yield now, model.Polled(source="vyvx", total=len(self.states))
            case model.DetailsNeeded():
                yield now, model.DetailsRead(subject=effect.subject, details=None, error="unlisted")
            case model.DiagnosisNeeded():
                run = model.Diagnosis(
                    run=effect.run,
                    incident=effect.incident,
                    service_id=effect.service_id,
                    status=model.DiagnosisStatus.RUNNING,
                    started_at=now,
                )
                yield now, model.Diagnosed(diagnosis=run)
                end = now + RUN_TAKES
                failed = replace(
                    run,
                    status=model.DiagnosisStatus.FAILED,
                    message="Lumen answers 503 Service Unavailable to Service Diagnostics",
                    finished_at=end,
                )
                yield end, model.Diagnosed(diagnosis=failed)
            case _:
                pass

    async def _go(self, steps: Iterator[engine.StepResult]) -> None:
        for step in steps:
            await player.commit(self.installation, step)
            await player.deliver(self.installation, self.receivers, step)
            async for topic, payload in player.published(self.client):
                self.published.append((topic, payload))


@contextlib.asynccontextmanager
async def nightfall(home: Path) -> AsyncIterator[Night]:
    """Start the daemon's parts at midnight UTC, with all of these services online."""
    clock = player.PlayedClock()
    clock.at = START
    broker = Mosquitto(home)
    await broker.start()
    try:
        async with simulator.Simulator(
            simulator.parse(SCENARIO, name="night"), clock, with_broker=False
        ) as slack:
            addresses = {"SLACK": slack.slack_api_url, "MQTT_PORT": str(broker.port)}
            config = player.furnish(HERE, home, addresses)
            async with (
                player.open_installation(config, clock) as installation,
                player.listening(broker.port) as client,
                player.open_receivers(installation) as receivers,
            ):
                await player.connected(client)
                night = Night(
                    installation=installation,
                    slack=slack,
                    receivers=receivers,
                    client=client,
                    states={f"vyvx/{name}": "online" for name in SERVICES},
                )
                state = await player.restored(installation, START)
                night.runner = engine.Runner(state, now=START, responder=night.answer)
                await night.take(engine.Reloaded(ruleset=installation.rules))
                yield night
    finally:
        await broker.stop()


@dataclass(frozen=True, kw_only=True)
class Played:
    """What a whole night left: the channels at some moments and at its end, and what MQTT had."""

    moments: Mapping[str, Mapping[str, list[Shown]]]
    events: list[dict[str, Any]]
    documents: Mapping[str, dict[str, Any]]

    def channel(self, name: str, moment: str = "end") -> list[Shown]:
        """Return what a channel showed."""
        return self.moments[moment][name]


async def play(night: Night, *, watch: Callable[[str], Awaitable[None]] | None = None) -> Played:
    """Play it: what breaks, what people do, and what Slack's owners forbid halfway.

    `watch` is called at each moment that is kept: `silenced`, `storm` and `end`.
    """
    moments: dict[str, dict[str, list[Shown]]] = {}

    async def keep(moment: str) -> None:
        moments[moment] = {channel: night.shown(channel) for channel in (NOC, MANAGERS)}
        if watch is not None:
            await watch(moment)

    await night.until("00:05")
    await night.poll(s100="offline")
    await night.until("00:09")
    await night.act(model.Acknowledged, "vyvx/100", by="ann")
    for minute in range(10, 26, 2):
        await night.until(f"00:{minute}")
        await night.poll(s200="offline")
        await night.until(f"00:{minute + 1}")
        await night.poll(s200="online")
    await night.silence("vyvx/200", at("00:26"), until=at("00:50"))
    await night.until("00:30")
    await keep("silenced")
    await night.poll(s300="offline")
    await night.until("00:35")
    await night.act(model.Unacknowledged, "vyvx/100", by="ann")
    await night.until("00:46")
    night.forbid_edits(timedelta(minutes=10))
    await night.until("00:50")
    await night.poll(**{f"s{name}": "offline" for name in CITY})
    await night.until("01:10")
    await keep("storm")
    await night.poll(**{f"s{name}": "online" for name in CITY})
    await night.until("01:15")
    await night.poll(s100="online")
    await night.until("01:30")
    await night.poll(s300="online")
    await night.until("02:00")
    await keep("end")
    return Played(
        moments=moments,
        events=[json.loads(body) for topic, body in night.published if topic == "watcher/events"],
        documents={
            topic: json.loads(body)
            for topic, body in night.published
            if topic.count("/") == 2 and topic.startswith("watcher/incidents/")
        },
    )
