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
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any
from unittest import mock

from msgspec import structs

from tests.stand_ins import require_likeness
from tests.year.draw import draw
from tests.year.faults import VendorFault, WrongClock
from tests.year.oracle import complaints
from tests.year.plan import Load, Notice, Plan, Quirk, Reload, Silence, Status, Unsilence
from tests.year.run import run
from watcher import model
from watcher.clock import SystemClock
from watcher.engine import conditions, faults
from watcher.engine.context import StepContext
from watcher.engine.incidents import escalation, silences, storms
from watcher.engine.observation import samples
from watcher.engine.rules import thresholds, works
from watcher.engine.rules.rule import Escalation
from watcher.engine.rules.rule import Rule as EngineRule
from watcher.ledger import states
from watcher.oncall import rota
from watcher.receivers.slack import lookup
from watcher.receivers.slack.receiver import SlackReceiver
from watcher.ruleset.windows import weekly
from watcher.store import leadership
from watcher.store.outbox import Outbox
from watcher.vendors.evpl import source

SEEDS = 200
DAYS = 0.25
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
                require_likeness(getattr(owner, name), substitute)
                stack.enter_context(mock.patch.object(owner, name, substitute))
            yield

    return apply


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """What is broken, and what a plan must have, beside statuses or loads, for it to matter."""

    apply: Callable[[], AbstractContextManager[None]]
    facts: tuple[type, ...] = (Status,)
    needs: Callable[[Plan], bool] = lambda _: True


def _has(*kinds: type) -> Callable[[Plan], bool]:
    return lambda plan: all(any(isinstance(f, kind) for f in plan.facts) for kind in kinds)


def _steps_by_place(ctx: StepContext, incident: model.Incident) -> list[Escalation]:
    return escalation._steps(ctx, incident)[incident.escalated :]


def _first_moment(*place, fold: int, moment=weekly._moment) -> datetime:
    del fold
    return moment(*place, fold=0)


def _end_later(ctx: StepContext, silence: model.Silence, *, by: str = "") -> None:
    ctx.put_silence(structs.replace(silence, ended_by=by))


def _alone(ctx: StepContext, rule: EngineRule, alert: model.Alert) -> model.Resolution:
    is_well = conditions.is_well(ctx, rule, alert.subject)
    return model.Resolution.RECOVERED if is_well else model.Resolution.LAPSED


BREAKS: dict[str, Break] = {
    # No receipt is kept before a delivery is over.
    "receipts": Break(
        apply=_patched(
            (Outbox, "save_receipt", _do_nothing),
            (SlackReceiver, "first_intent", ""),
        )
    ),
    # A post whose outcome is unknown is repeated without a look.
    "lookup": Break(apply=_patched((lookup, "resolve_intent", _do_nothing))),
    # A daemon that has lost its lease goes on as if it led.
    "fencing": Break(
        apply=_patched(
            (leadership, "require", lambda *_: None),
            (leadership.Leadership, "keep_renewing", _renew_in_vain),
        ),
        needs=lambda plan: plan.daemons > 1,
    ),
    # `for` goes by the time of day, and nobody looks whether it was set.
    "monotonic for": Break(
        apply=_patched(
            (SystemClock, "now", lambda clock: clock._wall()),
            (SystemClock, "follow", lambda _: timedelta(0)),
        )
    ),
    # One that takes over reads the times of another clock as if they were of its own.
    "two clocks": Break(
        apply=_patched(
            (leadership.Leadership, "clock_difference", lambda _: ("", timedelta(0))),
        ),
        needs=lambda plan: (
            plan.daemons > 1 and any(isinstance(fault, WrongClock) for fault in plan.faults)
        ),
    ),
    # Of a time that comes twice a window takes the first, and a rota the second.
    "fold": Break(
        apply=_patched(
            (weekly, "_moment", _first_moment),
            (weekly, "_span", weekly._span.__wrapped__),
            (rota, "time", lambda *shown: time(*shown, fold=1)),
        ),
        needs=lambda plan: bool(plan.windows or plan.rota),
    ),
    # A direction that is between the limits holds what only the other one has begun.
    "hysteresis": Break(
        apply=_patched((thresholds, "_held", lambda *_: frozenset({"in", "out"}))),
        facts=(Load, Quirk),
    ),
    # Works excuse nothing.
    "planned works": Break(
        apply=_patched((works, "find", lambda *_: None)),
        facts=(Status, Notice),
        needs=_has(Notice),
    ),
    # However many fail at once, each has a thread.
    "storms": Break(
        apply=_patched((storms, "merge_if_too_many", lambda *_: None)),
        needs=lambda plan: any(circuit.name.startswith("Cable") for circuit in plan.circuits),
    ),
    # Samples from tomorrow count.
    "future samples": Break(
        apply=_patched(
            (source, "up_to", lambda answer, _: (answer, 0)),
            (samples, "_latest", lambda ctx, _: ctx.now + _FAR),
        ),
        facts=(Load, Quirk),
    ),
    # What nobody could see counts in the ledger as it was before.
    "ledger": Break(
        apply=_patched((states, "_blinded", lambda state, _: state)),
        needs=lambda plan: any(isinstance(fault, VendorFault) for fault in plan.faults),
    ),
    # A step of escalation is known by its place among the steps.
    "escalation by place": Break(
        apply=_patched((escalation, "_steps_ahead", _steps_by_place)),
        facts=(Status, Reload),
        needs=_has(Reload),
    ),
    # A silence that somebody ends goes on until its first end.
    "silence edit": Break(
        apply=_patched((silences, "_end", _end_later)),
        facts=(Status, Silence, Unsilence),
        needs=_has(Unsilence),
    ),
    # An alert whose condition is over ends, whatever its subject and the other rules say.
    "handover of a fault": Break(
        apply=_patched(
            (faults, "lingers", lambda *_: False),
            (faults, "resolution", _alone),
        ),
        needs=lambda plan: any(rule.fault for rule in plan.rules),
    ),
}


def _only(plan: Plan, kinds: tuple[type, ...]) -> Plan:
    """Return a plan with these facts alone, and with what they are about."""
    facts = tuple(fact for fact in plan.facts if isinstance(fact, kinds))
    if Status in kinds:
        return replace(plan, lines=(), line_hours=None, no_data=None, thresholds=(), facts=facts)
    nothing_else = {"circuits": (), "rules": (), "windows": (), "hours": None, "diagnoses": False}
    return replace(plan, **nothing_else, facts=facts)


def found_by(plan: Plan, name: str) -> list[str]:
    """Return the complaints of a run with something broken; none where it fails unbroken too.

    To be quick, the plan is played without what the break does not concern.
    """
    broken = BREAKS[name]
    if not broken.needs(plan):
        return []
    plan = _only(plan, broken.facts)
    with broken.apply():
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
            print(f"{name}: not found in {arguments.seeds} seeds", flush=True)  # noqa: T201  # its output
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
