"""CPU of a verb that only asks the running daemon: what every look at it costs an operator."""

from __future__ import annotations

import asyncio
from pathlib import Path

from builds import Build
from environment import run_environment
from rows import Bench, Figures, Row

RULES = """
rules:
  - {name: down, source: vyvx, transition: {field: state, to: offline}}
"""
VERBS = ("status", "incidents")
RUNS = 5


async def verbs(build: Build) -> Figures:
    async with run_environment(1, RULES) as environment, environment.daemon(build):
        return {
            name: await asyncio.to_thread(_least, build, environment.folder, name) for name in VERBS
        }


def _least(build: Build, folder: Path, verb: str) -> float:
    command = build.watcher(verb, "--config", folder / "config.toml")
    # 1: status has a finding, as nobody could be notified so far
    return min(build.cpu(command, expected=(0, 1)) for _ in range(RUNS))


def measure(build: Build, *, small: bool) -> Figures:
    del small
    return asyncio.run(verbs(build))


BENCHES = (
    Bench(
        measure=measure,
        rows=tuple(
            Row(
                name=f"`watcher {name}`",
                figure=name,
                unit="CPU s",
                to_before=0.4,
                reached_before=0.45,
            )
            for name in VERBS
        ),
        repeats=2,
        small_repeats=2,
    ),
)
