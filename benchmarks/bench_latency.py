"""From the vendor's answer to the Slack request and the MQTT publish, among 1,000 known services.

One service after another goes down, far enough apart that Slack's own pace (one message a second)
makes nobody wait. The durable commit is included. The p99 of 100 outages is the second slowest.
Of a wall clock, and so the least of several runs: a busy machine makes it longer. The daemon's CPU
from the outage until both were told says the same of Watcher alone; the polls meanwhile are in it.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time

import aiomqtt
from builds import Build
from environment import FIRST, run_environment, wait_until
from rows import Bench, Figures, Row

from watcher.simulator import mqtt_broker

APART = 1.1
RULES = """
rules:
  - {name: down, source: vyvx, transition: {field: state, to: offline}, notify: [noc, mqtt]}
storm: {incidents: 100000}
"""


async def delays(build: Build, services: int, outages: int) -> dict[str, list[float]]:
    published_at: list[float] = []
    measured: dict[str, list[float]] = {"slack": [], "mqtt": [], "cpu": []}
    labels = {f"vyvx/{FIRST + n}": {"labels": {"customer": "acme"}} for n in range(services)}
    inventory = json.dumps({"subjects": labels})
    async with (
        mqtt_broker.serve() as port,
        run_environment(
            services, RULES, interval="200ms", inventory=inventory, mqtt_port=port
        ) as environment,
        aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V311) as client,
        environment.daemon(build) as daemon,
    ):
        await client.subscribe("watcher/events", qos=1)

        async def listen() -> None:
            async for _ in client.messages:
                published_at.append(time.time())  # noqa: PERF401  # at its own time

        listening = asyncio.create_task(listen())
        world = environment.world
        await wait_until(lambda: world.details >= services, seconds=600)
        await wait_until(lambda: environment.count("inbox where consumed_at is null") == 0)
        for number in range(outages):
            started, events, cpu = time.time(), len(published_at), daemon.cpu
            world.set("offline", str(FIRST + number))
            await wait_until(lambda started=started: bool(world.posts_since(started)))
            await wait_until(lambda events=events: len(published_at) > events)
            measured["cpu"].append(daemon.cpu - cpu)
            measured["slack"].append(world.posts_since(started)[0] - world.answered_at)
            measured["mqtt"].append(published_at[events] - world.answered_at)
            await asyncio.sleep(APART)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return measured


def measure(build: Build, *, small: bool) -> Figures:
    figures = {}
    measured = asyncio.run(delays(build, *((100, 6) if small else (1_000, 100))))
    figures["cpu"] = statistics.median(measured.pop("cpu"))
    for receiver, seconds in measured.items():
        figures[f"{receiver}_median"] = statistics.median(seconds)
        figures[f"{receiver}_p99"] = sorted(seconds)[-2]
    return figures


def row(name: str, figure: str, to_before: float | None = None, unit: str = "s") -> Row:
    # A wall clock on a machine that others load: too unsteady for the gate.
    return Row(name=name, figure=figure, unit=unit, to_before=to_before, gate=False)


BENCHES = (
    Bench(
        measure=measure,
        rows=(
            row("vendor's answer to Slack, median", "slack_median", 0.4),
            row("vendor's answer to Slack, p99", "slack_p99", 0.4),
            row("vendor's answer to MQTT, median", "mqtt_median"),
            row("vendor's answer to MQTT, p99", "mqtt_p99"),
            row("an outage until both are told, median", "cpu", 0.4, "CPU s"),
        ),
        repeats=2,
        in_gate=False,
    ),
)
