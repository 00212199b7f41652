"""A simulator to look at from outside, and an incident's thread as Watcher would post it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import aiohttp
import pytest
import stamina
from PIL import Image, ImageDraw
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.vendor_account import make_account
from watcher import simulator
from watcher.http import exchange
from watcher.vendors.http.account import VendorAccount

NOON = datetime(2026, 5, 14, 12, 0, tzinfo=UTC)


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return 1000.0 + self.passed

    def advance(self, seconds: float) -> None:
        self.passed += seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def scenario() -> simulator.Scenario:
    """The outage, with diagnostics that take no time."""
    whole = simulator.load("outage").model_dump(by_alias=True, exclude_unset=True)
    whole["world"]["diagnostics"]["services"]["SVC1"]["takes"] = "0s"
    return simulator.Scenario.model_validate(whole)


@pytest.fixture
async def sim(clock: HandClock, scenario: simulator.Scenario) -> AsyncIterator[simulator.Simulator]:
    """A simulator on a clock moved by hand, without a broker."""
    async with simulator.Simulator(scenario, clock, with_broker=False) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def slack(sim: simulator.Simulator) -> AsyncWebClient:
    """Slack's own client, without retries."""
    return AsyncWebClient(
        token=sim.credentials.slack_bot_token, base_url=sim.slack_api_url, retry_handlers=[]
    )


@pytest.fixture
def post_incident() -> Callable[[AsyncWebClient, bytes], Awaitable[str]]:
    """Post a whole incident; gives the parent's ts."""
    return _post_incident


async def _post_incident(slack: AsyncWebClient, pdf: bytes) -> str:
    channel = "C0123456789"
    first = await slack.chat_postMessage(
        channel=channel, text="USA East is offline", **_parent(resolved=False)
    )
    ts = first["ts"]
    await _reply(slack, ts, "<!here> :red_circle: *USA East is offline*. Call Lumen.", loud=True)
    await _reply(slack, ts, ":mag: Diagnostics of `SVC1` is under way")
    findings = (
        ":stethoscope: *Findings for `SVC1`*\n"
        "Transport fault between Denver and Charlotte: loss of signal on the long-haul span\n"
        "> Failed: *Transport access*: Loss of signal at CHRLNC-R7\n"
        "> Failed: *Service alarms*: LOS critical on span DNVR-CHRL\n"
        "1. Open a ticket with Lumen Repair and quote this disposition\n"
        "2. Ask for a reroute over the southern path"
    )
    await _reply(slack, ts, findings)
    await slack.files_upload_v2(
        file=pdf,
        filename="SVC1-diagnostics.pdf",
        title="Service Diagnostics SVC1",
        channel=channel,
        thread_ts=ts,
    )
    await slack.files_upload_v2(
        file=_picture(),
        filename="SVC1-page-1.png",
        title="First page",
        channel=channel,
        thread_ts=ts,
    )
    await _reply(slack, ts, ":large_green_circle: *Recovered* after 21 s", loud=True)
    await slack.chat_update(
        channel=channel, ts=ts, text="USA East recovered", **_parent(resolved=True)
    )
    return ts


async def _reply(slack: AsyncWebClient, ts: str, text: str, *, loud: bool = False) -> None:
    await slack.chat_postMessage(
        channel="C0123456789", thread_ts=ts, text=text, reply_broadcast=loud
    )


def _parent(*, resolved: bool) -> dict[str, Any]:
    light = ":large_green_circle:" if resolved else ":red_circle:"
    word = "recovered" if resolved else "is offline"
    facts = (
        "*offline*, ingress online, since 12:00:06 UTC\n"
        "Likely *Lumen* side: call <tel:+18005550199|Lumen NOC +1 800 555 0199>\n"
        "COMCAST MEDIA CENTER 1 (Centennial) → DSS | KMTC (Kings Mountain)\n"
        "On air until *14:15 UTC*, 2 h 14 min left"
    )
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": f"{light} USA East {word}"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": facts}},
        {
            "type": "section",
            "fields": [
                {"type": "mrkdwn", "text": "*Reservation*\n1234567"},
                {"type": "mrkdwn", "text": "*PO number*\n12345"},
            ],
        },
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "text": {"type": "plain_text", "text": "Acknowledge"},
                    "style": "primary",
                    "action_id": "ack",
                },
                {
                    "type": "button",
                    "text": {"type": "plain_text", "text": "Runbook"},
                    "url": "https://wiki.example/vyvx",
                    "action_id": "runbook",
                },
            ],
        },
        {
            "type": "context",
            "elements": [
                {"type": "mrkdwn", "text": "vyvx-service-down"},
                {"type": "mrkdwn", "text": "vyvx/1234567"},
            ],
        },
    ]
    color = "#2eb67d" if resolved else "#e01e5a"
    return {"attachments": [{"color": color, "blocks": blocks}]}


def _picture() -> bytes:
    image = Image.new("RGB", (612, 792), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 612, 72), fill="#0047bb")
    draw.text((58, 30), "Service Diagnostics summary", fill="white")
    for row in range(20):
        draw.rectangle((58, 120 + row * 22, 400 - row * 7 % 90, 128 + row * 22), fill="#d5dbe3")
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@asynccontextmanager
async def playing(text: str, clock: HandClock) -> AsyncIterator[simulator.Simulator]:
    """Play a scenario that a test wrote."""
    scenario = simulator.parse(text, name="played.yaml")
    async with simulator.Simulator(scenario, clock, with_broker=False) as sim:
        yield sim


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The session that the vendors' clients share, whose retries do not wait."""
    with stamina.set_testing(testing=True, attempts=3, cap=True):
        async with exchange.open_session() as opened:
            yield opened


@pytest.fixture
def account_of(sim, session, clock) -> Callable[[str], VendorAccount]:
    """Make the account of a vendor."""
    return lambda vendor: make_account(sim, vendor, session, clock)
