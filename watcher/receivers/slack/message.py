"""An incident in words for a Slack channel: the parent message, read on a phone at 3 am.

Pure. The message answers in this order: what, how bad, whose side and whom to call, where, until
when, what the vendor's triage says. Every part is bounded, to stay within Slack's limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from watcher import model
from watcher.receivers.slack import blocks
from watcher.receivers.slack.blocks import escape
from watcher.text import clean

MOST_SUBJECTS = 10
MOST_CONTACTS = 5
_LIGHTS = {
    model.Severity.CRITICAL: "\N{LARGE RED CIRCLE}",
    model.Severity.WARNING: "\N{LARGE ORANGE CIRCLE}",
    model.Severity.INFO: "\N{LARGE BLUE CIRCLE}",
}
_GREEN = "\N{LARGE GREEN CIRCLE}"
_FLAGS = {
    "blind": "\N{MEDIUM WHITE CIRCLE} *The source is blind: this is the last known state*",
    "flapping": "*Flapping*: it keeps changing state",
    "inhibited": "Inhibited by another incident",
    "silenced": "Silenced",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackMessage:
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
    buttons: bool = False,
) -> SlackMessage:
    """Return the parent message of the incident's thread, as the incident is at `now`.

    `mention` is added while the incident is critical and not resolved. `duplicate` says that the
    same message may have been posted before, `late` when and why it came late. `buttons` are shown
    until the incident is resolved.
    """
    incident = view.incident
    call = mention if is_urgent(incident) else ""
    title = headline(incident, duplicate=duplicate)
    facts = list(_facts(view, now))
    facts[0] = f"{call} {facts[0]}".lstrip()
    sections = [blocks.header(title), blocks.section(blocks.fit_lines(facts))]
    if len(view.alerts) > 1:
        sections.append(blocks.section(blocks.fit_lines(list(_subject_list(view, now)))))
    triage = summarise_triage(incident.diagnostics)
    if triage:
        sections.append(blocks.section(blocks.fit_lines(triage)))
    if incident.remedy:
        sections.append(blocks.section(_remedy_line(incident.id, incident.remedy)))
    small = [_small_print(view, now), *([late] if late else [])]
    sections.append(blocks.context(" · ".join(small)))
    if buttons and incident.status is not model.IncidentStatus.RESOLVED:
        sections.append(blocks.actions(blocks.incident_buttons(view)))
    text = " · ".join([escape(title, 600), *_notification_parts(view, now)])
    return SlackMessage(text=f"{call} {text}".lstrip()[: blocks.FALLBACK], blocks=sections)


def is_urgent(incident: model.Incident) -> bool:
    """Whether people are mentioned: it is critical and not resolved."""
    return (
        incident.severity is model.Severity.CRITICAL
        and incident.status is not model.IncidentStatus.RESOLVED
    )


def headline(incident: model.Incident, *, duplicate: bool = False) -> str:
    """Return the title behind a coloured light: its severity's, or green once it is resolved."""
    suffix = " (possible duplicate)" if duplicate else ""
    over = incident.status is model.IncidentStatus.RESOLVED
    prefix = f"{_GREEN} Resolved: " if over else f"{_LIGHTS[incident.severity]} "
    return prefix + clean(incident.title, blocks.HEADER - len(prefix) - len(suffix)) + suffix


def _notification_parts(view: model.IncidentView, now: datetime) -> Iterator[str]:
    """Yield what a locked phone shows after the title."""
    incident = view.incident
    if incident.resolved_at is not None:
        lasted = model.format_duration(incident.resolved_at - incident.opened_at)
        yield f"{_ending(incident)} after {lasted}"
        return
    yield f"since {model.format_time(_since(view), now, seconds=False)}"
    side, call = _side(view), _contacts(incident)
    if side and "likely" not in incident.title.casefold():
        yield side
    if call:
        yield call


def _facts(view: model.IncidentView, now: datetime) -> Iterator[str]:
    incident = view.incident
    single = view.alerts[0] if len(view.alerts) == 1 else None
    yield _subject_line(view)
    yield _state_line(view, now)
    if incident.summary:
        yield escape(incident.summary, 500)
    over = incident.status is model.IncidentStatus.RESOLVED
    if not over:
        answer = " · ".join(part for part in (_side(view), _contacts(incident)) if part)
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


def _subject_line(view: model.IncidentView) -> str:
    """Return name, id and PO number; or how many subjects there are."""
    if not view.alerts:
        return f"*{escape(view.incident.group)}*"
    if len(view.alerts) != 1:
        counts = view.alert_counts.items()
        states = ", ".join(f"{count} {escape(state, 20)}" for state, count in counts if count)
        total = sum(view.alert_counts.values())
        return f"*{total} subjects* of {escape(view.incident.source)}: {states or 'none'}"
    alert = view.alerts[0]
    source, _, identity = alert.subject.partition("/")
    parts = [f"*{escape(alert.name)}*", f"{escape(source, 60)} {escape(identity, 80)}"]
    if alert.name == identity or not identity:
        del parts[1]
    if order := alert.labels.get("po_number"):
        parts.append(f"PO {escape(order, 60)}")
    return " · ".join(parts)


def _state_line(view: model.IncidentView, now: datetime) -> str:
    incident = view.incident
    state = _state(view)
    if incident.resolved_at is not None:
        lasted = model.format_duration(incident.resolved_at - incident.opened_at)
        ending = (
            f"{_ending(incident)} at {model.format_time(incident.resolved_at, now)} after {lasted}"
        )
        return f"{ending}: {state}" if state else ending
    if not state:
        return _opening_text(view) or f"Since {model.format_time(_since(view), now)}"
    return f"{state}, since {model.format_time(_since(view), now)}"


