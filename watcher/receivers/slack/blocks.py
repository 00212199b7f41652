"""What Slack messages are made of: escaped text within Slack's limits, Block Kit blocks.

Law: text that is not our own passes through `escape`, so that it is escaped, printable and bounded.
The blocks are slack-sdk's own models, which check Slack's limits before anything is sent.
Limits: docs.slack.dev, Block Kit; all blocks together fail near 13,000 characters (bolt-js 2509).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from slack_sdk.models import blocks as kit

from watcher import model
from watcher.text import clean

Block = dict[str, Any]

HEADER = 150
SECTION = 2_900  # Slack takes 3,000
MESSAGE = 11_000  # Slack fails near 13,000
FALLBACK = 3_000  # Slack asks for at most 4,000
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_CUT = "\N{HORIZONTAL ELLIPSIS}"


def escape(text: str, longest: int = 200) -> str:
    """Return text escaped for mrkdwn, on one line, at most `longest` characters after escaping."""
    parts: list[str] = []
    left = longest
    for character in clean(text, longest):
        part = _ESCAPES.get(character, character)
        left -= len(part)
        if left < 0:
            while parts and left < len(_CUT):
                left += len(parts.pop())
            parts.append(_CUT)
            break
        parts.append(part)
    return "".join(parts)


def code(text: str, longest: int = 200) -> str:
    """Return text escaped and shown as code, on one line."""
    return f"`{escape(text, longest).replace('`', chr(39))}`"


def link(url: str, label: str) -> str:
    """Return a link, or label and address as text where Slack would not follow the address."""
    if not url.startswith(("https://", "http://")) or any(c in url for c in "<>| \n"):
        return escape(f"{label}: {url}")
    return f"<{url.replace('&', '&amp;')}|{label}>"


def local_time(at: datetime) -> str:
    """Return a time that Slack shows in its reader's own time zone."""
    return f"<!date^{int(at.timestamp())}^{{time}}|{model.format_time(at, seconds=False)}>"


def fit_lines(lines: Sequence[str], *, longest: int = SECTION, rest: str = "and {} more") -> str:
    """Join as many lines as fit into `longest` characters; the last then counts the others."""
    room = longest - len(rest) - 8
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            kept.append(rest.format(len(lines) - len(kept)))
            break
        kept.append(line)
    return "\n".join(kept)


def paragraphs(lines: Iterable[str]) -> Iterator[str]:
    """Join lines into texts of at most a section's length each."""
    text = ""
    for line in lines:
        if text and len(text) + len(line) + 1 > SECTION:
            yield text
            text = ""
        text = f"{text}\n{line}" if text else line
    if text:
        yield text


def code_blocks(lines: Sequence[str]) -> list[str]:
    """Put plain lines into code blocks, each fit for a section, all together for one message."""
    safe = ["".join(_ESCAPES.get(c, c) for c in line).replace("```", "'''") for line in lines]
    kept = fit_lines(safe, longest=MESSAGE - SECTION, rest="and {} more lines")
    return [f"```\n{text}\n```" for text in paragraphs(kept.split("\n"))]


def header(text: str) -> Block:
    """Return a headline."""
    return kit.HeaderBlock(text=kit.PlainTextObject(text=clean(text, HEADER), emoji=True)).to_dict()


def section(text: str) -> Block:
    """Return a paragraph of mrkdwn."""
    return kit.SectionBlock(text=_mrkdwn(text)).to_dict()


def context(text: str) -> Block:
    """Return a line in small print."""
    return kit.ContextBlock(elements=[_mrkdwn(text)]).to_dict()


def plain(text: str) -> kit.PlainTextObject:
    """Return text that Slack shows as it is."""
    return kit.PlainTextObject(text=text)


def _mrkdwn(text: str) -> kit.MarkdownTextObject:
    """Return mrkdwn in which Slack makes no links of what merely looks like one (`verbatim`)."""
    return kit.MarkdownTextObject(text=text, verbatim=True)
