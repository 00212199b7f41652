"""The journal through one ruleset. Pure.

Law: under the rules that were in force, each incident comes out as it was, id and times included.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watcher import engine, model, ports
from watcher.engine.rules import fault_domain, intervals

# A poll that decides about a due `for` comes at once, but may take this long with its retries.
PATIENCE = timedelta(minutes=1)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One incident, a drill is none, and the messages about it that people had to notice."""

    incident: model.Incident
    messages: tuple[engine.Notification, ...] = ()


class Replay:
    """Feed it records in order, then finish it. What came before `since` is lived, not told."""

    def __init__(self, rules: engine.Ruleset, *, since: datetime) -> None:
        self._rules = rules
        self._since = since
        self._drive = engine.Runner(engine.restore(rules), now=_LONG_AGO, answer=self._answer)
        self._ahead: deque[ports.Recorded] = deque()
        self._account = engine.Outcome()

    def take(self, record: ports.Recorded) -> None:
        """Take in one record; it is stepped once what follows it is known, too."""
        self._ahead.append(record)
        while self._ahead and self._ahead[0].at + PATIENCE < record.at:
            self._account.follow(self._live(self._ahead[0]))

    def finish(self, until: datetime) -> list[Told]:
        """Step the rest, and give what was told from `since` to `until`, in order of opening."""
        while self._ahead:
            self._account.follow(self._live(self._ahead[0]))
        self._account.follow(self._drive.wait(until))
        told: dict[str, list[engine.Notification]] = {}
        for message in self._account.told:
            incident = self._account.incidents[message.entry.incident]
            if message.at >= self._since and not incident.is_drill:
                told.setdefault(message.entry.incident, []).append(message)
        found = [
            Told(incident=self._account.incidents[identity], messages=tuple(messages))
            for identity, messages in told.items()
        ]
        return sorted(found, key=lambda told: (told.incident.opened_at, told.incident.id))

    def _live(self, record: ports.Recorded) -> Iterator[engine.StepResult]:
        match record.what:
            case ports.Loaded():
                yield from self._resume(record.what, record.at)
            case ports.RulesRead(started=False):
                yield from self._drive.wait(record.at)  # these rules are the replay's own
            case ports.RulesRead():
                if record.what.last_success is not None:
                    yield from self._drive.wait(record.what.last_success)
                yield from self._drive.restart(
                    self._rules, record.at, unwatched_since=record.what.last_success
                )
            case _:
                yield from self._drive.take(record.what, record.at)
        self._ahead.popleft()

    def _resume(self, loaded: ports.Loaded, at: datetime) -> Iterator[engine.StepResult]:
        """Go on from a checkpoint: nothing was interrupted there, so each source is as it was."""
        self._drive = engine.Runner(
            engine.restore(self._rules, loaded), now=at, answer=self._answer
        )
        yield from self._drive.take(engine.Reloaded(ruleset=self._rules), at)
        for health in loaded.sources:
            if health.source in self._rules.sources:
                mine = [each for each in loaded.subjects if each.source == health.source]
                yield from self._drive.take(_unchanged(health, mine), at)

    def _answer(
        self, effect: model.Effect, at: datetime
    ) -> Iterator[tuple[datetime, engine.Event]]:
        """Poll where the engine wants it, unless the journal has that poll.

        The journal leaves out polls that changed nothing under the rules of then.
        """
        if not isinstance(effect, model.PollNeeded):
            return
        for record in self._ahead:
            if record.at > at + PATIENCE:
                break
            match record.what:
                case model.Polled() | model.PollFailed() if record.what.source == effect.source:
                    return
                case _:
                    pass
        health = self._drive.state.health[effect.source]
        yield at, model.Polled(source=effect.source, total=health.subjects)


def _unchanged(
    health: model.SourceHealth, subjects: Iterable[model.Subject]
) -> model.Polled | model.PollFailed:
    """Return the poll that says again what a source said last: it sets the timers."""
    if health.sight is not model.Visibility.SEEN:
        return model.PollFailed(
            source=health.source, error=health.error, permanent=health.permanent
        )
    return model.Polled(
        source=health.source,
        seen=tuple(
            model.Observed(key=each.key, fields=each.fields, vendor_time=each.vendor_time)
            for each in subjects
            if not each.missed
        ),
        total=health.subjects,
    )


def records(
    key: str, alarms: Sequence[model.AlarmRecord], details: model.Details | None, since: datetime
) -> Iterator[ports.Recorded]:
    """Give what a daemon would have recorded of this service (SOURCE/ID) since then."""
    # A service that was bad all along has come from good: else a rule with `from` would pass it by.
    yield _poll(key, intervals.ONLINE, since - timedelta(seconds=1))
    if details is not None:
        yield ports.Recorded(
            at=since - timedelta(seconds=1), what=model.DetailsRead(subject=key, details=details)
        )
    before, at = intervals.ONLINE, since
    for each in intervals.state_intervals(
        alarm for alarm in alarms if fault_domain.badness(alarm.state) > 0
    ):
        if each.end is not None and each.end <= since:
            continue
        start = max(each.start or since, since)
        if before != intervals.ONLINE and at < start:
            yield _poll(key, intervals.ONLINE, at)
            before = intervals.ONLINE
        if each.state != before:
            yield _poll(key, each.state, start)
        before, at = each.state, each.end or start
        if each.end is None:
            return
    if before != intervals.ONLINE:
        yield _poll(key, intervals.ONLINE, at)


def key_of(name: str, rules: engine.Ruleset) -> str:
    """Find the subject's key for a service's id, or for SOURCE/ID. Raises PermanentError."""
    source, slash, _ = name.partition("/")
    known = [each for each, traits in rules.sources.items() if traits.kind == "vyvx"]
    if slash and source in known:
        return name
    if not slash and len(known) == 1:
        return f"{known[0]}/{name}"
    raise model.PermanentError(
        f"{name!r} is of no source of Vyvx: write SOURCE/ID; there is {', '.join(known) or 'none'}"
    )


def _poll(key: str, state: str, at: datetime) -> ports.Recorded:
    fields = {"state": state, "ingress_state": model.UNKNOWN}
    seen = model.Observed(key=key, fields=fields)
    source = model.source_of(key)
    return ports.Recorded(at=at, what=model.Polled(source=source, seen=(seen,), total=1))
