"""The sentences of the timeline, plain enough to be read aloud; no markup.

Receivers decide how a sentence looks, never what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from watcher import model
from watcher.engine.rules import hours
from watcher.engine.rules.rule import (
    Blind,
    Escalation,
    Expression,
    NoData,
    Rule,
    Threshold,
    Transition,
)
from watcher.engine.rules.subject_view import SubjectView
from watcher.engine.state import State
from watcher.model import RemedyStatus, diagnoses
from watcher.oncall.rota import OnCall

_LABELS_IN_A_SENTENCE = 8
_COMPARED = 5  # differences between two diagnoses that one sentence names
_OFFERS_IN_A_SENTENCE = 6
UNSURE = (
    "what it had is not on record in the vendor's own words, and the inventory does not say what"
    " was bought; find out, and set it with watcher iod set-bandwidth"
)


def finding(rule: Rule, member: model.IncidentAlert, now: datetime, title: str = "") -> str:
    """Return what is wrong, since when, and what it was before.

    An expression has no words of its own, and `unknown` is a poor one: the rule's `title` says what
    they are about, without the name that every text begins with.
    """
    condition = rule.condition
    since = model.format_time(member.since, now)
    what = title.removeprefix(member.name).lstrip(": ") or rule.name
    match condition:
        case Transition() if member.to == model.UNKNOWN:
            return f"{what}, since {since}"
        case Transition():
            before = f", was {member.from_}" if member.from_ else ""
            return f"{member.to} since {since}{before}"
        case Threshold():
            passed = limit(condition, member.unit)
            return f"{model.format_measurement(member)}, {passed} since {since}"
        case Expression():
            return f"{what}, since {since}"
        case NoData(after=after):
            return f"no new data for {model.format_duration(after)}"
        case Blind():
            fault = "config fault: " if member.fields.get("permanent") else ""
            error = str(member.fields.get("error") or "no reason given")
            return f"{member.name} cannot be seen since {since}: {fault}{error}"


def whose(state: State, member: model.IncidentAlert) -> str:
    """Return whose news it is, where an incident is about several subjects."""
    members = state.members[member.incident]
    several = any(subject != member.subject for _, subject in members)
    return f"{member.name}: " if several else ""


def limit(threshold: Threshold, unit: str) -> str:
    """Return which values pass a limit: `at or above 95 %`."""
    side = "at or above" if threshold.above else "at or below"
    return f"{side} {model.format_figure(threshold.limit, unit)}"


def schedule(state: State, view: SubjectView) -> str:
    """Return a note where a reservation's schedule is unknown, for which people are notified."""
    subject = state.subjects.get(view.key)
    booked = subject is not None and state.ruleset.sources[view.source].detailed
    return "; schedule unknown" if booked and subject and subject.detailed_at is None else ""


def escalated(
    incident: model.Incident, step: Escalation, on_call: OnCall | None, now: datetime
) -> str:
    """Return who is called or notified as well, and why."""
    lasted = model.format_duration(incident.unattended_for(now))
    # Where it was acknowledged or silenced in between, it was left alone for less than since then.
    whole = incident.told_at is not None and incident.unattended_since == incident.told_at
    why = f"not acknowledged for {lasted}" + ("" if whole else " in all")
    who = [f"also notified {', '.join(step.notify)}"] if step.notify else []
    if on_call is not None:
        person = f"called {on_call.person}, on call" if on_call.person else "nobody is on call"
        who.insert(0, f"{person} for {on_call.rota}")
    return f"{why}: {'; '.join(who)}{_asks_for(incident, step)}"


def _asks_for(incident: model.Incident, step: Escalation) -> str:
    if step.acks <= 1:
        return ""
    have = f", {len(incident.acks)} so far" if incident.acks else ""
    return f"; {step.acks} people have to acknowledge it{have}"


def acknowledged(incident: model.Incident, by: str) -> str:
    """Return who has acknowledged an incident, and whether others have to do so as well."""
    if not incident.acks_short:
        return f"acknowledged by {by}"
    needed = incident.acks_needed
    return f"acknowledged by {by}, {needed - incident.acks_short} of {needed} people"


def reminded(incident: model.Incident, now: datetime) -> str:
    """Return a reminder of an incident that nobody has acknowledged."""
    lasted = model.format_duration(incident.lasted(now))
    return f"still open after {lasted} and not acknowledged"


