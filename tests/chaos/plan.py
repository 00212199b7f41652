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

WARM_UP = 4.0  # seconds in which the details of every reservation are fetched, undisturbed
BAD = ("offline", "degraded")

Dice = random.Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing that is done, `at` seconds after the start.

    `kind`: change (of the vendor's world, `what`), kill, stop (SIGTERM), freeze (SIGSTOP, and
    SIGCONT after `lasts`), broker (gone for `lasts`), database (killed and started again), clock
    (the daemon's time of day is off by `lasts` from then on).
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
    """Draw a plan with so many kills; on average every `pace` seconds an outage begins."""
    dice = Dice(seed)
    subjects = tuple(str(7_000_001 + number) for number in range(max(4, kills // 5)))
    deeds = list(_violence(dice, kills, daemons))
    ends = deeds[-1].at + 2.0
    outages, final = _outages(dice, subjects, ends, pace)
    deeds = [_moved(dice, deed, outages) for deed in deeds]
    deeds += outages
    deeds += _faults(dice, ends)
    deeds += _brokers(dice, ends)
    # Hosts that share a database have to keep their clocks together.
    deeds += _databases(dice, ends) if daemons > 1 else _clocks(dice, ends)
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
    at = WARM_UP
    while at < ends:
        free = [key for key in subjects if busy[key] <= at]
        if free:
            key = dice.choice(free)
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
        at += dice.expovariate(1 / pace)
    return deeds, final


def _trouble(dice: Dice) -> list[str]:
    first = dice.choice(BAD)
    other = BAD[1 - BAD.index(first)]
    return [*dice.choice(([first], [first], [first, other], [first, other, first])), "online"]


def _change(at: float, key: str, state: str) -> Deed:
    return Deed(at=at, kind="change", what={"vyvx": {"id": key, "state": state}})


def _faults(dice: Dice, ends: float) -> Iterator[Deed]:
    for deck, mean in ((_SLACK, 11.0), (_VYVX, 13.0), (_LUMEN, 60.0)):
        cards = _shuffled(dice, deck)
        at = WARM_UP + dice.uniform(0.5, mean / 2)
        while at < ends:
            for fault in next(cards):
                yield Deed(at=at, kind="change", what={"fault": fault})
            at += dice.uniform(0.5 * mean, 1.5 * mean)


def _brokers(dice: Dice, ends: float) -> Iterator[Deed]:
    at = WARM_UP + dice.uniform(3.0, 12.0)
    while at < ends:
        yield Deed(at=at, kind="broker", lasts=dice.uniform(0.2, 2.5))
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


def _shuffled(dice: Dice, deck: tuple[Faults, ...]) -> Iterator[Faults]:
    """Every card once before any card twice."""
    for _ in itertools.count():
        yield from dice.sample(deck, len(deck))


Faults = tuple[dict[str, Any], ...]


def _slack(kind: str, endpoint: str = "chat.postMessage", **more: Any) -> dict[str, Any]:
    return {"vendor": "slack", "kind": kind, "endpoint": endpoint, "times": 1, **more}


def _all_of_slack(kind: str, span: str) -> dict[str, Any]:
    return {"vendor": "slack", "kind": kind, "for": span}


_LOST_LOOKUPS = (
    _slack("http_500", "conversations.history", times=2),
    _slack("http_503", "conversations.replies", times=2),
)
_NO_LOOKUPS = (  # for so long that a post is repeated unseen
    _slack("http_500", "conversations.history", times=6),
    _slack("http_503", "conversations.replies", times=6),
)
_SLACK: tuple[Faults, ...] = (
    (_slack("drop"),),
    (_slack("drop", times=2),),
    (_slack("drop", "files.completeUploadExternal"),),
    (_slack("drop", "files.getUploadURLExternal"),),
    (_slack("drop", "upload"),),
    (_slack("drop", "chat.update"),),
    (_slack("drop"), *_LOST_LOOKUPS),
    (_slack("drop", "files.completeUploadExternal"), *_LOST_LOOKUPS),
    (_slack("drop"), *_NO_LOOKUPS),
    (_slack("http_500"),),
    (_slack("http_429", retry_after="2"),),
    (_slack("http_429", "files.completeUploadExternal", retry_after="1"),),
    (_slack("truncated"),),
    (_slack("truncated", "files.completeUploadExternal"),),
    (_slack("truncated", "conversations.replies"), _slack("drop")),
    (_slack("reset"),),
    (_slack("html"),),
    (_slack("hang"),),
    (_all_of_slack("http_500", "2s"),),
    (_all_of_slack("http_503", "4s"),),
    (_all_of_slack("drop", "1s"),),
)


def _vyvx(kind: str, span: str = "", **more: Any) -> dict[str, Any]:
    return {"vendor": "vyvx", "kind": kind, **({"for": span} if span else {}), **more}


_VYVX: tuple[Faults, ...] = (
    (_vyvx("http_503", "500ms"),),
    (_vyvx("http_503", "2s"),),
    (_vyvx("http_503", "6s"),),  # long enough to make the source blind
    (_vyvx("truncated", times=2),),
    (_vyvx("hang", times=1),),
    (_vyvx("reset", times=2),),
    (_vyvx("drop", times=2),),
    (_vyvx("html", "1s"),),
    (_vyvx("http_429", times=1, retry_after="1"),),
)
_LUMEN: tuple[Faults, ...] = (
    ({"vendor": "lumen", "kind": "http_503", "endpoint": "diagnostics", "times": 1},),
    ({"vendor": "lumen", "kind": "drop", "endpoint": "diagnostics", "times": 1},),
    ({"vendor": "lumen", "kind": "http_500", "endpoint": "token", "times": 1},),
)
