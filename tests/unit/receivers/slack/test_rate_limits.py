"""How long Slack asks to wait, which counts for all channels: it limits a method, not a receiver.

Posts alone are limited by channel.
"""

from datetime import timedelta

import aiohttp
import pytest
from msgspec.structs import replace

from tests.fakes.incident_builder import IncidentBuilder, InMemoryDelivery
from watcher import model
from watcher.receivers import settings as receiver_settings
from watcher.receivers.slack.api import RateLimits
from watcher.receivers.slack.receiver import SlackReceiver

CHANNELS = {"noc": "C00000NOC1", "duty": "C0000DUTY1"}
LIMIT = {"status": 429, "Retry-After": "20"}
POST, EDIT, LOOK_UP = "chat.postMessage", "chat.update", "conversations.history"


@pytest.fixture
async def receivers(slack, clock):
    """Two channels of one workspace."""
    limits = RateLimits(clock)
    async with aiohttp.ClientSession() as session:
        receivers = {
            name: SlackReceiver(
                name=name,
                channel=receiver_settings.SlackReceiver(kind="slack", channel=channel),
                settings=receiver_settings.Slack(bot_token="xoxb-test", api_url=f"{slack.url}/api"),
                session=session,
                clock=clock,
                limits=limits,
            )
            for name, channel in CHANNELS.items()
        }
        for receiver in receivers.values():
            receiver._rate_limit.max_rate = 1_000  # Slack's pace is real time
        yield receivers


class _Outage:
    """An incident that both channels know of."""

    def __init__(self, incident: str = "w-7k3m") -> None:
        self.builder = IncidentBuilder()
        self.builder.incident = replace(self.builder.incident, id=incident, notify=tuple(CHANNELS))
        self._deliveries = {name: InMemoryDelivery(self.builder, name) for name in CHANNELS}

    def get_worse(self) -> None:
        self.builder.add_entry(model.EntryKind.WORSE, "it got worse", notify=True)

    async def deliver(self, receiver: SlackReceiver) -> None:
        await self._deliveries[receiver.name].deliver(receiver)

    def intent(self, receiver: SlackReceiver) -> str:
        return self._deliveries[receiver.name].receipt.intent

    async def wait(self, receiver: SlackReceiver) -> float | None:
        """Try to deliver, which Slack's limit forbids; return for how many seconds."""
        with pytest.raises(model.TemporaryError, match="Slack was rate-limited") as caught:
            await self.deliver(receiver)
        assert caught.value.narrow
        return caught.value.delay


async def test_an_edit_waits_where_slack_limits_those_of_another_channel(slack, receivers, clock):
    outage, noc, duty = _Outage(), receivers["noc"], receivers["duty"]
    await outage.deliver(noc)
    await outage.deliver(duty)
    outage.get_worse()
    slack.fail_next(EDIT, LIMIT)
    assert await outage.wait(noc) == 20
    clock.at += timedelta(seconds=9)
    assert await outage.wait(duty) == 11
    assert slack.calls.count(EDIT) == 1
    assert len([reply for reply in slack.replies if "it got worse" in reply["text"]]) == 2

    clock.at += timedelta(seconds=11)
    await outage.deliver(duty)
    await outage.deliver(noc)
    assert slack.calls.count(EDIT) == 3


async def test_an_edit_waits_where_slack_limits_those_of_another_incident(slack, receivers, clock):
    outage, other, noc = _Outage(), _Outage("w-other"), receivers["noc"]
    for incident in (outage, other):
        await incident.deliver(noc)
        incident.get_worse()
    slack.fail_next(EDIT, LIMIT)
    assert await outage.wait(noc) == 20
    clock.at += timedelta(seconds=19.9)
    assert await other.wait(noc) == pytest.approx(0.1)
    assert slack.calls.count(EDIT) == 1


async def test_a_post_does_not_wait_for_another_channel(slack, receivers):
    outage = _Outage()
    slack.fail_next(POST, LIMIT)
    assert await outage.wait(receivers["noc"]) == 20
    await outage.deliver(receivers["duty"])
    assert len(slack.parents) == 1
    assert await outage.wait(receivers["noc"]) == 20
    assert slack.calls.count(POST) == 2


async def test_a_post_that_waited_for_its_turn_does_not_leave_once_slack_asks_to_wait(
    slack, receivers, clock
):
    """Its intent is withdrawn: nothing has to be looked up."""
    outage, noc = _Outage(), receivers["noc"]

    class Refused:
        """The channel's pace: while one waits for its turn, another post is refused."""

        async def __aenter__(self):
            slack.fail_next(POST, LIMIT)
            noc._rate_limit = None
            with pytest.raises(model.TemporaryError):
                await noc.send("The database is down")

        async def __aexit__(self, *_):
            """Give the turn back."""

    noc._rate_limit = Refused()
    assert await outage.wait(noc) == 20
    assert slack.calls == [POST]
    assert outage.intent(noc) == ""


async def test_a_look_up_waits_where_slack_limits_those_of_another_channel(slack, receivers):
    outage = _Outage()
    for name in CHANNELS:
        slack.fail_next(POST, "drop")
        with pytest.raises(model.AmbiguousError):
            await outage.deliver(receivers[name])
    slack.fail_next(LOOK_UP, LIMIT)
    assert await outage.wait(receivers["noc"]) == 20
    assert await outage.wait(receivers["duty"]) == 20
    assert slack.calls.count(LOOK_UP) == 1
