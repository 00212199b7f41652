"""Whatever Slack or a webhook answers: a value, or one of our errors, bounded and in words."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fakes.fuzzing import ODD_BODIES, RETRY_AFTER, SECRET, examples, odd_json
from tests.fakes.incident_builder import FakeClock, IncidentBuilder, InMemoryDelivery
from tests.servers.odd_answers import odd_server
from watcher import model
from watcher.http import exchange
from watcher.http.headers import LONGEST_DELAY
from watcher.receivers import settings as receiver_settings
from watcher.receivers.slack.api import GoneError, SlackApi
from watcher.receivers.slack.message import SlackMessage
from watcher.receivers.slack.receiver import SlackReceiver
from watcher.receivers.webhook import WebhookReceiver

WORDS = (
    *("ok", "error", "needed", "response_metadata", "messages", "next_cursor", "ts", "channel"),
    *("metadata", "event_type", "event_payload", "version", "incident", "receiver", "files", "id"),
    *("user", "team", "url", "file_id", "upload_url", "watcher_incident", "invalid_blocks"),
)
MESSAGE = SlackMessage(text="text", blocks=[])
CHANNEL = "C0123456789"
METHODS = {
    "check": lambda api: api.check(),
    "socket": lambda api: api.socket_url(),
    "post": lambda api: api.post(MESSAGE, payload={"incident": "w-1"}),
    "update": lambda api: api.update(MESSAGE, channel="C1", ts="1.0"),
    "history": lambda api: drain(api.history(since=FakeClock().now())),
    "replies": lambda api: drain(api.replies(channel="C1", ts="1.0")),
    "upload address": lambda api: api.upload_url("a.pdf", 3),
    "share": lambda api: api.share("F1", title="t", comment="c", channel="C1", thread="1.0"),
}
headers = st.builds(
    lambda wait, more: b"Retry-After: %s\r\n%s" % (wait.encode("utf-8"), more),
    RETRY_AFTER,
    st.sampled_from([b"", b"Location: http://127.0.0.1:1/x\r\n", b"Content-Type: text/html\r\n"]),
)
statuses = st.sampled_from([200, 200, 200, 204, 301, 302, 400, 401, 403, 404, 429, 500, 503])


async def drain(messages):
    return [message async for message in messages]


def slack_api(url: str, session) -> SlackApi:
    settings = receiver_settings.Slack(bot_token=SECRET, app_token=SECRET, api_url=url)
    return SlackApi(settings=settings, channel=CHANNEL, session=session, clock=FakeClock())


async def attempt(call) -> model.WatcherError | None:
    """Return the error of a call; any other than ours fails the test."""
    error = None
    try:
        await call
    except GoneError:
        return None
    except model.WatcherError as ours:
        error = ours
    text, delay = str(error or "fine"), getattr(error, "delay", None)
    assert SECRET not in text
    assert text.isprintable()
    assert len(text) < 1_000
    assert delay is None or 0 <= delay <= LONGEST_DELAY
    return error


@pytest.mark.fuzz
@pytest.mark.parametrize("method", METHODS)
@examples(25)
@given(body=odd_json(WORDS), status=statuses, headers=headers)
def test_whatever_slack_answers_is_a_value_or_one_of_our_errors(method, body, status, headers):
    async def scenario():
        async with odd_server() as server, exchange.open_session() as session:
            server.says(body, status=status, headers=headers)
            await attempt(METHODS[method](slack_api(server.url, session)))

    asyncio.run(scenario())


@pytest.mark.fuzz
@examples(25)
@given(messages=odd_json(WORDS), metadata=odd_json(WORDS))
def test_whatever_a_look_up_finds_the_delivery_ends_in_a_receipt_or_one_of_our_errors(
    messages, metadata
):
    async def scenario():
        builder = IncidentBuilder()
        delivery = InMemoryDelivery(builder, "noc")
        async with odd_server() as server, exchange.open_session() as session:
            receiver = SlackReceiver(
                name="noc",
                channel=receiver_settings.SlackReceiver(kind="slack", channel=CHANNEL),
                settings=receiver_settings.Slack(bot_token=SECRET, api_url=server.url),
                session=session,
                clock=FakeClock(),
            )
            for body in (messages, as_page(metadata), as_page(b'{"event_payload": "x"}')):
                server.says(body, status=200)
                await attempt(delivery.deliver(receiver))

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "odd",
    [
        {"ok": False, "error": {"nested": "object"}},
        {"ok": False, "error": ["list"]},
        {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": 7}},
        {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": {"0": "x"}}},
        {"ok": False, "error": "invalid_blocks", "response_metadata": ["messages"]},
        {"ok": True, "messages": ["text", "text"]},
        {"ok": True, "messages": [{"ts": 7, "metadata": "text"}]},
        {"ok": True, "messages": [{"ts": "1.0", "metadata": {"event_payload": "text"}}]},
        {"ok": True, "messages": [{"ts": "1.0", "files": ["F1"]}], "response_metadata": "text"},
        {"ok": "yes", "ts": {}, "channel": []},
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("method", METHODS)
async def test_an_answer_of_other_types_is_survived(odd, method):
    async with odd_server() as server, exchange.open_session() as session:
        server.says(json.dumps(odd).encode())
        await attempt(METHODS[method](slack_api(server.url, session)))


@pytest.mark.parametrize("body", ODD_BODIES, ids=lambda body: repr(body[:12]))
async def test_a_body_that_is_hardly_json_is_an_ambiguous_post(body):
    async with odd_server() as server, exchange.open_session() as session:
        server.says(body)
        error = await attempt(METHODS["post"](slack_api(server.url, session)))
        assert isinstance(error, model.AmbiguousError)


@pytest.mark.parametrize("wait", ["999999999999", "2592000", "9" * 400])
async def test_a_wait_of_more_than_an_hour_is_an_hour(wait):
    async with odd_server() as server, exchange.open_session() as session:
        server.says(b"", status=429, headers=f"Retry-After: {wait}\r\n".encode())
        error = await attempt(METHODS["post"](slack_api(server.url, session)))
        assert error.delay == LONGEST_DELAY
        error = await attempt(hook(server.url, session))
        assert error.delay == LONGEST_DELAY


async def test_a_redirect_of_slack_is_not_followed_to_anothers_ok():
    async with odd_server() as other, odd_server() as server, exchange.open_session() as session:
        other.says(b'{"ok": true, "channel": "C1", "ts": "1.0"}')
        for status in (301, 302, 303, 307, 308):
            location = f"Location: {other.url}/api\r\n".encode()
            server.says(b"", status=status, headers=location)
            for method, call in METHODS.items():
                error = await attempt(call(slack_api(server.url, session)))
                assert error is not None, method
                assert "redirect" in str(error)
        assert other.heads == []


@pytest.mark.fuzz
@examples(50)
@given(body=odd_json(WORDS), status=statuses, headers=headers)
@example(body=SECRET.encode(), status=204, headers=b"")  # what follows it is no HTTP
def test_whatever_a_webhook_answers_is_a_receipt_or_one_of_our_errors(body, status, headers):
    async def scenario():
        async with odd_server() as server, exchange.open_session() as session:
            server.says(body, status=status, headers=headers)
            error = await attempt(hook(server.url, session))
            assert (error is None) == (status == 200) or status == 204

    asyncio.run(scenario())


@pytest.mark.fuzz
@examples(50)
@given(raw=st.binary(max_size=200) | st.binary(max_size=100).map(lambda b: b"HTTP/1.1 200" + b))
def test_what_is_hardly_http_is_one_of_our_errors(raw):
    async def scenario():
        async with odd_server() as server, exchange.open_session() as session:
            server.answer = raw
            await attempt(METHODS["post"](slack_api(server.url, session)))
            await attempt(hook(server.url, session))

    asyncio.run(scenario())


CREDENTIALS = {  # what is secret in an address, where services put it
    "the last segment": ("/services/T012AB/B034CD/Xy9ZZsecretZZ", "Xy9ZZsecretZZ"),
    "an id before it": ("/services/T012AB/B034CD/Xy9ZZsecretZZ", "B034CD"),
    "a segment in the middle": ("/integration/0f3a77secret/enqueue", "0f3a77secret"),
    "words": ("/our-secret-topic", "our-secret-topic"),
    "a value of the query": ("/hook?room=noc&token=s3cr3t%2Bvalue", "s3cr3t+value"),
    "the same as it is written": ("/hook?room=noc&token=s3cr3t%2Bvalue", "s3cr3t%2Bvalue"),
    "a query alone": ("/hook?s3cr3tvalue", "s3cr3tvalue"),
    "a segment that is encoded": ("/hooks/s3cr%20t-%C3%A9", "s3cr t-é"),
    "a slash inside it": ("/hooks/half1%2Fhalf2", "half1/half2"),
}


@pytest.mark.parametrize("credential", CREDENTIALS)
async def test_no_part_of_an_address_that_may_be_a_credential_is_quoted(credential):
    path, secret = CREDENTIALS[credential]
    async with odd_server() as server, exchange.open_session() as session:
        server.answer = f"HTTP/1.1 {secret} what is this\r\n\r\n".encode()
        error = await attempt(hook(server.url + path, session, secret=""))
        assert error is not None
        assert secret not in str(error)
        assert "***" in str(error)


async def test_a_key_of_standard_webhooks_is_quoted_neither_with_its_prefix_nor_without():
    async with odd_server() as server, exchange.open_session() as session:
        key = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        server.answer = f"HTTP/1.1 {key} no\r\n\r\n".encode()
        error = await attempt(hook(server.url, session, secret=f"whsec_{key}"))
        assert key not in str(error)
        assert "***" in str(error)


def hook(url: str, session, *, secret: str = SECRET):
    receiver = WebhookReceiver(
        name="bridge",
        settings=receiver_settings.WebhookReceiver(
            kind="webhook", url=url if secret != SECRET else f"{url}/{SECRET}", secret=secret
        ),
        session=session,
        clock=FakeClock(),
    )
    return InMemoryDelivery(IncidentBuilder(), "bridge").deliver(receiver)


def as_page(metadata: bytes) -> bytes:
    """Return a page of messages whose metadata is this, if it is JSON."""
    try:
        inner = json.loads(metadata)
    except (ValueError, RecursionError):
        inner = None
    message = {"ts": "1.0", "metadata": {"event_type": "watcher_incident", "event_payload": inner}}
    return json.dumps({"ok": True, "messages": [message, inner]}).encode()
