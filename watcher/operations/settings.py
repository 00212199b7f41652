"""The settings of what people ask for: `[silences]`, `[drill]`, `[ticket]` and `[packet]`."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from watcher.config_types import Duration, Section, Span, Zone
from watcher.operations import silences

_DRILL_GRACE = timedelta(minutes=10)  # a restart or a takeover may take some


class Silences(Section):
    """What a silence may hide without being confirmed."""

    longest: Duration = Field(
        silences.LONGEST, description="A silence that lasts longer has to be confirmed"
    )


class Drill(Section):
    """Drills on a schedule."""

    every: Duration = Field(
        timedelta(0), description="How often every receiver gets a drill, as in 1d; 0: by hand only"
    )
    within: Span = Field(
        timedelta(minutes=1), description="How soon all must be notified, or the drill has failed"
    )

    @property
    def overdue_after(self) -> timedelta:
        """Return the age at which the last drill is overdue; 0 where they are by hand only."""
        return self.every + self.within + _DRILL_GRACE if self.every else timedelta(0)


class Ticket(Section):
    """When an incident should have a ticket at the carrier."""

    remind_after: Duration = Field(
        timedelta(minutes=30), description="After this time `watcher ticket` lists an incident"
    )


class Packet(Section):
    """What a carrier may read in the carrier packet, beyond what it said itself."""

    labels: tuple[str, ...] = Field(
        (), description="Labels of the inventory that go into it, as in contract"
    )
    zone: Zone | None = Field(
        None, description="The carrier's own time zone, shown beside UTC, as in America/Denver"
    )
