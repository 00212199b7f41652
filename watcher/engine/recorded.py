"""What a vendor's own record shows that nobody saw: outages that a rule would have fired on.

Law: each is told once, live or late. What lasts, or is pending now, is the live alert's business,
and the record is not judged beyond its beginning until that is decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watcher import model
from watcher.engine import conditions, details, faults, late, phases, record
from watcher.engine.record import Stretch
from watcher.engine.rule import Rule, Transition
from watcher.engine.scene import Scene
from watcher.engine.state import RECORDED
from watcher.engine.turn import Turn
from watcher.model import AlertState

LATE = timedelta(minutes=5)  # the newest part of a record may not be complete: it is read again
SKEW = timedelta(minutes=2)  # between the vendor's clock and ours
MOST_TOLD = 100  # stretches that a subject remembers
MOST_FACTS = 3  # of one rule in one record; more are told as one
_LASTS = (AlertState.FIRING, AlertState.RESOLVED)  # resolved by hand, and still so


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """The part of a run in which its rule's `during` holds; `lasts`: its end is not on record."""

    start: datetime
    end: datetime
    lasts: bool
    run: Stretch


def judge(turn: Turn, subject: model.Subject, event: model.HistoryRead, *, last: bool) -> bool:
    """Tell what is new in a subject's record; False: it must be read again once details came.

    `last` says that no other record of it will be read.
    """
    floor = max(subject.judged_until or event.start, event.start)
    found = record.stretches(event.alarms)
    open_since: list[datetime] = []  # what is not decided yet
    told: list[tuple[Rule, _Piece]] = []
    settled = True
    for rule, condition in turn.state.plans[subject.source].recorded:
        pieces = list(_pieces(turn, subject, rule, condition, found, event))
        known = _known(turn, subject, rule)
        claimed = _claimed(pieces, known, _inside(found, condition, event), event)
        mine: list[_Piece] = []
        for piece in pieces:
            if piece.end <= floor:
                continue
            if piece in claimed or _is_among(piece, known):
                told.append((rule, piece))
                continue
            if _waits(turn, subject, rule, piece) or (piece.lasts and not last):
                open_since.append(piece.start)
            elif piece.end - piece.start < rule.hold or not _fits(turn, subject, rule, piece):
                continue
            elif _is_unscheduled(turn, subject):
                settled = False
                open_since.append(piece.start)
            else:
                mine.append(piece)
        _tell(turn, subject, rule, mine)
        told += ((rule, piece) for piece in mine)
        if _is_cut(turn, subject, found, condition, pieces, event, floor):
            settled = False
            open_since.append(floor)
    _remember(turn, subject.key, told, max(floor, min([event.end - LATE, *open_since])))
    return settled


def remember(turn: Turn, alert: model.Alert, since: datetime) -> None:
    """Note that an alert has fired from `since` until now, so that nobody is told again."""
    subject = _recorded(turn, alert)
    if subject is None:
        return
    lasting = [each for each in subject.told if each.rule == alert.rule and each.end is None]
    start = lasting[0].start if lasting else since
    told = [each for each in subject.told if each not in lasting]
    if start < turn.now:
        seen = not lasting and alert.state is AlertState.FIRING
        told.append(model.Told(rule=alert.rule, start=start, end=turn.now, seen=seen))
    if told != [*subject.told]:
        turn.keep_subject(replace(subject, told=tuple(told[-MOST_TOLD:])))


def split(turn: Turn, source: str, gap: datetime) -> None:
    """Note what is known to have fired before a gap, and that its alert is seen again from now."""
    for alert in list(turn.state.alerts_of(source)):
        subject = _recorded(turn, alert)
        if subject is None or alert.state not in _LASTS:
            continue
        start, known = _since(turn, subject, alert), len(subject.told)
        told = [each for each in subject.told if each.rule != alert.rule or each.end is not None]
        if start <= gap:
            told.append(model.Told(rule=alert.rule, start=start, end=gap, seen=len(told) == known))
        told.append(model.Told(rule=alert.rule, start=turn.now))
        turn.keep_subject(replace(subject, told=tuple(told)))


def _recorded(turn: Turn, alert: model.Alert) -> model.Subject | None:
    """Give an alert's subject where the vendor's record tells of what the alert is about."""
    subject, rule = turn.state.subjects.get(alert.subject), turn.state.rules.get(alert.rule)
    if subject is None or rule is None or subject.source not in turn.state.sweeps:
        return None
    condition = rule.condition
    return subject if isinstance(condition, Transition) and condition.field == RECORDED else None


