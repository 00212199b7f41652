"""An incident in words for a Slack channel: the parent message, read on a phone at 3 am.

Law: pure. It answers in this order: what, how bad, whose side and whom to call, where, until when,
what the vendor's triage says. Everything is bounded, so that Slack's limits are never met.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from watcher import model
from watcher.receivers.slack import blocks
from watcher.receivers.slack import blocks as slack_buttons
from watcher.receivers.slack import blocks as words

MOST_SUBJECTS = 10
MOST_CONTACTS = 5
_LIGHTS = {
    model.Severity.CRITICAL: "\N{LARGE RED CIRCLE}",
    model.Severity.WARNING: "\N{LARGE ORANGE CIRCLE}",
    model.Severity.INFO: "\N{LARGE BLUE CIRCLE}",
}
_GREEN = "\N{LARGE GREEN CIRCLE}"
_FLAGS = {
    "blind": "\N{MEDIUM WHITE CIRCLE} *The source cannot be seen now: this is last known*",
    "flapping": "*Flapping*: it comes and goes",
    "inhibited": "Inhibited by another incident",
    "silenced": "Silenced",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackMessage:
    """What is posted; `text` is the notification and what screen readers read."""

    text: str
    blocks: list[words.Block]


def render_parent(
    view: model.IncidentView,
    *,
    now: datetime,
    mention: str = "",
    duplicate: bool = False,
    late: str = "",
    buttons: bool = False,
) -> SlackMessage:
    """Write the message that stands for the incident, as it is at `now`.

    `mention` calls people while it is critical and not over. `duplicate` says that the same
    message may have been posted before, `late` when and why it came late. `buttons` are there
    until it is over.
    """
    incident = view.incident
    call = mention if is_urgent(incident) else ""
    title = headline(incident, duplicate=duplicate)
    facts = list(_facts(view, now))
    facts[0] = f"{call} {facts[0]}".lstrip()
    blocks = [words.header(title), words.section(words.fit(facts))]
    if len(view.alerts) > 1:
        blocks.append(words.section(words.fit(list(_subjects(view, now)))))
    verdict = triage_brief(incident.diagnostics)
    if verdict:
        blocks.append(words.section(words.fit(verdict)))
    if incident.remedy:
        blocks.append(words.section(_remedy(incident.id, incident.remedy)))
    small = [_small_print(view, now), *([late] if late else [])]
    blocks.append(words.context(" · ".join(small)))
    if buttons and incident.status is not model.IncidentStatus.RESOLVED:
        blocks.append({"type": "actions", "elements": list(slack_buttons.offer(view))})
    text = " · ".join([words.say(title, 600), *_notification(view, now)])
    return SlackMessage(text=f"{call} {text}".lstrip()[: words.FALLBACK], blocks=blocks)


def is_urgent(incident: model.Incident) -> bool:
    """Whether people are called: it is critical and not over."""
    return (
        incident.severity is model.Severity.CRITICAL
        and incident.status is not model.IncidentStatus.RESOLVED
    )


def headline(incident: model.Incident, *, duplicate: bool = False) -> str:
    """Put a light before the title: its severity's colour, or green when it is over."""
    suffix = " (possible duplicate)" if duplicate else ""
    over = incident.status is model.IncidentStatus.RESOLVED
    prefix = f"{_GREEN} Resolved: " if over else f"{_LIGHTS[incident.severity]} "
    return prefix + words.plain(incident.title, words.HEADER - len(prefix) - len(suffix)) + suffix


def _notification(view: model.IncidentView, now: datetime) -> Iterator[str]:
    """Say what a locked phone shows after the title."""
    incident = view.incident
    if incident.resolved_at is not None:
        lasted = model.format_duration(incident.resolved_at - incident.opened_at)
        yield f"{_ending(incident)} after {lasted}"
        return
    yield f"since {words.clock(_since(view), now, seconds=False)}"
    side, call = _side(view), _call(incident)
    if side and "likely" not in incident.title.casefold():
        yield side
    if call:
        yield call


def _facts(view: model.IncidentView, now: datetime) -> Iterator[str]:
    incident = view.incident
    single = view.alerts[0] if len(view.alerts) == 1 else None
    yield _what(view)
    yield _how_bad(view, now)
    if incident.summary:
        yield words.say(incident.summary, 500)
    over = incident.status is model.IncidentStatus.RESOLVED
    if not over:
        answer = " · ".join(part for part in (_side(view), _call(incident)) if part)
        if answer:
            yield answer[0].upper() + answer[1:]
    if single:
        yield from _where(single)
        subject = view.subjects.get(single.subject)
        if subject and not over:
            yield from _window(subject.bookings, now)
        if subject and subject.notes:
            yield f"Note: {words.say(subject.notes[0], 300)}"
    yield from (_FLAGS[flag] for flag in sorted(incident.flags) if flag in _FLAGS)
    if incident.acknowledged_by:
        at = f" at {words.clock(incident.acknowledged_at, now)}" if incident.acknowledged_at else ""
        yield f"Acknowledged by *{words.say(incident.acknowledged_by, 80)}*{at}"


