"""CPU seconds of step() for each change, beside the least that it could take.

The limit of a case is the least that any engine must do for each change, in this same run: build
the new frozen subject and put it into a dict and, with expressions, build one CEL context and
evaluate 20 programs on it.
"""

import gc
import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from watcher import engine, model, ruleset

SUBJECTS = int(sys.argv[1])
TURNS = 4
START = datetime(2026, 11, 21, tzinfo=UTC)
STATES = ("online", "impaired")
QUIET = "transition: {field: state, to: [offline], from: [online]}"
MATCHING = "transition: {field: state, to: [impaired]}\n    for: 1h"
EXPRESSION = 'expression: state == "offline" && labels.customer != "test" && {n} > 0'


def load(bodies):
    lines = ["rules:"]
    for number, body in enumerate(bodies):
        lines.append(f"  - name: rule-{number}\n    source: vyvx\n    {body}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.yaml"
        file.write_text("\n".join(lines))
        traits = engine.SourceTraits(
            name="vyvx", kind="vyvx", blind_after=timedelta(minutes=3), detailed=False
        )
        return ruleset.load([str(file)], inventory=None, sources={"vyvx": traits}, receivers=[])


def polls():
    """Yield one poll after another, in each of which every subject has changed."""
    for turn in range(TURNS + 1):
        fields = {"state": STATES[turn % 2], "ingress_state": "online"}
        yield model.Polled(
            source="vyvx",
            seen=tuple(
                model.Observed(key=f"vyvx/{number}", fields=fields) for number in range(SUBJECTS)
            ),
            total=SUBJECTS,
        )


def measure(rules):
    """Return the CPU seconds for each change."""
    state = engine.restore(rules)
    first, *later = polls()
    engine.step(state, first, START)
    gc.collect()
    started = time.process_time()
    for minute, poll in enumerate(later, start=1):
        engine.step(state, poll, START + timedelta(minutes=minute))
    return (time.process_time() - started) / (SUBJECTS * TURNS)


def limit_of_subjects():
    kept = {}
    fields, previous, labels = {"state": "online"}, {"state": "impaired"}, {}
    gc.collect()
    started = time.process_time()
    for number in range(SUBJECTS * TURNS):
        key = f"vyvx/{number % SUBJECTS}"
        kept[key] = model.Subject(
            key=key, source="vyvx", fields=fields, previous=previous, labels=labels, since=START
        )
    return (time.process_time() - started) / (SUBJECTS * TURNS)


def limit_of_expressions():
    """Return what 20 programs of the binding cost, one after the other, on one context."""
    try:
        import cel
    except ImportError:
        return 0.0
    source = 'state == "offline" && labels.customer != "test" && 1 > 0'
    programs = [cel.compile(source) for _ in range(20)]
    started = time.process_time()
    for _ in range(SUBJECTS):
        context = cel.Context({"state": "online", "labels": {"customer": ""}})
        for program in programs:
            program.execute(context)
    return (time.process_time() - started) / SUBJECTS


def main():
    expressions = [EXPRESSION.replace("{n}", str(number + 1)) for number in range(20)]
    subjects = limit_of_subjects()
    figures = {
        "two_match": measure(load([QUIET] * 18 + [MATCHING] * 2)),
        "none_matches": measure(load([QUIET] * 20)),
        "expressions": measure(load(expressions)),
        "limit": subjects,
    }
    if of_expressions := limit_of_expressions():
        figures["expressions_limit"] = subjects + of_expressions
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
