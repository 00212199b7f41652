"""A directory as a daemon leaves it: config, rules, and a database that real ingest has written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from watcher import engine, model, settings
from watcher.clock import Wakeup
from watcher.daemon import factories, ingest
from watcher.metrics import Metrics
from watcher.store import store

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)

CONFIG = """\
instance = "test"
rules = ["rules.yaml"]
[sources.vyvx]
kind = "vyvx"
base_url = "http://127.0.0.1:9/vyvx/v1.0"
[receivers.mqtt]
kind = "mqtt"
"""
RULES = """\
rules:
  - name: down
    source: vyvx
    transition: {field: state, from: [online], to: [offline]}
    for: 20s
    keep_firing_for: 1m
    severity: critical
  - name: bad
    source: vyvx
    transition: {field: state, to: [degraded]}
"""


class FakeClock:
    """A clock that a test moves."""

    at = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - START).total_seconds()


class FakePoller:
    """Notes that the engine wants a poll at once."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    def poll_now(self) -> None:
        self._installation.is_poll_wanted = True

    def set_fast(self, fast: bool) -> None:  # noqa: FBT001  # the port's
        """Poll as the test says."""


class Installation:
    """A directory with config, rules and database."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "config.toml"
        self.config.write_text(CONFIG)
        (directory / "rules.yaml").write_text(RULES)
        self.url = f"sqlite:///{directory / 'watcher.db'}"
        self.is_poll_wanted = False
        self.states: dict[str, str] = {}

    def run(self, *events: tuple[float, engine.Event | dict[str, str]]) -> list[model.Incident]:
        """Run a daemon through events, each so many seconds after START; return the incidents."""
        return asyncio.run(self._run(events))

    def poll(self, **states: str) -> model.Polled:
        """Poll these states; those that are left out are as before."""
        self.states |= states
        return model.Polled(
            source="vyvx",
            seen=tuple(
                model.Observed(
                    key=f"vyvx/{name}", fields={"state": state, "ingress_state": "online"}
                )
                for name, state in self.states.items()
            ),
            total=len(self.states),
        )

    async def _run(self, events: Sequence[tuple[float, object]]) -> list[model.Incident]:
        rules, clock = factories.read_rules(settings.load(self.config)), FakeClock()
        clock.at = START + timedelta(seconds=events[0][0])
        async with store.open(self.url, clock=clock) as database:
            token = await database.leadership.acquire("test")
            assert token is not None
            state = engine.restore(
                rules,
                await database.commits.load(
                    now=clock.at,
                    reopen_within=engine.REOPEN_WITHIN,
                    keep_samples=engine.keep_samples(rules),
                ),
            )
            writer = ingest.Ingest(
                commits=database.commits,
                inbox=database.inbox,
                token=token,
                state=state,
                pollers={"vyvx": FakePoller(self)},
                clock=clock,
                metrics=Metrics(version="1", sources=["vyvx"], receivers=["mqtt"]),
                wakeup=Wakeup(),
                delivery_wakeup=Wakeup(),
                jobs_wakeup=Wakeup(),
                on_health=lambda _: None,
                on_clock_step=lambda _: None,
            )
            async with asyncio.TaskGroup() as group:
                group.create_task(writer.run())
                await writer.submit(engine.Reloaded(ruleset=rules))
                for after, event in events:
                    await self._wait(writer, clock, START + timedelta(seconds=after))
                    if isinstance(event, str):
                        event = self._command(event, state)  # noqa: PLW2901  # meant by its name
                    await writer.submit(self.poll(**event) if isinstance(event, dict) else event)
                writer.stop()
            return await database.queries.incidents()

    async def _wait(self, writer: ingest.Ingest, clock: FakeClock, until: datetime) -> None:
        """Let time pass as the ingest loop would, which wakes at each deadline."""
        while (at := engine.next_deadline(writer.state)) is not None and at < until:
            clock.at = writer._progress_at = max(clock.at, at)  # a pass each second came between
            await writer.submit(model.Ticked())
            if self.is_poll_wanted:
                self.is_poll_wanted = False
                clock.at += timedelta(seconds=0.3)
                await writer.submit(self.poll())
        clock.at = writer._progress_at = max(clock.at, until)

    def _command(self, action: str, state: engine.State) -> model.Command:
        (incident,) = [open_ for open_ in state.incidents.values() if open_.resolved_at is None]
        return {
            "ack": model.Acknowledged(incident=incident.id, by="ana"),
            "resolve": model.ResolvedByHand(incident=incident.id, by="ana"),
        }[action]
