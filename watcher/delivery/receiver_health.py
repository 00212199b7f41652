"""How a receiver stands between two tellings: since when it fails, and when it is tried again.

Law: pure. What is known here is this daemon's alone; receipts say what holds for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watcher import model

FIRST_PAUSE = 1.0  # seconds after the first failure, doubled with each further one
LONGEST_PAUSE = 15.0  # so that people are told soon after Slack or the broker is back
PERMANENT_PAUSE = 60.0  # a person has to mend something; look again this often

News = tuple[str, str]  # what only a person can mend, and the fallback that is told instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Whom else to tell once a receiver has been failing for so long."""

    receiver: str
    after: timedelta


@dataclass(frozen=True, slots=True)
class PendingState:
    """What could not be told: since when it waits, and when it is tried again."""

    since: datetime
    again_at: datetime


@dataclass(slots=True, kw_only=True)
class ReceiverHealth:
    """What is known of one receiver; `jitter` gives a number from 0 to 1."""

    jitter: Callable[[], float]
    fallback: Fallback | None = None
    failures: int = 0
    failing_since: datetime | None = None
    error: str = ""
    permanent: bool = False
    reported: News | None = None  # fault and fallback; None: nothing since the start
    proven: bool = False  # it was told something since the start
    pending: dict[str, PendingState] = field(default_factory=dict)  # by incident

    @property
    def fallback_at(self) -> datetime | None:
        """When its fallback is due, if it goes on failing; None: never."""
        if self.fallback is None or self.failing_since is None:
            return None
        return self.failing_since + self.fallback.after

    def instead(self, now: datetime) -> model.Fallback | None:
        """Say whom to tell in its place by now."""
        due, since = self.fallback_at, self.failing_since
        if self.fallback is None or since is None or due is None or now < due:
            return None
        return model.Fallback(receiver=self.fallback.receiver, since=since)

    def news(self, now: datetime) -> News:
        """Say what the others should know of it."""
        instead = self.instead(now)
        return self.error if self.permanent else "", instead.receiver if instead else ""

    def succeeded(self, receipt: model.Receipt) -> None:
        """Take in that it was told all of an incident; `receipt` is the one from before."""
        self.pending.pop(receipt.incident, None)
        self.proven = True
        if receipt.failures:
            self.reported = None  # who failed may have been another daemon, which has ended
        self.failures, self.failing_since = 0, None
        self.error, self.permanent = "", False

    def failed(self, receipt: model.Receipt, error: Exception, now: datetime) -> float:
        """Take in that it could not be told; for how many seconds it is left alone."""
        before = None if self.proven else receipt.failing_since  # before the start
        self.failing_since = self.failing_since or before or now
        self.error, self.permanent = str(error), isinstance(error, model.PermanentError)
        if isinstance(error, model.TemporaryError) and error.narrow:
            return 0.0
        self.failures += 1
        return max(self._backoff(self.failures), _asked_delay(error))

    def again_at(self, error: Exception, pause: float, failures: int, now: datetime) -> datetime:
        """After the receiver's pause and one of the debt's own, so that others get their turn.

        Not later than when the fallback is due: then it shows whether it is needed.
        """
        if isinstance(error, model.PermanentError):
            own = PERMANENT_PAUSE * (0.75 + 0.5 * self.jitter())
        else:
            own = self._backoff(failures)
        least = timedelta(seconds=max(pause, _asked_delay(error)))
        again_at = now + least + timedelta(seconds=own)
        if self.fallback_at is not None and self.fallback_at > now:
            return min(again_at, max(self.fallback_at, now + least))
        return again_at

    def _backoff(self, failures: int) -> float:
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 10))
        return longest * (0.5 + 0.5 * self.jitter())


def _asked_delay(error: Exception) -> float:
    return (error.delay or 0.0) if isinstance(error, model.TemporaryError) else 0.0
