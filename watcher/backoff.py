"""How long to wait after a failure, everywhere in Watcher: exponential backoff with jitter.

Pure: callers count the failures and pass `chance`, a random number from 0 to 1, so that the engine
can use it and tests get the same delays each time. Delays are in seconds.
"""

from __future__ import annotations

from msgspec import Struct

_MOST_DOUBLINGS = 20  # keeps the power a small number however long an outage lasts


class Jitter(Struct, frozen=True):
    """Scales a delay by a random factor between `least` and `most`, so that clients spread out."""

    least: float = 1.0
    most: float = 1.0

    def spread(self, delay: float, chance: float) -> float:
        """Return `delay` scaled by the factor at `chance`."""
        return delay * (self.least + (self.most - self.least) * chance)


class Backoff(Struct, frozen=True):
    """Doubles from `first` with each failure in a row, up to `longest`; jitter comes last."""

    first: float
    longest: float
    jitter: Jitter = Jitter()

    def delay(self, failures: int, chance: float = 0.0) -> float:
        """Return how long to wait after this many failures in a row, the first of them counted."""
        doubled = self.first * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
        return self.jitter.spread(min(doubled, self.longest), chance)
