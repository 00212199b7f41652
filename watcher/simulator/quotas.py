"""How fast a simulated vendor answers, and how many calls it allows: latency and quotas.

Chance comes from the scenario's seed: the same requests in the same order take the same time.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from watcher.simulator.scenario_schema import Span, Strict

Vendor = Literal["vyvx", "orange", "lumen", "slack"]

_P99 = 2.3263  # standard deviations above the median


class Latency(Strict):
    """Half of the answers take no longer than `p50`, all but one in a hundred than `p99`."""

    p50: Span
    p99: Span

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if not timedelta(0) < self.p50 <= self.p99:
            raise ValueError("p50 must be above 0 and at most p99")
        return self


class Quota(Strict):
    """How many calls of an account are answered; tokens are not counted. Absent: all are."""

    per_minute: int | None = Field(None, ge=0)
    per_month: int | None = Field(None, ge=0, description="To the end of the month (UTC)")
    used: int = Field(0, ge=0, description="Calls of this month that were made before")


class Quotas:
    """Every vendor's latency and quota."""

    def __init__(self, *, seed: int, latencies: Mapping[Vendor, Latency]) -> None:
        self._seed = seed
        self._latencies: dict[str, Latency] = {}
        self._randoms: dict[str, random.Random] = {}
        self._quotas: dict[str, Quota] = {}
        self._made: Counter[tuple[str, str]] = Counter()  # by vendor and period
        for vendor, latency in latencies.items():
            self.set_latency(vendor, latency)

    def set_latency(self, vendor: str, latency: Latency) -> None:
        """Set how long a vendor takes to answer."""
        self._latencies[vendor] = latency

    def set_quota(self, vendor: str, quota: Quota, now: datetime) -> None:
        """Replace the quota of a vendor's account."""
        self._quotas[vendor] = quota
        self._made[vendor, _month(now)] = quota.used

    def delay(self, vendor: str) -> float:
        """Return how many seconds the next answer takes: log-normal, as real ones are."""
        latency = self._latencies.get(vendor)
        if latency is None:
            return 0.0
        seeded = random.Random(f"{self._seed}/{vendor}")  # noqa: S311  # repeatable, no secret
        chance = self._randoms.setdefault(vendor, seeded)
        spread = math.log(latency.p99 / latency.p50) / _P99
        return latency.p50.total_seconds() * math.exp(chance.gauss(0, spread))

    def spend(self, vendor: str, now: datetime) -> float | None:
        """Count a call; return the seconds to wait where the quota forbids it."""
        quota = self._quotas.get(vendor)
        if quota is None:
            return None
        month, minute = (vendor, _month(now)), (vendor, f"{now:%Y-%m-%dT%H:%M}")
        if quota.per_month is not None and self._made[month] >= quota.per_month:
            return (_next_month(now) - now).total_seconds()
        if quota.per_minute is not None and self._made[minute] >= quota.per_minute:
            return 60.0 - now.second
        self._made[month] += 1
        self._made[minute] += 1
        return None


def _month(now: datetime) -> str:
    return f"{now:%Y-%m}"


def _next_month(now: datetime) -> datetime:
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)
