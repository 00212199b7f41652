"""How soon a daemon that knows 10,000 services is READY, and what 100,000 of them weigh.

READY is timed from the start of the process to its sd_notify. Memory is resident memory after
some polls, less that of a daemon that watches one service.
"""

from __future__ import annotations

import asyncio
import json
import sys

from environment import run_environment, wait_until

RULES = """
rules:
  - {name: down, source: vyvx, transition: {field: state, to: offline}}
"""
MEBIBYTE = 2**20
READY_BUDGET_S, MEMORY_BUDGET_MIB = 1.5, 120


async def ready_after(services: int) -> float:
    async with run_environment(services, RULES) as environment:
        async with environment.daemon():
            await wait_until(lambda: environment.count("subjects") == services)
        async with environment.daemon() as daemon:
            return daemon.ready_after


async def resident(services: int) -> int:
    async with run_environment(services, RULES) as environment, environment.daemon() as daemon:
        await wait_until(lambda: environment.world.polls >= 6)
        return daemon.resident


def main() -> int:
    empty = asyncio.run(ready_after(1))
    ready = asyncio.run(ready_after(10_000))
    line = {"benchmark": "start", "known_subjects": 10_000, "ready_s": round(ready, 2)}
    line |= {"with_one_subject_s": round(empty, 2), "budget": READY_BUDGET_S}
    print(json.dumps({**line, "within": ready <= READY_BUDGET_S}))
    grown = (asyncio.run(resident(100_000)) - asyncio.run(resident(1))) / MEBIBYTE
    memory = {"benchmark": "memory", "services": 100_000, "growth_mib": round(grown, 1)}
    memory |= {"budget": MEMORY_BUDGET_MIB}
    print(json.dumps({**memory, "within": grown <= MEMORY_BUDGET_MIB}))
    return 0 if ready <= READY_BUDGET_S and grown <= MEMORY_BUDGET_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
