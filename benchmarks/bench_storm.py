"""10,000 services whose schedules are not known go down in one poll: when people are notified.

Timed from the moment at which the vendor's answer leaves: the first call of Slack, the last alert
in the database, and how often Slack was called in the first ten seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from environment import run_environment, wait_until

SERVICES = 10_000
RULES = """
rules:
  - {name: down, source: vyvx, transition: {field: state, to: offline}, notify: noc}
"""
BUDGETS = {"first_slack_s": 2.0, "durable_s": 1.5, "slack_calls_in_10_s": 5}


async def measure() -> dict[str, float]:
    async with run_environment(SERVICES, RULES) as environment:
        world = environment.world
        async with environment.daemon() as daemon:
            await wait_until(lambda: world.polls >= 3)
            before = daemon.cpu
            world.set("offline")
            await wait_until(lambda: world.answered_at > 0)
            # The alerts that wait for details join later; what fires at once is one transaction.
            fires = "incident_alerts where state = 'firing'"
            await wait_until(lambda: environment.count(fires) > SERVICES / 2)
            durable, spent = time.time(), daemon.cpu - before
            await asyncio.sleep(world.answered_at + 10 - time.time())
            answered_at = world.answered_at
            calls = [at - answered_at for at, _, _ in world.slack if at - answered_at <= 10]
        return {
            "first_slack_s": round(calls[0], 2) if calls else 99.0,
            "durable_s": round(durable - answered_at, 2),
            "cpu_until_durable_s": round(spent, 2),
            "slack_calls_in_10_s": len(calls),
            "details_asked": world.details,
        }


def main() -> int:
    figures = asyncio.run(measure())
    within = all(figures[name] <= budget for name, budget in BUDGETS.items())
    line = {"benchmark": "storm", "services": SERVICES, **figures, "budgets": BUDGETS}
    print(json.dumps({**line, "within": within}))
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
