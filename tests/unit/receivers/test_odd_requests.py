"""Whatever comes in over MQTT or Slack's socket: a request, or one that is refused in words."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.fakes.fuzzing import ODD_BODIES, SECRET, examples, odd_json
from tests.fakes.incident_builder import FakeClock
from watcher.http import exchange
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt.commands import LONGEST, REQUESTS, parse_request
from watcher.receivers.slack.interactive.service import SlackActions

COMMAND_WORDS = (
    *("by", "id", "response_topic", "incident", "matchers", "or_matchers", "for", "from", "until"),
    *("comment", "ticket", "confirmed", "number", "url", "silence", "rule=x", "subject=*", "90m"),
)
SLACK_WORDS = (
    *("type", "envelope_id", "payload", "reason", "block_actions", "view_submission", "user", "id"),
    *("actions", "action_id", "value", "selected_option", "channel", "container", "message_ts"),
    *("response_url", "view", "state", "values", "private_metadata", "callback_id", "command"),
    *("text", "user_id", "user_name", "channel_id", "trigger_id", "hello", "disconnect"),
)
DEEP = b'{"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}"


def refused(command: str, payload: bytes) -> str:
    """Return why a command is refused; empty if it is not."""
    try:
        parse_request(command, payload)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("command", REQUESTS)
def test_a_command_that_is_nested_deeply_or_long_is_refused(command):
    assert refused(command, DEEP[:LONGEST])
    assert refused(command, DEEP) == f"a command has at most {LONGEST} bytes"


@pytest.mark.fuzz
@pytest.mark.parametrize("command", REQUESTS)
@examples(60)
@given(payload=odd_json(COMMAND_WORDS))
def test_whatever_is_published_as_a_command_is_a_request_or_refused_in_words(command, payload):
    assert len(refused(command, payload)) < 1_000


class DeafCommands:
    """Refuses to be asked: nothing odd gets so far."""

    def __getattr__(self, name):
        raise AssertionError(f"{name} was asked for")


async def receive(text: str) -> list:
    """Hand a message of Slack's socket on, wait until all is done, and return what was logged."""
    async with exchange.open_session() as session:
        actions = SlackActions(
            settings=receiver_settings.Slack(bot_token=SECRET, api_url="http://127.0.0.1:1"),
            channels=("C0123456789",),
            session=session,
            commands=DeafCommands(),
            reader=DeafCommands(),
            clock=FakeClock(),
        )

        class Socket:
            async def send_json(self, message):
                pass

        with capture_logs() as logs:
            async with actions._group:
                await actions._socket._handle(text, Socket())
        return logs


@pytest.mark.parametrize("body", [*ODD_BODIES, DEEP], ids=lambda body: repr(body[:12]))
async def test_a_message_of_slacks_socket_that_cannot_be_read_is_one_line(body):
    text = body.decode(errors="replace")
    for kind in ("slash_commands", "interactive"):
        envelope = f'{{"type":"{kind}","envelope_id":"e","payload":{text or "{}"}}}'
        assert len(await receive(envelope)) <= 2
    assert len(await receive(text)) <= 1


@pytest.mark.fuzz
@examples(60)
@given(
    kind=st.sampled_from(["slash_commands", "interactive", "events_api", ""]),
    payload=odd_json(SLACK_WORDS),
)
def test_whatever_slack_sends_over_its_socket_is_survived(kind, payload):
    text = payload.decode(errors="replace") or "null"
    asyncio.run(receive(f'{{"type":"{kind}","envelope_id":"e","payload":{text}}}'))
    asyncio.run(receive(text))
