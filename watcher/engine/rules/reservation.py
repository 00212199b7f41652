"""Where a reservation stands in its booked window: the model says it, for readers as well."""

from watcher.model.reservation import (
    CHECK_OVERRUN,
    DURING,
    PRE_ROLL,
    last_edge,
    next_edge,
    next_start,
    on_air_until,
    phase,
    span,
    within,
)

__all__ = [
    "CHECK_OVERRUN",
    "DURING",
    "PRE_ROLL",
    "last_edge",
    "next_edge",
    "next_start",
    "on_air_until",
    "phase",
    "span",
    "within",
]
