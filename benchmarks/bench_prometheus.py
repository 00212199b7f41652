"""The same 10,000 services under 20 rules, each second: Watcher beside Prometheus and Alertmanager.

Both are asked in one run, so that the machine is the same. Debian's packages `prometheus` and
`prometheus-alertmanager`; where they are missing there are no rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from builds import Build
from environment import FIRST, Daemon, run_environment, wait_until
from rows import Bench, Figures, Row

PROGRAMS = ("prometheus", "prometheus-alertmanager")
SERVICES = 10_000
CYCLES = 60
WARM_SECONDS = 20.0
MEBIBYTE = 2**20
DOWN = "transition: {field: state, to: offline}"
RULES = "rules:" + "".join(
    f"\n  - {{name: rule-{number}, source: vyvx, {DOWN}, for: {number}m}}"
    for number in range(1, 21)
)
PROMETHEUS = {
    "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
    "rule_files": ["rules.json"],
}


async def watcher(build: Build) -> tuple[float, float]:
    """Return CPU seconds for each cycle and the peak of memory, in MiB."""
    async with run_environment(SERVICES, RULES) as environment, environment.daemon(build) as daemon:
        await asyncio.sleep(WARM_SECONDS)
        before, polls = daemon.cpu, environment.world.polls
        await wait_until(lambda: environment.world.polls >= polls + CYCLES, seconds=300)
        cycles = environment.world.polls - polls
        return (daemon.cpu - before) / cycles, daemon.peak / MEBIBYTE


async def prometheus() -> tuple[float, float]:
    """Return the same of Prometheus and Alertmanager together."""
    lines = [f'service_up{{service="{FIRST + number}"}} 1' for number in range(SERVICES)]
    body = ("\n".join(lines) + "\n").encode()
    scrapes = 0

    async def metrics(_: web.Request) -> web.Response:
        nonlocal scrapes
        scrapes += 1
        return web.Response(body=body, content_type="text/plain")

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        async with contextlib.AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            processes = [
                await stack.enter_async_context(program)
                for program in programs(folder, exporter=port)
            ]
            await wait_until(lambda: scrapes >= 1)
            await asyncio.sleep(WARM_SECONDS)
            before, counted = sum(process.cpu for process in processes), scrapes
            await wait_until(lambda: scrapes >= counted + CYCLES, seconds=300)
            spent = sum(process.cpu for process in processes) - before
            peak = sum(process.peak for process in processes) / MEBIBYTE
            return spent / (scrapes - counted), peak
    finally:
        await runner.cleanup()


def programs(
    folder: Path, *, exporter: int
) -> list[contextlib.AbstractAsyncContextManager[Daemon]]:
    """Write their files and return both programs, on ports that are free."""
    own, alerts = free_port(), free_port()
    config = PROMETHEUS | {
        "scrape_configs": [
            {"job_name": "vyvx", "static_configs": [{"targets": [f"127.0.0.1:{exporter}"]}]}
        ],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alerts}"]}]}]},
    }
    rules = [
        {"alert": f"rule{number}", "expr": "service_up == 0", "for": f"{number}m"}
        for number in range(1, 21)
    ]
    documents = {
        "prometheus.json": config,
        "rules.json": {"groups": [{"name": "vyvx", "rules": rules}]},
        "alertmanager.json": {"route": {"receiver": "none"}, "receivers": [{"name": "none"}]},
    }
    for name, document in documents.items():  # JSON is YAML as well
        (folder / name).write_text(json.dumps(document))
    return [
        program(
            "prometheus",
            f"--config.file={folder}/prometheus.json",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{own}",
        ),
        program(
            "prometheus-alertmanager",
            f"--config.file={folder}/alertmanager.json",
            f"--storage.path={folder}/alerts",
            f"--web.listen-address=127.0.0.1:{alerts}",
            "--cluster.listen-address=",
        ),
    ]


@contextlib.asynccontextmanager
async def program(*command: str) -> AsyncIterator[Daemon]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield Daemon(process=process, ready_after=0.0)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def measure(build: Build, *, small: bool) -> Figures:
    del small
    if build.is_before or not all(map(shutil.which, PROGRAMS)):
        return {}  # it is compared with another program, not with an older Watcher
    cycle, peak = asyncio.run(watcher(build))
    other_cycle, other_peak = asyncio.run(prometheus())
    return {"cycle": cycle, "peak": peak, "other_cycle": other_cycle, "other_peak": other_peak}


BENCHES = (
    Bench(
        measure=measure,
        rows=(
            Row(
                name="10,000 services, 20 rules, a cycle: beside Prometheus and Alertmanager",
                figure="cycle",
                unit="CPU s",
                limit="other_cycle",
                to_limit=1 / 40,
            ),
            Row(
                name="10,000 services, 20 rules, peak memory: beside Prometheus and Alertmanager",
                figure="peak",
                unit="MiB",
                limit="other_peak",
                to_limit=0.9,
            ),
        ),
        repeats=1,
        in_gate=False,
    ),
)
