"""What 100,000 services weigh under 20 expressions and under one rule that is none.

Resident memory of the whole daemon after some polls; growth is over a daemon that watches one
service under the same rules. The fixed limit is DESIGN's: 120 MiB of growth.
"""

from __future__ import annotations

import asyncio

from builds import Build
from environment import run_environment, wait_until
from rows import Bench, Figures, Row

PLAIN = """
rules:
  - {name: down, source: vyvx, transition: {field: state, to: offline}}
"""
EXPRESSIONS = "rules:" + "".join(
    f"""
  - name: rule-{number}
    source: vyvx
    expression: state == "offline" && labels.customer != "test" && {number} > 0"""
    for number in range(1, 21)
)
MEBIBYTE = 2**20


async def resident(build: Build, services: int, rules: str) -> float:
    async with run_environment(services, rules) as environment, environment.daemon(build) as daemon:
        await wait_until(lambda: environment.world.polls >= 6, seconds=300)
        return daemon.resident / MEBIBYTE


def measure(build: Build, *, small: bool) -> Figures:
    services = 5_000 if small else 100_000
    figures = {"allowed": 120.0}
    for name, rules in (("one_rule", PLAIN), ("expressions", EXPRESSIONS)):
        empty = asyncio.run(resident(build, 1, rules))
        full = asyncio.run(resident(build, services, rules))
        figures |= {name: full, f"{name}_growth": full - empty}
    return figures


BENCHES = (
    Bench(
        measure=measure,
        rows=(
            Row(
                name="memory, 100,000 services, 20 expressions",
                figure="expressions",
                unit="MiB",
                to_before=0.45,
            ),
            Row(
                name="memory, 100,000 services, 20 expressions: growth",
                figure="expressions_growth",
                unit="MiB",
                limit="allowed",
                to_limit=1.0,
            ),
            Row(
                name="memory, 100,000 services, one rule: growth",
                figure="one_rule_growth",
                unit="MiB",
                limit="allowed",
                to_limit=1.0,
            ),
        ),
        repeats=1,
        in_gate=False,
    ),
)
