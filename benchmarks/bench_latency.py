"""From the vendor's answer to the Slack request and the MQTT publish, among 1,000 known services.

One service after another goes down, far enough apart that Slack's own pace (one message a second)
makes nobody wait. The durable commit is included. The p99 of 100 outages is the second slowest.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time

import aiomqtt
from environment import FIRST, run_environment, wait_until

from watcher.simulator import mqtt_broker

SERVICES, OUTAGES, APART = 1_000, 100, 1.1
BUDGET_MS = 50
RULES = """
rules:
  - {name: down, source: vyvx, transition: {field: state, to: offline}, notify: [noc, mqtt]}
storm: {incidents: 100000}
"""
INVENTORY = {
    "subjects": {f"vyvx/{FIRST + n}": {"labels": {"customer": "acme"}} for n in range(SERVICES)}
}


async def measure() -> dict[str, list[float]]:
    published_at: list[float] = []
    delays: dict[str, list[float]] = {"slack": [], "mqtt": []}
    async with (
        mqtt_broker.serve() as port,
        run_environment(
            SERVICES, RULES, interval="200ms", inventory=json.dumps(INVENTORY), mqtt_port=port
        ) as environment,
        aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V311) as client,
        environment.daemon(),
    ):
        await client.subscribe("watcher/events", qos=1)

        async def listen() -> None:
            async for _ in client.messages:
                published_at.append(time.time())  # noqa: PERF401  # at its own time

        listening = asyncio.create_task(listen())
        world = environment.world
        await wait_until(lambda: world.details >= SERVICES, seconds=600)
        await wait_until(lambda: environment.count("inbox where consumed_at is null") == 0)
        for number in range(OUTAGES):
            calls, events = len(world.slack), len(published_at)
            world.set("offline", str(FIRST + number))
            await wait_until(lambda calls=calls: len(world.slack) > calls)
            await wait_until(lambda events=events: len(published_at) > events)
            delays["slack"].append(world.slack[calls][0] - world.answered_at)
            delays["mqtt"].append(published_at[events] - world.answered_at)
            await asyncio.sleep(APART)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return delays


def main() -> int:
    within = True
    for receiver, seconds in asyncio.run(measure()).items():
        ordered = [1_000 * delay for delay in sorted(seconds)]
        p99 = ordered[-2]
        line = {"benchmark": f"latency_{receiver}", "outages": len(ordered)}
        line |= {"median_ms": round(statistics.median(ordered), 1), "p99_ms": round(p99, 1)}
        print(json.dumps({**line, "budget": BUDGET_MS, "within": p99 <= BUDGET_MS}))
        within = within and p99 <= BUDGET_MS
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
