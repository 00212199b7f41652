"""What breaks in a simulated time, and the draw of a seed's faults.

Each fault lasts from `at` to `until`; what it spoils is tried again afterwards. `daemon` is the
number of the one that it hits. `Random(f"{seed}/faults")` is theirs alone: what else a seed draws
does not change with them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """The daemon dies after so many steps of its own from `at` on, and is started at `until`.

    With `statements` it dies inside a transaction instead, before that one of its statements. With
    `after_post` the steps count from the next write in Slack on, if there is one before `until`,
    and it is started soon afterwards.
    """

    at: datetime
    until: datetime
    steps: int = 0
    statements: int = 0
    after_post: bool = False
    daemon: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The daemon gets SIGTERM, and is started at `until`."""

    at: datetime
    until: datetime
    daemon: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """The daemon stands still (SIGSTOP) until `until`."""

    at: datetime
    until: datetime
    daemon: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongClock:
    """The machine's time of day is off by `by`; it is set wrong, and set right at `until`."""

    at: datetime
    until: datetime
    by: timedelta
    daemon: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorFault:
    """What the vendor answers until `until`.

    `down`: 503; `limited`: 429; `cut`: half of the answer; `partial`: some of the circuits, where
    all are asked for; `old`: what was true at `at`, as from a cache.
    """

    at: datetime
    until: datetime
    kind: Literal["down", "limited", "cut", "partial", "old"] = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackFault:
    """What Slack does until `until`.

    `down`: it answers 503; `answer_lost`: it does each write and drops the connection; `limited`:
    it answers 429 to one `method`; `no_edits`: it refuses them, as a workspace may have it.
    """

    at: datetime
    until: datetime
    kind: Literal["down", "answer_lost", "limited", "no_edits"]
    method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFault:
    """The broker loses every connection, and refuses new ones until `until`.

    With `forgets` it has lost what it retained as well, as one without persistence does.
    """

    at: datetime
    until: datetime
    forgets: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFault:
    """What the database does until `until`.

    `locked`: it begins no transaction that writes; `full`: it writes nothing; `broken`: it neither
    writes nor reads; `unsure`: it commits, and says that it failed.
    """

    at: datetime
    until: datetime
    kind: Literal["locked", "full", "broken", "unsure"]


Fault = StoreFault | Crash | Stop | Freeze | WrongClock | VendorFault | SlackFault | BrokerFault
METHODS = ("chat.postMessage", "chat.update", "conversations.history", "conversations.replies")


def daemons(seed: int) -> int:
    """Return how many daemons there are on one database."""
    return 2 if seed % 3 == 0 else 1


def draw(
    seed: int,
    news: Sequence[datetime],
    begin: datetime,
    end: datetime,
    *,
    machines: int,
    calm: float = 1,
) -> tuple[Fault, ...]:
    """Return about one fault in two calm hours, half of them soon after there was `news`."""
    chance = random.Random(f"{seed}/faults")  # noqa: S311  # repeatable
    faults: list[Fault] = []
    for _ in range(round((end - begin) / timedelta(hours=2 * calm))):
        at = begin + chance.random() * (end - begin)
        if news and chance.random() < 0.5:
            at = chance.choice(news) + timedelta(seconds=chance.uniform(0, 150))
        if at < end:
            faults.append(_draw_fault(chance, at, chance.randrange(machines)))
    return tuple(sorted(faults, key=lambda fault: fault.at))


def _draw_fault(chance: random.Random, at: datetime, daemon: int) -> Fault:
    until = at + timedelta(seconds=10 ** chance.uniform(0.5, 3))
    soon, steps = at + timedelta(seconds=5), chance.randint(0, 40)
    vendor = chance.choice(("down", "limited", "cut", "partial", "old"))
    slack = chance.choice(("down", "answer_lost", "answer_lost", "limited", "no_edits"))
    store = chance.choice(("locked", "full", "broken", "unsure"))
    method = chance.choice(METHODS) if slack == "limited" else ""
    return chance.choice(
        (
            Crash(at=at, until=soon, steps=steps, daemon=daemon),
            Crash(at=at, until=soon, statements=1 + steps, daemon=daemon),
            Crash(at=at, until=until, steps=steps % 4, after_post=True, daemon=daemon),
            StoreFault(at=at, until=at + timedelta(seconds=chance.uniform(1, 60)), kind=store),
            Stop(at=at, until=until, daemon=daemon),
            Freeze(at=at, until=until, daemon=daemon),
            _wrong_clock(chance, at, daemon),
            VendorFault(at=at, until=until, kind=vendor),
            SlackFault(at=at, until=until, kind=slack, method=method),
            SlackFault(at=at, until=until, kind="answer_lost"),
            BrokerFault(at=at, until=until, forgets=chance.random() < 0.5),
        )
    )


def _wrong_clock(chance: random.Random, at: datetime, daemon: int) -> WrongClock:
    """Return seconds to days ahead or behind, for minutes to hours."""
    by = timedelta(seconds=round(10 ** chance.uniform(0.5, 5.3)))
    until = at + timedelta(seconds=10 ** chance.uniform(1, 4))
    return WrongClock(at=at, until=until, by=by if chance.random() < 0.5 else -by, daemon=daemon)
