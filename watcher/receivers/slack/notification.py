"""What a Slack text says when a phone shows it alone, and which texts call people.

Pure. Each text begins with a mark, the circuit and what is so; one that calls people ends with what
to do. Law: green is for a recovery and nothing else; good news and acknowledgements call nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from watcher import model
from watcher.model import EntryKind, IncidentStatus, Resolution
from watcher.receivers.slack.blocks import FALLBACK, escape
from watcher.text import clean

MOST_CONTACTS = 5
CIRCUIT = 100  # characters of a circuit's name in a notification
FACT = 600  # and of what happened to it
LIGHTS = {
    model.Severity.CRITICAL: "\N{LARGE RED CIRCLE}",
    model.Severity.WARNING: "\N{LARGE ORANGE CIRCLE}",
    model.Severity.INFO: "\N{LARGE BLUE CIRCLE}",
}
RECOVERED = "\N{LARGE GREEN CIRCLE}"
AHEAD = "\N{SPIRAL CALENDAR PAD}"  # planned works
ATTENTION = "\N{WARNING SIGN}"  # planned works that coincide with something
OVER = "\N{MEDIUM BLACK CIRCLE}"  # for any other reason: it need not be well
LATE = "\N{CLOCK FACE FOUR OCLOCK}"

_GOOD_NEWS = {
    EntryKind.BETTER,
    EntryKind.SIGHTED,
    EntryKind.STEADY,
    EntryKind.CLEARED,
    EntryKind.RESOLVED,
    EntryKind.REMEDY_APPLIED,
    EntryKind.REMEDY_REVERTED,
    EntryKind.ACKNOWLEDGED,
    EntryKind.UNACKNOWLEDGED,
    EntryKind.NOTED,
}
# Of a quiet entry; one that people must notice has the light of the incident's severity.
SIGNS: Mapping[EntryKind, str] = {
    EntryKind.OPENED: OVER,
    EntryKind.REOPENED: OVER,
    EntryKind.JOINED: "\N{HEAVY PLUS SIGN}",
    EntryKind.CHANGED: "\N{ANTICLOCKWISE DOWNWARDS AND UPWARDS OPEN CIRCLE ARROWS}",
    EntryKind.WORSE: OVER,
    EntryKind.BETTER: "\N{DOWNWARDS BLACK ARROW}",
    EntryKind.VERDICT: "\N{LEFT-POINTING MAGNIFYING GLASS}",
    EntryKind.DETAILED: "\N{MEMO}",
    EntryKind.DIAGNOSING: "\N{HOURGLASS WITH FLOWING SAND}",
    EntryKind.DIAGNOSED: "\N{LEFT-POINTING MAGNIFYING GLASS}",
    EntryKind.ALTERNATIVES: "\N{TWISTED RIGHTWARDS ARROWS}",
    EntryKind.REMEDY_PROPOSED: "\N{UPWARDS BLACK ARROW}",
    EntryKind.REMEDY_APPROVED: "\N{THUMBS UP SIGN}",
    EntryKind.REMEDY_REFUSED: "\N{THUMBS DOWN SIGN}",
    EntryKind.REMEDY_WITHDRAWN: "\N{THUMBS DOWN SIGN}",
    EntryKind.REMEDY_UNTOUCHED: "\N{THUMBS DOWN SIGN}",
    EntryKind.REMEDY_WAITING: "\N{HOURGLASS WITH FLOWING SAND}",
    EntryKind.REMEDY_REQUESTED: "\N{HOURGLASS WITH FLOWING SAND}",
    EntryKind.REMEDY_PENDING: "\N{HOURGLASS WITH FLOWING SAND}",
    EntryKind.REMEDY_STUCK: "\N{HOURGLASS WITH FLOWING SAND}",
    EntryKind.REMEDY_APPLIED: "\N{UPWARDS BLACK ARROW}",
    EntryKind.REMEDY_REVERTED: "\N{DOWNWARDS BLACK ARROW}",
    EntryKind.REMEDY_FAILED: "\N{CROSS MARK}",
    EntryKind.REMEDY_UNKNOWN: "\N{BLACK QUESTION MARK ORNAMENT}",
    EntryKind.FALLBACK: "\N{TELEPHONE RECEIVER}",
    EntryKind.ACKNOWLEDGED: "\N{RAISED HAND}",
    EntryKind.UNACKNOWLEDGED: "\N{WAVING HAND SIGN}",
    EntryKind.ACK_EXPIRING: "\N{HOURGLASS WITH FLOWING SAND}",
    EntryKind.ACK_EXPIRED: "\N{WAVING HAND SIGN}",
    EntryKind.NOTED: "\N{MEMO}",
    EntryKind.TICKET: "\N{MEMO}",
    EntryKind.BLIND: "\N{MEDIUM WHITE CIRCLE}",
    EntryKind.SIGHTED: "\N{EYES}",
    EntryKind.VANISHED: "\N{BLACK QUESTION MARK ORNAMENT}",
    EntryKind.FLAPPING: "\N{ANTICLOCKWISE DOWNWARDS AND UPWARDS OPEN CIRCLE ARROWS}",
    EntryKind.STEADY: "\N{HEAVY MINUS SIGN}",
    EntryKind.REMINDED: "\N{BELL}",
    EntryKind.ESCALATED: "\N{BELL}",
    EntryKind.SUPPRESSED: "\N{BELL WITH CANCELLATION STROKE}",
    EntryKind.RELEASED: "\N{BELL}",
    EntryKind.LATE: LATE,
    EntryKind.ANNOUNCED: AHEAD,
    EntryKind.RESCHEDULED: AHEAD,
    EntryKind.CLEARED: "\N{HEAVY MINUS SIGN}",
    EntryKind.RESOLVED: OVER,
}
_CANNOT_SEE = " cannot see it"  # in an entry, behind what people call the vendor
_STATE_UNSAID = {
    EntryKind.ACK_EXPIRED,
    EntryKind.REMINDED,
    EntryKind.ESCALATED,
    EntryKind.RELEASED,
    EntryKind.FLAPPING,
}


def is_urgent(incident: model.Incident) -> bool:
    """Return whether people are mentioned: it is critical and not over."""
    return incident.severity is model.Severity.CRITICAL and not _is_over(incident)


def calls_people(incident: model.Incident, entry: model.Entry) -> bool:
    """Return whether an entry asks people to act now.

    What happened before the incident was over does not any more, but for a bandwidth that was left
    changed.
    """
    if not entry.notify or entry.kind in _GOOD_NEWS:
        return False
    return not _is_over(incident) or entry.kind.startswith("remedy_")


def is_broadcast(incident: model.Incident, entry: model.Entry) -> bool:
    """Return whether an entry mentions people and is shown in the channel, not only in its thread.

    An incident that is not critical does neither.
    """
    return calls_people(incident, entry) and incident.severity is model.Severity.CRITICAL


def is_shown_to_all(incident: model.Incident, entry: model.Entry) -> bool:
    """Return whether the channel shows an entry although it mentions nobody.

    Planned works have one thread from the first notice on: its digests would not be seen there.
    """
    return incident.is_announcement and calls_people(incident, entry)


def people_called(incident: model.Incident, entries: Sequence[model.Entry]) -> list[str]:
    """Return the mentions of the people whom entries call by name: who was on call then."""
    mentions = [str(entry.data.get("mention") or "") for entry in entries]
    return [] if _is_over(incident) else [mention for mention in mentions if mention]


def mark(incident: model.Incident) -> str:
    """Return the mark of an incident: its severity's light, or how it ended."""
    if not _is_over(incident):
        if incident.is_announcement:
            return AHEAD if incident.severity is model.Severity.INFO else ATTENTION
        return LIGHTS[incident.severity]
    return RECOVERED if incident.resolution is Resolution.RECOVERED else OVER


