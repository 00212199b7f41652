"""Slack's mrkdwn becomes HTML that cannot do anything: everything is escaped, links are checked.

Source: docs.slack.dev, "Formatting message text". Times are shown in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape

from markupsafe import Markup

# The signs that Watcher sends: what people write between colons, and the character for it. The page
# has a drawing of each (assets/emoji.svg, an id `e-NAME`), for machines without an emoji font.
EMOJI: Mapping[str, str] = {
    "arrow_up": "⬆",
    "arrows_counterclockwise": "🔄",
    "bell": "🔔",
    "black_circle": "⚫",
    "eyes": "👀",
    "hourglass_flowing_sand": "⏳",
    "large_blue_circle": "🔵",
    "large_green_circle": "🟢",
    "large_orange_circle": "🟠",
    "mag": "🔍",
    "memo": "📝",
    "no_bell": "🔕",
    "question": "❓",
    "raised_hand": "✋",
    "red_circle": "🔴",
    "telephone_receiver": "📞",
    "warning": "⚠",
    "wave": "👋",
    "white_check_mark": "✅",
    "white_circle": "⚪",
    "x": "❌",
}
_NAMES = {character: name for name, character in EMOJI.items()}
_ALIASES = {"large_red_circle": "red_circle"}
_LITERAL = re.compile(r"```(.+?)```|`([^`\n]+)`", re.DOTALL)
_TOKEN = re.compile(r"<([^<>\n]+)>")
_HIDDEN = re.compile("\ue000(\\d+)\ue001")
_EMOJI_NAME = re.compile(r":([a-z0-9_+'-]+):")
_EMOJI_CHARACTER = re.compile("[" + "".join(_NAMES) + "]\ufe0f?")
_DATE = re.compile(r"!date\^(\d+)\^([^|^]+)(?:\^[^|]+)?")
_MARKS = (
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![\w_])_(?=\S)([^_\n]+?)(?<=\S)_(?![\w_])"), r"<em>\1</em>"),
    (re.compile(r"(?<![\w~])~(?=\S)([^~\n]+?)(?<=\S)~(?![\w~])"), r"<s>\1</s>"),
)
_DATE_FORMATS = {
    "{date_num}": "%Y-%m-%d",
    "{date}": "%B %-d, %Y",
    "{date_pretty}": "%B %-d, %Y",
    "{date_short}": "%b %-d, %Y",
    "{date_short_pretty}": "%b %-d, %Y",
    "{date_long}": "%A, %B %-d, %Y",
    "{date_long_pretty}": "%A, %B %-d, %Y",
    "{time}": "%H:%M",
    "{time_secs}": "%H:%M:%S",
}


def render(text: str, channels: Mapping[str, str] | None = None) -> Markup:
    """Return mrkdwn as HTML; `channels` has the names of channel ids."""
    hidden: list[str] = []

    def hide(html: str) -> str:
        hidden.append(html)
        return f"\ue000{len(hidden) - 1}\ue001"

    def literal(match: re.Match[str]) -> str:
        if match[1] is not None:
            return hide(f"<pre>{_safe(match[1].strip(chr(10)))}</pre>")
        return hide(f"<code>{_safe(match[2])}</code>")

    text = text.replace("\ue000", "").replace("\ue001", "")
    text = _LITERAL.sub(literal, text)
    text = _TOKEN.sub(lambda match: hide(_token(match[1], channels or {})), text)
    html = _decorated(_safe(text))
    html = _quoted(html)
    html = _HIDDEN.sub(lambda match: hidden[int(match[1])], html)
    # A hidden piece may hold another: code inside a link's label.
    html = _HIDDEN.sub(lambda match: hidden[int(match[1])], html)
    html = html.replace("</pre><br>", "</pre>")
    return Markup(html)  # noqa: S704  # every piece of text in it has been through `_safe`


def plain(text: str) -> Markup:
    """Return a plain_text object as HTML: no marks, but emoji."""
    return Markup(_with_emoji(_safe(text)).replace("\n", "<br>"))  # noqa: S704  # escaped just here


def _safe(text: str) -> str:
    """Undo Slack's own three escapes, then escape for HTML."""
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return escape(text)


def _decorated(html: str) -> str:
    for pattern, replacement in _MARKS:
        html = pattern.sub(replacement, html)
    return _with_emoji(html)


def _with_emoji(html: str) -> str:
    html = _EMOJI_NAME.sub(lambda match: _emoji(match[1]) or match[0], html)
    return _EMOJI_CHARACTER.sub(lambda match: _emoji(_NAMES[match[0][0]]) or match[0], html)


def _emoji(name: str) -> str | None:
    name = _ALIASES.get(name, name)
    if name not in EMOJI:
        return None
    return (
        f'<svg class="emoji" role="img" aria-label="{name}" viewBox="0 0 20 20">'
        f'<use href="#e-{name}"></use></svg>'
    )


def _quoted(html: str) -> str:
    """Turn lines that start with `>` into one quotation, other line ends into breaks."""
    parts: list[str] = []
    quote: list[str] = []
    for line in html.split("\n"):
        if line.startswith("&gt;"):
            quote.append(line.removeprefix("&gt;").lstrip())
            continue
        if quote:
            parts.append(f"<blockquote>{'<br>'.join(quote)}</blockquote>")
            quote = []
        parts.append(f"{line}<br>")
    if quote:
        parts.append(f"<blockquote>{'<br>'.join(quote)}</blockquote>")
    return "".join(parts).removesuffix("<br>")


def _token(inside: str, channels: Mapping[str, str]) -> str:
    """Return what is between angle brackets as HTML: a mention, a date, a link, or plain text."""
    target, _, label = inside.partition("|")
    if target.startswith(("http://", "https://", "mailto:", "tel:")):
        shown = _decorated(_safe(label or target))
        href = _safe(target)
        return f'<a href="{href}" target="_blank" rel="noopener noreferrer">{shown}</a>'
    if date := _DATE.fullmatch(target):
        return f"<time>{_safe(_written(date))}</time>"
    return _mention(target, label, channels) or _safe(f"<{inside}>")


def _mention(target: str, label: str, channels: Mapping[str, str]) -> str | None:
    if target in {"!here", "!channel", "!everyone"}:
        return f'<span class="mention loud">@{target[1:]}</span>'
    if target.startswith("!subteam^"):
        return f'<span class="mention loud">{_safe(label or "@group")}</span>'
    if target.startswith("@"):
        return f'<span class="mention">@{_safe(label or target[1:])}</span>'
    if target.startswith("#"):
        name = label or channels.get(target[1:], target[1:])
        return f'<span class="mention">#{_safe(name)}</span>'
    return None


def _written(date: re.Match[str]) -> str:
    at = datetime.fromtimestamp(int(date[1][:11]), UTC)
    text = date[2]
    for name, pattern in _DATE_FORMATS.items():
        text = text.replace(name, at.strftime(pattern))
    return text
