"""`python -m tests.chaos --kills 200 [--seed N] [--daemons 2]`: the long run.

Prints the seed, what is wrong, and one JSON line of figures; ends with 1 when anything is wrong.
The daemon's log and what the checker saw stay in a temporary folder.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import pickle
import secrets
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.chaos import plan, run
from tests.chaos.environment import Database
from tests.servers import postgresql
from tests.servers.ports import free_port


def main() -> int:
    """Play one plan."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--daemons", type=int, choices=(1, 2), default=1, help="two: on PostgreSQL")
    parser.add_argument("--interval", type=float, default=6.0, help="seconds between two outages")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no process stays behind
    seed = secrets.randbelow(1_000_000) if arguments.seed is None else arguments.seed
    drawn = plan.make(
        seed, kills=arguments.kills, daemons=arguments.daemons, interval=arguments.interval
    )
    folder = Path(tempfile.mkdtemp(prefix="watcher-chaos-"))
    sys.stdout.write(f"seed {seed}, about {drawn.ends:.0f} s; logs in {folder}\n")
    sys.stdout.flush()
    with shared() if arguments.daemons > 1 else contextlib.nullcontext() as database:
        outcome = asyncio.run(run.run_plan(drawn, folder, database=database))
    (folder / "evidence.pickle").write_bytes(pickle.dumps(outcome.evidence))
    for complaint in outcome.complaints:
        sys.stdout.write(f"{complaint}\n")
    sys.stdout.write(f"{json.dumps(outcome.figures(drawn))}\n")
    return 1 if outcome.complaints else 0


@contextlib.contextmanager
def shared() -> Iterator[Database]:
    """Run a PostgreSQL of our own, with an empty database."""
    with postgresql.running(free_port()) as server:

        def restart() -> None:
            server.stop(signal.SIGQUIT)
            server.start()

        yield Database(url=server.url, restart=restart)


if __name__ == "__main__":
    sys.exit(main())