def entry_mark(view: model.IncidentView, entry: model.Entry) -> str:
    """Return the mark of an entry; what is no longer so has lost its light."""
    incident = view.incident
    if entry.kind is EntryKind.RESOLVED:
        last = max(other.number for other in view.timeline if other.kind is entry.kind)
        return mark(incident) if _is_over(incident) and entry.number == last else OVER
    lit = calls_people(incident, entry) or entry.kind is EntryKind.BETTER
    return mark(incident) if lit and not _is_over(incident) else SIGNS[entry.kind]


def leading_alert(view: model.IncidentView) -> model.IncidentAlert | None:
    """Return the alert that stands for the only subject; None where there is not exactly one."""
    alerts = view.by_subject
    return alerts[0] if len(alerts) == 1 else None


def count_subjects(view: model.IncidentView) -> int:
    """Return how many subjects there are; of more alerts than the view has, how many alerts."""
    alerts = sum(view.alert_counts.values())
    return alerts if alerts > len(view.alerts) else len(view.by_subject)


def circuit(view: model.IncidentView) -> str:
    """Return what an incident is about: a name, or the first one and how many more there are.

    Like `headline` and `ending` it is plain text, which is escaped where it becomes mrkdwn.
    """
    incident = view.incident
    if incident.accepts_until is not None:
        count = model.format_count(count_subjects(view), "subject")
        return clean(f"Storm on {incident.source} ({count})", CIRCUIT)
    if not view.alerts:
        return clean(incident.group, CIRCUIT)
    others = _others(view)
    return clean(view.alerts[0].name, CIRCUIT - len(others)) + others


