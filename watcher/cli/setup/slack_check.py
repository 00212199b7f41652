"""Tries one Slack channel without posting, and says what in its settings notifies nobody.

Source: docs.slack.dev, "Formatting message text" (mentions) and "Tokens".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from watcher import model
from watcher.receivers import settings as receiver_settings
from watcher.receivers.slack.api import SlackApi

_EVERYBODY = ("here", "channel", "everyone")
_MENTION = re.compile(r"<[@!#][^<>]+>")  # what Slack takes for a mention
_FILL_IN = re.compile(r"\.\.\.|x{6,}|your|change.?me|placeholder|example|<.*>", re.IGNORECASE)
_EXAMPLE_CHANNEL = "C0123456789"  # of config.example.toml
_SLACK = "https://slack.com/"


async def check(
    api: SlackApi, receiver: receiver_settings.SlackReceiver, slack: receiver_settings.Slack
) -> tuple[str, tuple[str, ...]]:
    """Try the token and read a message of the channel; return a sentence, and remarks.

    Raises TemporaryError or PermanentError, with the remarks in its text.
    """
    remarks = tuple(remarks_on(receiver, slack))
    try:
        sentence = await api.check()
        await api.read_one()
    except model.TemporaryError:
        raise
    except model.PermanentError as error:
        raise model.PermanentError("; ".join([str(error), *remarks])) from error
    return sentence, remarks


def remarks_on(
    receiver: receiver_settings.SlackReceiver, slack: receiver_settings.Slack
) -> Iterator[str]:
    """Yield what is probably wrong in the settings of a channel, although Slack takes it."""
    yield from _remarks_on_mention(receiver.mention)
    yield from _remarks_on_token(
        "bot_token", slack.bot_token.get_secret_value(), right="xoxb-", other="xapp-"
    )
    yield from _remarks_on_token(
        "app_token", slack.app_token.get_secret_value(), right="xapp-", other="xoxb-"
    )
    if receiver.channel == _EXAMPLE_CHANNEL and f"{slack.api_url}/".startswith(_SLACK):
        yield f"channel {_EXAMPLE_CHANNEL} is the one of config.example.toml: put in your own"


def _remarks_on_mention(mention: str) -> Iterator[str]:
    for word in _MENTION.sub(" ", mention).split():
        name = word.strip("<>").lstrip("@!")
        if name.casefold() in _EVERYBODY:
            yield f'mention "{word}" notifies nobody: write <!{name.casefold()}>'
        elif word.startswith(("@", "#", "<")):
            yield (
                f'mention "{word}" notifies nobody: write <@MEMBER_ID> for a person, or'
                " <!subteam^GROUP_ID> for a user group"
            )


def _remarks_on_token(key: str, token: str, *, right: str, other: str) -> Iterator[str]:
    """Yield what is wrong with a token, without showing it."""
    if not token:
        return
    if token.startswith(other):
        wanted = "app_token" if key == "bot_token" else "bot_token"
        yield f"slack.{key} begins with {other}, so it belongs into slack.{wanted}"
    elif token.startswith("xoxp-"):
        yield f"slack.{key} begins with xoxp-: it is a person's token, and {right}... is wanted"
    elif _FILL_IN.search(token):
        yield f"slack.{key} is still a placeholder: put in your own ({right}...)"
    elif not token.startswith(right):
        yield f"slack.{key} does not begin with {right}"
