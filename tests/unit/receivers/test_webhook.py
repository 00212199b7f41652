"""The webhook receiver against a real HTTP server."""

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta

import aiohttp
import pytest
from aiohttp import test_utils, web
from pydantic import ValidationError
from standardwebhooks import webhooks

from tests.fakes.incident_builder import InMemoryDelivery
from tests.servers.ports import free_port
from watcher import model
from watcher.receivers import settings as receiver_settings
from watcher.receivers.webhook import WebhookReceiver


@pytest.fixture
def delivery(builder):
    return InMemoryDelivery(builder, "bridge")


@pytest.fixture
def posts():
    return []


@pytest.fixture
def answers():
    return []


@pytest.fixture
def secret():
    return "s3cret"


@pytest.fixture
async def receiver(posts, answers, clock, secret):
    async def take(request):
        posts.append((dict(request.headers), await request.read()))
        status, headers = answers.pop(0) if answers else (204, {})
        return web.Response(status=status, headers=headers)

    app = web.Application()
    app.router.add_post("/hook/token-in-the-path", take)
    async with test_utils.TestServer(app) as server, aiohttp.ClientSession() as session:
        yield WebhookReceiver(
            name="bridge",
            settings=receiver_settings.WebhookReceiver(
                kind="webhook", url=str(server.make_url("/hook/token-in-the-path")), secret=secret
            ),
            session=session,
            clock=clock,
        )


async def test_nothing_is_posted_while_the_incident_is_suppressed(
    receiver, posts, builder, delivery
):
    builder.change(notify=("bridge",))
    await delivery.deliver(receiver)
    builder.change(notify=(), suppressed_by=("silence s-1 by ana",))
    await delivery.deliver(receiver)
    assert len(posts) == 1
    builder.change(suppressed_by=())  # one that it was escalated to before it was reopened
    await delivery.deliver(receiver)
    assert [headers["X-Watcher-Version"] for headers, _ in posts] == ["3", "5"]


async def test_each_version_is_posted_once_and_signed(receiver, posts, builder, delivery, clock):
    await delivery.deliver(receiver)
    await delivery.deliver(receiver)
    builder.diagnose()
    await delivery.deliver(receiver)
    assert [headers["X-Watcher-Version"] for headers, _ in posts] == ["2", "4"]
    headers, body = posts[0]
    assert json.loads(body)["id"] == headers["X-Watcher-Incident"] == "w-7k3m"
    assert headers["X-Watcher-Event-Id"] == "w-7k3m-1"
    assert headers["X-Watcher-Timestamp"] == str(int(clock.at.timestamp()))
    signed = headers["X-Watcher-Timestamp"].encode() + b"." + body
    digest = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert headers["X-Watcher-Signature"] == f"sha256={digest}"


@pytest.mark.parametrize("status", [500, 503, 429, 408])
async def test_what_may_pass_is_temporary_and_its_wait_is_kept(receiver, answers, delivery, status):
    answers.append((status, {"Retry-After": "17"}))
    with pytest.raises(model.TemporaryError) as caught:
        await delivery.deliver(receiver)
    assert caught.value.delay == 17
    await delivery.deliver(receiver)
    assert delivery.receipt.parent_version == 2


@pytest.mark.parametrize(("status", "headers"), [(401, {}), (404, {}), (302, {"Location": "/x"})])
async def test_a_refusal_is_said_without_the_secret_path(
    receiver, answers, delivery, status, headers
):
    answers.append((status, headers))
    with pytest.raises(model.PermanentError, match=r"receivers\.bridge\.url") as caught:
        await delivery.deliver(receiver)
    assert str(status) in str(caught.value)
    assert "token-in-the-path" not in str(caught.value)


async def test_nobody_there_is_temporary(delivery, clock):
    url = f"http://127.0.0.1:{free_port()}/secret"
    async with aiohttp.ClientSession() as session:
        receiver = WebhookReceiver(
            name="bridge",
            settings=receiver_settings.WebhookReceiver(kind="webhook", url=url),
            session=session,
            clock=clock,
        )
        with pytest.raises(model.TemporaryError) as caught:
            await delivery.deliver(receiver)
    assert "/secret" not in str(caught.value)


@pytest.fixture
def refused_once(answers):
    answers.append((503, {}))


@pytest.fixture
async def tried_twice_and_once_more(refused_once, receiver, posts, delivery, clock):
    with pytest.raises(model.TemporaryError):
        await delivery.deliver(receiver)
    clock.at += timedelta(seconds=7)
    await delivery.deliver(receiver)
    delivery.builder.diagnose()
    await delivery.deliver(receiver)
    return posts


KEY = base64.b64encode(bytes(range(200, 232))).decode()  # with a plus and a slash in it


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        (f"whsec_{KEY}", f"whsec_{KEY}"),
        ("s3cret", f"whsec_{base64.b64encode(b's3cret').decode()}"),
    ],
)
async def test_a_post_is_verified_as_standard_webhooks_are(
    tried_twice_and_once_more, clock, monkeypatch, key
):
    monkeypatch.setattr(webhooks, "datetime", FrozenTime(clock.at))
    posts = tried_twice_and_once_more
    for headers, body in posts:
        lower = {name.lower(): value for name, value in headers.items()}
        assert webhooks.Webhook(key).verify(body, lower)["id"] == "w-7k3m"
        with pytest.raises(webhooks.WebhookVerificationError):
            webhooks.Webhook(key).verify(body + b" ", lower)
    first, again, later = [headers["webhook-id"] for headers, _ in posts]
    assert first == again != later
    assert posts[1][0]["webhook-timestamp"] != posts[0][0]["webhook-timestamp"]


class FrozenTime:
    """The clock of the library, which refuses what is five minutes old."""

    def __init__(self, at):
        self.at = at

    def now(self, tz=None):
        return self.at

    def fromtimestamp(self, seconds, tz=None):
        return datetime.fromtimestamp(seconds, tz)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("whsec_" + KEY.replace("+", "-").replace("/", "_"), "not standard base64"),
        ("whsec_" + KEY[:-3], "not standard base64"),
        ("whsec_c2hvcnQ=", "must be 24 to 64 bytes in base64, not 5"),
    ],
)
def test_a_key_that_readers_would_decode_differently_is_refused(wrong, sentence):
    with pytest.raises(ValidationError, match=sentence):
        receiver_settings.WebhookReceiver(kind="webhook", url="https://a.example/", secret=wrong)
