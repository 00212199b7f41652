"""What is outside of a daemon: true time, chance, the network, and the trace of what was seen."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from tests.year.faults import BrokerFault, SlackFault, VendorFault
from tests.year.plan import Click, Form, Plan, Remark, Status
from tests.year.trace import Trace

Happening = TypeVar("Happening", Click, Form, Remark)
Spoilt = TypeVar("Spoilt", BrokerFault, SlackFault, VendorFault)


class World:
    """One run of a plan. Make it on the loop whose time it has."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.trace = Trace()
        self.chance = random.Random(f"{plan.seed}/world")  # noqa: S311  # repeatable
        self.after_post: list[Callable[[], None]] = []  # called at the next write in Slack
        self._loop = asyncio.get_running_loop()
        self._statuses = tuple(plan.statuses)  # in the order of time
        self._times = [status.at for status in self._statuses]
        self._states = {circuit.id: "online" for circuit in plan.circuits}
        self._changes = 0  # the changes that `_states` are after

    def now(self) -> datetime:
        """Return true time."""
        return self.plan.begin + timedelta(seconds=self._loop.time())

    def record(self, what: str, **fields: object) -> None:
        """Write down what somebody saw now."""
        self.trace.add(self.now(), what, **fields)

    def at_each(self, kind: type[Happening], act: Callable[[Happening, str], None]) -> None:
        """Have somebody act at each fact of a kind; each has a name, as `click-3`."""
        for number, fact in enumerate(self.plan.facts):
            if isinstance(fact, kind):
                seconds = (fact.at - self.plan.begin).total_seconds()
                self._loop.call_at(seconds, act, fact, f"{kind.__name__.lower()}-{number}")

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
        changes = self.changes(at)
        if changes < self._changes:  # what a cache says
            return self._after(changes, {circuit.id: "online" for circuit in self.plan.circuits})
        states = self._after(changes, self._states, self._changes)
        self._states, self._changes = states, changes
        return states

    def changes(self, at: datetime | None = None) -> int:
        """Return how often a circuit has changed: after as many changes all states are the same."""
        now = self.now()
        return bisect_right(self._times, now if at is None else min(at, now))

    def statuses(self) -> Sequence[Status]:
        """Return which states of circuits have come about so far."""
        return self._statuses[: self.changes()]

    def _after(self, changes: int, states: dict[str, str], since: int = 0) -> dict[str, str]:
        new = self._statuses[since:changes]
        return states | {status.circuit: status.state for status in new} if new else states
