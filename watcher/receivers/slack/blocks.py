"""What Slack messages are made of: escaped text within Slack's limits, Block Kit blocks, buttons.

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


def actions(buttons: Iterable[kit.ButtonElement]) -> Block:
    """Return a row of buttons."""
    return kit.ActionsBlock(elements=list(buttons)).to_dict()


ACKNOWLEDGE, SILENCE, DIAGNOSE, PACKET = "acknowledge", "silence", "diagnose", "packet"
APPROVE, REFUSE = "approve", "refuse"


def incident_buttons(view: model.IncidentView) -> Iterator[kit.ButtonElement]:
    """Yield a button for each action; without a subject an incident can only be acknowledged."""
    incident = view.incident
    if incident.status is model.IncidentStatus.OPEN:
        yield _button("Acknowledge", ACKNOWLEDGE, incident.id, style="primary")
    else:
        yield _button("Take over", ACKNOWLEDGE, incident.id)
    if view.alerts:
        again = " again" if incident.diagnostics else ""
        yield _button("Silence 1 h", SILENCE, incident.id)
        yield _button(f"Run diagnostics{again}", DIAGNOSE, incident.id)
        yield _button("Carrier packet", PACKET, incident.id)
    if incident.remedy and incident.remedy.approval(incident.id):
        wanted = model.format_mbps(incident.remedy.to_mbps)
        sentence = (
            f"{incident.remedy.id} is raised from {model.format_mbps(incident.remedy.from_mbps)} to"
            f" {wanted}. The carrier charges for it."
        )
        confirm = kit.ConfirmObject(
            title=_plain("Order it?"),
            text=_plain(clean(sentence, 300)),
            confirm=_plain("Order"),
            deny=_plain("Not now"),
        )
        yield _button(f"Approve {wanted}", APPROVE, incident.id, style="primary", confirm=confirm)
        yield _button("Refuse", REFUSE, incident.id)


def _button(
    label: str,
    action: str,
    incident: str,
    *,
    style: str | None = None,
    confirm: kit.ConfirmObject | None = None,
) -> kit.ButtonElement:
    """Return a button; pressed, it sends `action` with the incident's id as its value."""
    return kit.ButtonElement(
        text=_plain(label), action_id=action, value=incident, style=style, confirm=confirm
    )


def _plain(text: str) -> kit.PlainTextObject:
    return kit.PlainTextObject(text=text)


def _mrkdwn(text: str) -> kit.MarkdownTextObject:
    """Return mrkdwn in which Slack makes no links of what merely looks like one (`verbatim`)."""
    return kit.MarkdownTextObject(text=text, verbatim=True)