def _others(view: model.IncidentView) -> str:
    more = count_subjects(view) - 1
    return f" and {more:,} more" if more > 0 else ""


def headline(view: model.IncidentView) -> str:
    """Return mark, circuit and what is so now: the title, or how it ended and after how long."""
    incident = view.incident
    title = clean(incident.title, FACT)
    if incident.is_announcement:  # its title says as well how it ended
        return f"{mark(incident)} {title}"
    if is_late(view) or not _is_over(incident):
        if not _names_circuit(view, title):  # whose number of others is the circuit's by now
            title = f"{circuit(view)}: {title.removesuffix(_others(view))}"
        return f"{LATE if is_late(view) else mark(incident)} {title}"
    return f"{mark(incident)} {circuit(view)}: {ending(view)}"


def is_late(view: model.IncidentView) -> bool:
    """Return whether an incident is about what was learned when it was over, and not more."""
    if not view.timeline or view.timeline[0].kind is not EntryKind.LATE:
        return False
    return all(entry.kind is not EntryKind.REOPENED for entry in view.timeline)


def ending(view: model.IncidentView) -> str:
    """Return how an incident ended, after how long, and where it matters in which state."""
    incident = view.incident
    alert = leading_alert(view)
    after = f"after {model.format_duration(incident.lasted(incident.end or incident.begin))}"
    how = ending_word(incident)
    text = f"{how} {after}" if incident.resolution is Resolution.RECOVERED else f"{how}, {after}"
    shown = incident.resolution in {Resolution.RECOVERED, Resolution.LAPSED, Resolution.MANUAL}
    return f"{text}: {clean(alert.to, 40)}" if shown and alert and alert.to else text


def ending_word(incident: model.Incident) -> str:
    """Return how an incident ended; a drill has no booked window."""
    return "the drill is over" if incident.is_drill else model.format_ending(incident.resolution)


def entry_text(view: model.IncidentView, entry: model.Entry, fact: str) -> str:
    """Return an entry's notification; `fact` is its text, escaped, with whatever belongs to it."""
    alone = _names_circuit(view, entry.text) or (view.incident.is_announcement and entry.notify)
    text = fact if alone else f"{escape(circuit(view))}: {fact}"
    what_to_do = todo(view, fact) if calls_people(view.incident, entry) else []
    return " · ".join([f"{entry_mark(view, entry)} {text}", *what_to_do])


def digest_text(view: model.IncidentView, entries: Sequence[model.Entry], fact: str) -> str:
    """Return the notification of several entries: how the incident is now, and what to do."""
    incident = view.incident
    what_to_do = todo(view, fact) if any(calls_people(incident, entry) for entry in entries) else []
    return " · ".join([escape(headline(view), FACT), fact, *what_to_do])


def entry_fact(view: model.IncidentView, entry: model.Entry, longest: int) -> str:
    """Return what an entry says, with the state where its text leaves that to the reader."""
    by = f" (by {escape(entry.by, 80)})" if entry.by and entry.by not in entry.text else ""
    text = escape(entry.text, longest)
    command = escape(str(entry.data.get("approve", "")))
    if command:
        text = text.replace(command, f"`{command}`")
    unsaid = entry.kind in _STATE_UNSAID and calls_people(view.incident, entry)
    state = _state_now(view) if unsaid else ""
    if not state:
        return f"{text}{by}"
    lead = ": " if entry.kind is EntryKind.REMINDED else "; now: "
    return f"{text}{by}{lead}{state}"


def fit(text: str, mention: str) -> str:
    """Return a notification within Slack's limit, with the mention last, so that it is not cut."""
    room = FALLBACK - len(mention) - 1
    return f"{text[:room]} {mention}".rstrip()


def todo(view: model.IncidentView, text: str) -> list[str]:
    """Return whose side it is and what to do, unless `text` says it; nothing once it is over."""
    incident = view.incident
    if _is_over(incident) or incident.is_announcement:
        return []
    side = model.format_side(incident.fault_domain)
    named = side and incident.fault_domain is not model.FaultDomain.UNDETERMINED
    parts = [side] if named and "likely" not in text.casefold() else []
    called = any(escape(contact.text) in text for contact in incident.contacts)
    return parts if called else [*parts, action(incident)]


