"""The full list of a storm: a CSV in the thread, and again where it has grown."""

import csv
import io
from datetime import timedelta

import aiohttp
import pytest
from msgspec.structs import replace

from tests.fakes.incident_builder import BEGIN, PowerCutError
from tests.fakes.slack import CHANNEL
from watcher import model
from watcher.receivers import settings as receiver_settings
from watcher.receivers.slack import files
from watcher.receivers.slack.receiver import SlackReceiver

ACCEPTS = timedelta(seconds=30)


@pytest.fixture
async def receiver(slack, clock):
    async with aiohttp.ClientSession() as session:
        yield SlackReceiver(
            name="noc",
            channel=receiver_settings.SlackReceiver(kind="slack", channel=CHANNEL),
            settings=receiver_settings.Slack(bot_token="xoxb-test", api_url=f"{slack.url}/api"),
            session=session,
            clock=clock,
        )


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode())))


async def test_a_storm_brings_its_list_once(slack, receiver, builder, delivery):
    builder.change(rule="storm", accepts_until=BEGIN)
    builder.all_alerts = tuple(
        replace(builder.alert, subject=f"vyvx/{n:05}") for n in range(10_000)
    )
    await delivery.deliver(receiver)
    (content,) = slack.shared
    head, *rows = read(content)
    assert head == ["subject", "name", "rule", "state", "from", "to", "value", "since"]
    assert len(rows) == 10_000
    assert rows[0][0] == "vyvx/00000"
    builder.add_entry(model.EntryKind.JOINED, "one more")
    await delivery.deliver(receiver)
    assert len(slack.shared) == 1


def grow(builder, clock, by=1):
    """Let more alerts join: others may for half a minute."""
    first = len(builder.all_alerts)
    builder.all_alerts += tuple(
        replace(builder.alert, subject=f"vyvx/{first + n:05}") for n in range(by)
    )
    builder.change(rule="storm", accepts_until=clock.at + ACCEPTS)
    builder.add_entry(model.EntryKind.JOINED, f"{by} alerts of vyvx at once")


async def wait_until_due(delivery, receiver, clock):
    clock.at = delivery.receipt.due
    await delivery.deliver(receiver)


async def test_a_storm_that_has_grown_brings_its_list_again_once_nobody_joins(
    slack, receiver, builder, delivery, clock
):
    grow(builder, clock, 12)
    await delivery.deliver(receiver)
    assert delivery.receipt.due is None
    for _ in range(2):  # it still grows
        clock.at += timedelta(seconds=20)
        grow(builder, clock, 3)
        await delivery.deliver(receiver)
    assert delivery.receipt.due == clock.at + ACCEPTS + timedelta(seconds=1)
    assert len(slack.shared) == 1
    await wait_until_due(delivery, receiver, clock)
    assert [len(read(content)) - 1 for content in slack.shared] == [12, 18]
    comments = [m["text"] for m in slack.messages.values() if "files" in m]
    assert comments == [f"Storm on vyvx ({n} subjects): all alerts" for n in (12, 18)]
    assert delivery.receipt.due is None
    await delivery.deliver(receiver)
    assert len(slack.shared) == 2


async def test_a_storm_has_three_lists_at_most(slack, receiver, builder, delivery, clock):
    for size in range(1, 6):
        grow(builder, clock, size)
        await delivery.deliver(receiver)
        if delivery.receipt.due:
            await wait_until_due(delivery, receiver, clock)
    assert [len(read(content)) - 1 for content in slack.shared] == [1, 3, 6]
    assert delivery.receipt.due is None


async def test_a_storm_that_is_over_brings_no_other_list(slack, receiver, builder, delivery, clock):
    for _ in range(2):
        grow(builder, clock)
        await delivery.deliver(receiver)
    builder.resolve()
    await wait_until_due(delivery, receiver, clock)
    assert len(slack.shared) == 1
    assert delivery.receipt.due is None


async def test_the_list_of_an_earlier_version_counts_as_whole(
    slack, receiver, builder, delivery, clock
):
    grow(builder, clock)
    await delivery.deliver(receiver)
    (state,) = delivery.receipt.files.values()
    delivery.receipt = replace(delivery.receipt, files={"alerts/csv": state})
    grow(builder, clock)
    await delivery.deliver(receiver)
    assert delivery.receipt.due is None
    assert len(slack.shared) == 1


async def test_a_list_that_grew_between_two_steps_is_sent_again(slack, receiver, builder, delivery):
    builder.change(rule="storm", accepts_until=BEGIN)
    slack.fail_next("upload", 503)
    with pytest.raises(model.TemporaryError):
        await delivery.deliver(receiver)
    builder.all_alerts = (builder.alert, replace(builder.alert, subject="vyvx/2"))
    for _ in range(3):
        try:
            await delivery.deliver(receiver)
        except (model.TemporaryError, PowerCutError):
            continue
    (content,) = slack.shared
    assert len(read(content)) == 3


async def test_other_incidents_bring_no_list(slack, receiver, delivery):
    await delivery.deliver(receiver)
    assert slack.shared == []


def test_a_cell_is_never_a_formula(builder):
    hostile = replace(builder.alert, name="=cmd()", to="@x", from_="+1")
    _, row = read(files.alerts_csv([hostile]))
    assert row[1] == "'=cmd()"
    assert row[4:6] == ["'+1", "'@x"]
