"""The health of one receiver between two deliveries: since when it fails, and when to try again.

Pure. It holds what this daemon has seen; the receipts hold what is true for all daemons.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct, field

from watcher import model
from watcher.backoff import Backoff, Jitter

# Short, in seconds, so that people are notified soon after Slack or the broker is back.
_BACKOFF = Backoff(first=1.0, longest=15.0, jitter=Jitter(least=0.5, most=1.0))
PERMANENT_PAUSE = 60.0  # seconds; a person has to fix something, so try only this often
LONGEST_PAUSE = 3_600.0  # seconds; who asks for more is tried again after that
_PERMANENT_JITTER = Jitter(least=0.75, most=1.25)

# What the other receivers should know: what is wrong, and the fallback that is notified instead;
# each is empty where there is none.
News = tuple[str, str]
_FOR_LONG = "failing for long"  # whatever the error: what may pass by itself is reported once


class Fallback(Struct, frozen=True, kw_only=True):
    """Which receiver to notify instead once a receiver has been failing for long, if there is one.

    The others are notified of the failure then in any case.
    """

    receiver: str = ""
    after: timedelta = timedelta(minutes=5)


class FailedDelivery(Struct, frozen=True):
    """A delivery that failed: since when it has been pending, and when it is tried again."""

    since: datetime
    again_at: datetime


class ReceiverHealth(Struct, kw_only=True):
    """The health of one receiver; `jitter` returns a random number from 0 to 1."""

    jitter: Callable[[], float]
    fallback: Fallback = Fallback()
    failures: int = 0
    failing_since: datetime | None = None
    error: str = ""
    permanent: bool = False
    waits_until: datetime | None = None  # where the receiver asked for a pause
    reported: News | None = None  # what the others were notified of; None: nothing since the start
    proven: bool = False  # whether a delivery has succeeded since the start
    failed_deliveries: dict[str, FailedDelivery] = field(default_factory=dict)  # by incident

    @property
    def report_at(self) -> datetime | None:
        """When the others are notified and the fallback is due, if the receiver goes on failing."""
        return None if self.failing_since is None else self.failing_since + self.fallback.after

    def fails_for_long(self, now: datetime) -> bool:
        """Return whether the others should know of a failure that might have passed by itself."""
        return self.report_at is not None and now >= self.report_at

    def active_fallback(self, now: datetime) -> model.Fallback | None:
        """Return which receiver to notify instead by now."""
        since = self.failing_since
        if not self.fallback.receiver or since is None or not self.fails_for_long(now):
            return None
        return model.Fallback(receiver=self.fallback.receiver, since=since)

    def news(self, now: datetime) -> News:
        """Return what the other receivers should know; a known fault stays what it was."""
        fallback = self.active_fallback(now)
        fault = self.error if self.permanent else ""
        if not fault and self.fails_for_long(now):
            fault = (self.reported[0] if self.reported else "") or _FOR_LONG
        return fault, fallback.receiver if fallback else ""

    def succeeded(self, before: model.Receipt) -> None:
        """Record that an incident was delivered in full; `before` is the receipt from before."""
        self.failed_deliveries.pop(before.incident, None)
        self.proven = True
        if before.failures:
            self.reported = None  # another daemon, now gone, may have been the one that failed
        self.failures, self.failing_since = 0, None
        self.error, self.permanent, self.waits_until = "", False, None

    @property
    def may_be_over(self) -> bool:
        """Return whether it is over once nothing is pending: nobody has to fix anything here."""
        return bool(self.failed_deliveries) and not self.permanent

    def nothing_is_pending(self) -> None:
        """Record that another daemon has delivered what failed here, or that it is held back."""
        self.failures, self.failing_since = 0, None
        self.error, self.waits_until = "", None
        self.failed_deliveries.clear()

    def move(self, by: timedelta) -> None:
        """Move its times: the clock was set."""
        if self.failing_since is not None:
            self.failing_since += by
        if self.waits_until is not None:
            self.waits_until += by
        self.failed_deliveries = {
            incident: FailedDelivery(failed.since + by, failed.again_at + by)
            for incident, failed in self.failed_deliveries.items()
        }

    def tried(self, error: model.PermanentError | None, now: datetime) -> None:
        """Record what a try without a delivery has shown, unless a delivery has shown more."""
        if self.proven or self.failing_since is not None:
            return
        if error is None:
            self.proven = True
        else:
            self.failing_since, self.error, self.permanent = now, str(error), True

    def failed(self, before: model.Receipt, error: Exception, now: datetime) -> float:
        """Record a failed delivery; return for how many seconds to pause the receiver."""
        failing_before_start = None if self.proven else before.failing_since
        self.failing_since = self.failing_since or failing_before_start or now
        self.error, self.permanent = str(error), isinstance(error, model.PermanentError)
        requested = _requested_delay(error)
        self.waits_until = now + timedelta(seconds=requested) if requested else None
        if isinstance(error, model.TemporaryError) and error.narrow:
            return 0.0
        self.failures += 1
        return max(_BACKOFF.delay(self.failures, self.jitter()), requested)

    def again_at(self, error: Exception, pause: float, failures: int, now: datetime) -> datetime:
        """Return when to try a failed delivery again.

        That is after the receiver's pause and a delay of the delivery's own, so that other
        deliveries come first; but not later than when the failure is reported, because the attempt
        shows whether it still fails, and whether the fallback is needed.
        """
        if isinstance(error, model.PermanentError):
            own = _PERMANENT_JITTER.spread(PERMANENT_PAUSE, self.jitter())
        else:
            own = _BACKOFF.delay(failures, self.jitter())
        least = timedelta(seconds=max(pause, _requested_delay(error)))
        again_at = now + least + timedelta(seconds=own)
        if self.report_at is not None and self.report_at > now:
            return min(again_at, max(self.report_at, now + least))
        return again_at


def _requested_delay(error: Exception) -> float:
    delay = error.delay if isinstance(error, model.TemporaryError) else None
    return min(max(delay or 0.0, 0.0), LONGEST_PAUSE)
