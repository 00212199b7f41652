"""The simulator alone: `python -m watcher.simulator --scenario outage --port 8900`."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys

from watcher.simulator import Simulator, load
from watcher.simulator.scenario import Scenario, ScenarioError


def main() -> int:
    """Serve until SIGTERM or SIGINT; one JSON line with all addresses says that it is ready."""
    parser = argparse.ArgumentParser(prog="python -m watcher.simulator", description=__doc__)
    parser.add_argument("--scenario", default="quiet", help="a file, or a shipped scenario's name")
    parser.add_argument("--port", type=int, default=0, help="for HTTP; 0: a free one")
    parser.add_argument("--no-broker", action="store_true", help="serve no MQTT broker")
    parser.add_argument("--wait", action="store_true", help="nothing happens before /_sim/begin")
    arguments = parser.parse_args()
    try:
        scenario = load(arguments.scenario)
    except ScenarioError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    asyncio.run(_serve(scenario, arguments))
    return 0


async def _serve(scenario: Scenario, arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Simulator(
        scenario,
        port=arguments.port,
        with_broker=not arguments.no_broker,
        start=not arguments.wait,
    ) as simulator:
        sys.stdout.write(json.dumps(simulator.addresses()) + "\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
