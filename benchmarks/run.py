"""Run the benchmarks: `python benchmarks/run.py [--small] [NAME ...]`, one JSON line for each row.

Without names all of them. `--small` is for the gate: small sizes, and the exit code is 1 when a
ratio is worse than its budget by half. Without it the exit code is 1 when a row is not within.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

import builds
import rows


def benches(names: list[str]) -> dict[str, tuple[rows.Bench, ...]]:
    """Return the benchmarks of each file `bench_NAME.py`."""
    here = Path(__file__).parent
    existing = sorted(file.stem.removeprefix("bench_") for file in here.glob("bench_*.py"))
    if unknown := set(names) - set(existing):
        sys.exit(
            f"no such benchmark: {', '.join(sorted(unknown))}; there are: {', '.join(existing)}"
        )
    return {name: importlib.import_module(f"bench_{name}").BENCHES for name in names or existing}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="step, start, ...")
    parser.add_argument("--small", action="store_true", help="small sizes, for the gate")
    parser.add_argument("--alone", action="store_true", help="without the build before")
    asked = parser.parse_args()
    now, before, why_not = builds.now(), None, "left out, as asked"
    if not asked.alone:
        try:
            before = builds.before()
        except builds.UnavailableError as error:
            why_not = str(error)
    fine = True
    for of_file in benches(asked.names).values():
        for bench in of_file:
            if asked.small and not bench.in_gate:
                continue
            figures, was = rows.run(bench, now, before, small=asked.small)
            for row in bench.rows:
                if row.figure not in figures:
                    continue  # it needs the full size
                line = rows.evaluate(row, figures, was, why_no_before="" if before else why_not)
                rows.show(line)
                passed = rows.passes_gate(row, line)
                fine = fine and (passed if asked.small else line["within"] is not False)
                if asked.small and not passed:
                    print(f"{row.name}: a ratio is worse than its budget by half", file=sys.stderr)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
