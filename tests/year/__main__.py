"""`make year SEED=`: runs plans, and says what people were not told as they should have been."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import date

from tests.year.draw import draw
from tests.year.oracle import complaints
from tests.year.run import run
from watcher.clock import SystemClock


def main() -> int:
    """Run each seed; return 1 if there was a complaint."""
    parser = argparse.ArgumentParser(prog="python -m tests.year", description=__doc__)
    parser.add_argument("--seed", type=int, help="the first; by the date if it is not given")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--days", type=float, default=1.0, help="how long each is")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="seeds at a time")
    arguments = parser.parse_args()
    first = seed_of(SystemClock().now().date()) if arguments.seed is None else arguments.seed
    if arguments.seed is None:
        again = f"make year SEED={first} SEEDS={arguments.seeds} DAYS={arguments.days:g}"
        print(f"the seeds of today; any day: {again}", flush=True)  # noqa: T201  # its output
    seeds = range(first, first + arguments.seeds)
    wrong = 0
    with ProcessPoolExecutor(arguments.workers) as workers:
        for lines in workers.map(_play, seeds, itertools.repeat(arguments.days)):
            print("\n  ".join(lines), flush=True)  # noqa: T201  # its output
            wrong += len(lines) - 1
    return 1 if wrong else 0


def seed_of(day: date) -> int:
    """Return the first seed of a day; the next day's comes a hundred later."""
    return int(f"{day:%y%m%d}00")


def _play(seed: int, days: float) -> list[str]:
    """Return what to print of a seed: a line about it, and its complaints."""
    began = time.process_time()
    plan = draw(seed, days)
    trace = run(plan)
    spent = time.process_time() - began
    line = f"seed {seed}: {days:g} days, {spent:.0f} s, trace {trace.digest()[:16]}"
    return [line, *complaints(plan, trace)]


if __name__ == "__main__":
    sys.exit(main())
