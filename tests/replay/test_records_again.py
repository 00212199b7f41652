"""What was told late is told the same way by a replay, and not twice."""

import asyncio

from tests.engine.worlds import START, seconds
from tests.replay.living import Home
from watcher import model, ports, settings
from watcher.clock import SystemClock
from watcher.daemon import factories
from watcher.replay import replay
from watcher.store import store


def read(at, *alarms):
    """Read the record of `a` from the start until `at`; each alarm is its two ends."""
    found = tuple(
        model.AlarmRecord(state="offline", start=START + seconds(start), end=START + seconds(end))
        for start, end in alarms
    )
    event = model.HistoryRead(subject="vyvx/a", start=START, end=START + seconds(at), alarms=found)
    return at, event


def unscheduled(at):
    return at, model.DetailsRead(subject="vyvx/a", details=None, error="HTTP 404")


def journal(home):
    async def records():
        async with store.open(home.url, clock=SystemClock()) as opened:
            return [record async for record in opened.records(START)]

    return asyncio.run(records())


def replayed(home, until):
    again_ = replay.Replay(factories.read_rules(settings.load(home.config)), since=START)
    for record in journal(home):
        again_.take(record)
    again_.finish(START + seconds(until))
    return again_._account.incidents


def test_a_replay_tells_what_was_told_late(tmp_path):
    home = Home(tmp_path)
    home.live(
        (0, {"a": "online"}),
        (60, {"a": "online"}),
        unscheduled(61),
        read(100),
        (120, {"a": "offline"}),
        (240, {"a": "online"}),
        read(600, (65, 90), (110, 235), (300, 310)),
        read(1_000, (65, 90), (110, 235), (300, 310), (400, 460)),
    )
    lived = home.live((1_100, {"a": "online"}), read(1_200, (400, 460)))
    late = [each.opened_at - START for each in lived if "learned late" in each.title]
    assert sorted(late) == [seconds(65), seconds(400)]
    again_ = replayed(home, 1_300)
    assert {each.id: each for each in lived} == dict(again_)


def test_what_told_nothing_is_not_in_the_journal(tmp_path):
    home = Home(tmp_path)
    home.live((0, {"a": "online"}), read(100), read(1_000))
    kinds = [type(record.what) for record in journal(home)]
    assert model.HistoryRead not in kinds
    assert ports.RulesRead in kinds