def _what(view: model.IncidentView) -> str:
    """Name, id and PO number; or how many subjects there are."""
    if not view.alerts:
        return f"*{words.say(view.incident.group)}*"
    if len(view.alerts) != 1:
        counts = view.alert_counts.items()
        states = ", ".join(f"{count} {words.say(state, 20)}" for state, count in counts if count)
        total = sum(view.alert_counts.values())
        return f"*{total} subjects* of {words.say(view.incident.source)}: {states or 'none'}"
    alert = view.alerts[0]
    source, _, identity = alert.subject.partition("/")
    parts = [f"*{words.say(alert.name)}*", f"{words.say(source, 60)} {words.say(identity, 80)}"]
    if alert.name == identity or not identity:
        del parts[1]
    if order := alert.labels.get("po_number"):
        parts.append(f"PO {words.say(order, 60)}")
    return " · ".join(parts)


def _how_bad(view: model.IncidentView, now: datetime) -> str:
    incident = view.incident
    state = _state(view)
    if incident.resolved_at is not None:
        lasted = model.format_duration(incident.resolved_at - incident.opened_at)
        ending = f"{_ending(incident)} at {words.clock(incident.resolved_at, now)} after {lasted}"
        return f"{ending}: {state}" if state else ending
    if not state:
        return _opening(view) or f"Since {words.clock(_since(view), now)}"
    return f"{state}, since {words.clock(_since(view), now)}"


def _state(view: model.IncidentView) -> str:
    """Say the one subject's state; empty for a figure, or for several subjects."""
    if len(view.alerts) != 1 or view.alerts[0].to is None:
        return ""
    alert = view.alerts[0]
    was = f", was {words.say(alert.from_, 40)}" if alert.from_ else ""
    return f"*{words.say(alert.to or '', 40)}*{was}"


def _opening(view: model.IncidentView) -> str:
    """Repeat what was found when it opened, which names metric and limit, and the value now."""
    kinds = {model.EntryKind.OPENED, model.EntryKind.REOPENED}
    found = [entry.text for entry in view.timeline if entry.kind in kinds]
    if not found or len(view.alerts) != 1:
        return ""
    text, value = words.say(found[-1], 400), view.alerts[0].value
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
    return f"{side} (ingress {words.say(str(ingress), 40)})" if side and ingress else side


def _call(incident: model.Incident) -> str:
    """Whom to call; each with its side where there are several."""
    several = len(incident.contacts) > 1
    people = [
        (f"{words.say(contact.domain, 40)}: " if several else "") + words.say(contact.text)
        for contact in incident.contacts[:MOST_CONTACTS]
    ]
    return f"call {'; '.join(people)}" if people else ""


def _where(alert: model.IncidentAlert) -> Iterator[str]:
    ends = [_place(alert.labels, end) for end in ("origin", "destination")]
    if any(ends):
        yield " \N{RIGHTWARDS ARROW} ".join(end or "?" for end in ends)


def _place(labels: Mapping[str, str], end: str) -> str:
    name, city = labels.get(end, ""), labels.get(f"{end}_city", "")
    if not name or not city or city.casefold() in name.casefold():
        return words.say(name or city, 300)
    return f"{words.say(name, 300)} ({words.say(city, 100)})"


def _window(bookings: tuple[model.Booking, ...], now: datetime) -> Iterator[str]:
    """Say which booked window counts now, and how much of it is left."""
    spans = [
        (start, end)
        for booking in bookings
        if not booking.terminal
        and (start := booking.actual.start or booking.scheduled.start)
        and (end := booking.actual.end or booking.scheduled.end)
    ]
    if not spans:
        return
    # The one that we are in; else the next one; else the one that ended last.
    start, end = min(spans, key=lambda span: (max(span[0] - now, now - span[1]), span))
    if now < start:
        left = f"starts in {model.format_duration(start - now)}"
    elif now <= end:
        left = f"*{model.format_duration(end - now)} left*"
    else:
        left = f"*overrun by {model.format_duration(now - end)}*"
    begin = words.clock(start, now, seconds=False).removesuffix(" UTC")
    times = f"{begin} to {words.clock(end, now, seconds=False)}"
    here = f"your time {words.local(start)} to {words.local(end)}"
    yield f"Booked {times} ({here}), {left} at {words.clock(now, now, seconds=False)}"


