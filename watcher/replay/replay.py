"""Steps the journal through one ruleset. Pure.

Law: under the rules that were in force, each incident comes out as it was, id and times included.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from watcher import engine, model, ports
from watcher.engine.rules import intervals

# A poll that decides about a due `for` comes at once, but may take this long with its retries.
PATIENCE = timedelta(minutes=1)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class ReplayedIncident(Struct, frozen=True, kw_only=True):
    """One incident that is not a drill, its rules, and the notifications that are pages."""

    incident: model.Incident
    notifications: tuple[engine.Notification, ...] = ()
    rules: frozenset[str] = frozenset()  # those that had an alert in it


class _Elapsed(Struct, frozen=True, gc=False):
    """A record, and when it was on a clock that nobody sets."""

    at: datetime
    record: ports.Recorded


class _Steps:
    """Follows the steps of the clock through the records."""

    def __init__(self) -> None:
        self._stepped = timedelta(0)
        self._last = _LONG_AGO

    def follow(self, record: ports.Recorded) -> _Elapsed:
        """Return a record with its elapsed time."""
        if isinstance(record.what, model.ClockStepped):
            self._stepped += record.what.by
        elif isinstance(record.what, ports.RulesRead) and record.what.started:
            self._stepped += record.what.moved
            # The clock may have been set back while no daemon ran.
            self._stepped += min(record.at - self._stepped - self._last, timedelta(0))
        self._last = max(self._last, record.at - self._stepped)
        return _Elapsed(self._last, record)


class Replay:
    """Feed it records in order, then finish it. What came before `since` is replayed unreported."""

    def __init__(self, rules: engine.Ruleset, *, since: datetime) -> None:
        self._rules = rules
        self._since = since
        self._runner = engine.Runner(engine.restore(rules), now=_LONG_AGO, responder=self._answer)
        self._started = False
        self._lookahead: deque[_Elapsed] = deque()
        self._fed = _Steps()
        self._stepped = timedelta(0)  # by how much the clock was set, of what was stepped
        self.outcome = engine.Outcome()

    def feed(self, record: ports.Recorded) -> None:
        """Take in one record; it is stepped once the records soon after it are known."""
        elapsed = self._fed.follow(record)
        self._lookahead.append(elapsed)
        while self._lookahead and self._lookahead[0].at + PATIENCE < elapsed.at:
            self.outcome.follow(self._step(self._lookahead[0].record))

    def finish(self, until: datetime) -> list[ReplayedIncident]:
        """Step the rest; return what was sent from `since` to `until`, in order of opening."""
        while self._lookahead:
            self.outcome.follow(self._step(self._lookahead[0].record))
        self.outcome.follow(self._runner.wait(until))
        by_incident: dict[str, list[engine.Notification]] = {}
        for notification in self.outcome.notifications:
            identity = notification.entry.incident
            if notification.at >= self._since and not self.outcome.incidents[identity].is_drill:
                by_incident.setdefault(identity, []).append(notification)
        replayed = [
            ReplayedIncident(
                incident=self.outcome.incidents[identity],
                notifications=tuple(notifications),
                rules=frozenset(rule for rule, _ in self.outcome.members.get(identity, ())),
            )
            for identity, notifications in by_incident.items()
        ]
        return sorted(replayed, key=lambda event: (event.incident.opened_at, event.incident.id))

    def _step(self, record: ports.Recorded) -> Iterator[engine.StepResult]:
        match record.what:
            case ports.Loaded():
                yield from self._resume(record.what, record.at)
            case ports.RulesRead(started=False):
                yield from self._runner.wait(record.at)  # these rules are the replay's own
            case model.ClockStepped():  # it was stepped before the clock showed the new time
                yield from self._runner.take(record.what, record.at - record.what.by)
                self._stepped += record.what.by
            case ports.RulesRead():
                if record.what.last_success is not None:
                    yield from self._runner.wait(record.what.last_success)
                self._stepped += record.what.moved
                ahead = self._runner.now + record.what.moved - record.at
                self._stepped -= max(ahead, timedelta(0))
                yield from self._runner.restart(
                    self._rules,
                    record.at,
                    unwatched_since=record.what.last_success,
                    moved=record.what.moved,
                )
            case _:
                if not self._started:  # the records of a service begin without a start of a daemon
                    yield from self._runner.take(engine.Reloaded(ruleset=self._rules), record.at)
                yield from self._runner.take(record.what, record.at)
        self._started = True
        self._lookahead.popleft()

    def _resume(self, loaded: ports.Loaded, at: datetime) -> Iterator[engine.StepResult]:
        """Go on from a checkpoint: nothing was interrupted there, so each source is as it was."""
        self._runner = engine.Runner(
            engine.restore(self._rules, loaded), now=at, responder=self._answer
        )
        yield from self._runner.take(engine.Reloaded(ruleset=self._rules), at)
        for health in loaded.sources:
            if health.source in self._rules.sources:
                subjects = [event for event in loaded.subjects if event.source == health.source]
                yield from self._runner.take(_repeated(health, subjects), at)

    def _answer(
        self, effect: model.Effect, at: datetime
    ) -> Iterable[tuple[datetime, engine.Event]]:
        """Answer what an effect asks for."""
        return self._poll(effect, at) if isinstance(effect, model.PollNeeded) else ()

    def _poll(
        self, effect: model.PollNeeded, at: datetime
    ) -> Iterator[tuple[datetime, engine.Event]]:
        """Poll where the engine wants it, unless the journal has that poll.

        The journal leaves out polls that changed nothing under the rules of then.
        """
        for elapsed in self._lookahead:
            if elapsed.at > at - self._stepped + PATIENCE:
                break
            match elapsed.record.what:
                case model.Polled() | model.PollFailed() as poll if poll.source == effect.source:
                    return
                case _:
                    pass
        health = self._runner.state.health[effect.source]
        yield at, model.Polled(source=effect.source, total=health.subjects)


def _repeated(
    health: model.SourceHealth, subjects: Iterable[model.Subject]
) -> model.Polled | model.PollFailed:
    """Return the poll that repeats what a source said last: it sets the timers."""
    if health.sight is not model.Visibility.SEEN:
        return model.PollFailed(
            source=health.source, error=health.error, permanent=health.permanent
        )
    return model.Polled(
        source=health.source,
        repeats=health.last_success,
        seen=tuple(
            model.Observed(key=subject.key, fields=subject.fields, vendor_time=subject.vendor_time)
            for subject in subjects
            if not subject.missed
        ),
        total=health.subjects,
    )


def records_of(
    key: str,
    alarms: Sequence[model.AlarmRecord],
    details: model.Details | None,
    since: datetime,
    traits: engine.SourceTraits,
) -> Iterator[ports.Recorded]:
    """Yield what a daemon would have recorded of a service (SOURCE/ID) with these alarms."""
    good = traits.good_state
    # A service that was bad all along counts as come from good: a rule with `from` must see it.
    yield _poll(key, good, since - timedelta(seconds=1))
    if details is not None:
        yield ports.Recorded(
            at=since - timedelta(seconds=1), what=model.DetailsRead(subject=key, details=details)
        )
    before, at = good, since
    bad = [alarm for alarm in alarms if traits.badness(alarm.state) > 0]
    for interval in intervals.state_intervals(bad, traits):
        if interval.end is not None and interval.end <= since:
            continue
        start = max(interval.start or since, since)
        if before != good and at < start:
            yield _poll(key, good, at)
            before = good
        if interval.state != before:
            yield _poll(key, interval.state, start)
        before, at = interval.state, interval.end or start
        if interval.end is None:
            return
    if before != good:
        yield _poll(key, good, at)


def find_key(name: str, rules: engine.Ruleset) -> str:
    """Return the subject's key for a service's id, or for SOURCE/ID. Raises PermanentError."""
    source, slash, _ = name.partition("/")
    candidates = [source for source, traits in rules.sources.items() if traits.kind == "vyvx"]
    if slash and source in candidates:
        return name
    if not slash and len(candidates) == 1:
        return f"{candidates[0]}/{name}"
    raise model.PermanentError(
        f"{name!r} does not name a Vyvx service: write SOURCE/ID with one of these sources:"
        f" {', '.join(candidates) or 'none'}"
    )


def _poll(key: str, state: str, at: datetime) -> ports.Recorded:
    fields = {"state": state, "ingress_state": model.UNKNOWN}
    seen = model.Observed(key=key, fields=fields)
    source = model.source_of(key)
    return ports.Recorded(at=at, what=model.Polled(source=source, seen=(seen,), total=1))
