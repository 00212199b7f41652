"""Runs a plan: the daemon's own wiring, in a world without threads, sockets and real time."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import structlog

import watcher.clock
import watcher.daemon.works
import watcher.vendors.diagnostics.preview
from tests.year import idle, job_errors, memory
from tests.year.clock import Datetime
from tests.year.doors import Doors
from tests.year.loop import run_to_end
from tests.year.machine import Installation, Machine
from tests.year.peers import carrier, diagnostics
from tests.year.peers.askers import Askers
from tests.year.peers.carrier import Carrier
from tests.year.peers.fillers import Fillers
from tests.year.peers.operators import Operators
from tests.year.peers.people import People
from tests.year.peers.planners import Planners
from tests.year.peers.pressers import Pressers
from tests.year.plan import Plan
from tests.year.trace import Trace
from tests.year.world import World
from watcher.cli.common import GARBAGE_THRESHOLD


def run(
    plan: Plan,
    *,
    level: int = logging.CRITICAL,
    each_day: Callable[[Trace], None] = lambda _: None,
) -> Trace:
    """Return what came of a plan; of an equal plan always the same. `level`: what is logged.

    `each_day` gets the trace so far when a day is over.
    """
    doors = Doors()
    with _without_leaks(plan, level, doors):
        return run_to_end(_run(plan, doors, each_day))


async def _run(plan: Plan, doors: Doors, each_day: Callable[[Trace], None]) -> Trace:
    world = World(plan)
    for day in range((plan.end - plan.begin).days):
        seconds = timedelta(days=day + 1).total_seconds()
        asyncio.get_running_loop().call_at(seconds, each_day, world.trace)
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(world, Path(folder))
        loop: Any = asyncio.get_running_loop()
        with closing(installation.disk), job_errors.recorded(world, loop):
            People(world, installation.broker)
            Carrier(world, installation.notices)
            Pressers(world, installation.slack, installation.sockets)
            Fillers(world, installation.slack, installation.sockets)
            Planners(world, installation.slack, installation.sockets)
            machines = [Machine(installation, number) for number in range(plan.daemons)]
            for machine in machines:
                machine.start()
            operators = Operators(world, doors, machines)
            Askers(world, doors, machines, installation.broker)
            await asyncio.sleep((plan.end - plan.begin).total_seconds())
            installation.broker.record_retained()
            world.record("held", **memory.held(installation.disk, plan.end, plan.retention))
            await operators.read_ledger()
            installation.calls.record()
            await asyncio.gather(*(machine.stop() for machine in machines))
    return world.trace


@contextmanager
def _without_leaks(plan: Plan, level: int, doors: Doors) -> Iterator[None]:
    """Put what reads the time or throws dice by itself on the plan's, and say nothing."""
    tokens = random.Random(f"{plan.seed}/tokens")  # noqa: S311  # repeatable
    random.seed(plan.seed)  # for what was bound as a default argument
    patches = [
        (
            watcher.clock,
            "secrets",
            SimpleNamespace(token_hex=lambda size: tokens.randbytes(size).hex()),
        ),
        (watcher.daemon.works, "read_notices", carrier.read_notices),
        (watcher.vendors.diagnostics.preview.PdfPreviewer, "render", diagnostics.render),
        *idle.patches(plan),
        *doors.patches(),
    ]
    logged_before = structlog.get_config()
    with ExitStack() as stack:
        stack.callback(gc.set_threshold, *gc.get_threshold())
        gc.set_threshold(GARBAGE_THRESHOLD)
        for name in ("apscheduler.schedulers.base.datetime", "apscheduler.executors.base.datetime"):
            stack.enter_context(mock.patch(name, Datetime))
        for module, name, value in patches:
            stack.enter_context(mock.patch.object(module, name, value))
        stack.callback(structlog.configure, **logged_before)
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
        yield
