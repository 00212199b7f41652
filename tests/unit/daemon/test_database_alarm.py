"""The one message without a receipt: Watcher has lost its database."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest

from watcher import model, ports
from watcher.daemon import database_alarm

SINCE = datetime(2026, 11, 29, tzinfo=UTC)


class Channel:
    def __init__(self, fault: Exception | None = None) -> None:
        self.name = "noc"
        self.sent: list[str] = []
        self.fault = fault

    async def send(self, text: str) -> None:
        if self.fault:
            raise self.fault
        self.sent.append(text)


async def end_with(error: Exception, alarm: database_alarm.DatabaseAlarm) -> None:
    with pytest.raises(type(error)):
        async with AsyncExitStack() as stack:
            stack.push_async_exit(alarm)
            raise error


def daemon(instance: str, *, leads: bool = False) -> ports.Daemon:
    return ports.Daemon(instance=instance, since=SINCE, leads=leads)


async def alone() -> list[ports.Daemon]:
    return [daemon("ops1", leads=True)]


async def replaced() -> list[ports.Daemon]:
    return [daemon("ops2", leads=True), daemon("ops1")]


async def unknown() -> list[ports.Daemon]:
    raise model.TemporaryError("the database does not answer")


def made(tmp_path, *channels: Channel, daemons=alone) -> database_alarm.DatabaseAlarm:
    return database_alarm.DatabaseAlarm(
        instance="ops1",
        channels=channels,
        sent_marker=tmp_path / "database-failed",
        daemons=daemons,
    )


FULL = model.TemporaryError("database watcher.db cannot grow, its disk is full: free some space")


async def test_a_full_disk_is_reported_on_every_channel(tmp_path):
    channels = Channel(), Channel()
    await end_with(FULL, made(tmp_path, *channels))
    for channel in channels:
        (text,) = channel.sent
        assert "Watcher on ops1 cannot write to its database" in text
        assert "free some space" in text


async def test_a_daemon_that_was_replaced_while_frozen_sends_nothing(tmp_path):
    channel = Channel()
    await end_with(FULL, made(tmp_path, channel, daemons=replaced))
    assert channel.sent == []


async def test_a_database_that_cannot_name_the_leader_is_reported(tmp_path):
    channel = Channel()
    await end_with(FULL, made(tmp_path, channel, daemons=unknown))
    assert len(channel.sent) == 1


async def test_a_restarted_service_does_not_say_it_again(tmp_path):
    channel = Channel()
    for _ in range(3):
        await end_with(FULL, made(tmp_path, channel))
    assert len(channel.sent) == 1


async def test_after_it_was_well_again_it_is_news_again(tmp_path):
    channel = Channel()
    alarm = made(tmp_path, channel)
    await end_with(FULL, alarm)
    alarm.reset()
    await end_with(FULL, alarm)
    assert len(channel.sent) == 2


async def test_a_failing_channel_does_not_keep_others_from_the_alarm(tmp_path):
    broken, fine = Channel(model.PermanentError("channel_not_found")), Channel()
    await end_with(FULL, made(tmp_path, broken, fine))
    assert len(fine.sent) == 1


async def test_an_alarm_that_was_not_sent_is_tried_again_at_the_next_failure(tmp_path):
    broken = Channel(model.TemporaryError("Slack is down"))
    await end_with(FULL, made(tmp_path, broken))
    broken.fault = None
    await end_with(FULL, made(tmp_path, broken))
    assert len(broken.sent) == 1


async def test_any_other_end_sends_no_alarm(tmp_path):
    channel = Channel()
    await end_with(ZeroDivisionError(), made(tmp_path, channel))
    await end_with(model.PermanentError("another daemon leads"), made(tmp_path, channel))
    assert not channel.sent
