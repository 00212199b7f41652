"""What the slash command lists, in mrkdwn that reads on a phone. Pure.

Each list is bounded, and says how much it leaves out; what somebody or a vendor wrote is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from watcher import model
from watcher.oncall.rota import OnCall
from watcher.operations import silences
from watcher.receivers.slack import blocks, notification
from watcher.receivers.slack.blocks import code, escape

MOST_LINES = 20
NAMES = ("open", "services", "silences", "why", "oncall", "help")
_HELP = (
    "`{command} open` \N{EN DASH} what is open, the worst first",
    "`{command} services TEXT` \N{EN DASH} how services are; TEXT is part of a name, id or label",
    "`{command} silences` \N{EN DASH} what is silenced, by whom and until when",
    "`{command} why ID` \N{EN DASH} what was seen of an incident or service, and who was notified",
    "`{command} oncall` \N{EN DASH} who is on call now, and who is next",
    "`{command} help` \N{EN DASH} this list",
)


def help_lines(command: str, *, unknown: str = "") -> list[str]:
    """Return the subcommands; `unknown` is the word that was none of them."""
    command = escape(command, 40) or "/watcher"
    first = f"There is no {code(unknown, 40)}. Type one of these:" if unknown else "*Watcher*"
    return [first, *(line.format(command=command) for line in _HELP)]


def incident_list(
    incidents: Sequence[model.Incident],
    health: Iterable[model.SourceHealth],
    active: Sequence[model.Silence],
    now: datetime,
) -> list[str]:
    """Return a line for each incident, at most MOST_LINES, each blind source and each silence."""
    worst_first = sorted(incidents, key=lambda incident: (-incident.severity.rank, incident.begin))
    count = model.format_count(len(incidents), "open incident")
    lines = [f"*{count}*" if incidents else "*No open incidents*"]
    lines += _bounded([_incident_line(incident, now) for incident in worst_first])
    for source in health:
        if source.sight is model.Visibility.BLIND:
            began = source.failing_since
            since = f" since {model.format_time(began, now)}" if began else ""
            blind = f"*{escape(source.source, 60)}* is blind{since}"
            lines.append(f"\N{MEDIUM WHITE CIRCLE} {blind}: failures there are unknown")
    return [*lines, *(silence_list(active, now) if active else ())]


def on_call_list(on_call: Sequence[OnCall]) -> list[str]:
    """Return who has each rota and who is next; it mentions nobody."""
    if not on_call:
        return ["*No rotas*: rule files can say who is on call"]
    return [f"*{escape(rota.rota, 80)}*: {escape(str(rota), 300)}" for rota in on_call]


def silence_list(active: Sequence[model.Silence], now: datetime) -> list[str]:
    """Return a line for each silence, the next to end first."""
    if not active:
        return ["*Nothing is silenced*"]
    return [
        f"*{model.format_count(len(active), 'silence')}*",
        *_bounded([_silence_line(silence, now) for silence in active]),
    ]


def subject_list(
    subjects: Sequence[model.Subject],
    sources: Iterable[model.SourceHealth],
    now: datetime,
    *,
    text: str,
    searched: int | None = None,
) -> list[str]:
    """Return a line for each subject; `searched` says after how many the search was given up."""
    blind = {health.source for health in sources if health.sight is model.Visibility.BLIND}
    about = f" with \N{LEFT DOUBLE QUOTATION MARK}{escape(text, 60)}\N{RIGHT DOUBLE QUOTATION MARK}"
    count = model.format_count(len(subjects), "service") if subjects else "No services"
    lines = [f"*{count}{about if text else ''}*"]
    lines += _bounded([_subject_line(subject, blind, now) for subject in subjects])
    if searched is not None:
        lines.append(f"Only the first {searched:,} were searched: begin TEXT with the source.")
    return lines


def plain_lines(lines: Sequence[str]) -> list[str]:
    """Return lines of plain text as sections for one message, the first in bold."""
    first, *rest = [escape(line, 600) for line in lines]
    return list(blocks.paragraphs(_within_a_message([f"*{first}*", *rest])))


def sections(lines: Sequence[str]) -> list[str]:
    """Return lines of mrkdwn as sections for one message."""
    return list(blocks.paragraphs(_within_a_message(lines)))


def matches(subject: model.Subject, text: str) -> bool:
    """Return whether a subject's key, name, labels or state contain a text, in any case."""
    if not text:
        return True
    values = (subject.key, *subject.labels.values(), str(subject.fields.get("state", "")))
    return any(text.casefold() in str(value).casefold() for value in values)


def _within_a_message(lines: Sequence[str]) -> list[str]:
    return blocks.fit_lines(lines, longest=blocks.MESSAGE - blocks.SECTION).split("\n")


def _bounded(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield f"and {len(lines) - MOST_LINES:,} more"


def _incident_line(incident: model.Incident, now: datetime) -> str:
    lasted = model.format_duration(incident.lasted(now))
    since = model.format_time(incident.begin, now)
    title = f"{notification.mark(incident)} {escape(incident.title)}"
    parts = [f"*{title}*", f"{lasted}, since {since}"]
    if incident.acknowledged_by:
        parts.append(f"acknowledged by {escape(incident.acknowledged_by, 80)}")
    parts += [str(flag) for flag in incident.flags]
    return " · ".join([*parts, escape(incident.id, 60)])


def _silence_line(silence: model.Silence, now: datetime) -> str:
    mark = "\N{BELL WITH CANCELLATION STROKE}"
    described = escape(silences.describe(silence, now), 400)
    return f"{mark} {described} \N{MIDDLE DOT} {escape(silence.id, 40)}"


def _subject_line(subject: model.Subject, blind: set[str], now: datetime) -> str:
    name, key = escape(subject.labels.get("name", ""), 120), escape(subject.key, 80)
    state = subject.fields.get("state", subject.fields.get("status"))
    value = f"*{escape(str(state), 40)}*" if state is not None else _figures(subject)
    last = "last known " if subject.source in blind or subject.missed else ""
    since = model.format_time(subject.since, now)
    identity = f" \N{MIDDLE DOT} {key}" if name else ""
    return f"\N{BULLET} {name or key}: {last}{value} since {since}{identity}"


def _figures(subject: model.Subject) -> str:
    """Return the fields of a subject without a state."""
    fields = [f"{name} {value}" for name, value in subject.fields.items() if value is not None]
    return escape(", ".join(fields), 120) or "nothing known"