def _since(turn: Turn, subject: model.Subject, alert: model.Alert) -> datetime:
    lasting = [e.start for e in subject.told if e.rule == alert.rule and e.end is None]
    if lasting or alert.incident is None:
        return lasting[0] if lasting else alert.since
    return turn.state.members[alert.incident][alert.key].since


def _known(turn: Turn, subject: model.Subject, rule: Rule) -> list[model.Told]:
    """Give what people know of one rule on a subject, what fires now included."""
    known = [each for each in subject.told if each.rule == rule.name]
    alert = turn.state.alerts.get(subject.key, {}).get(rule.name)
    if alert is not None and alert.state in _LASTS and all(each.end for each in known):
        start, seen = _since(turn, subject, alert), alert.state is AlertState.FIRING
        known.append(model.Told(rule=rule.name, start=start, seen=seen))
    failing = turn.state.health[subject.source].failing_since
    return known if failing is None else [_until(each, failing) for each in known]


def _until(told: model.Told, failing: datetime) -> model.Told:
    """End what lasts where nobody sees it any more."""
    return told if told.end is not None else replace(told, end=max(told.start, failing))


def _pieces(  # noqa: PLR0917 -- one caller, beside it
    turn: Turn,
    subject: model.Subject,
    rule: Rule,
    condition: Transition,
    found: Sequence[Stretch],
    event: model.HistoryRead,
) -> Iterator[_Piece]:
    pre_roll = turn.state.ruleset.sources[subject.source].pre_roll
    for run in record.runs(found, condition):
        start, end = run.start or event.start, run.end or event.end
        for since, until in phases.within(subject.bookings, rule.during, start, end, pre_roll):
            lasts = until == end and (run.end is None or run.end >= event.end)
            yield _Piece(start=since, end=until, lasts=lasts, run=run)


def _inside(
    found: Sequence[Stretch], condition: Transition, event: model.HistoryRead
) -> list[_Piece]:
    """Give all that is inside `to`, whatever it came from and whenever it was."""
    return [
        _Piece(
            start=each.start or event.start,
            end=each.end or event.end,
            lasts=each.end is None,
            run=each,
        )
        for each in found
        if each.state in condition.to
    ]


def _claimed(
    pieces: Sequence[_Piece],
    known: Sequence[model.Told],
    inside: Sequence[_Piece],
    event: model.HistoryRead,
) -> list[_Piece]:
    """Find the pieces that people know of although the clocks differ.

    What was told of live began while the vendor said so: where no alarm covers it, the nearest one
    was meant.
    """
    claimed: list[_Piece] = []
    for told in known:
        answered = event.start <= told.start < event.end
        if not (told.seen and answered) or any(_overlaps(piece, told) for piece in inside):
            continue
        near = [piece for piece in pieces if piece not in claimed and _apart(piece, told) <= SKEW]
        claimed += sorted(near, key=lambda piece: _apart(piece, told))[:1]
    return claimed


def _is_among(piece: _Piece, known: Sequence[model.Told]) -> bool:
    return any(_overlaps(piece, told) for told in known)


def _overlaps(piece: _Piece, told: model.Told) -> bool:
    begins = told.end is None or piece.start < told.end or piece.start <= told.start
    return begins and (piece.lasts or told.start < piece.end)


def _apart(piece: _Piece, told: model.Told) -> timedelta:
    after = piece.start - told.end if told.end is not None else timedelta(0)
    return max(after, told.start - piece.end)


def _waits(turn: Turn, subject: model.Subject, rule: Rule, piece: _Piece) -> bool:
    """Whether a pending alert may still tell of it, or a firing one that nobody sees now."""
    alert = turn.state.alerts.get(subject.key, {}).get(rule.name)
    if alert is None or alert.state is AlertState.INACTIVE:
        return False
    since = alert.since
    if alert.state in _LASTS:
        failing = turn.state.health[subject.source].failing_since
        if failing is None:
            return False
        since = failing
    return piece.lasts or since < piece.end


