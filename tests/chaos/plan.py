"""What happens in one chaos run, drawn from a seed: transitions, and disruptions between them.

The same seed gives the same plan. What the machine makes of it differs from run to run, because
the instants at which processes die are real ones.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.chaos import faults

WARM_UP = 4.0  # seconds in which the details of every reservation are fetched, undisturbed
DAY = 40.0  # seconds; so the long run plays a month
EVENING = 7 / 24  # of the day, which begins with it here: most are on air then, and most fail
CABLE = 7 * DAY  # so often, on average, a cable is cut that several reservations run over
ON_A_CABLE = 3
BAD = ("offline", "degraded")

Rng = random.Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that is done, `at` seconds after the start.

    `kind`: change (of the vendor's world, `change`), kill, stop (SIGTERM), freeze (SIGSTOP, and
    SIGCONT after `lasts`), broker (gone for `lasts`), session (somebody else takes the daemon's
    client id, for `lasts`), database (killed and started again), lock (somebody else holds SQLite's
    write lock for `lasts`), clock (the daemon's time of day is off by `lasts` from then on).
    """

    at: float
    kind: str
    change: dict[str, Any] | None = None
    seconds: float = 0.0
    daemon: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The actions in order, and the states of the reservations at the end.

    At `ends`, in seconds after the start, every fault is cleared and nothing more happens.
    """

    seed: int
    subjects: tuple[str, ...]
    actions: tuple[Action, ...]
    ends: float
    final: dict[str, str]
    daemons: int = 1


def make(seed: int, *, kills: int, daemons: int = 1, interval: float = 6.0) -> Plan:
    """Draw a plan with so many kills; on average every `interval` seconds an outage begins.

    It is a month that was pressed together: evenings in which more breaks than by night, and now
    and then a cable with several reservations on it. At the end one more breaks and stays so.
    """
    rng = Rng(seed)
    subjects = tuple(str(7_000_001 + number) for number in range(max(4, kills // 5)))
    actions = list(_disruptions(rng, kills, daemons))
    ends = actions[-1].at + 2.0
    outages, final = _outages(rng, subjects[:-1], ends, interval)
    actions = [_moved(rng, action, outages) for action in actions]
    actions += outages
    actions.append(_change(ends - 1.0, subjects[-1], "offline"))
    final[subjects[-1]] = "offline"
    actions += _faults(rng, ends)
    actions += _brokers(rng, ends, daemons)
    if daemons > 1:  # hosts that share a database have to keep their clocks together
        actions += _databases(rng, ends)
    else:
        actions += _clocks(rng, ends)
        actions += _locks(rng, ends)
    return Plan(
        seed=seed,
        subjects=subjects,
        actions=tuple(sorted(actions, key=lambda action: action.at)),
        ends=ends,
        final=final,
        daemons=daemons,
    )


def _disruptions(rng: Rng, kills: int, daemons: int) -> Iterator[Action]:
    """Some die while they start, most while they work."""
    at, left = WARM_UP, kills
    longest = 8.0 if daemons == 1 else 16.0  # a lease has to end before another one leads
    while left:
        at += rng.uniform(0.3, 1.5) if rng.random() < 0.2 else rng.uniform(2.0, longest)
        daemon = rng.randrange(daemons)
        chance = rng.random()
        if chance < 0.7:
            left -= 1
            yield Action(at=at, kind="kill", daemon=daemon)
        elif chance < 0.8:
            yield Action(at=at, kind="stop", daemon=daemon)
        else:
            seconds = rng.uniform(0.2, 3.0 if daemons == 1 else 10.0)  # longer than the lease
            yield Action(at=at, kind="freeze", seconds=seconds, daemon=daemon)


def _moved(rng: Rng, action: Action, outages: list[Action]) -> Action:
    """Move half of the disruptions to where a transition is being delivered."""
    near = [outage.at for outage in outages if action.at - 2.0 < outage.at < action.at]
    if not near or rng.random() < 0.5:
        return action
    return Action(
        at=near[-1] + rng.uniform(0.05, 1.2),
        kind=action.kind,
        seconds=action.seconds,
        daemon=action.daemon,
    )


def _outages(
    rng: Rng, subjects: tuple[str, ...], ends: float, interval: float
) -> tuple[list[Action], dict[str, str]]:
    """Every reservation is well, then in trouble of some kind for a while, then well again."""
    actions: list[Action] = []
    busy = dict.fromkeys(subjects, WARM_UP)
    final = dict.fromkeys(subjects, "online")
    at, cut_at = WARM_UP, WARM_UP + rng.uniform(0, CABLE)
    while at < ends:
        free = [key for key in subjects if busy[key] <= at]
        hit = 1 if at < cut_at else ON_A_CABLE
        cut_at = cut_at if at < cut_at else cut_at + rng.uniform(0.5, 1.5) * CABLE
        for key in rng.sample(free, min(hit, len(free))):
            now = at
            for state in _trouble(rng):
                if now >= ends:
                    break
                actions.append(_change(now, key, state))
                final[key] = state
                now += rng.choice(
                    (rng.uniform(0.05, 0.5), rng.uniform(0.5, 3.0), rng.uniform(3.0, 9.0))
                )
            busy[key] = now + 0.5
        busier = 2.0 if (at - WARM_UP) / DAY % 1 < EVENING else 0.6
        at += rng.expovariate(busier / interval)
    return actions, final


def _trouble(rng: Rng) -> list[str]:
    first = rng.choice(BAD)
    other = BAD[1 - BAD.index(first)]
    return [*rng.choice(([first], [first], [first, other], [first, other, first])), "online"]


def _change(at: float, key: str, state: str) -> Action:
    return Action(at=at, kind="change", change={"vyvx": {"id": key, "state": state}})


def _faults(rng: Rng, ends: float) -> Iterator[Action]:
    for deck, mean in ((faults.SLACK, 11.0), (faults.VYVX, 13.0), (faults.LUMEN, 60.0)):
        cards = _shuffled(rng, deck)
        at = WARM_UP + rng.uniform(0.5, mean / 2)
        while at < ends:
            for fault in next(cards):
                yield Action(at=at, kind="change", change={"fault": fault})
            at += rng.uniform(0.5 * mean, 1.5 * mean)


def _brokers(rng: Rng, ends: float, daemons: int) -> Iterator[Action]:
    """It goes away, or lets somebody else take a daemon's session."""
    at = WARM_UP + rng.uniform(3.0, 12.0)
    while at < ends:
        kind = "broker" if rng.random() < 0.7 else "session"
        yield Action(at=at, kind=kind, seconds=rng.uniform(0.2, 2.5), daemon=rng.randrange(daemons))
        at += rng.uniform(25.0, 60.0)


def _databases(rng: Rng, ends: float) -> Iterator[Action]:
    at = WARM_UP + rng.uniform(20.0, 60.0)
    while at < ends:
        yield Action(at=at, kind="database")
        at += rng.uniform(60.0, 120.0)


def _clocks(rng: Rng, ends: float) -> Iterator[Action]:
    at = WARM_UP + rng.uniform(5.0, 30.0)
    while at < ends:
        yield Action(at=at, kind="clock", seconds=rng.uniform(-3.0, 3.0))
        at += rng.uniform(20.0, 80.0)


def _locks(rng: Rng, ends: float) -> Iterator[Action]:
    at = WARM_UP + rng.uniform(5.0, 30.0)
    while at < ends:
        # For longer than 5 s a daemon does not wait: it ends, and says so (test_database_alarm.py).
        yield Action(at=at, kind="lock", seconds=rng.uniform(0.2, 2.5))
        at += rng.uniform(20.0, 80.0)


def _shuffled(rng: Rng, deck: tuple[faults.Faults, ...]) -> Iterator[faults.Faults]:
    """Every card once before any card twice."""
    for _ in itertools.count():
        yield from rng.sample(deck, len(deck))
