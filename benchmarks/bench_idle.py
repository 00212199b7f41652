"""CPU of a daemon that watches 1,000 services at 60 s while nothing happens."""

from __future__ import annotations

import asyncio

from builds import Build
from environment import run_environment, wait_until
from rows import Bench, Figures, Row

RULES = """
rules:
  - {name: down, source: vyvx, transition: {field: state, to: offline}, notify: noc}
"""


async def idle(build: Build, services: int, *, settle: float, watch: float) -> Figures:
    async with (
        run_environment(services, RULES, interval="60s") as environment,
        environment.daemon(build) as daemon,
    ):
        await wait_until(lambda: environment.count("subjects") == services)
        await asyncio.sleep(settle)
        before = daemon.cpu
        await asyncio.sleep(watch)
        return {"share": (daemon.cpu - before) / watch}


def measure(build: Build, *, small: bool) -> Figures:
    if small:  # no poll falls into it: what wakes by itself shows within seconds
        return asyncio.run(idle(build, 10, settle=3, watch=8))
    return asyncio.run(idle(build, 1_000, settle=30, watch=120))


BENCHES = (
    Bench(
        measure=measure,
        rows=(
            Row(
                name="idle, 1,000 services at 60 s",
                figure="share",
                unit="share of a core",
                to_before=0.4,
            ),
        ),
        repeats=1,
        small_repeats=1,
    ),
)
