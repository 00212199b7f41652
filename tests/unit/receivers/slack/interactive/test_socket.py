"""The sockets behind the presses: replaced in time, and honest about what is not carried out."""

import pytest
import structlog

from tests.fakes.slack_user import running, stepped, until
from watcher import model
from watcher.clock import SystemClock
from watcher.receivers.slack.socket import SlackSocket


@pytest.mark.parametrize("warn", [True, False])
async def test_a_socket_that_ends_is_replaced(slack, session, store, warn):
    async with running(slack, session, store) as person:
        await person.press("acknowledge", name="ann")
        await stepped(store)
        await person.pull("disconnect", warn=warn)
        answer = await person.press("acknowledge", name="bob")
        assert answer == {"acknowledged": True}
        assert [command.by for command in await stepped(store, 2)] == ["ann", "bob"]


async def test_before_a_socket_ends_there_is_another(slack, session, store):
    async with running(slack, session, store) as person:
        await person.press("acknowledge")
        (old,) = slack.socket_mode.sockets
        await person.pull("disconnect", warn=True)
        await until(lambda: len(slack.socket_mode.sockets) == 2)
        assert slack.socket_mode.sockets[0] is old
        assert not old.closed


async def test_a_wrong_token_is_said_once(slack, session, store):
    with structlog.testing.capture_logs() as logs:
        async with running(slack, session, store, app_token="xapp-wrong"):
            await until(lambda: logs)
    (line,) = logs
    assert line["event"] == "Slack buttons unavailable"
    assert "set slack.app_token to an app-level token (xapp-...)" in line["error"]
    assert "xapp-wrong" not in str(logs)


async def test_more_than_can_be_worked_on_is_not_acknowledged(slack, session, store, monkeypatch):
    """Slack then shows the person that it failed, which silence would not."""
    monkeypatch.setattr("watcher.receivers.slack.interactive.service.MOST_RUNNING", 1)
    store.leads = False
    async with running(slack, session, store) as person:
        assert await person.press("acknowledge") == {"acknowledged": True}
        assert (await person.press("acknowledge"))["acknowledged"] is False
        assert await stepped(store) == [model.Acknowledged(incident="w-7k3m", by="somebody")]


async def test_the_answer_to_a_form_goes_with_its_acknowledgement(session):
    sent = []

    class Socket:
        async def send_json(self, body):
            sent.append(body)

    async def accept(envelope, acknowledge):
        if envelope.type == "interactive":
            await acknowledge({"response_action": "clear"})

    socket = SlackSocket(api=None, session=session, accept=accept, clock=SystemClock())
    await socket._handle('{"type": "events_api", "envelope_id": "e1", "payload": {}}', Socket())
    assert not sent
    await socket._handle('{"type": "interactive", "envelope_id": "e2", "payload": {}}', Socket())
    assert sent == [{"envelope_id": "e2", "payload": {"response_action": "clear"}}]