def acknowledgement_expires(incident: model.Incident, at: datetime, now: datetime) -> str:
    """Return when an acknowledgement ends by itself, and how to keep it."""
    return (
        f"the acknowledgement by {incident.acknowledged_by} expires at"
        f" {model.format_time(at, now, seconds=False)}: acknowledge it again to keep it"
    )


def acknowledgement_expired(incident: model.Incident, now: datetime) -> str:
    """Return that nobody has an incident any more."""
    after = model.format_duration(now - (incident.acknowledged_at or now))
    return f"the acknowledgement by {incident.acknowledged_by} has expired after {after}"


def moved(member: model.IncidentAlert, before: model.IncidentAlert, *, worse: bool) -> str:
    """Return how a firing alert's value moved."""
    if worse:
        return f"worse: {member.to}, was {before.to}"
    return f"better: {member.to}, was {before.to}, still a fault"


def sight_lost(member: model.IncidentAlert, carrier: str, now: datetime) -> str:
    """Return since when the vendor does not say how a subject is, and what is last known."""
    since = model.format_time(member.unseen_since or now, now)
    value = model.format_value(member.value) if member.value is not None else member.to
    return f"{carrier} cannot see it since {since}; last known {value or 'as above'}"


def sight_regained(
    member: model.IncidentAlert, view: SubjectView, rule: Rule, now: datetime
) -> str:
    """Return that the vendor says again how a subject is, and what it says."""
    after = model.format_duration(now - (member.unseen_since or now))
    condition = rule.condition
    value = view.fields.get(condition.field) if isinstance(condition, Transition) else None
    return f"{view.traits.carrier} can see it again after {after}" + (f": {value}" if value else "")


def side_changed(
    view: SubjectView, was: model.FaultDomain, contacts: Sequence[model.Contact]
) -> str:
    """Return which side is at fault by now, why, and whom to call."""
    words = ", ".join(
        f"{name.replace('_', ' ')} {value}"
        for name, value in view.fields.items()
        if isinstance(value, str)
    )
    before = model.format_side(was) or "nobody's fault"
    call = "; ".join(contact.text for contact in contacts)
    text = f"{model.format_side(view.fault_domain)} now, was {before} ({words})"
    return f"{text}; call {call}" if call else text


def ended(
    rule: Rule | None,
    member: model.IncidentAlert,
    resolution: model.Resolution,
    incident: model.Incident,
    now: datetime,
    *,
    by: str = "",
    why: str = "",
) -> str:
    """Return how an alert ended, as what it is: only what is well has recovered.

    The times are the incident's once it is resolved, else those of the one alert.
    """
    begin, end = (incident.begin, incident.end) if incident.end else (member.since, member.until)
    end = end or now
    lasted, at = model.format_duration(end - begin), model.format_time(end, now)
    match resolution:
        case model.Resolution.RECOVERED:
            came = f": {member.to}" if member.to else ""
            return f"recovered at {at} after {lasted}{came}"
        case model.Resolution.LAPSED:
            return _lapsed(rule, member, at, now)
        case model.Resolution.ENDED:
            return f"ended with its booked window at {at}, after {lasted}"
        case model.Resolution.MANUAL:
            return resolved_by(by, why)
        case model.Resolution.VANISHED:
            return "resolved because the vendor has not listed it for 24 h"
        case _:
            return model.format_ending(resolution)


def resolved_by(by: str, why: str) -> str:
    """Return who resolved it, and why in that person's words."""
    return f"resolved by {by}: {why}" if why else f"resolved by {by}"


def _lapsed(rule: Rule | None, member: model.IncidentAlert, at: str, now: datetime) -> str:
    if rule is not None and not hours.apply_at(rule.hours, now):
        state = f": last known {member.to}" if member.to else ""
        return hours.why_closed(rule.name, rule.hours, now) + state
    if rule and isinstance(rule.condition, Transition) and member.to in rule.condition.to:
        return f"{member.rule} no longer applies since {at}, still {member.to}: not recovered"
    moved = member.to and member.from_
    was = f"no longer {member.from_}" if moved else f"{member.rule} no longer applies"
    now_is = f", but {member.to}" if moved else ""
    return f"{was} since {at}{now_is}: not recovered"


def still_held(rules: Sequence[str]) -> str:
    """Return that alerts which a person has closed still hold."""
    return f" ({', '.join(rules)} still holds, closed by hand)" if rules else ""


