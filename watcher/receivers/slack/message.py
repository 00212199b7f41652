"""An incident in words for a Slack channel: the parent message, read on a phone at 3 am.

Pure. The message answers in this order: what, how bad, whose side and whom to call, where, until
when, what the vendor's triage says. Every part is bounded, to stay within Slack's limits.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from watcher import model
from watcher.receivers.slack import announcement, blocks, notification, triage
from watcher.receivers.slack.blocks import escape
from watcher.receivers.slack.interactive.buttons import incident_actions
from watcher.receivers.slack.template import MessageTemplate, RenderingError
from watcher.text import clean

MOST_SUBJECTS = 10
_FLAGS = {
    "flapping": "*Flapping*: it keeps changing state",
    "maintenance": "*Maintenance*: a window is open for it",
}
_MUTED = "\N{BELL WITH CANCELLATION STROKE}"
MOST_SUPPRESSIONS = 3


class SlackMessage(Struct, frozen=True, kw_only=True):
    """What is posted; `text` is shown in notifications and read by screen readers."""

    text: str
    blocks: list[blocks.Block]


def render_parent(
    view: model.IncidentView,
    *,
    now: datetime,
    mention: str = "",
    duplicate: bool = False,
    late: str = "",
    note: str = "",
    buttons: bool = False,
    template: MessageTemplate | None = None,
    page: str = "",
) -> SlackMessage:
    """Return the parent message of the incident's thread, as the incident is at `now`.

    `mention` is added while the incident is critical and not resolved. `duplicate` says that the
    same message may have been posted before, `late` when and why it came late, `note` which one it
    replaces and why. `buttons` are shown until the incident is resolved. The words of a `template`
    stand in the place of what is between headline and small print. `page` is its address.
    """
    incident = view.incident
    call = mention if notification.is_urgent(incident) else ""
    title = notification.headline(view)
    suffix = " (possible duplicate)" if duplicate else ""
    body, failure = _body(view, now, template, room=blocks.SECTION - len(call) - 1)
    body[0] = f"{call} {body[0]}".lstrip()
    sections = [blocks.header(_header(title, suffix)), *map(blocks.section, body)]
    small = [_small_print(view, now, page), *(part for part in (late, note, failure) if part)]
    sections.append(blocks.context(" · ".join(small)))
    if buttons:
        sections += incident_actions(view)
    text = " · ".join([escape(title + suffix, 800), *_notification_parts(view, now)])
    return SlackMessage(text=notification.fit(text, call), blocks=sections)


def _body(
    view: model.IncidentView, now: datetime, template: MessageTemplate | None, *, room: int
) -> tuple[list[str], str]:
    """Return the paragraphs of the message, and why they are not a template's.

    The first one has `room` characters.
    """
    if view.incident.is_announcement:
        return [blocks.fit_lines(list(announcement.lines(view.incident, now)), longest=room)], ""
    paragraphs = list(_paragraphs(view, now, room))
    if template is None:
        return paragraphs, ""
    try:
        lines = template.render(view, now, paragraphs)
    except RenderingError as error:
        return paragraphs, f"template {escape(template.name, 80)} failed: {escape(str(error))}"
    return [blocks.fit_lines(lines, longest=room)], ""


def _paragraphs(view: model.IncidentView, now: datetime, room: int) -> Iterator[str]:
    """Yield what the message says by itself: facts, subjects, triage, remedy."""
    incident = view.incident
    yield blocks.fit_lines(list(_facts(view, now)), longest=room)
    if notification.leading_alert(view) is None and view.alerts:
        yield blocks.fit_lines(list(_subject_list(view, now)))
    findings = triage.summarise_triage(incident.diagnostics)
    if findings:
        yield blocks.fit_lines(findings)
    if incident.remedy:
        yield _remedy_line(incident.id, incident.remedy)


def _header(title: str, suffix: str) -> str:
    return clean(title, blocks.HEADER - len(suffix)) + suffix


def _notification_parts(view: model.IncidentView, now: datetime) -> Iterator[str]:
    """Yield what a locked phone shows after the headline."""
    incident = view.incident
    if notification.is_late(view):
        yield _span(incident, now)
        return
    if incident.end is not None or incident.is_announcement:
        return
    yield from itertools.islice(_muted(incident, now), 1)
    unseen = notification.unseen(view, now)
    if unseen:
        state = notification.state_word(view)
        yield f"{unseen}; last known {state}" if state else f"{unseen}; this is the last known"
    yield f"since {model.format_time(incident.begin, now, seconds=False)}"
    if not view.alerts and not incident.is_drill and incident.summary:
        yield escape(incident.summary, 300)
    yield from notification.todo(view, incident.title)


_TICKET_STATES = {
    model.TicketState.ACKNOWLEDGED: "acknowledged",
    model.TicketState.IN_PROGRESS: "in progress",
    model.TicketState.PENDING: "*waits for us*",
    model.TicketState.RESOLVED: "resolved",
    model.TicketState.CLOSED: "closed",
}


def _facts(view: model.IncidentView, now: datetime) -> Iterator[str]:
    incident = view.incident
    single = notification.leading_alert(view)
    yield _subject_line(view, single)
    yield _state_line(view, single, now)
    yield from (f"{_MUTED} *{line}*" for line in _muted(incident, now))
    over = incident.status is model.IncidentStatus.RESOLVED
    if over and not notification.is_late(view) and not incident.is_drill:
        yield f"It was: {escape(incident.title, 300)}"
    if incident.summary:
        yield escape(incident.summary, 500)
    if not over:
        calls = (_side(incident, single), notification.contacts(incident))
        answer = " · ".join(part for part in calls if part)
        if answer:
            yield answer[0].upper() + answer[1:]
    if single:
        yield from _endpoints(single)
        subject = view.subjects.get(single.subject)
        if subject and not over:
            yield from _booked_window(subject.bookings, now)
        if subject and subject.notes:
            yield f"Note: {escape(subject.notes[0], 300)}"
    yield from (_FLAGS[flag] for flag in sorted(incident.flags) if flag in _FLAGS)
    if incident.acknowledged_by:
        at = (
            f" at {model.format_time(incident.acknowledged_at, now)}"
            if incident.acknowledged_at
            else ""
        )
        yield f"Acknowledged by *{escape(incident.acknowledged_by, 80)}*{at}"
    if incident.ticket:
        number, url = escape(incident.ticket.number, 80), incident.ticket.url
        shown = blocks.link(url, number) if url else number
        yield f"Carrier's ticket: {shown} ({_TICKET_STATES[incident.ticket.state]})"


def _muted(incident: model.Incident, now: datetime) -> Iterator[str]:
    """Yield what holds notifications back, until when and by whom; nothing once it is over."""
    if incident.status is model.IncidentStatus.RESOLVED:
        return
    for suppression in incident.suppressions[:MOST_SUPPRESSIONS]:
        yield notification.suppression_text(suppression, now)
    more = len(incident.suppressions) - MOST_SUPPRESSIONS
    if more > 0:
        yield f"and {more} more"
    if not incident.suppressions:  # as an earlier version left it
        yield from (flag for flag in ("silenced", "inhibited") if flag in incident.flags)


def _subject_line(view: model.IncidentView, single: model.IncidentAlert | None) -> str:
    """Return name, id and PO number; or how many subjects there are."""
    if not view.alerts:
        return f"*{escape(view.incident.group)}*"
    if single is None:
        counts = view.alert_counts.items()
        states = ", ".join(f"{count} {escape(state, 20)}" for state, count in counts if count)
        total = model.format_count(notification.count_subjects(view), "subject")
        return f"*{total}* of {escape(view.incident.source)}: {states or 'none'}"
    source, _, identity = single.subject.partition("/")
    parts = [f"*{escape(single.name)}*", f"{escape(source, 60)} {escape(identity, 80)}"]
    if single.name == identity or not identity:
        del parts[1]
    if order := single.labels.get("po_number"):
        parts.append(f"PO {escape(order, 60)}")
    return " · ".join(parts)


def _state_line(view: model.IncidentView, single: model.IncidentAlert | None, now: datetime) -> str:
    """Return what is so since when; the last known, where nobody can see it now."""
    incident = view.incident
    state = _state(single)
    if notification.is_late(view):
        span = _span(incident, now)
        return f"{state}, {span}" if state else span[0].upper() + span[1:]
    if incident.end is not None:
        how = notification.ending_word(incident)
        how = how[0].upper() + how[1:]
        lasted = model.format_duration(incident.lasted(now))
        text = f"{how} at {model.format_time(incident.end, now)} after {lasted}"
        return f"{text}: {state}" if state else text
    if state and single is not None:
        text = f"{state}, since {model.format_time(single.since, now)}"
        if incident.begin < single.since:
            text += f" (the fault began at {model.format_time(incident.begin, now)})"
    else:
        text = _measurement(single, now) or _opening_text(view, single)
        text = text or f"Since {model.format_time(incident.begin, now)}"
    unseen = notification.unseen(view, now)
    if not unseen:
        return text
    last = f"last known: {text}" if state else "this is the last known state"
    return f"\N{MEDIUM WHITE CIRCLE} *{unseen}*; {last}"


def _span(incident: model.Incident, now: datetime) -> str:
    """Return from when to when it was, and for how long."""
    begin = model.format_time(incident.begin, now)
    lasted = model.format_duration(incident.lasted(now))
    return f"from {begin} to {model.format_time(incident.end or now, now)}, for {lasted}"


def _state(single: model.IncidentAlert | None) -> str:
    """Return the one subject's state; empty for a measured value, or for several subjects."""
    if single is None or single.to is None:
        return ""
    was = f", was {escape(single.from_, 40)}" if single.from_ else ""
    return f"*{escape(single.to, 40)}*{was}"


