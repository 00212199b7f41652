"""A year of one daemon with 200 circuits, each down twice and nothing broken: what that takes.

python -m tests.year.quiet_year --days 365
python -m tests.year.quiet_year --days 8 --outages 8 --memory   # a day; what it holds each midnight
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.year.draw import QUIET, RULE
from tests.year.oracle import complaints
from tests.year.plan import Circuit, Plan, Status
from tests.year.run import run
from tests.year.trace import Trace

BEGIN = datetime(2027, 3, 1, tzinfo=UTC)
CIRCUITS = 200
_OUTAGES = 2 * CIRCUITS / 365  # a day


def draw(days: float, outages: float = _OUTAGES) -> Plan:
    """Return the plan of so many days with so many outages each, always the same."""
    apart = timedelta(days=CIRCUITS / outages)  # of a circuit, on average
    chance = random.Random("quiet year")  # noqa: S311  # repeatable
    end = BEGIN + timedelta(days=days)
    circuits = tuple(Circuit(id=f"{1000 + n}", name=f"Feed {n:03}") for n in range(CIRCUITS))
    facts = [
        fact for circuit in circuits for fact in _outages(chance, circuit.id, apart, end - QUIET)
    ]
    return Plan(
        seed=1,
        begin=BEGIN,
        end=end,
        rules=(RULE,),
        circuits=circuits,
        facts=tuple(sorted(facts, key=lambda fact: fact.at)),
        interval=timedelta(minutes=15),
        history=timedelta(days=7),
        idle=timedelta(hours=1),
        watch=timedelta(minutes=10),
    )


def _outages(
    chance: random.Random, circuit: str, apart: timedelta, end: datetime
) -> Iterator[Status]:
    up = BEGIN
    while True:
        down = (up + apart * chance.expovariate(1)).replace(microsecond=0)
        up = down + timedelta(seconds=round(10 ** chance.uniform(1.5, 4)))
        if up > end:
            return
        yield Status(at=down, circuit=circuit, state="offline")
        yield Status(at=up, circuit=circuit, state="online")


def main() -> int:
    """Run it, and say how long it took; return 1 if there was a complaint."""
    parser = argparse.ArgumentParser(prog="python -m tests.year.quiet_year", description=__doc__)
    parser.add_argument("--days", type=float, default=365.0, help="how long it is")
    parser.add_argument("--outages", type=float, default=_OUTAGES, help="how many a day")
    parser.add_argument("--memory", action="store_true", help="say each day what is in memory")
    arguments = parser.parse_args()
    plan = draw(arguments.days, arguments.outages)
    began = time.process_time()
    trace = run(plan, each_day=_weigh if arguments.memory else lambda _: None)
    spent, outages = time.process_time() - began, len(plan.facts) // 2
    wrong = [] if arguments.memory else complaints(plan, trace)
    lines = (f"{outages} outages, {spent:.0f} s, trace {trace.digest()[:16]}", *wrong)
    print("\n  ".join(lines), flush=True)  # noqa: T201  # its output
    return 1 if wrong else 0


def _weigh(trace: Trace) -> None:
    """Say how many objects there are, and what they take; what was seen so far is forgotten."""
    trace.forget()
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    resident = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    print(f"{len(gc.get_objects())} objects, {resident:.1f} MiB", flush=True)  # noqa: T201  # its output


if __name__ == "__main__":
    sys.exit(main())
