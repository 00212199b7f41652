"""How things follow one another in a plan: on calm days seldom, and each takes longer.

Of more than two days most are calm, and sources are polled so seldom then that what takes minutes
on other days would not be seen.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from tests.year.plan import Plan

_RARER, _SLOWER = 20, 4  # on calm days; the first of two days


@dataclass(frozen=True, slots=True)
class Rhythm:
    """By how much gaps and spans are longer than on dense days."""

    of_gaps: float = 1
    of_spans: float = 1

    @classmethod
    def of(cls, plan: Plan) -> Rhythm:
        """Return that of a plan."""
        days = (plan.end - plan.begin) / timedelta(days=1)
        return cls(_RARER * days / 2, _SLOWER) if days > 2 else cls()

    @property
    def is_calm(self) -> bool:
        """Whether most days of it are calm."""
        return self.of_spans > 1

    def gap(self, chance: random.Random, least: int, most: int) -> timedelta:
        """Return some minutes between two things, whole seconds."""
        return self.of_gaps * timedelta(minutes=chance.randint(least, most))

    def span(self, chance: random.Random, least: int, most: int) -> timedelta:
        """Return some minutes that a thing takes."""
        return self.of_spans * timedelta(minutes=chance.randint(least, most))
