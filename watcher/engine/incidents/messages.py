"""The sentences of the timeline, plain enough to be read aloud; no markup.

Receivers decide how a sentence looks, never what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from watcher import model
from watcher.engine.rules.rule import Blind, Expression, NoData, Rule, Threshold, Transition
from watcher.engine.rules.subject_view import SubjectView
from watcher.engine.state import State
from watcher.model import RemedyStatus, diagnoses

_LABELS_IN_A_SENTENCE = 8
_COMPARED = 5  # differences between two diagnoses that one sentence names
_OFFERS_IN_A_SENTENCE = 6


def finding(rule: Rule, member: model.IncidentAlert, now: datetime) -> str:
    """Return what is wrong, since when, and what it was before."""
    condition = rule.condition
    since = model.format_time(member.since, now)
    match condition:
        case Transition():
            before = f", was {member.from_}" if member.from_ else ""
            return f"{member.to} since {since}{before}"
        case Threshold():
            limit = "at or above" if condition.above else "at or below"
            window = (
                f" ({condition.aggregate} over {model.format_duration(condition.over)})"
                if condition.over
                else ""
            )
            return (
                f"{condition.metric}{window} is {model.format_value(member.value)}, {limit} "
                f"{model.format_value(condition.limit)} since {since}"
            )
        case Expression():
            return f"the condition of {rule.name} has held since {since}"
        case NoData(after=after):
            return f"no new data for {model.format_duration(after)}"
        case Blind():
            fault = "config fault: " if member.fields.get("permanent") else ""
            error = str(member.fields.get("error") or "no reason given")
            return f"{member.name} cannot be seen since {since}: {fault}{error}"


def schedule(state: State, view: SubjectView) -> str:
    """Return a note where a reservation's schedule is unknown, for which people are notified."""
    subject = state.subjects.get(view.key)
    booked = subject is not None and state.ruleset.sources[view.source].detailed
    return "; schedule unknown" if booked and subject and subject.detailed_at is None else ""


def escalated(after: timedelta, receivers: tuple[str, ...]) -> str:
    """Return who else is notified, and why."""
    return (
        f"not acknowledged for {model.format_duration(after)}: also notified {', '.join(receivers)}"
    )


def reminded(incident: model.Incident, now: datetime) -> str:
    """Return a reminder of an incident that nobody has acknowledged."""
    lasted = model.format_duration(now - incident.opened_at)
    return f"still open after {lasted} and not acknowledged"


def changed(member: model.IncidentAlert, before: model.IncidentAlert) -> str:
    """Return how a firing alert's value moved."""
    return f"{before.to} -> {member.to}"


def ended(
    member: model.IncidentAlert,
    resolution: model.Resolution,
    now: datetime,
    *,
    worse: bool,
    by: str = "",
) -> str:
    """Return how an alert ended; `worse` says that it left its state for a worse one."""
    lasted = model.format_duration(now - member.since)
    match resolution:
        case model.Resolution.RECOVERED:
            if member.to and member.from_ and worse:
                return f"no longer {member.from_} since {model.format_time(now)}: now {member.to}"
            came = f": {member.to}" if member.to else ""
            return f"recovered at {model.format_time(now)} after {lasted}{came}"
        case model.Resolution.ENDED:
            return f"ended with its booked window at {model.format_time(now)}, after {lasted}"
        case model.Resolution.MANUAL:
            return f"resolved by {by}"
        case model.Resolution.VANISHED:
            return "resolved because the vendor has not listed it for 24 h"
        case _:
            return model.format_ending(resolution)


def blind(health: model.SourceHealth, member: model.IncidentAlert, now: datetime) -> str:
    """Return that what follows is last known."""
    last_known = member.to or (
        model.format_value(member.value) if member.value is not None else "as above"
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
            return f"Service Diagnostics for {run.service_id}{disposition or ': done'}"
        case model.DiagnosisStatus.NO_REPORT:
            reason = run.message or "it came without one"
            return f"Service Diagnostics for {run.service_id}{disposition}; no report: {reason}"
        case model.DiagnosisStatus.FAILED:
            return f"Service Diagnostics for {run.service_id} failed{detail}"
        case model.DiagnosisStatus.SKIPPED:
            return f"Service Diagnostics for {run.service_id} was not run{detail}"


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
    if not answer.offers:
        return f"no backup available at {answer.address}: {answer.why or 'no reason given'}"
    more = len(answer.offers) - _OFFERS_IN_A_SENTENCE
    shown = "; ".join(answer.offers[:_OFFERS_IN_A_SENTENCE])
    rest = f"; and {more} more" if more > 0 else ""
    return f"available as a backup at {answer.address}: {shown}{rest}"


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