def _measurement(single: model.IncidentAlert | None, now: datetime) -> str:
    """Return what is measured now, and the limit; empty for what is not."""
    if single is None or single.value is None or single.limit is None:
        return ""
    limit = model.format_figure(single.limit, single.unit)
    since = model.format_time(single.since, now)
    return f"*{escape(model.format_measurement(single), 300)}*, limit {limit}, since {since}"


def _opening_text(view: model.IncidentView, single: model.IncidentAlert | None) -> str:
    """Return the opening entry, which says what is wrong with what has no state."""
    kinds = {model.EntryKind.OPENED, model.EntryKind.REOPENED}
    openings = [entry.text for entry in view.timeline if entry.kind in kinds]
    return f"*{escape(openings[-1], 400)}*" if openings and single is not None else ""


def _side(incident: model.Incident, single: model.IncidentAlert | None) -> str:
    side = model.format_side(incident.fault_domain, mark="*")
    ingress = single.fields.get("ingress_state") if single else None
    return f"{side} (ingress {escape(str(ingress), 40)})" if side and ingress else side


def _endpoints(alert: model.IncidentAlert) -> Iterator[str]:
    ends = [_place(alert.labels, end) for end in ("origin", "destination")]
    if any(ends):
        yield " \N{RIGHTWARDS ARROW} ".join(end or "?" for end in ends)