def _state(view: model.IncidentView) -> str:
    """Return the one subject's state; empty for a measured value, or for several subjects."""
    if len(view.alerts) != 1 or view.alerts[0].to is None:
        return ""
    alert = view.alerts[0]
    was = f", was {escape(alert.from_, 40)}" if alert.from_ else ""
    return f"*{escape(alert.to or '', 40)}*{was}"


def _opening_text(view: model.IncidentView) -> str:
    """Return the opening entry, which names metric and limit, with the value now."""
    kinds = {model.EntryKind.OPENED, model.EntryKind.REOPENED}
    openings = [entry.text for entry in view.timeline if entry.kind in kinds]
    if not openings or len(view.alerts) != 1:
        return ""
    text, value = escape(openings[-1], 400), view.alerts[0].value
    figure = "" if value is None else model.format_number(value)
    return f"*{text}*, now *{figure}*" if figure not in text else f"*{text}*"


def _ending(incident: model.Incident) -> str:
    return model.format_ending(incident.resolution).capitalize()


def _since(view: model.IncidentView) -> datetime:
    return min((alert.since for alert in view.alerts), default=view.incident.opened_at)


def _side(view: model.IncidentView) -> str:
    side = model.format_side(view.incident.fault_domain, mark="*")
    side = side[:1].upper() + side[1:]
    ingress = view.alerts[0].fields.get("ingress_state") if len(view.alerts) == 1 else None
    return f"{side} (ingress {escape(str(ingress), 40)})" if side and ingress else side


def _contacts(incident: model.Incident) -> str:
    """Return whom to call; each with its side where there are several."""
    several = len(incident.contacts) > 1
    people = [
        (f"{escape(contact.domain, 40)}: " if several else "") + escape(contact.text)
        for contact in incident.contacts[:MOST_CONTACTS]
    ]
    return f"call {'; '.join(people)}" if people else ""


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
    for alert in view.alerts[:MOST_SUBJECTS]:
        value = alert.to if alert.value is None else f"{alert.value:g}"
        state = escape(value or str(alert.state), 40)
        since = model.format_time(alert.since, now)
        yield f"\N{BULLET} {escape(alert.name, 120)}: *{state}* since {since}"
    more = sum(view.alert_counts.values()) - MOST_SUBJECTS
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


def _small_print(view: model.IncidentView, now: datetime) -> str:
    incident = view.incident
    parts = [escape(incident.id, 60), escape(incident.rule, 80), str(incident.severity)]
    times = [subject.vendor_time for subject in view.subjects.values() if subject.vendor_time]
    if times:
        parts.append(f"vendor data from {model.format_time(max(times), now)}")
    if incident.runbook:
        parts.append(blocks.link(incident.runbook, "Runbook"))
    return " · ".join(parts)


MOST_SERVICES = 3
MOST_FINDINGS = 5


def summarise_triage(diagnostics: Sequence[model.Diagnosis]) -> list[str]:
    """Return the newest run of each service with its first findings, line by line.

    A run that was skipped, because the last one was too recent, does not hide earlier findings.
    """
    newest: dict[str, model.Diagnosis] = {}
    for run in diagnostics:
        if run.status is not model.DiagnosisStatus.SKIPPED or run.service_id not in newest:
            newest[run.service_id] = run
    runs = list(newest.values())[-MOST_SERVICES:]
    return [line for run in runs for line in (_outcome(run), *_finding_lines(run, MOST_FINDINGS))]


def render_diagnosis(run: model.Diagnosis) -> list[str]:
    """Return one run with all its findings and suggested actions, line by line."""
    return [_outcome(run), *_finding_lines(run, len(run.findings) + len(run.actions))]


def _outcome(run: model.Diagnosis) -> str:
    """Return in one line how the run of a service ended."""
    service = f"*Vendor triage* of {escape(run.service_id, 80)}"
    message = escape(run.message, 300)
    match run.status:
        case model.DiagnosisStatus.RUNNING:
            return f"{service}: running"
        case model.DiagnosisStatus.FAILED:
            return f"{service} failed: {message or 'no reason given'}"
        case model.DiagnosisStatus.SKIPPED:
            return f"{service} was not run: {message or 'no reason given'}"
        case model.DiagnosisStatus.NO_REPORT:
            disposition = f": *{escape(run.disposition, 300)}*" if run.disposition else ""
            return f"{service}{disposition} (no PDF: {message or 'none received'})"
        case model.DiagnosisStatus.DONE:
            return f"{service}: *{escape(run.disposition, 300) or 'done'}*"


def report_title(run: model.Diagnosis, report: model.Report) -> str:
    """Return the comment above the uploaded PDF."""
    pages = f", {report.pages} page{'s' if report.pages != 1 else ''}" if report.pages else ""
    return f"Service Diagnostics report for {escape(run.service_id, 80)}{pages}"


def _finding_lines(run: model.Diagnosis, most: int) -> Iterator[str]:
    for finding in run.findings[:most]:
        yield f"\N{BULLET} {escape(finding, 400)}"
    more = len(run.findings) - most
    if more > 0:
        yield f"\N{BULLET} and {more} more: see the thread" + (" and its PDF" if run.report else "")
    for action in run.actions[:most]:
        yield f"Next: {escape(action, 400)}"
