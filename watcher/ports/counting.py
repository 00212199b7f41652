"""What is counted across restarts: the calls of accounts and the changes of customers."""

from __future__ import annotations

from datetime import date
from typing import Protocol


class Meter(Protocol):
    """Counts the calls that an account has made, across restarts."""

    async def spend(self, account: str, month: str, budget: int) -> bool:
        """Count one call in `month` (YYYY-MM, UTC); False when the budget (0: none) is used up."""


class Tally(Protocol):
    """Counts the changes that a customer of Internet On-Demand has asked for."""

    async def spend_change(self, customer: str, day: date, per_day: int) -> bool:
        """Count one change on `day` (UTC); False when the day's are used up."""


class Reading(Protocol):
    """Tells what a Meter has counted."""

    async def calls(self, account: str, month: str) -> int:
        """Tell how many calls were counted in `month` (YYYY-MM, UTC)."""
