"""Plays a journal through the engine, a database and the receivers, at the journal's own times.

The only file of these tests that depends on how Watcher is built; it returns text.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import aiomqtt
import msgspec
from aiohttp import test_utils

from tests.integration.golden.recorder import Recorder, Sent
from watcher import clock, engine, model, ports, settings, simulator
from watcher.daemon import factories
from watcher.delivery.session import DeliverySession
from watcher.metrics import Metrics
from watcher.operations import commands, control_socket, status
from watcher.store import codec, store

ROOT = Path(__file__).parents[3]
DATA = Path(__file__).parent / "data"
PDF, PNG = b"%PDF-1.7 a report", b"\x89PNG its first page"
# Published beside the deliveries, and only as often as there is time: between which is chance.
LISTS = ("watcher/open", "watcher/silences", "watcher/topics")
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
class Installation:
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


def furnish(source: Path, home: Path, addresses: dict[str, str]) -> Path:
    """Copy an installation into a directory, with these addresses in its configuration."""
    for file in source.glob("*.*l"):
        text = file.read_text(encoding="utf-8")
        for name, value in {"ROOT": str(ROOT), **addresses}.items():
            text = text.replace(f"@{name}@", value)
        (home / file.name).write_text(text, encoding="utf-8")
    return home / "config.toml"


@contextlib.asynccontextmanager
async def open_installation(config: Path, played: PlayedClock) -> AsyncIterator[Installation]:
    """Open an installation's database, on a clock that is moved by hand."""
    loaded = settings.load(config)
    async with (
        aiohttp.ClientSession() as session,
        store.open(loaded.store.url, clock=played) as database,
    ):
        token = await database.leadership.acquire(loaded.instance)
        assert token is not None
        yield Installation(
            home=config.parent,
            settings=loaded,
            rules=factories.read_rules(loaded),
            database=database,
            clock=played,
            session=session,
            token=token,
        )


async def play(installation: Installation, night: str) -> AsyncIterator[engine.StepResult]:
    """Take each record, and commit its effects."""
    for at, kind, data in records(night):
        event = codec.decode_record(kind, data)
        if isinstance(event, ports.RulesRead):
            if installation.runner is None or event.started:
                installation.runner = engine.Runner(await restored(installation, at), now=at)
            event = engine.Reloaded(ruleset=installation.rules, unwatched_since=event.last_success)
        assert installation.runner is not None
        for step in installation.runner.take(event, at):
            await commit(installation, step)
            yield step


async def commit(
    installation: Installation, step: engine.StepResult, inbox: int | None = None
) -> None:
    installation.clock.at = step.at
    _keep_report(installation, step)
    await installation.database.commits.commit(
        installation.token,
        ports.Commit(
            at=step.at,
            event=_recorded(step.event),
            effects=step.effects,
            inbox=inbox,
            note=step.refusal,
            matters=step.matters,
        ),
    )


async def restored(installation: Installation, now: datetime) -> engine.State:
    loaded = await installation.database.commits.load(
        now=now,
        reopen_within=engine.REOPEN_WITHIN,
        keep_samples=engine.keep_samples(installation.rules),
    )
    return engine.restore(installation.rules, loaded)


def _recorded(event: engine.Event) -> model.Event | ports.RulesRead:
    return ports.RulesRead(version="1") if isinstance(event, engine.Reloaded) else event


def _keep_report(installation: Installation, step: engine.StepResult) -> None:
    """Put the bytes of a report into the database, as the run that brought it did."""
    if isinstance(step.event, model.Diagnosed) and (report := step.event.diagnosis.report):
        values = (report.run, (step.at - EPOCH) // timedelta(microseconds=1), PDF, PNG, b"{}")
        with contextlib.closing(sqlite3.connect(installation.home / "watcher.db")) as connection:
            connection.execute("INSERT OR REPLACE INTO papers VALUES (?, ?, ?, ?, ?)", values)
            connection.commit()


@dataclass(kw_only=True)
class Playing:
    """An installation with its receivers, and with what listens to them."""

    installation: Installation
    receivers: dict[str, ports.Receiver]
    recorder: Recorder
    client: aiomqtt.Client


@contextlib.asynccontextmanager
async def playing(night: str, home: Path) -> AsyncIterator[Playing]:
    """Open an installation with Slack, a broker and a webhook listening."""
    recorder = Recorder()
    async with (
        test_utils.TestServer(recorder.app()) as server,
        simulator.Simulator(simulator.load("quiet"), start=False) as world,
    ):
        recorder.url = str(server.make_url("")).rstrip("/")
        addresses = {"URL": recorder.url, "MQTT_PORT": str(world.mqtt_port)}
        config = furnish(DATA / night, home, addresses)
        async with (
            open_installation(config, PlayedClock()) as installation,
            listening(world.mqtt_port) as client,
            open_receivers(installation) as receivers,
        ):
            await connected(client)
            yield Playing(
                installation=installation, receivers=receivers, recorder=recorder, client=client
            )


@contextlib.asynccontextmanager
async def listening(port: int) -> AsyncIterator[aiomqtt.Client]:
    """Listen before anything is published: a retained message would otherwise come twice.

    The broker sends what passes at the moment of the subscription as live, and again as retained.
    """
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V311) as client:
        await client.subscribe("watcher/#", qos=1)
        await client.subscribe("fence", qos=1)
        yield client


