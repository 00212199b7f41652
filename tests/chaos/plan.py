"""What shall happen in one chaos run, drawn from a seed: transitions, and violence between them.

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

Dice = random.Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing that is done, `at` seconds after the start.

    `kind`: change (of the vendor's world, `what`), kill, stop (SIGTERM), freeze (SIGSTOP, and
    SIGCONT after `lasts`), broker (gone for `lasts`), session (somebody else takes the daemon's
    client id, for `lasts`), database (killed and started again), lock (somebody else holds SQLite's
    write lock for `lasts`), clock (the daemon's time of day is off by `lasts` from then on).
    """

    at: float
    kind: str
    what: dict[str, Any] | None = None
    lasts: float = 0.0
    daemon: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The deeds in order, and how the reservations stand at the end.

    At `ends`, in seconds after the start, every fault is cleared and nothing more happens.
    """

    seed: int
    subjects: tuple[str, ...]
    deeds: tuple[Deed, ...]
    ends: float
    final: dict[str, str]
    daemons: int = 1


def make(seed: int, *, kills: int, daemons: int = 1, pace: float = 6.0) -> Plan:
    """Draw a plan with so many kills; on average every `pace` seconds an outage begins.

    It is a month that was pressed together: evenings in which more breaks than by night, and now
    and then a cable with several reservations on it. At the end one more breaks and stays so.
    """
    dice = Dice(seed)
    subjects = tuple(str(7_000_001 + number) for number in range(max(4, kills // 5)))
    deeds = list(_violence(dice, kills, daemons))
    ends = deeds[-1].at + 2.0
    outages, final = _outages(dice, subjects[:-1], ends, pace)
    deeds = [_moved(dice, deed, outages) for deed in deeds]
    deeds += outages
    deeds.append(_change(ends - 1.0, subjects[-1], "offline"))
    final[subjects[-1]] = "offline"
    deeds += _faults(dice, ends)
    deeds += _brokers(dice, ends, daemons)
    if daemons > 1:  # hosts that share a database have to keep their clocks together
        deeds += _databases(dice, ends)
    else:
        deeds += _clocks(dice, ends)
        deeds += _locks(dice, ends)
    return Plan(
        seed=seed,
        subjects=subjects,
        deeds=tuple(sorted(deeds, key=lambda deed: deed.at)),
        ends=ends,
        final=final,
        daemons=daemons,
    )


def _violence(dice: Dice, kills: int, daemons: int) -> Iterator[Deed]:
    """Some die while they start, most while they work."""
    at, left = WARM_UP, kills
    longest = 8.0 if daemons == 1 else 16.0  # a lease has to end before another one leads
    while left:
        at += dice.uniform(0.3, 1.5) if dice.random() < 0.2 else dice.uniform(2.0, longest)
        daemon = dice.randrange(daemons)
        chance = dice.random()
        if chance < 0.7:
            left -= 1
            yield Deed(at=at, kind="kill", daemon=daemon)
        elif chance < 0.8:
            yield Deed(at=at, kind="stop", daemon=daemon)
        else:
            lasts = dice.uniform(0.2, 3.0 if daemons == 1 else 10.0)  # past the lease, too
            yield Deed(at=at, kind="freeze", lasts=lasts, daemon=daemon)


def _moved(dice: Dice, deed: Deed, outages: list[Deed]) -> Deed:
    """Half of the violence strikes while a transition is being told."""
    near = [one.at for one in outages if deed.at - 2.0 < one.at < deed.at]
    if not near or dice.random() < 0.5:
        return deed
    return Deed(
        at=near[-1] + dice.uniform(0.05, 1.2),
        kind=deed.kind,
        lasts=deed.lasts,
        daemon=deed.daemon,
    )


def _outages(
    dice: Dice, subjects: tuple[str, ...], ends: float, pace: float
) -> tuple[list[Deed], dict[str, str]]:
    """Every reservation is well, then in trouble of some kind for a while, then well again."""
    deeds: list[Deed] = []
    busy = dict.fromkeys(subjects, WARM_UP)
    final = dict.fromkeys(subjects, "online")
    at, cut_at = WARM_UP, WARM_UP + dice.uniform(0, CABLE)
    while at < ends:
        free = [key for key in subjects if busy[key] <= at]
        hit = 1 if at < cut_at else ON_A_CABLE
        cut_at = cut_at if at < cut_at else cut_at + dice.uniform(0.5, 1.5) * CABLE
        for key in dice.sample(free, min(hit, len(free))):
            now = at
            for state in _trouble(dice):
                if now >= ends:
                    break
                deeds.append(_change(now, key, state))
                final[key] = state
                now += dice.choice(
                    (dice.uniform(0.05, 0.5), dice.uniform(0.5, 3.0), dice.uniform(3.0, 9.0))
                )
            busy[key] = now + 0.5
        busier = 2.0 if (at - WARM_UP) / DAY % 1 < EVENING else 0.6
        at += dice.expovariate(busier / pace)
    return deeds, final


def _trouble(dice: Dice) -> list[str]:
    first = dice.choice(BAD)
    other = BAD[1 - BAD.index(first)]
    return [*dice.choice(([first], [first], [first, other], [first, other, first])), "online"]


def _change(at: float, key: str, state: str) -> Deed:
    return Deed(at=at, kind="change", what={"vyvx": {"id": key, "state": state}})


def _faults(dice: Dice, ends: float) -> Iterator[Deed]:
    for deck, mean in ((faults.SLACK, 11.0), (faults.VYVX, 13.0), (faults.LUMEN, 60.0)):
        cards = _shuffled(dice, deck)
        at = WARM_UP + dice.uniform(0.5, mean / 2)
        while at < ends:
            for fault in next(cards):
                yield Deed(at=at, kind="change", what={"fault": fault})
            at += dice.uniform(0.5 * mean, 1.5 * mean)


def _brokers(dice: Dice, ends: float, daemons: int) -> Iterator[Deed]:
    """It goes away, or lets somebody else take a daemon's session.

    Three times within seconds of a connect would be for a person to mend, and take minutes.
    """
    at = WARM_UP + dice.uniform(3.0, 12.0)
    while at < ends:
        kind = "broker" if dice.random() < 0.7 else "session"
        yield Deed(at=at, kind=kind, lasts=dice.uniform(0.2, 2.5), daemon=dice.randrange(daemons))
        at += dice.uniform(25.0, 60.0)


def _databases(dice: Dice, ends: float) -> Iterator[Deed]:
    at = WARM_UP + dice.uniform(20.0, 60.0)
    while at < ends:
        yield Deed(at=at, kind="database")
        at += dice.uniform(60.0, 120.0)


def _clocks(dice: Dice, ends: float) -> Iterator[Deed]:
    at = WARM_UP + dice.uniform(5.0, 30.0)
    while at < ends:
        yield Deed(at=at, kind="clock", lasts=dice.uniform(-3.0, 3.0))
        at += dice.uniform(20.0, 80.0)


def _locks(dice: Dice, ends: float) -> Iterator[Deed]:
    at = WARM_UP + dice.uniform(5.0, 30.0)
    while at < ends:
        # For longer than 5 s a daemon does not wait: it ends, and says so (tests/alarm/).
        yield Deed(at=at, kind="lock", lasts=dice.uniform(0.2, 2.5))
        at += dice.uniform(20.0, 80.0)


def _shuffled(dice: Dice, deck: tuple[faults.Cards, ...]) -> Iterator[faults.Cards]:
    """Every card once before any card twice."""
    for _ in itertools.count():
        yield from dice.sample(deck, len(deck))
