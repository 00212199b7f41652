"""Checks an incident's timeline against what the vendor answered to the polls.

Law: a poll counts as seen when the same process asked again, undisturbed, because it asks again
only after its commit. The last poll before a disruption may count as seen or not.
So the rule's state machine is run over all polls with every combination at once, and the timeline
must be one of its possible outputs, to the last entry: nothing lost, nothing made up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tests.chaos.evidence import Evidence, Poll
from tests.chaos.processes import BLIND_AFTER, HOLD

BEGIN, CHANGED, RESOLVED = "begin", "changed", "resolved"
UNKNOWN = "?"  # an entry that only the broker's restart kept from us: it may be of any kind
SHIFT_SECONDS = 8.0  # a jump takes its second to show, and one back lets time stand still so long
TOKENS = {
    "opened": BEGIN,
    "reopened": BEGIN,
    "worse": CHANGED,
    "better": CHANGED,
    "resolved": RESOLVED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule on the field `state`, as far as the checker has to know it; `hold` in seconds."""

    name: str
    to: frozenset[str]
    hold: float = 0.0


RULES = (
    Rule(name="down", to=frozenset({"offline"})),
    Rule(name="poor", to=frozenset({"offline", "degraded"}), hold=HOLD),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One poll: what it showed (None: nothing) and between which times it was taken in."""

    at: float
    earliest: float
    latest: float
    certain: bool
    state: str | None
    shifted: bool = False  # the daemon's clock jumped lately: no span across it can be measured
    unwatched: bool = False  # a start may have found that nobody had looked for BLIND_AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One possible course of things: so many entries seen, the alert's state, pending since."""

    matched: int = 0
    phase: str = "idle"
    value: str = ""
    earliest: float = 0.0
    latest: float = 0.0
    shifted: bool = False


def observations(evidence: Evidence, subject: str) -> list[Observation]:
    """Say of each poll what it showed of a subject, and how sure it is that it was taken in."""
    polls = evidence.polls
    jumps = [disruption for disruption in evidence.disruptions if disruption.kind == "clock"]
    following: dict[int, Poll] = {}
    observations: list[Observation] = []
    for number in range(len(polls) - 1, -1, -1):
        poll = polls[number]
        after = following.get(poll.daemon)
        following[poll.daemon] = poll
        certain = after is not None and not evidence.disturbed(
            poll.started_at, after.started_at, poll.daemon
        )
        later = polls[number + 1].started_at if number + 1 < len(polls) else poll.ended_at
        observations.append(
            Observation(
                at=poll.started_at,
                earliest=poll.ended_at,
                latest=after.started_at
                if after is not None and certain
                else max(later, poll.ended_at),
                certain=certain,
                state=None if poll.states is None else poll.states.get(subject),
                shifted=any(
                    jump.started_at <= poll.ended_at
                    and poll.started_at <= jump.ended_at + SHIFT_SECONDS
                    for jump in jumps
                ),
                unwatched=_unwatched(evidence, number, later),
            )
        )
    return observations[::-1]


def _unwatched(evidence: Evidence, number: int, taken_in_by: float) -> bool:
    """Whether a daemon started since the source was last surely seen, and that is long ago.

    The last poll before a kill may not have been taken in, so there are two of them.
    """
    poll = evidence.polls[number]
    seen = [earlier for earlier in evidence.polls[:number] if earlier.states is not None][-2:]
    if not seen or taken_in_by - seen[0].ended_at < BLIND_AFTER:
        return False
    return any(
        disruption.kind == "start"
        and seen[0].started_at <= disruption.started_at <= poll.started_at
        for disruption in evidence.disruptions
    ) or any(earlier.daemon != poll.daemon for earlier in seen)


def check(rule: Rule, seen: Sequence[Observation], entries: Sequence[str]) -> str:
    """Say why these entries cannot have come of these polls; nothing when they can."""
    courses = {Course()}
    courses |= set(_skipped(courses, entries))
    best = 0
    for observation in seen:
        after: set[Course] = set()
        for course in courses:
            after |= set(_taken(rule, course, observation, entries))
            if not observation.certain:
                after.add(course)
        after |= set(_skipped(after, entries))
        if not after:
            states = _around(seen, observation)
            return (
                f"no entry fits the poll at {observation.at:.3f} ({observation.state}): after"
                f" {best} of {list(entries)}; polls around it: {states}"
            )
        courses = after
        best = max(course.matched for course in courses)
    if not any(course.matched == len(entries) for course in courses):
        return f"entries that no poll explains, from number {best} on: {list(entries)}"
    return ""


def _taken(
    rule: Rule, course: Course, observation: Observation, entries: Sequence[str]
) -> Iterator[Course]:
    if observation.state is None:
        yield course
        if course.phase == "pending":
            yield Course(matched=course.matched)  # it may have been blind for long enough
        return
    bad = observation.state in rule.to
    match course.phase, bad:
        case "idle", False:
            yield course
        case "idle", True:
            yield from _held(rule, _pending(course, observation), observation, entries)
        case "pending", True:
            yield from _waited(rule, course, observation, entries)
        case "pending", False:
            yield replace(course, phase="idle", earliest=0.0, latest=0.0, shifted=False)
        case _, False:
            yield from _expect_entry(replace(course, phase="idle", value=""), RESOLVED, entries)
        case _, True:
            if observation.state == course.value:
                yield course
            else:
                yield from _expect_entry(replace(course, value=observation.state), CHANGED, entries)


def _waited(
    rule: Rule, course: Course, observation: Observation, entries: Sequence[str]
) -> Iterator[Course]:
    shifted = course.shifted or observation.shifted
    yield from _held(rule, replace(course, shifted=shifted), observation, entries)
    if observation.unwatched:  # then `for` starts again
        yield from _held(rule, _pending(course, observation), observation, entries)


def _pending(course: Course, observation: Observation) -> Course:
    return replace(
        course,
        phase="pending",
        earliest=observation.earliest,
        latest=observation.latest,
        shifted=observation.shifted,
    )


def _held(
    rule: Rule, course: Course, observation: Observation, entries: Sequence[str]
) -> Iterator[Course]:
    """Fire when it has been pending for long enough, as far as that can be known from here."""
    if course.shifted or observation.latest - course.earliest >= rule.hold:
        fired = Course(matched=course.matched, phase="firing", value=observation.state or "")
        yield from _expect_entry(fired, BEGIN, entries)
    if rule.hold and (course.shifted or observation.earliest - course.latest < rule.hold):
        yield course


def _expect_entry(course: Course, token: str, entries: Sequence[str]) -> Iterator[Course]:
    if course.matched < len(entries) and entries[course.matched] in {token, UNKNOWN}:
        yield replace(course, matched=course.matched + 1)


def _skipped(courses: set[Course], entries: Sequence[str]) -> Iterator[Course]:
    """Leave out entries that we did not see: they may have been of no account."""
    for course in courses:
        matched = course.matched
        while matched < len(entries) and entries[matched] == UNKNOWN:
            matched += 1
            yield replace(course, matched=matched)


def _around(
    seen: Sequence[Observation], observation: Observation
) -> list[tuple[float, str | None, bool]]:
    at = seen.index(observation)
    return [
        (round(observation.at, 3), observation.state, observation.certain)
        for observation in seen[max(0, at - 6) : at + 3]
    ]
