"""`watcher check --connect` on Slack: what would fail later, and what would notify nobody."""

import aiohttp
import pytest

from tests.fakes.slack_channel import NOC
from watcher import model, simulator
from watcher.cli.setup import slack_check
from watcher.receivers import settings as receiver_settings
from watcher.receivers.slack.api import SlackApi
from watcher.receivers.slack.message import SlackMessage
from watcher.simulator import scenario


def remarks(mention="<!here>", channel="C0000000NOC", **slack):
    slack = {"bot_token": "xoxb-1-2-abc", "app_token": "xapp-1-A-2-abc"} | slack
    return list(
        slack_check.remarks_on(
            receiver_settings.SlackReceiver(kind="slack", channel=channel, mention=mention),
            receiver_settings.Slack(**slack),
        )
    )


@pytest.mark.parametrize(
    "mention", ["", "<!here>", "<@U0ANN>", "<!subteam^S012>", "<@U1> <@U2>", "Ann: <!here|here>"]
)
def test_settings_that_are_right_are_not_remarked_on(mention):
    assert remarks(mention) == []


@pytest.mark.parametrize(
    ("mention", "remark"),
    [
        ("@here", 'mention "@here" notifies nobody: write <!here>'),
        ("here", 'mention "here" notifies nobody: write <!here>'),
        ("!channel", 'mention "!channel" notifies nobody: write <!channel>'),
        ("<!here> @here", 'mention "@here" notifies nobody: write <!here>'),
        (
            "@ann",
            (
                'mention "@ann" notifies nobody: write <@MEMBER_ID> for a person, or'
                " <!subteam^GROUP_ID> for a user group"
            ),
        ),
    ],
)
def test_a_mention_that_notifies_nobody_is_remarked_on(mention, remark):
    assert remarks(mention) == [remark]


@pytest.mark.parametrize(
    ("settings", "remark"),
    [
        (
            {"bot_token": "xapp-1-secret"},
            "slack.bot_token begins with xapp-, so it belongs into slack.app_token",
        ),
        (
            {"app_token": "xoxb-1-secret"},
            "slack.app_token begins with xoxb-, so it belongs into slack.bot_token",
        ),
        (
            {"bot_token": "xoxp-1-secret"},
            "slack.bot_token begins with xoxp-: it is a person's token, and xoxb-... is wanted",
        ),
        (
            {"bot_token": "xoxb-..."},
            "slack.bot_token is still a placeholder: put in your own (xoxb-...)",
        ),
        (
            {"bot_token": "xoxb-your-token"},
            "slack.bot_token is still a placeholder: put in your own (xoxb-...)",
        ),
        (
            {"channel": "C0123456789"},
            "channel C0123456789 is the one of config.example.toml: put in your own",
        ),
    ],
)
def test_a_token_of_the_wrong_kind_and_a_placeholder_are_remarked_on(settings, remark):
    assert remarks(**settings) == [remark]
    assert "secret" not in remark


@pytest.fixture
async def check(clock, monkeypatch):
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    monkeypatch.delenv("http_proxy", raising=False)

    async def run(mention="<!here>", channel=NOC, token=None, fault=None):
        text = "world: {slack: {channels: {C0123456789: {name: noc}, C0OUTSIDE1: {name: other,"
        world = scenario.parse(f"{text} member: false}}}}}}}}", name="slack.yaml")
        async with (
            simulator.Simulator(world, clock, with_broker=False) as sim,
            aiohttp.ClientSession() as session,
        ):
            if fault:
                sim.change(fault={"vendor": "slack", "kind": "answer", **fault})
            settings = receiver_settings.Slack(
                bot_token=token or sim.credentials.slack_bot_token,
                api_url=sim.slack_api_url.rstrip("/"),
            )
            receiver = receiver_settings.SlackReceiver(
                kind="slack", channel=channel, mention=mention
            )
            api = SlackApi(settings=settings, channel=channel, session=session, clock=clock)
            return await slack_check.check(api, receiver, settings)

    return run


async def test_a_channel_that_works_is_named(check):
    sentence, remarks = await check()
    assert sentence == f"posts to {NOC} as watcher of Network operations"
    assert remarks == ()


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        ("C0NOWHERE1", "channel_not_found.*there is no such channel, or the bot cannot see it"),
        ("C0OUTSIDE1", "not_in_channel.*not a member of the channel: /invite it there"),
    ],
)
async def test_a_channel_that_cannot_be_read_is_a_fault_in_words(check, channel, words):
    with pytest.raises(model.PermanentError, match=words):
        await check(channel=channel)


async def test_a_missing_scope_to_read_is_named(check):
    body = {"ok": False, "error": "missing_scope", "needed": "channels:history"}
    with pytest.raises(model.PermanentError, match="channels:history"):
        await check(fault={"endpoint": "conversations.history", "body": body})


async def test_an_app_token_as_bot_token_says_where_it_belongs(check):
    with pytest.raises(model.PermanentError, match=r"belongs into slack\.app_token") as caught:
        await check(token="xapp-simulated")
    assert "another kind" in str(caught.value)


async def test_remarks_come_with_what_works(check):
    _, remarks = await check(mention="@here")
    assert remarks == ('mention "@here" notifies nobody: write <!here>',)


async def test_blocks_are_validated_without_posting_them(sim, clock):
    settings = receiver_settings.Slack(
        bot_token=sim.credentials.slack_bot_token, api_url=sim.slack_api_url.rstrip("/")
    )
    good = {"type": "section", "text": {"type": "mrkdwn", "text": "*hello*"}}
    bad = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}}
    async with aiohttp.ClientSession() as session:
        api = SlackApi(settings=settings, channel=NOC, session=session, clock=clock)
        assert await api.validate(SlackMessage(text="", blocks=[good])) == ()
        assert await api.validate(SlackMessage(text="", blocks=[good, bad])) == (
            "/1/text/text: must be less than 3001 characters",
        )
    assert list(sim.workspace.top(NOC)) == []
