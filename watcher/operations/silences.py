"""What a person asks of a silence, as a `model.Silence`; and what has to be confirmed. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from watcher import model
from watcher.model import Matcher, Silence, SilencePreview, SilenceUntil

LONGEST = timedelta(days=7)  # the default of [silences] longest
MOST = timedelta(days=366)  # confirmed or not
MOST_ALERTS = 50  # of an incident, for one silence; more deserve a matcher of their own


class SilenceRequest(Struct, frozen=True, kw_only=True, gc=False):
    """A silence as somebody wants it.

    Without `sets` of matchers it is about the firing alerts of `incident`. It begins at `begin`, or
    now, and lasts for `length` or until `end`; `until` may end it sooner. `confirmed`: also if it
    silences everything, or is longer than usual.
    """

    by: str
    sets: tuple[tuple[Matcher, ...], ...] = ()
    begin: datetime | None = None
    length: timedelta | None = None
    end: datetime | None = None
    until: SilenceUntil | None = None
    incident: str = ""
    comment: str = ""
    ticket: str = ""
    confirmed: bool = False


class SilencePlan(Struct, frozen=True, kw_only=True, gc=False):
    """A silence that may be added: what it matches now, and why it has to be confirmed, if so."""

    silence: Silence
    preview: SilencePreview
    confirmation: str = ""


def build(request: SilenceRequest, identity: str, now: datetime, longest: timedelta) -> Silence:
    """Return the silence that is asked for. Raises ValueError with a sentence for its sender.

    One that lasts until something happens ends after `longest` all the same.
    """
    begin = request.begin or now
    if request.length is not None and request.end is not None:
        raise ValueError("say how long the silence lasts or when it ends, not both")
    length = request.length
    if length is None and request.end is None:
        if request.until is None:
            raise ValueError("say how long the silence lasts, or when it ends")
        length = longest
    if length is not None and length > MOST:
        raise ValueError(f"a silence lasts at most {MOST.days} days")
    end = request.end if length is None else begin + length
    if end is not None and end - begin > MOST:
        raise ValueError(f"a silence lasts at most {MOST.days} days")
    first, *others = request.sets or ((),)
    return Silence(
        id=identity,
        matchers=first,
        or_matchers=tuple(others),
        begin=begin,
        end=end,
        until=request.until,
        incident=request.incident,
        by=request.by,
        comment=request.comment,
        ticket=request.ticket,
    )


def parse_time(text: str) -> datetime:
    """Parse `2026-11-29T02:00Z` or `2026-11-29 03:00+01:00`. Raises ValueError for the rest."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError(
            f"{text!r} is not a time with its zone: write 2026-11-29T02:00Z or"
            " 2026-11-29T03:00+01:00"
        )
    return at.astimezone(UTC)


def parse_until(text: str) -> tuple[SilenceUntil | None, datetime | None]:
    """Parse `resolved`, `ended` or a time. Raises ValueError for anything else."""
    if text in tuple(SilenceUntil):
        return SilenceUntil(text), None
    try:
        return None, parse_time(text)
    except ValueError as error:
        raise ValueError(f"{error}, resolved or ended") from None


def parse_set(text: str) -> tuple[Matcher, ...]:
    """Parse matchers with spaces between them, quoted as in a shell. Raises ValueError."""
    return tuple(map(model.parse_matcher, shlex.split(text)))


def matchers_of(view: model.IncidentView) -> tuple[tuple[Matcher, ...], ...]:
    """Return the matchers of an incident's firing alerts, each by its rule and subject.

    Raises ValueError with a sentence where there are none, or too many.
    """
    firing = [alert for alert in view.alerts if alert.state is model.AlertState.FIRING]
    total = view.alert_counts.get(model.AlertState.FIRING, 0)
    if not firing or total > MOST_ALERTS:
        what = f"{total:,} firing alerts" if total else "no firing alert"
        raise ValueError(
            f"{view.incident.id} has {what}: name matchers, as in labels.site=NYC or rule=vyvx-*"
        )
    return tuple(
        (Matcher(name="rule", value=alert.rule), Matcher(name="subject", value=alert.subject))
        for alert in firing
    )


def which_incident(matched: Sequence[str]) -> str:
    """Return why nobody can tell which incident a silence should last for."""
    if not matched:
        return "until resolved: it matches no open incident now"
    ids = ", ".join(matched[:5])
    return f"until resolved: it matches {len(matched)} open incidents ({ids}); name the one meant"


def confirmation(silence: Silence, preview: SilencePreview, longest: timedelta) -> str:
    """Return why a silence has to be confirmed; empty if it has not."""
    reasons = []
    if preview.everything:
        reasons.append(f"{preview}")
    if silence.end is None:
        reasons.append("has no end")
    elif silence.end - silence.begin > longest:
        lasts, usual = map(model.format_duration, (silence.end - silence.begin, longest))
        reasons.append(f"lasts {lasts}, longer than the {usual} of [silences] longest")
    return f"this silence {' and '.join(reasons)}" if reasons else ""


def describe_end(silence: Silence, now: datetime | None = None) -> str:
    """Return when a silence ends: `until 04:00 UTC`; without `now` as programs read it."""
    at = ""
    if silence.end is not None and now is None:
        at = model.format_timestamp(silence.end)
    elif silence.end is not None:
        at = model.format_time(silence.end, now, seconds=False)
    match silence.until:
        case None:
            return f"until {at}"
        case SilenceUntil.RESOLVED:
            what = f"until {silence.incident} is resolved"
        case SilenceUntil.ENDED:
            what = "until its booking ends"
    return f"{what}, {at} at the latest" if at else what


def describe_suppression(suppression: model.Suppression, now: datetime) -> str:
    """Return what holds back notifications, and until when: `silenced until 04:00 UTC by ann`."""
    at = suppression.until
    until = f" until {model.format_time(at, now, seconds=False)}" if at else ""
    match suppression.kind, suppression.sooner:
        case model.SuppressionKind.INHIBITION, _:
            return f"inhibited by {suppression.name}"
        case model.SuppressionKind.MAINTENANCE, _:
            return f"maintenance {suppression.name}{until}"
        case model.SuppressionKind.PLANNED, _:
            planned = suppression.planned
            return model.format_planned(planned, now) if planned else str(suppression)
        case _, SilenceUntil.RESOLVED:
            until = " until it is resolved"
        case _, SilenceUntil.ENDED:
            until = " until its booking ends"
        case _:
            pass
    return f"silenced{until} by {suppression.by}"


def describe(silence: Silence, now: datetime) -> str:
    """Return a silence in one line: `vyvx-* until 04:00 UTC by ann: works (CHG-1)`."""
    begin = model.format_time(silence.begin, now, seconds=False)
    starts = f"from {begin} " if silence.begin > now else ""
    comment = f": {silence.comment}" if silence.comment else ""
    ticket = f" ({silence.ticket})" if silence.ticket else ""
    when = f"{starts}{describe_end(silence, now)}"
    return f"{silence.written} {when} by {silence.by}{comment}{ticket}"