def _fits(turn: Turn, subject: model.Subject, rule: Rule, piece: _Piece) -> bool:
    """Whether `where` could have held then.

    The record does not tell the other fields, so all that they may have been are tried. Where that
    decides, an outage that another rule has told of was seen, and this one has judged it then.
    """
    if rule.where is None:
        return True
    truths = set()
    for fields in _may_have_been(subject, piece.run.state):
        context = _scene(turn, subject, piece, fields).context
        truth = conditions.ask(turn, rule, rule.where, subject.key, context, failed=True)
        truths.add(truth is not False)
    if truths == {True, False}:
        return not any(_overlaps(piece, told) for told in subject.told)
    return True in truths


def _may_have_been(subject: model.Subject, state: str) -> Iterator[dict[str, model.Scalar]]:
    others = [name for name in subject.fields if name != RECORDED]
    for word in (model.UNKNOWN, *faults.STATES) if others else ("",):
        yield {RECORDED: state, **dict.fromkeys(others, word)}


def _scene(
    turn: Turn, subject: model.Subject, piece: _Piece, fields: dict[str, model.Scalar]
) -> Scene:
    return Scene(
        turn.state.ruleset,
        subject.key,
        fields=fields,
        previous={} if piece.run.was is None else {RECORDED: piece.run.was},
        labels=subject.labels,
        metrics={},
        extras=turn.state.extras,
        bookings=subject.bookings,
        now=piece.start,
    )


def _is_unscheduled(turn: Turn, subject: model.Subject) -> bool:
    """Whether a schedule that was never read may still say that it was nobody's hour."""
    answered = turn.state.subjects[subject.key].answered_at
    if subject.detailed_at is not None or (
        answered is not None and turn.now - answered <= details.FRESH
    ):
        return False
    details.ask(turn, subject.key)
    return not details.are_ready(turn, subject.key)


def _is_cut(  # noqa: PLR0917 -- one caller, beside it
    turn: Turn,
    subject: model.Subject,
    found: Sequence[Stretch],
    condition: Transition,
    pieces: Sequence[_Piece],
    event: model.HistoryRead,
    floor: datetime,
) -> bool:
    """Whether a schedule keeps something back that an extension, not read yet, would let pass."""
    for run in record.runs(found, condition):
        start, end = run.start or event.start, run.end or event.end
        mine = sum((one.end - one.start for one in pieces if one.run is run), timedelta(0))
        if end > floor and mine < end - start:
            return not details.are_settled(turn, turn.state.subjects[subject.key])
    return False


def _tell(turn: Turn, subject: model.Subject, rule: Rule, mine: Sequence[_Piece]) -> None:
    if len(mine) > MOST_FACTS:
        worst = max(mine, key=lambda each: faults.badness(each.run.state))
        lasted = sum((each.end - each.start for each in mine), timedelta(0))
        text = f"{len(mine)} times {_what(worst)}, {model.format_duration(lasted)} in all"
        _tell_one(turn, subject, rule, worst, text, mine[0].start, mine[-1])
        return
    for each in mine:
        _tell_one(turn, subject, rule, each, _what(each), each.start, each)


def _tell_one(  # noqa: PLR0917 -- one caller, beside it
    turn: Turn,
    subject: model.Subject,
    rule: Rule,
    worst: _Piece,
    text: str,
    start: datetime,
    last: _Piece,
) -> None:
    others = dict.fromkeys(subject.fields, model.UNKNOWN)
    late.tell(
        turn,
        late.Fact(
            rule=rule,
            subject=subject.key,
            start=start,
            last=last.end,
            end=None if last.lasts else last.end,
            text=text,
            fields={**others, RECORDED: worst.run.state},
            was=worst.run.was,
            to=worst.run.state,
        ),
    )


def _what(piece: _Piece) -> str:
    return f"{piece.run.state} ({piece.run.message})" if piece.run.message else piece.run.state


def _remember(turn: Turn, key: str, pieces: Sequence[tuple[Rule, _Piece]], until: datetime) -> None:
    """Keep how far a record has been judged, and what was told of the time after that."""
    subject = turn.state.subjects[key]
    told = [each for each in subject.told if each.end is None or each.end >= until - SKEW]
    for rule, piece in pieces:
        new = model.Told(rule=rule.name, start=piece.start, end=piece.end)
        if piece.end > until and not piece.lasts and new not in told:
            told.append(new)
    if subject.judged_until != until or told != [*subject.told]:
        told = told[-MOST_TOLD:]
        turn.keep_subject(replace(subject, judged_until=until, told=tuple(told)))