def blind(health: model.SourceHealth, member: model.IncidentAlert, now: datetime) -> str:
    """Return that what follows is last known."""
    last_known = member.to or (
        model.format_figure(member.value, member.unit) if member.value is not None else "as above"
    )
    # Since it fails, not since the last success: a replay knows nothing of polls without news.
    age = ""
    if health.failing_since is not None:
        age = f", {model.format_duration(now - health.failing_since)} ago"
    return f"{health.source} cannot be seen ({health.error}); last known {last_known}{age}"


def seen_again(source: str, failing_since: datetime | None, now: datetime) -> str:
    """Return that a source can be seen again."""
    after = f" after {model.format_duration(now - failing_since)}" if failing_since else ""
    return f"{source} can be seen again{after}"


_TICKET_STATES = {
    model.TicketState.ACKNOWLEDGED: "is with the carrier",
    model.TicketState.IN_PROGRESS: "is being worked on by the carrier",
    model.TicketState.PENDING: "waits for us: the carrier's clock stands still until we answer",
    model.TicketState.RESOLVED: "is resolved, says the carrier",
    model.TicketState.CLOSED: "is closed",
}


def ticket(ticket: model.Ticket, *, is_new: bool) -> str:
    """Return the number of the carrier's ticket, or where it stands."""
    if is_new and ticket.state is model.TicketState.ACKNOWLEDGED:
        return f"carrier's ticket: {ticket.number}"
    return f"carrier's ticket {ticket.number} {_TICKET_STATES[ticket.state]}"


def detailed(labels: dict[str, str]) -> str:
    """Return what the details added."""
    named = [f"{name} {labels[name]}" for name in sorted(labels) if labels[name]]
    more = len(named) - _LABELS_IN_A_SENTENCE
    shown = ", ".join(named[:_LABELS_IN_A_SENTENCE]) + (f" and {more} more" if more > 0 else "")
    return f"details read: {shown}"


def diagnosis(run: model.Diagnosis) -> str:
    """Return how a run of Service Diagnostics is going, or how it ended."""
    detail = f": {run.message}" if run.message else ""
    disposition = f": {run.disposition}" if run.disposition else ""
    match run.status:
        case model.DiagnosisStatus.RUNNING:
            return f"Service Diagnostics is running for {run.service_id}"
        case model.DiagnosisStatus.DONE:
            return f"Service Diagnostics for {run.service_id}{disposition or _count_checks(run)}"
        case model.DiagnosisStatus.NO_REPORT:
            reason = run.message or "it came without one"
            return f"Service Diagnostics for {run.service_id}{disposition}; no report: {reason}"
        case model.DiagnosisStatus.FAILED:
            return f"Service Diagnostics for {run.service_id} failed{detail}"
        case model.DiagnosisStatus.SKIPPED:
            return f"Service Diagnostics for {run.service_id} was not run{detail}"


def _count_checks(run: model.Diagnosis) -> str:
    """Return what stands for a disposition that the vendor did not give."""
    open_, passed = model.split_passed(run.findings)
    counts = [f"{len(open_)} to look at"] * bool(open_) + [f"{len(passed)} passed"] * bool(passed)
    return f": {', '.join(counts) or 'done'}"


def since_before(earlier: Sequence[model.Diagnosis], run: model.Diagnosis) -> str:
    """Return what differs from the run before for the same service; empty without one."""
    before = [old for old in earlier if old.service_id == run.service_id and old.run != run.run]
    comparison = diagnoses.compare(before[-1], run) if before else None
    if comparison is None:
        return ""
    parts = [f"{was} -> {now.partition(': ')[2]}" for was, now in comparison.changed]
    parts += [f"new: {line}" for line in comparison.appeared]
    parts += [f"gone: {line}" for line in comparison.gone]
    if comparison.disposition:
        parts.insert(0, f"was {comparison.disposition[0] or 'without a disposition'}")
    more = f"; and {len(parts) - _COMPARED} more" if len(parts) > _COMPARED else ""
    return f". Since the previous run: {'; '.join(parts[:_COMPARED]) or 'nothing changed'}{more}"


