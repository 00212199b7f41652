"""Plays a journal through the engine, a database and the receivers, at the journal's own times.

The one file of these tests that knows how Watcher is made; what it hands out is text.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import aiomqtt
import msgspec
from aiohttp import test_utils

from tests.golden.recorder import Recorder, Sent
from watcher import clock, engine, model, ports, settings, simulator
from watcher.daemon import factories
from watcher.delivery.worker import DeliverySession
from watcher.metrics import Metrics
from watcher.operations import commands, control_socket, status
from watcher.store import codec, store

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"
PDF, PNG = b"%PDF-1.7 a report", b"\x89PNG its first page"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PlayedClock:
    """A clock that stands at the time of the journal."""

    at = EPOCH

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - EPOCH).total_seconds()


@dataclass(kw_only=True)
class Transcript:
    """What came out, line by line."""

    effects: list[str] = field(default_factory=list)
    slack: list[str] = field(default_factory=list)
    mqtt: list[str] = field(default_factory=list)
    webhook: list[str] = field(default_factory=list)

    def text(self, name: str) -> str:
        return "\n".join(getattr(self, name)) + "\n"


@dataclass(kw_only=True)
class Stage:
    """A played installation: its directory, its database and its clock."""

    home: Path
    settings: settings.Settings
    rules: engine.Ruleset
    database: store.Store
    clock: PlayedClock
    session: aiohttp.ClientSession
    token: int = 0
    runner: engine.Runner | None = None


def records(night: str) -> Iterator[tuple[datetime, str, str]]:
    """Read a journal as the database keeps it: time, kind, document."""
    for line in (DATA / night / "journal.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        yield datetime.fromisoformat(record["at"]), record["kind"], json.dumps(record["data"])


def furnish(night: str, home: Path, addresses: dict[str, str]) -> Path:
    """Copy an installation into a directory, with these addresses in its configuration."""
    for file in (DATA / night).glob("*.*l"):
        text = file.read_text(encoding="utf-8")
        for name, value in {"ROOT": str(ROOT), **addresses}.items():
            text = text.replace(f"@{name}@", value)
        (home / file.name).write_text(text, encoding="utf-8")
    return home / "config.toml"


@contextlib.asynccontextmanager
async def staged(config: Path) -> AsyncIterator[Stage]:
    """Open an installation's database, on a clock that is moved by hand."""
    loaded, played = settings.load(config), PlayedClock()
    async with (
        aiohttp.ClientSession() as session,
        store.open(loaded.store.url, clock=played) as database,
    ):
        token = await database.lead(loaded.instance)
        assert token is not None
        yield Stage(
            home=config.parent,
            settings=loaded,
            rules=factories.read_rules(loaded),
            database=database,
            clock=played,
            session=session,
            token=token,
        )


async def play(stage: Stage, night: str) -> AsyncIterator[engine.StepResult]:
    """Take every record in, and commit what came of it."""
    for at, kind, data in records(night):
        event = codec.decode_record(kind, data)
        if isinstance(event, ports.RulesRead):
            if stage.runner is None or event.started:
                stage.runner = engine.Runner(await _restored(stage, at), now=at)
            event = engine.Reloaded(ruleset=stage.rules, unwatched_since=event.last_success)
        assert stage.runner is not None
        for step in stage.runner.take(event, at):
            await _commit(stage, step)
            yield step


async def _commit(stage: Stage, step: engine.StepResult, inbox: int | None = None) -> None:
    stage.clock.at = step.at
    _keep_report(stage, step)
    await stage.database.commit(
        stage.token,
        ports.Commit(
            at=step.at,
            event=_recorded(step.event),
            effects=step.effects,
            inbox=inbox,
            note=step.refusal,
            weighs=step.weighs,
        ),
    )


async def _restored(stage: Stage, now: datetime) -> engine.State:
    loaded = await stage.database.load(
        now=now,
        reopen_within=engine.REOPEN_WITHIN,
        keep_samples=engine.keep_samples(stage.rules),
    )
    return engine.restore(stage.rules, loaded)


def _recorded(event: engine.Event) -> model.Event | ports.RulesRead:
    return ports.RulesRead(version="1") if isinstance(event, engine.Reloaded) else event


