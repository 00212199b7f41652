"""`python -m tests.chaos --kills 200 [--seed N] [--postgresql]`: the long run.

Prints the seed, what is wrong, and one JSON line of figures; ends with 1 when anything is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
from pathlib import Path

from tests.chaos import plan, run


def main() -> int:
    """Play one plan."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--pace", type=float, default=6.0, help="seconds between two outages")
    arguments = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if arguments.seed is None else arguments.seed
    drawn = plan.make(seed, kills=arguments.kills, pace=arguments.pace)
    folder = Path(tempfile.mkdtemp(prefix="watcher-chaos-"))
    sys.stdout.write(f"seed {seed}, about {drawn.ends:.0f} s; logs in {folder}\n")
    sys.stdout.flush()
    outcome = asyncio.run(run.play(drawn, folder))
    for complaint in outcome.complaints:
        sys.stdout.write(f"{complaint}\n")
    sys.stdout.write(f"{json.dumps(outcome.figures(drawn))}\n")
    return 1 if outcome.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
