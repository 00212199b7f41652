"""Breaks one safeguard of Watcher at a time: an oracle that finds nothing then is worth nothing.

    python -m tests.year.unsafe                       # each, until a seed finds it
    python -m tests.year.unsafe receipts --seeds 200

A seed counts only where the same plan is without a complaint as long as nothing is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest import mock

from tests.year.draw import draw
from tests.year.oracle import complaints
from tests.year.plan import Plan
from tests.year.run import run
from watcher import model
from watcher.clock import SystemClock
from watcher.engine.incidents import storms
from watcher.engine.observation import samples
from watcher.engine.rules import thresholds, works
from watcher.receivers.slack import lookup
from watcher.receivers.slack.receiver import SlackReceiver
from watcher.store import leadership
from watcher.store.outbox import Outbox
from watcher.vendors.evpl import source

SEEDS = 200
DAYS = 0.25
_OF_LINES = {"hysteresis", "future samples"}
_FAR = timedelta(days=9)


async def _do_nothing(*_: object, **__: object) -> None:
    """Stand in for a safeguard."""


async def _renew_in_vain(presence: leadership.Leadership) -> None:
    while True:
        await asyncio.sleep(leadership.RENEW_SECONDS)
        with contextlib.suppress(model.WatcherError):
            await presence.renew()


def _patched(*patches: tuple[Any, str, object]) -> Callable[[], AbstractContextManager[None]]:
    @contextmanager
    def apply() -> Iterator[None]:
        with ExitStack() as stack:
            for owner, name, substitute in patches:
                stack.enter_context(mock.patch.object(owner, name, substitute))
            yield

    return apply


BREAKS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    # No receipt is kept before a delivery is over.
    "receipts": _patched(
        (Outbox, "save_receipt", _do_nothing), (SlackReceiver, "first_intent", "")
    ),
    # A post whose outcome is unknown is repeated without a look.
    "lookup": _patched((lookup, "resolve_intent", _do_nothing)),
    # A daemon that has lost its lease goes on as if it led.
    "fencing": _patched(
        (leadership, "require", lambda *_: None),
        (leadership.Leadership, "keep_renewing", _renew_in_vain),
    ),
    # `for` goes by the time of day, and nobody looks whether it was set.
    "monotonic for": _patched(
        (SystemClock, "now", lambda clock: clock._wall()),
        (SystemClock, "follow", lambda _: timedelta(0)),
    ),
    # A direction that is between the limits holds what only the other one has begun.
    "hysteresis": _patched((thresholds, "_held", lambda *_: frozenset({"in", "out"}))),
    # Works excuse nothing.
    "planned works": _patched((works, "find", lambda *_: None)),
    # However many fail at once, each has a thread.
    "storms": _patched((storms, "merge_if_too_many", lambda *_: None)),
    # Samples from tomorrow count.
    "future samples": _patched(
        (source, "up_to", lambda answer, _: (answer, 0)),
        (samples, "_latest", lambda ctx, _: ctx.now + _FAR),
    ),
}


def _for_circuits(plan: Plan) -> Plan:
    return replace(plan, lines=(), thresholds=(), facts=tuple(plan.statuses))


def _for_works(plan: Plan) -> Plan:
    named = {circuit for notice in plan.notices for circuit in notice.circuits}
    circuits = tuple(circuit for circuit in plan.circuits if circuit.id in named)
    statuses = (fact for fact in plan.statuses if fact.circuit in named)
    facts = sorted((*statuses, *plan.notices), key=lambda fact: fact.at)
    return replace(plan, circuits=circuits, lines=(), thresholds=(), facts=tuple(facts))


def _for_lines(plan: Plan) -> Plan:
    circuits = set(plan.statuses)
    facts = tuple(fact for fact in plan.facts if fact not in circuits)
    return replace(plan, circuits=(), rules=(), facts=facts)


def found_by(plan: Plan, name: str) -> list[str]:
    """Return the complaints of a run with something broken; none where it fails unbroken too.

    To be quick, the plan is played without what the break does not concern.
    """
    if name == "planned works":
        plan = _for_works(plan)
    else:
        plan = _for_lines(plan) if name in _OF_LINES else _for_circuits(plan)
    if not plan.facts:
        return []
    with BREAKS[name]():
        wrong = complaints(plan, run(plan))
    return wrong if wrong and not complaints(plan, run(plan)) else []


def main() -> int:
    """Look for a seed that finds each; return 1 if one was not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.year.unsafe", description=__doc__)
    parser.add_argument("names", nargs="*", default=list(BREAKS), help="what to break")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many are tried at most")
    parser.add_argument("--days", type=float, default=DAYS, help="how long each is")
    arguments = parser.parse_args()
    missed = 0
    for name in arguments.names:
        for seed in range(1, arguments.seeds + 1):
            wrong = found_by(draw(seed, arguments.days), name)
            if wrong:
                print(f"{name}: seed {seed}: {wrong[0]}", flush=True)  # noqa: T201  # its output
                break
        else:
            missed += 1
            print(f"{name}: not found in {arguments.seeds} seeds", flush=True)  # noqa: T201
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