def offers(answer: model.AlternativesRead) -> str:
    """Return what could be ordered as a backup, or why nothing is known."""
    note = f" ({answer.note})" if answer.note else ""
    if not answer.offers:
        return f"no backup available at {answer.address}: {answer.why or 'no reason given'}{note}"
    more = len(answer.offers) - _OFFERS_IN_A_SENTENCE
    shown = "; ".join(answer.offers[:_OFFERS_IN_A_SENTENCE])
    rest = f"; and {more} more" if more > 0 else ""
    return f"available as a backup at {answer.address}: {shown}{rest}{note}"


def no_address(name: str) -> str:
    """Return why nobody asks what could be ordered as a backup."""
    return f"no backup search: the inventory has no address for {name}"


def fallback(name: str, about: model.Incident, now: datetime) -> str:
    """Return which fallback is notified, and from the incident about the failing receiver why."""
    since = f" since {model.format_time(about.fallback.since, now)}" if about.fallback else ""
    return f"also notified {name} because {about.group} has been failing{since}: {about.summary}"


def no_service(name: str) -> str:
    """Return why there will be no diagnostics."""
    return f"no diagnostics: the inventory has no service_ids for {name}"


def remedy_update(incident: str, remedy: model.Remedy, news: model.BandwidthNews | None) -> str:
    """Return how a remedy is now; `news` is what its job reported, if it did."""
    before, after = model.format_mbps(remedy.from_mbps), model.format_mbps(remedy.to_mbps)
    if remedy.reverting:
        texts = _under_way(remedy, news, before) | _reverted(remedy, before, after)
    else:
        texts = _under_way(remedy, news, after) | _raised(incident, remedy, before, after)
        if remedy.status is RemedyStatus.UNTOUCHED and news is not None:
            return f"no bandwidth change was requested: {remedy.message}"
    return texts[remedy.status]


def _raised(
    incident: str, remedy: model.Remedy, before: str, after: str
) -> dict[RemedyStatus, str]:
    what, why = remedy.id, remedy.message
    done = f", {why}" if why else ""
    by = f"approved by {remedy.approved_by}: " if remedy.approved_by else ""
    gone = "not requested" if remedy.order else "no longer proposed"
    nobody = "" if remedy.approved_by else "; the rule needs no approval"
    return {
        RemedyStatus.PROPOSED: (
            f"proposed: raise {what} from {before} to {after};"
            f" approve with {remedy.approval(incident)}"
        ),
        RemedyStatus.APPROVED: f"{by}raising {what} from {before} to {after}{nobody}",
        RemedyStatus.REFUSED: f"{why}: {what} stays at {before}",
        RemedyStatus.WITHDRAWN: f"{gone}, {why}: {what} stays at {before}",
        RemedyStatus.APPLIED: f"{what} now has {after}{done}",
        RemedyStatus.FAILED: f"{what} was not raised to {after}: {why}",
        RemedyStatus.UNTOUCHED: f"no bandwidth change is proposed: {why}",
    }


def _reverted(remedy: model.Remedy, before: str, after: str) -> dict[RemedyStatus, str]:
    what, why = remedy.id, remedy.message
    done = f", {why}" if why else ""
    by_hand = f"revert it with: watcher iod set-bandwidth {what} '{before}'"
    return {
        RemedyStatus.APPROVED: f"the incident is over: reverting {what} from {after} to {before}",
        RemedyStatus.REVERTED: f"{what} has {before} again{done}",
        RemedyStatus.FAILED: f"{what} was not reverted to {before}: {why}; {by_hand}",
        RemedyStatus.UNTOUCHED: f"{what} is not reverted to {before}: {why}",
    }


def _under_way(
    remedy: model.Remedy, news: model.BandwidthNews | None, wanted: str
) -> dict[RemedyStatus, str]:
    what, why = remedy.id, remedy.message
    taken = f" as {news.vendor_order}" if news and news.vendor_order else ""
    price = f" at {news.price}" if news and news.price else ""
    return {
        RemedyStatus.WAITING: f"change of {what} to {wanted} not requested yet: {why}",
        RemedyStatus.REQUESTED: (
            f"requested: {what} to {wanted}; accepted by the vendor{taken}{price}"
        ),
        RemedyStatus.PENDING: f"Change pending at the vendor: {what} to {wanted}",
        RemedyStatus.UNKNOWN: f"unknown whether {wanted} was ordered for {what}: {why}",
        RemedyStatus.WITHDRAWN: f"change of {what} to {wanted} not requested: {why}",
        RemedyStatus.STUCK: f"{what} does not have {wanted} yet: {why}",
    }