async def transcribe(night: str, home: Path) -> Transcript:
    """Play a whole night; return a transcript of what comes out."""
    transcript = Transcript()
    async with playing(night, home) as played:
        async for step in play(played.installation, night):
            heading = f"== {_heading(step)}"
            transcript.effects += [heading, *_effects(step)]
            if not await deliver(played.installation, played.receivers, step):
                continue
            sent = played.recorder.take()
            hooks = [request for request in sent if request.to == "hook"]
            _add(transcript.slack, heading, _slack(sent, played.recorder.url))
            _add(transcript.webhook, heading, [_json(request.body) for request in hooks])
            lines = [
                line
                async for topic, payload in published(played.client)
                if topic not in LISTS
                for line in _mqtt(topic, payload)
            ]
            _add(transcript.mqtt, heading, lines)
    return transcript


@contextlib.asynccontextmanager
async def answering(night: str, home: Path, until: datetime) -> AsyncIterator[Path]:
    """Play a night until then, and serve the control socket as a daemon does."""
    async with playing(night, home) as played:
        async for step in play(played.installation, night):
            await deliver(played.installation, played.receivers, step)
            if step.at >= until:
                break
        installation = played.installation
        wakeup = clock.Wakeup()
        reporter = status.StatusReporter(
            instance=installation.settings.instance,
            version="1.2.3",
            since=installation.clock.now() - timedelta(hours=1),
            sources=installation.settings.sources,
            reader=installation.database.queries,
            metrics=Metrics(version="1.2.3", sources=[], receivers=[]),
            overview=lambda: None,
            receivers=lambda: dict.fromkeys(played.receivers, status.ReceiverState()),
            now=installation.clock.now,
            usages=lambda: _usages(installation),
        )
        control = control_socket.ControlSocket(
            reader=installation.database.queries,
            commands=commands.CommandService(
                reader=installation.database.queries,
                inbox=installation.database.inbox,
                ingest=wakeup,
                clock=installation.clock,
                receivers=tuple(played.receivers),
                preview=functools.partial(_preview, installation),
            ),
            clock=installation.clock,
            status=reporter.read,
            reload=_not_reloaded,
        )
        async with control.serve(home / "control.sock"):
            obeying = asyncio.create_task(_obey(played, wakeup))
            try:
                yield home
            finally:
                obeying.cancel()
                await asyncio.gather(obeying, return_exceptions=True)


async def _usages(installation: Installation) -> list[status.Usage]:
    used = status.Usage(account="lumen", month="2026-11", calls=42, calls_per_month=2500)
    trouble = "the vendor does not answer"
    return [used, status.Usage(account="x", month="", calls=0, calls_per_month=0, trouble=trouble)]


async def _not_reloaded() -> str:
    raise model.InvalidConfigError(("rules.yaml:1: one fault", "rules.yaml:2: another"))


async def _preview(installation: Installation, silence: model.Silence) -> model.SilencePreview:
    now = installation.clock.now()
    return engine.preview(await restored(installation, now), silence, now)


async def _obey(played: Playing, wakeup: clock.Wakeup) -> None:
    """Step what people ask for, at the time that the clock stands at."""
    installation = played.installation
    while True:
        await wakeup.wait(1)
        for envelope in await installation.database.inbox.read():
            assert installation.runner is not None
            for step in installation.runner.take(envelope.command, installation.clock.now()):
                mine = step.event is envelope.command
                await commit(installation, step, inbox=envelope.number if mine else None)
                await deliver(played.installation, played.receivers, step)