def _subjects(view: model.IncidentView, now: datetime) -> Iterator[str]:
    for alert in view.alerts[:MOST_SUBJECTS]:
        value = alert.to if alert.value is None else f"{alert.value:g}"
        state = words.say(value or str(alert.state), 40)
        since = words.clock(alert.since, now)
        yield f"\N{BULLET} {words.say(alert.name, 120)}: *{state}* since {since}"
    more = sum(view.alert_counts.values()) - MOST_SUBJECTS
    if more > 0:
        yield f"and {more} more"


def _remedy(incident: str, remedy: model.Remedy) -> str:
    """Say how its bandwidth is being changed; the thread says why."""
    what = words.say(remedy.id, 80)
    before, after = model.format_mbps(remedy.from_mbps), model.format_mbps(remedy.to_mbps)
    if approve := remedy.approval(incident):
        raising = f"\N{UPWARDS BLACK ARROW} *Proposed*: raise {what} from {before} to {after}"
        return f"{raising}; approve with `{words.say(approve)}`"
    if not what:
        return f"Bandwidth: {words.say(remedy.message, 300)}"
    way = f"back to {before}" if remedy.reverting else f"from {before} to {after}"
    why = f" ({words.say(remedy.message, 300)})" if remedy.message else ""
    ordering = remedy.status is model.RemedyStatus.APPROVED
    status = "being ordered" if ordering else str(remedy.status)
    return f"Bandwidth of {what} {way}: *{status}*{why}"


def _small_print(view: model.IncidentView, now: datetime) -> str:
    incident = view.incident
    parts = [words.say(incident.id, 60), words.say(incident.rule, 80), str(incident.severity)]
    heard = [subject.vendor_time for subject in view.subjects.values() if subject.vendor_time]
    if heard:
        parts.append(f"vendor's data of {words.clock(max(heard), now)}")
    if incident.runbook:
        parts.append(words.link(incident.runbook, "Runbook"))
    return " · ".join(parts)


MOST_SERVICES = 3
MOST_FINDINGS = 5


def triage_brief(diagnostics: Sequence[model.Diagnosis]) -> list[str]:
    """Tell the newest run of each service with its first findings.

    One that was not run, as somebody asks again too soon, does not hide what was found before.
    """
    newest: dict[str, model.Diagnosis] = {}
    for run in diagnostics:
        if run.status is not model.DiagnosisStatus.SKIPPED or run.service_id not in newest:
            newest[run.service_id] = run
    runs = list(newest.values())[-MOST_SERVICES:]
    return [line for run in runs for line in (triage_verdict(run), *_findings(run, MOST_FINDINGS))]


def triage_full(run: model.Diagnosis) -> list[str]:
    """Tell one run with everything that it found and suggests."""
    return [triage_verdict(run), *_findings(run, len(run.findings) + len(run.actions))]


def triage_verdict(run: model.Diagnosis) -> str:
    """Say in one line how the run of a service ended."""
    service = f"*Vendor triage* of {blocks.say(run.service_id, 80)}"
    message = blocks.say(run.message, 300)
    match run.status:
        case model.DiagnosisStatus.RUNNING:
            return f"{service}: running"
        case model.DiagnosisStatus.FAILED:
            return f"{service} failed: {message or 'no reason given'}"
        case model.DiagnosisStatus.SKIPPED:
            return f"{service} was not run: {message or 'no reason given'}"
        case model.DiagnosisStatus.NO_REPORT:
            found = f": *{blocks.say(run.disposition, 300)}*" if run.disposition else ""
            return f"{service}{found} (no PDF: {message or 'none came'})"
        case model.DiagnosisStatus.DONE:
            return f"{service}: *{blocks.say(run.disposition, 300) or 'done'}*"


def triage_title(run: model.Diagnosis, report: model.Report) -> str:
    """Write the line above the uploaded PDF."""
    pages = f", {report.pages} page{'s' if report.pages != 1 else ''}" if report.pages else ""
    return f"Service Diagnostics report for {blocks.say(run.service_id, 80)}{pages}"


def _findings(run: model.Diagnosis, most: int) -> Iterator[str]:
    for finding in run.findings[:most]:
        yield f"\N{BULLET} {blocks.say(finding, 400)}"
    more = len(run.findings) - most
    if more > 0:
        yield f"\N{BULLET} and {more} more: see the thread" + (" and its PDF" if run.report else "")
    for action in run.actions[:most]:
        yield f"Next: {blocks.say(action, 400)}"
