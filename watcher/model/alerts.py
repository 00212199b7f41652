"""Alerts: one rule on one subject, as the engine keeps it and as the readers see it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct, field

from watcher.model.subjects import Scalar


class Severity(StrEnum):
    """How bad it is; `rank` orders them."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info up to 2 for critical."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class AlertState(StrEnum):
    """The terms of Prometheus. Resolved is reported once and then is inactive again."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Measured(Struct, frozen=True, kw_only=True, gc=False):
    """What a threshold's value is of: the direction that counts, and how much of the window.

    `covered` is how much of it has samples, None for all of it. `held` are the directions that
    passed the limit, each with the time since when it has been back beyond `clear`: None while it
    is not.
    """

    direction: str = ""
    covered: timedelta | None = None
    held: Mapping[str, datetime | None] = field(default_factory=dict)


class Alert(Struct, frozen=True, kw_only=True, gc=False):
    """One rule on one subject.

    `since` is when it entered its state. Pending: the condition has held since `since`, and it may
    fire from `due` on. Firing: `due` is when it resolves unless the condition returns, None while
    the condition holds. `entered_from` is the last known value of a transition's field before it
    entered `to`; it outlives the alert's states for as long as the field stays inside. `lingering`
    says of a firing alert that its condition is over and its subject not well: it ends when another
    alert of the fault stands for it, or `keep_firing_for` after the subject is well.
    `unclear_since` is when it became impossible to tell whether the condition holds. `unwell` says
    that its subject was known not to be well when it became pending. `measured` belongs to a
    threshold's value.
    """

    rule: str
    subject: str
    state: AlertState = AlertState.INACTIVE
    since: datetime
    due: datetime | None = None
    value: Scalar = None
    entered_from: str | None = None
    incident: str | None = None
    lingering: bool = False
    unwell: bool = False
    unclear_since: datetime | None = None
    measured: Measured | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Rule and subject: there is one alert of each pair."""
        return self.rule, self.subject


class IncidentAlert(Struct, frozen=True, kw_only=True, gc=False):
    """An alert as readers see it; it stays with its incident when the alert itself moves on.

    The condition held from `since` until `until`, which is None while it holds. `unseen_since` is
    when the vendor stopped to say how the subject is, once people know; `to` is last known then.
    `unwell_since` is when the fault of its subject began, where other alerts of the incident showed
    it before this one; it outlives those whose place this one took.
    """

    incident: str
    subject: str
    rule: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    state: AlertState
    from_: str | None = None
    to: str | None = None
    value: float | None = None
    metric: str = ""  # what a threshold is set on, and its limit
    limit: float | None = None
    unit: str = ""
    direction: str = ""  # the one that the value is of
    window: str = ""  # what the value is: `p95 over 24 h`; empty for a single sample
    place: str = ""  # where it is measured
    since: datetime
    until: datetime | None = None
    unseen_since: datetime | None = None
    unwell_since: datetime | None = None
    fields: Mapping[str, Scalar] = field(default_factory=dict)
    flips: tuple[datetime, ...] = ()  # when the condition turned, lately
    flapping: bool = False

    def supersedes(self, other: IncidentAlert) -> bool:
        """Return whether it says more than another one of its subject about how that is now."""
        fires = self.state is AlertState.FIRING
        if fires is not (other.state is AlertState.FIRING):
            return fires
        if not fires:
            return (self.until or self.since) > (other.until or other.since)
        held, holds = (alert.until is None for alert in (other, self))
        return holds if holds is not held else self.since > other.since