def _place(labels: Mapping[str, str], end: str) -> str:
    name, city = labels.get(end, ""), labels.get(f"{end}_city", "")
    if not name or not city or city.casefold() in name.casefold():
        return escape(name or city, 300)
    return f"{escape(name, 300)} ({escape(city, 100)})"


def _booked_window(bookings: tuple[model.Booking, ...], now: datetime) -> Iterator[str]:
    """Yield the booked window that counts now, and how much of it is left."""
    spans = [
        (start, end)
        for booking in bookings
        if not booking.terminal
        and (start := booking.actual.start or booking.scheduled.start)
        and (end := booking.actual.end or booking.scheduled.end)
    ]
    if not spans:
        return
    # The current one; else the next one; else the one that ended last.
    start, end = min(spans, key=lambda span: (max(span[0] - now, now - span[1]), span))
    if now < start:
        left = f"starts in {model.format_duration(start - now)}"
    elif now <= end:
        left = f"*{model.format_duration(end - now)} left*"
    else:
        left = f"*overrun by {model.format_duration(now - end)}*"
    begin = model.format_time(start, now, seconds=False).removesuffix(" UTC")
    times = f"{begin} to {model.format_time(end, now, seconds=False)}"
    here = f"your time {blocks.local_time(start)} to {blocks.local_time(end)}"
    yield f"Booked {times} ({here}), {left} at {model.format_time(now, now, seconds=False)}"


def _subject_list(view: model.IncidentView, now: datetime) -> Iterator[str]:
    for alert in view.by_subject[:MOST_SUBJECTS]:
        value = alert.to if alert.value is None else model.format_figure(alert.value, alert.unit)
        state = escape(value or str(alert.state), 40)
        since = model.format_time(alert.since, now)
        yield f"\N{BULLET} {escape(alert.name, 120)}: *{state}* since {since}"
    more = notification.count_subjects(view) - MOST_SUBJECTS
    if more > 0:
        yield f"and {more} more"


def _remedy_line(incident: str, remedy: model.Remedy) -> str:
    """Return how the bandwidth is being changed; the thread says why."""
    what = escape(remedy.id, 80)
    before, after = model.format_mbps(remedy.from_mbps), model.format_mbps(remedy.to_mbps)
    if approve := remedy.approval(incident):
        raising = f"\N{UPWARDS BLACK ARROW} *Proposed*: raise {what} from {before} to {after}"
        return f"{raising}; approve with `{escape(approve)}`"
    if not what:
        return f"Bandwidth: {escape(remedy.message, 300)}"
    way = f"back to {before}" if remedy.reverting else f"from {before} to {after}"
    why = f" ({escape(remedy.message, 300)})" if remedy.message else ""
    ordering = remedy.status is model.RemedyStatus.APPROVED
    status = "being ordered" if ordering else str(remedy.status)
    return f"Bandwidth of {what} {way}: *{status}*{why}"


def _small_print(view: model.IncidentView, now: datetime, page: str) -> str:
    incident = view.incident
    parts = [escape(incident.id, 60), escape(incident.rule, 80), str(incident.severity)]
    times = [subject.vendor_time for subject in view.subjects.values() if subject.vendor_time]
    if times:
        parts.append(f"vendor data from {model.format_time(max(times), now)}")
    if incident.runbook:
        parts.append(blocks.link(incident.runbook, "Runbook"))
    if page:
        parts.append(blocks.link(page, "Board"))
    return " · ".join(parts)
