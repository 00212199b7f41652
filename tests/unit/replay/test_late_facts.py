"""A replay reports late facts as the daemon did, and none twice."""

import asyncio

from tests.fakes.engine_world import START, seconds
from tests.unit.replay.installation import Installation
from watcher import model, ports, settings
from watcher.clock import SystemClock
from watcher.daemon import factories
from watcher.replay import replay
from watcher.store import store


def read(at, *alarms):
    """Return the record of `a` from the start until `at`; each alarm is its two ends."""
    records = tuple(
        model.AlarmRecord(state="offline", start=START + seconds(start), end=START + seconds(end))
        for start, end in alarms
    )
    event = model.HistoryRead(
        subject="vyvx/a", start=START, end=START + seconds(at), alarms=records
    )
    return at, event


def unscheduled(at):
    return at, model.DetailsRead(subject="vyvx/a", details=None, error="HTTP 404")


def journal(installation):
    async def records():
        async with store.open(installation.url, clock=SystemClock()) as opened:
            return [record async for record in opened.journal.records(START)]

    return asyncio.run(records())


def replay_incidents(installation, until):
    replayed = replay.Replay(factories.read_rules(settings.load(installation.config)), since=START)
    for record in journal(installation):
        replayed.feed(record)
    replayed.finish(START + seconds(until))
    return replayed.outcome.incidents


def test_a_replay_reports_what_was_reported_late(tmp_path):
    installation = Installation(tmp_path)
    installation.run(
        (0, {"a": "online"}),
        (60, {"a": "online"}),
        unscheduled(61),
        read(100),
        (120, {"a": "offline"}),
        (240, {"a": "online"}),
        read(600, (65, 90), (110, 235), (300, 310)),
        read(1_000, (65, 90), (110, 235), (300, 310), (400, 460)),
    )
    live = installation.run((1_100, {"a": "online"}), read(1_200, (400, 460)))
    late = [incident.opened_at - START for incident in live if "reported late" in incident.title]
    assert sorted(late) == [seconds(65), seconds(400)]
    replayed = replay_incidents(installation, 1_300)
    assert {incident.id: incident for incident in live} == dict(replayed)


def test_a_record_without_news_is_not_in_the_journal(tmp_path):
    installation = Installation(tmp_path)
    installation.run((0, {"a": "online"}), read(100), read(1_000))
    kinds = [type(record.what) for record in journal(installation)]
    assert model.HistoryRead not in kinds
    assert ports.RulesRead in kinds
