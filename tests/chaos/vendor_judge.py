"""Holds an incident's timeline against what the vendor answered to the polls.

Law: a poll counts as seen when the same process asked again, undisturbed, because it asks again
only after its commit. The last poll before violence may have been seen or not: both are allowed.
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
TOKENS = {"opened": BEGIN, "reopened": BEGIN, "changed": CHANGED, "resolved": RESOLVED}


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
class Sight:
    """One poll: what it showed (None: nothing) and between which times it was taken in."""

    at: float
    earliest: float
    latest: float
    certain: bool
    state: str | None
    shifted: bool = False  # the daemon's clock jumped lately: no span across it can be measured
    unwatched: bool = False  # a start may have found that nobody had looked for BLIND_AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One possible course of things: so many entries told, the alert's state, pending since."""

    told: int = 0
    phase: str = "idle"
    value: str = ""
    earliest: float = 0.0
    latest: float = 0.0
    shifted: bool = False


def sights(evidence: Evidence, subject: str) -> list[Sight]:
    """Say of each poll what it showed of a subject, and how sure it is that it was taken in."""
    polls = evidence.polls
    jumps = [one for one in evidence.violence if one.kind == "clock"]
    following: dict[int, Poll] = {}
    found: list[Sight] = []
    for number in range(len(polls) - 1, -1, -1):
        poll = polls[number]
        after = following.get(poll.daemon)
        following[poll.daemon] = poll
        certain = after is not None and not evidence.disturbed(poll.began, after.began, poll.daemon)
        later = polls[number + 1].began if number + 1 < len(polls) else poll.ended
        found.append(
            Sight(
                at=poll.began,
                earliest=poll.ended,
                latest=after.began if after is not None and certain else max(later, poll.ended),
                certain=certain,
                state=None if poll.states is None else poll.states.get(subject),
                shifted=any(
                    jump.began <= poll.ended and poll.began <= jump.ended + SHIFT_SECONDS
                    for jump in jumps
                ),
                unwatched=_unwatched(evidence, number, later),
            )
        )
    return found[::-1]


def _unwatched(evidence: Evidence, number: int, taken_in_by: float) -> bool:
    """Whether a daemon started since the source was last surely seen, and that is long ago.

    The last poll before a kill may not have been taken in, so there are two of them.
    """
    poll = evidence.polls[number]
    seen = [one for one in evidence.polls[:number] if one.states is not None][-2:]
    if not seen or taken_in_by - seen[0].ended < BLIND_AFTER:
        return False
    return any(
        one.kind == "start" and seen[0].began <= one.began <= poll.began
        for one in evidence.violence
    ) or any(one.daemon != poll.daemon for one in seen)


def judge(rule: Rule, seen: Sequence[Sight], entries: Sequence[str]) -> str:
    """Say why these entries cannot have come of these polls; nothing when they can."""
    worlds = {World()}
    worlds |= set(_skipped(worlds, entries))
    best = 0
    for sight in seen:
        after: set[World] = set()
        for world in worlds:
            after |= set(_taken(rule, world, sight, entries))
            if not sight.certain:
                after.add(world)
        after |= set(_skipped(after, entries))
        if not after:
            states = _around(seen, sight)
            return (
                f"no entry fits the poll at {sight.at:.3f} ({sight.state}): after"
                f" {best} of {list(entries)}; polls around it: {states}"
            )
        worlds = after
        best = max(world.told for world in worlds)
    if not any(world.told == len(entries) for world in worlds):
        return f"entries that no poll explains, from number {best} on: {list(entries)}"
    return ""


def _taken(rule: Rule, world: World, sight: Sight, entries: Sequence[str]) -> Iterator[World]:
    if sight.state is None:
        yield world
        if world.phase == "pending":
            yield World(told=world.told)  # it may have been blind for long enough
        return
    bad = sight.state in rule.to
    match world.phase, bad:
        case "idle", False:
            yield world
        case "idle", True:
            yield from _held(rule, _pending(world, sight), sight, entries)
        case "pending", True:
            yield from _waited(rule, world, sight, entries)
        case "pending", False:
            yield replace(world, phase="idle", earliest=0.0, latest=0.0, shifted=False)
        case _, False:
            yield from _tell(replace(world, phase="idle", value=""), RESOLVED, entries)
        case _, True:
            if sight.state == world.value:
                yield world
            else:
                yield from _tell(replace(world, value=sight.state), CHANGED, entries)


def _waited(rule: Rule, world: World, sight: Sight, entries: Sequence[str]) -> Iterator[World]:
    shifted = world.shifted or sight.shifted
    yield from _held(rule, replace(world, shifted=shifted), sight, entries)
    if sight.unwatched:  # then `for` starts anew
        yield from _held(rule, _pending(world, sight), sight, entries)


def _pending(world: World, sight: Sight) -> World:
    return replace(
        world,
        phase="pending",
        earliest=sight.earliest,
        latest=sight.latest,
        shifted=sight.shifted,
    )


def _held(rule: Rule, world: World, sight: Sight, entries: Sequence[str]) -> Iterator[World]:
    """Fire when it has been pending for long enough, as far as that can be known from here."""
    if world.shifted or sight.latest - world.earliest >= rule.hold:
        fired = World(told=world.told, phase="firing", value=sight.state or "")
        yield from _tell(fired, BEGIN, entries)
    if rule.hold and (world.shifted or sight.earliest - world.latest < rule.hold):
        yield world


def _tell(world: World, token: str, entries: Sequence[str]) -> Iterator[World]:
    if world.told < len(entries) and entries[world.told] in {token, UNKNOWN}:
        yield replace(world, told=world.told + 1)


def _skipped(worlds: set[World], entries: Sequence[str]) -> Iterator[World]:
    """Leave out entries that we did not see: they may have been of no account."""
    for world in worlds:
        told = world.told
        while told < len(entries) and entries[told] == UNKNOWN:
            told += 1
            yield replace(world, told=told)


def _around(seen: Sequence[Sight], sight: Sight) -> list[tuple[float, str | None, bool]]:
    at = seen.index(sight)
    return [(round(one.at, 3), one.state, one.certain) for one in seen[max(0, at - 6) : at + 3]]
