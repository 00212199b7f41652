"""`make year SEED=`: runs plans, and says what people were not told as they should have been."""

from __future__ import annotations

import argparse
import sys

from tests.year.draw import draw
from tests.year.oracle import complaints
from tests.year.run import run


def main() -> int:
    """Run each seed; return 1 if there was a complaint."""
    parser = argparse.ArgumentParser(prog="python -m tests.year", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--days", type=float, default=1.0, help="how long each is")
    arguments = parser.parse_args()
    wrong = 0
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        plan = draw(seed, arguments.days)
        trace = run(plan)
        print(f"seed {seed}: {arguments.days:g} days, trace {trace.digest()[:16]}", flush=True)  # noqa: T201  # its output
        for complaint in complaints(plan, trace):
            wrong += 1
            print(f"  {complaint}", flush=True)  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
