"""10,000 services whose schedules are not known go down in one poll: when people are notified.

Timed from the moment at which the vendor's answer leaves: the first message to Slack, the last
alert in the database, what CPU that took, and how often Slack was called in the first ten seconds.
The check of the token when the daemon starts is before that moment and does not count.
"""

from __future__ import annotations

import asyncio
import time

from builds import Build
from environment import run_environment, wait_until
from rows import Bench, Figures, Row

RULES = """
rules:
  - {name: down, source: vyvx, transition: {field: state, to: offline}, notify: noc}
"""


async def storm(build: Build, services: int, *, listen: bool) -> Figures:
    async with run_environment(services, RULES) as environment:
        world = environment.world
        async with environment.daemon(build) as daemon:
            await wait_until(lambda: world.polls >= 3)
            before = daemon.cpu
            world.set("offline")
            await wait_until(lambda: world.answered_at > 0)
            # The alerts that wait for details join later; what fires at once is one transaction.
            fires = "incident_alerts where state = 'firing'"
            await wait_until(lambda: environment.count(fires) > services / 2)
            durable, spent = time.time(), daemon.cpu - before
            answered_at = world.answered_at
            await wait_until(lambda: bool(world.posts_since(answered_at)))
            if listen:
                await asyncio.sleep(answered_at + 10 - time.time())
            called = [at - answered_at for at, _, _ in world.slack]
        return {
            "first_slack": world.posts_since(answered_at)[0] - answered_at,
            "durable": durable - answered_at,
            "cpu": spent,
            "slack_calls": sum(0 <= after <= 10 for after in called),
            "most_slack_calls": 5,
        }


def measure(build: Build, *, small: bool) -> Figures:
    return asyncio.run(storm(build, 1_000 if small else 10_000, listen=not small))


BENCHES = (
    Bench(
        measure=measure,
        rows=(
            Row(
                name="10,000 services down in one poll, all durable",
                figure="durable",
                unit="s",
                to_before=0.5,
                gate=False,  # a wall clock
            ),
            Row(
                name="10,000 services down in one poll, all durable: CPU",
                figure="cpu",
                unit="CPU s",
                to_before=0.5,
                reached_before=0.81,
            ),
            Row(
                name="10,000 services down in one poll, first Slack message",
                figure="first_slack",
                unit="s",
                gate=False,  # a wall clock
            ),
            Row(
                name="10,000 services down in one poll, Slack calls in 10 s",
                figure="slack_calls",
                unit="calls",
                limit="most_slack_calls",
                to_limit=1.0,
                gate=False,
            ),
        ),
        small_repeats=5,  # the small ratios of single runs differ by a third
    ),
)
