"""What only the engine can refuse reaches the person who asked, from whichever door."""

import asyncio
from datetime import timedelta

import pytest

from tests.fakes.incident_builder import BEGIN
from tests.unit.operations.test_silences import RULES, step_for_ever
from watcher import engine, model, ruleset
from watcher.clock import SystemClock, Wakeup
from watcher.operations.commands import CommandRejectedError, CommandService
from watcher.store import store


class LateReader:
    """Shows an incident as it was: somebody else resolved it since."""

    def __init__(self, view):
        self.view = view

    async def incident_view(self, incident):
        return self.view


@pytest.fixture
async def reader(builder):
    return LateReader(builder.incident_view())


@pytest.fixture
async def service(tmp_path, reader):
    (tmp_path / "rules.yaml").write_text(RULES)
    traits = engine.SourceTraits(name="vyvx", kind="vyvx", blind_after=timedelta(minutes=3))
    rules = ruleset.load(
        [str(tmp_path / "rules.yaml")], inventory=None, sources={"vyvx": traits}, receivers=()
    )
    async with store.open(f"sqlite:///{tmp_path}/w.db", clock=SystemClock()) as opened:
        wakeup = Wakeup()
        token = await opened.leadership.acquire("ops1")
        stepping = asyncio.create_task(step_for_ever(opened, token, engine.restore(rules), wakeup))
        yield CommandService(
            reader=reader,
            inbox=opened.inbox,
            ingest=wakeup,
            clock=SystemClock(),
        )
        stepping.cancel()
        await asyncio.gather(stepping, return_exceptions=True)


@pytest.mark.parametrize("action", ["ack", "resolve", "diagnose"])
async def test_an_action_that_comes_too_late_is_refused_in_the_engines_words(service, action):
    with pytest.raises(CommandRejectedError, match="w-7k3m"):
        await service.act("w-7k3m", action, "ann")


async def test_a_command_that_comes_twice_is_refused_twice(service):
    for _ in range(2):
        with pytest.raises(CommandRejectedError, match="w-7k3m"):
            await service.act("w-7k3m", "ack", "ann", idempotency_key="e1")


async def test_a_silence_that_cannot_hold_is_refused_with_the_reason(service):
    nonsense = (model.Matcher(name="colour", value="red"),)
    with pytest.raises(CommandRejectedError, match="matchers name rule, subject"):
        await service.add_silence(nonsense, length=timedelta(hours=1), by="ann")


async def test_a_note_of_nothing_but_blanks_is_refused(service):
    with pytest.raises(CommandRejectedError, match="a note needs `text` and `by`"):
        await service.add_note("w-7k3m", " \x00\n ", "ann")


@pytest.mark.parametrize("by", ["root", "Root "])
async def test_root_is_nobody_who_could_approve_what_costs_money(service, reader, builder, by):
    builder.change(
        remedy=model.Remedy(
            connection="iod/77",
            status=model.RemedyStatus.PROPOSED,
            to_mbps=2000.0,
            max_mbps=2000.0,
            proposed_at=BEGIN,
        )
    )
    reader.view = builder.incident_view()
    with pytest.raises(CommandRejectedError, match="is nobody's name, and this costs money"):
        await service.act("w-7k3m", "approve", by)
    with pytest.raises(CommandRejectedError, match="no incident 'w-7k3m'"):  # the engine's own
        await service.act("w-7k3m", "approve", "ann")