def action(incident: model.Incident) -> str:
    """Return what a person who reads it is to do: call somebody, or acknowledge it."""
    if incident.is_drill:
        return "no action needed"
    if call := contacts(incident):
        return call
    if incident.acknowledged_by:
        return f"acknowledged by {escape(incident.acknowledged_by, 80)}"
    return f"acknowledge {escape(incident.id, 60)}"


def contacts(incident: model.Incident) -> str:
    """Return whom to call; each with its side where there are several.

    What is for the record alone is worth a ticket, and nobody's night.
    """
    several = len(incident.contacts) > 1
    people = [
        (f"{escape(contact.domain, 40)}: " if several else "") + escape(contact.text)
        for contact in incident.contacts[:MOST_CONTACTS]
    ]
    what_to_do = "open a ticket with" if incident.severity is model.Severity.INFO else "call"
    return f"{what_to_do} {'; '.join(people)}" if people else ""


def suppression_text(suppression: model.Suppression, now: datetime) -> str:
    """Return what holds notifications back, as in `silenced until 04:00 UTC by Ana: works`."""
    until = suppression.until
    at = model.format_time(until, now, seconds=False) if until else ""
    end = f" until {at}" if at else ""
    if suppression.sooner is not None:
        what = {"resolved": "it is resolved", "ended": "its booking ends"}[suppression.sooner]
        end = f" until {what}" + (f", {at} at the latest" if at else "")
    name = escape(suppression.name, 80)
    match suppression.kind:
        case model.SuppressionKind.SILENCE:
            by = f" by {escape(suppression.by, 80)}" if suppression.by else ""
            why = f": {escape(suppression.comment, 200)}" if suppression.comment else ""
            return f"silenced{end}{by}{why}"
        case model.SuppressionKind.MAINTENANCE:
            return f"maintenance {name}{end}"
        case model.SuppressionKind.INHIBITION:
            return f"inhibited by {name}"
        case model.SuppressionKind.PLANNED:
            planned = suppression.planned
            return escape(model.format_planned(planned, now) if planned else str(suppression), 200)


def unseen(view: model.IncidentView, now: datetime) -> str:
    """Return who cannot see the subjects since when; empty while they can be seen."""
    alert = leading_alert(view)
    blind = [entry for entry in view.timeline if entry.kind is EntryKind.BLIND]
    if "blind" in view.incident.flags:
        stamped = [entry for entry in blind if entry.data.get("failing_since")] or blind
        since = f" since {_failing_since(stamped[-1], now)}" if stamped else ""
        return f"{escape(view.incident.source, 60)} cannot be seen{since}"
    if alert is None or alert.unseen_since is None:
        return ""
    carriers = [entry.text.partition(_CANNOT_SEE)[0] for entry in blind]
    carrier = carriers[-1] if carriers and _CANNOT_SEE in blind[-1].text else "the vendor"
    since = model.format_time(alert.unseen_since, now)
    return f"{escape(carrier, 60)}{_CANNOT_SEE} since {since}"


def _failing_since(entry: model.Entry, now: datetime) -> str:
    stamp = entry.data.get("failing_since")
    at = datetime.fromisoformat(stamp) if isinstance(stamp, str) else entry.at
    return model.format_time(at, now)


def state_word(view: model.IncidentView) -> str:
    """Return the only subject's state in a word or a figure; empty where it has neither."""
    alert = leading_alert(view)
    if alert is None:
        return ""
    if alert.to is not None:
        return escape(alert.to, 40)
    if alert.value is None or not alert.metric:
        return ""
    limit = "" if alert.limit is None else f", limit {model.format_figure(alert.limit, alert.unit)}"
    return f"{escape(alert.metric, 60)} {model.format_figure(alert.value, alert.unit)}{limit}"


def _state_now(view: model.IncidentView) -> str:
    title = clean(view.incident.title)
    for name in (circuit(view), f"Storm on {view.incident.source}"):
        title = title.removeprefix(name)
    return state_word(view) or escape(title.lstrip(": "))


def _names_circuit(view: model.IncidentView, text: str) -> bool:
    """Return whether a text begins with the circuit, or with the name of one of several."""
    storm = f"Storm on {view.incident.source}"
    names = {storm, circuit(view), *(clean(alert.name, CIRCUIT) for alert in view.alerts)}
    rests = (text.removeprefix(name) for name in names if name and text.startswith(name))
    return any(not rest[:1].isalnum() for rest in rests)


def _is_over(incident: model.Incident) -> bool:
    return incident.status is IncidentStatus.RESOLVED