def _keep_report(stage: Stage, step: engine.StepResult) -> None:
    """Put the bytes of a report into the database, as the run that brought it did."""
    if isinstance(step.event, model.Diagnosed) and (report := step.event.diagnosis.report):
        values = (report.run, (step.at - EPOCH) // timedelta(microseconds=1), PDF, PNG, b"{}")
        with contextlib.closing(sqlite3.connect(stage.home / "watcher.db")) as connection:
            connection.execute("INSERT OR REPLACE INTO papers VALUES (?, ?, ?, ?, ?)", values)
            connection.commit()


@dataclass(kw_only=True)
class Playing:
    """A stage with its receivers, and with those who listen to them."""

    stage: Stage
    receivers: dict[str, ports.Receiver]
    recorder: Recorder
    client: aiomqtt.Client


@contextlib.asynccontextmanager
async def playing(night: str, home: Path) -> AsyncIterator[Playing]:
    """Open an installation with Slack, a broker and a webhook listening."""
    recorder = Recorder()
    async with (
        test_utils.TestServer(recorder.app()) as server,
        simulator.Simulator(simulator.load("quiet"), begin=False) as world,
    ):
        recorder.url = str(server.make_url("")).rstrip("/")
        config = furnish(night, home, {"URL": recorder.url, "MQTT_PORT": str(world.mqtt_port)})
        async with (
            staged(config) as stage,
            _receivers(stage) as receivers,
            aiomqtt.Client(
                "127.0.0.1", world.mqtt_port, protocol=aiomqtt.ProtocolVersion.V311
            ) as client,
        ):
            await client.subscribe("watcher/#", qos=1)
            await client.subscribe("fence", qos=1)
            await _connected(client)
            yield Playing(stage=stage, receivers=receivers, recorder=recorder, client=client)


async def transcribe(night: str, home: Path) -> Transcript:
    """Play a whole night, and write down what comes of it."""
    transcript = Transcript()
    async with playing(night, home) as played:
        async for step in play(played.stage, night):
            heading = f"== {_heading(step)}"
            transcript.effects += [heading, *_effects(step)]
            if not await _deliver(played, step):
                continue
            sent = played.recorder.take()
            hooks = [one for one in sent if one.to == "hook"]
            _add(transcript.slack, heading, _slack(sent, played.recorder.url))
            _add(transcript.webhook, heading, [_json(one.body) for one in hooks])
            _add(transcript.mqtt, heading, [line async for line in _published(played.client)])
    return transcript


@contextlib.asynccontextmanager
async def answering(night: str, home: Path, until: datetime) -> AsyncIterator[Path]:
    """Play a night until then, and answer on the control socket as a daemon does."""
    async with playing(night, home) as played:
        async for step in play(played.stage, night):
            await _deliver(played, step)
            if step.at >= until:
                break
        stage = played.stage
        wakeup = clock.Wakeup()
        reporter = status.StatusReporter(
            instance=stage.settings.instance,
            version="1.2.3",
            since=stage.clock.now() - timedelta(hours=1),
            sources=stage.settings.sources,
            standing=stage.database,
            metrics=Metrics(version="1.2.3", sources=[], receivers=[]),
            seen=lambda: None,
            receivers=lambda: dict.fromkeys(played.receivers, status.ReceiverState()),
            usages=lambda: _usages(stage),
        )
        door = control_socket.ControlSocket(
            library=stage.database,
            desk=commands.CommandService(
                library=stage.database,
                inbox=stage.database,
                ingest=wakeup,
                clock=stage.clock,
                receivers=tuple(played.receivers),
            ),
            clock=stage.clock,
            status=reporter.read,
            reload=_not_reloaded,
        )
        async with door.serve(home / "control.sock"):
            obeying = asyncio.create_task(_obey(played, wakeup))
            try:
                yield home
            finally:
                obeying.cancel()
                await asyncio.gather(obeying, return_exceptions=True)


async def _usages(stage: Stage) -> list[status.Usage]:
    used = status.Usage(account="lumen", month="2026-11", calls=42, calls_per_month=2500)
    trouble = "the vendor does not answer"
    return [used, status.Usage(account="x", month="", calls=0, calls_per_month=0, trouble=trouble)]


async def _not_reloaded() -> str:
    raise model.InvalidConfigError(("rules.yaml:1: one fault", "rules.yaml:2: another"))


async def _obey(played: Playing, wakeup: clock.Wakeup) -> None:
    """Step what people ask for, at the time that the clock stands at."""
    stage = played.stage
    while True:
        await wakeup.wait(1)
        for envelope in await stage.database.inbox():
            assert stage.runner is not None
            for step in stage.runner.take(envelope.command, stage.clock.now()):
                mine = step.event is envelope.command
                await _commit(stage, step, inbox=envelope.number if mine else None)
                await _deliver(played, step)


@contextlib.asynccontextmanager
async def _receivers(stage: Stage) -> AsyncIterator[dict[str, ports.Receiver]]:
    hub = factories.build_broker(stage.settings, stage.clock)
    receivers = factories.build_receivers(
        stage.settings, session=stage.session, clock=stage.clock, hub=hub, shelf=stage.database
    )
    for name, receiver in receivers.items():
        if stage.settings.receivers[name].kind == "slack":
            receiver._pace.max_rate = 100_000  # Slack's pace is real time
    assert hub is not None
    hub.lead()
    connection = asyncio.create_task(hub.run())
    try:
        yield receivers
    finally:
        connection.cancel()
        await asyncio.gather(connection, return_exceptions=True)


async def _deliver(played: Playing, step: engine.StepResult) -> bool:
    """Bring each receiver up to date, as the delivery loop does, if it would be woken."""
    if not any(isinstance(effect, model.Incident) for effect in step.effects):
        return False
    stage = played.stage
    for name, receiver in played.receivers.items():
        while claimed := await stage.database.claim(
            now=stage.clock.now(), receivers=[name], lease=timedelta(minutes=1), limit=1
        ):
            (pending,) = claimed
            view = await stage.database.incident_view(pending.receipt.incident)
            assert view is not None
            receipt = await receiver.deliver(
                view, pending.receipt, DeliverySession(stage.database, pending)
            )
            await stage.database.settle(receipt, pending.token, again_at=receipt.due)
    return True


def _heading(step: engine.StepResult) -> str:
    event = step.event
    kind = "rules" if isinstance(event, engine.Reloaded) else codec.kind_of(event)
    refused = f" refused: {step.refusal}" if step.refusal else ""
    return f"{step.at.isoformat()} {kind}{refused}{' weighs' if step.weighs else ''}"


def _effects(step: engine.StepResult) -> Iterator[str]:
    """Write the effects as the tables keep them; what is empty is left out."""
    for effect in step.effects:
        document = json.loads(codec.encode(effect))
        yield _json({key: value for key, value in document.items() if not _is_empty(value)})


def _is_empty(value: object) -> bool:
    return value is None or value is False or value in ("", [], {})


def _add(lines: list[str], heading: str, said: Iterable[str]) -> None:
    added = list(said)
    if added:
        lines += [heading, *added]


def _slack(sent: Iterable[Sent], url: str) -> Iterator[str]:
    """Write each call: its method, then one line for each argument, and for each block."""
    for call in sent:
        if call.to == "hook":
            continue
        yield f"-- {call.to}"
        for name, value in sorted(call.body.items()):
            if name == "blocks":
                yield from (f"block {_json(block)}" for block in value)
            elif name != "length":  # of a chart: another version of zlib makes another
                yield f"{name} {_json(value)}".replace(url, "URL")


async def _connected(client: aiomqtt.Client) -> None:
    """Wait until the receiver's own connection is there: what it brings then is not of a step."""
    async with asyncio.timeout(10):
        async for message in client.messages:
            if message.topic.value == "watcher/status":
                return


async def _published(client: aiomqtt.Client) -> AsyncIterator[str]:
    """Write what was published since this was last asked."""
    await client.publish("fence", b"x", qos=1)
    async with asyncio.timeout(10):
        async for message in client.messages:
            topic = message.topic.value
            if topic == "fence":
                return
            yield f"-- {topic}"
            payload = bytes(message.payload)
            yield _json(json.loads(payload)) if payload[:1] == b"{" else repr(payload)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
