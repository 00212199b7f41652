"""What is outside of a daemon: true time, chance, the network, and the trace of what was seen."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from tests.year.faults import BrokerFault, SlackFault, VendorFault
from tests.year.plan import Plan, Status
from tests.year.trace import Trace

Spoilt = TypeVar("Spoilt", BrokerFault, SlackFault, VendorFault)


class World:
    """One run of a plan. Make it on the loop whose time it has."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.trace = Trace()
        self.chance = random.Random(f"{plan.seed}/world")  # noqa: S311  # repeatable
        self.after_post: list[Callable[[], None]] = []  # called at the next write in Slack
        self._loop = asyncio.get_running_loop()

    def now(self) -> datetime:
        """Return true time."""
        return self.plan.begin + timedelta(seconds=self._loop.time())

    def record(self, what: str, **fields: object) -> None:
        """Write down what somebody saw now."""
        self.trace.add(self.now(), what, **fields)

    def posted(self) -> None:
        """Note that Slack has written something."""
        waiting, self.after_post = self.after_post, []
        for call in waiting:
            call()

    async def travel(self) -> None:
        """Wait for as long as a request or an answer is on its way."""
        await asyncio.sleep(self.chance.uniform(0.005, 0.15))

    def spoilt(self, kind: type[Spoilt]) -> Spoilt | None:
        """Return what is wrong with the vendor, Slack or the broker now."""
        now = self.now()
        faults = (fault for fault in self.plan.faults if isinstance(fault, kind))
        return next((fault for fault in faults if fault.at <= now < fault.until), None)

    def states(self, at: datetime | None = None) -> dict[str, str]:
        """Return the true state of each circuit, now unless another time is given."""
        states = {circuit.id: "online" for circuit in self.plan.circuits}
        for fact in self.statuses():
            if at is None or fact.at <= at:
                states[fact.circuit] = fact.state
        return states

    def statuses(self) -> list[Status]:
        """Return which states of circuits have come about so far."""
        now = self.now()
        return [fact for fact in self.plan.statuses if fact.at <= now]
