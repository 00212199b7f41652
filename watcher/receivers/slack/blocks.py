"""Small pieces of Slack text: escaped vendor words, times, lines that fit into a block.

Law: text that is not our own passes through `say`, so that it is escaped, printable and bounded.
Limits: docs.slack.dev, Block Kit; all blocks together fail near 13,000 characters (bolt-js 2509).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from watcher import model
from watcher import text as texts

Block = dict[str, Any]

HEADER = 150
SECTION = 2_900  # Slack takes 3,000
MESSAGE = 11_000  # Slack fails near 13,000
FALLBACK = 3_000  # Slack asks for at most 4,000
clock = model.format_time
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_CUT = "\N{HORIZONTAL ELLIPSIS}"


def say(text: str, longest: int = 200) -> str:
    """Escape text for mrkdwn, on one line, at most `longest` characters once it is escaped."""
    parts: list[str] = []
    left = longest
    for character in texts.clean(text, longest):
        part = _ESCAPES.get(character, character)
        left -= len(part)
        if left < 0:
            while parts and left < len(_CUT):
                left += len(parts.pop())
            parts.append(_CUT)
            break
        parts.append(part)
    return "".join(parts)


def plain(text: str, longest: int) -> str:
    """Clean text for a plain_text object, which interprets nothing but emoji names."""
    return texts.clean(text, longest)


def link(url: str, label: str) -> str:
    """Write a link, or only its label where the address is none that Slack would follow."""
    if not url.startswith(("https://", "http://")) or any(c in url for c in "<>| \n"):
        return say(f"{label}: {url}")
    return f"<{url.replace('&', '&amp;')}|{label}>"


def local(at: datetime) -> str:
    """Write a time that Slack shows in its reader's own zone."""
    return f"<!date^{int(at.timestamp())}^{{time}}|{model.format_time(at, seconds=False)}>"


def header(text: str) -> Block:
    """Make a headline."""
    return {
        "type": "header",
        "text": {"type": "plain_text", "text": plain(text, HEADER), "emoji": True},
    }


def section(text: str) -> Block:
    """Make a paragraph; `verbatim` lets Slack make no links of what looks like some."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def context(text: str) -> Block:
    """Make a line in small print."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}]}


def button(
    label: str, action: str, value: str, *, style: str = "", ask: tuple[str, str, str] | None = None
) -> Block:
    """Make a button; `value` comes back with `action` when it is pressed.

    `ask`, a title, a sentence and the word for yes, is asked before it counts.
    """
    made: Block = {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "action_id": action,
        "value": value,
    }
    if style:
        made["style"] = style
    if ask:
        told = {"title": ask[0], "text": ask[1], "confirm": ask[2], "deny": "Not now"}
        made["confirm"] = {
            key: {"type": "plain_text", "text": plain(text, 300 if key == "text" else 30)}
            for key, text in told.items()
        }
    return made


def fit(lines: Sequence[str], *, longest: int = SECTION, rest: str = "and {} more") -> str:
    """Join as many lines as fit; the last then says how many more there are."""
    room = longest - len(rest) - 8
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            kept.append(rest.format(len(lines) - len(kept)))
            break
        kept.append(line)
    return "\n".join(kept)


def fenced(lines: Sequence[str]) -> list[str]:
    """Put plain lines into code blocks to copy, each fit for a section; all fit into a message."""
    safe = ["".join(_ESCAPES.get(c, c) for c in line).replace("```", "'''") for line in lines]
    kept = fit(safe, longest=MESSAGE - SECTION, rest="and {} more lines")
    return [f"```\n{text}\n```" for text in paragraphs(kept.split("\n"))]


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


ACKNOWLEDGE, SILENCE, DIAGNOSE, PACKET = "acknowledge", "silence", "diagnose", "packet"
APPROVE, REFUSE = "approve", "refuse"


def offer(view: model.IncidentView) -> Iterator[Block]:
    """Offer what can be done; an incident about no subject can only be taken."""
    told = view.incident
    if told.status is model.IncidentStatus.OPEN:
        yield button("Acknowledge", ACKNOWLEDGE, told.id, style="primary")
    else:
        yield button("Take over", ACKNOWLEDGE, told.id)
    if view.alerts:
        again = " again" if told.diagnostics else ""
        yield button("Silence 1 h", SILENCE, told.id)
        yield button(f"Run diagnostics{again}", DIAGNOSE, told.id)
        yield button("Carrier packet", PACKET, told.id)
    if told.remedy and told.remedy.approval(told.id):
        wanted = model.format_mbps(told.remedy.to_mbps)
        sentence = (
            f"{told.remedy.id} is raised from {model.format_mbps(told.remedy.from_mbps)} to"
            f" {wanted}. The carrier charges for it."
        )
        ask = ("Order it?", sentence, "Order")
        yield button(f"Approve {wanted}", APPROVE, told.id, style="primary", ask=ask)
        yield button("Refuse", REFUSE, told.id)