@contextlib.asynccontextmanager
async def open_receivers(installation: Installation) -> AsyncIterator[dict[str, ports.Receiver]]:
    broker = factories.build_mqtt_connection(installation.settings, installation.clock)
    receivers = factories.build_receivers(
        installation.settings,
        session=installation.session,
        clock=installation.clock,
        mqtt=broker,
        reader=installation.database.queries,
    )
    for name, receiver in receivers.items():
        if installation.settings.receivers[name].kind == "slack":
            receiver._rate_limit.max_rate = 100_000  # Slack's pace is real time
    assert broker is not None
    broker.become_leader()
    greeted = asyncio.Event()

    async def greet() -> None:
        """Come last: what a receiver publishes again at a connect belongs to no step."""
        greeted.set()

    broker.on_connect(greet)
    connection = asyncio.create_task(broker.run())
    try:
        async with asyncio.timeout(10):
            await greeted.wait()
        yield receivers
    finally:
        connection.cancel()
        await asyncio.gather(connection, return_exceptions=True)


async def deliver(
    installation: Installation, receivers: dict[str, ports.Receiver], step: engine.StepResult
) -> bool:
    """Bring each receiver up to date, as the delivery loop does, if it would be woken."""
    if not any(isinstance(effect, model.Incident) for effect in step.effects):
        return False
    for name, receiver in receivers.items():
        while claimed := await installation.database.outbox.claim(
            now=installation.clock.now(), receivers=[name], lease=timedelta(minutes=1), limit=1
        ):
            (pending,) = claimed
            assert pending.view is not None
            receipt = await receiver.deliver(
                pending.view,
                pending.receipt,
                DeliverySession(
                    installation.database.outbox, installation.database.queries, pending
                ),
            )
            await installation.database.outbox.release(receipt, pending.token, again_at=receipt.due)
    return True


def _heading(step: engine.StepResult) -> str:
    event = step.event
    kind = "rules" if isinstance(event, engine.Reloaded) else codec.kind_of(event)
    refused = f" refused: {step.refusal}" if step.refusal else ""
    return f"{step.at.isoformat()} {kind}{refused}{' weighs' if step.matters else ''}"


def _effects(step: engine.StepResult) -> Iterator[str]:
    """Write the effects as the tables keep them; what is empty is left out."""
    for effect in step.effects:
        document = json.loads(codec.encode(effect))
        yield _json({key: value for key, value in document.items() if not _is_empty(value)})


def _is_empty(value: object) -> bool:
    return value is None or value is False or value in ("", [], {})


def _add(lines: list[str], heading: str, new_lines: Iterable[str]) -> None:
    added = list(new_lines)
    if added:
        lines += [heading, *added]


_BLOCK_KEYS = (
    *("type", "title", "text", "elements", "emoji", "verbatim"),
    *("action_id", "value", "style", "confirm", "deny"),
)


def _ordered(part: Any) -> Any:
    """Put the keys of a block into one order: in which order they are sent means nothing."""
    match part:
        case dict():
            rank = {key: number for number, key in enumerate(_BLOCK_KEYS)}
            keys = sorted(part, key=lambda key: (rank.get(key, len(rank)), key))
            return {key: _ordered(part[key]) for key in keys}
        case list():
            return [_ordered(item) for item in part]
        case _:
            return part


def _slack(sent: Iterable[Sent], url: str) -> Iterator[str]:
    """Write each call: its method, then one line for each argument, and for each block."""
    for call in sent:
        if call.to == "hook":
            continue
        yield f"-- {call.to}"
        for name, value in sorted(call.body.items()):
            if name == "blocks":
                yield from (f"block {_json(_ordered(block))}" for block in value)
            elif name != "length":  # of a chart: another version of zlib makes another
                yield f"{name} {_json(value)}".replace(url, "URL")


async def connected(client: aiomqtt.Client) -> None:
    """Wait until the receiver's own connection is there: what it brings then is not of a step."""
    async with asyncio.timeout(10):
        async for message in client.messages:
            if message.topic.value == "watcher/status":
                return


async def published(client: aiomqtt.Client) -> AsyncIterator[tuple[str, bytes]]:
    """Yield topic and payload of what was published since this was last asked.

    Presence and lists come when their own time has come, and belong to no step.
    """
    await client.publish("fence", b"x", qos=1)
    async with asyncio.timeout(10):
        async for message in client.messages:
            topic = message.topic.value
            if topic == "fence":
                return
            if topic not in ("watcher/status", "watcher/open"):
                yield topic, bytes(message.payload)


def _mqtt(topic: str, payload: bytes) -> Iterator[str]:
    yield f"-- {topic}"
    yield _json(json.loads(payload)) if payload[:1] == b"{" else repr(payload)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
