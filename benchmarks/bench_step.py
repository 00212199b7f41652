"""How many changes a second step() takes, beside what the machine allows, one JSON line per case.

The physical limit of a case is the least that any engine must do for each change, in this same
run: build the new frozen subject and put it into a dict and, with expressions, build one CEL
context and evaluate 20 programs on it. `ratio` is the limit's rate over ours.
"""

import gc
import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cel

from watcher import engine, model, ruleset

SUBJECTS = 5_000
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


def best_of_three(measured, *args):
    """Return the fastest of three runs: what slows a run down is the machine's other work."""
    return max(measured(*args) for _ in range(3))


def measure(rules):
    state = engine.restore(rules)
    first, *later = polls()
    engine.step(state, first, START)
    gc.collect()
    started = time.perf_counter()
    effects = 0
    for minute, poll in enumerate(later, start=1):
        effects += len(engine.step(state, poll, START + timedelta(minutes=minute)))
    return SUBJECTS * TURNS / (time.perf_counter() - started), effects


def limit_of_subjects():
    kept = {}
    fields, previous, labels = {"state": "online"}, {"state": "impaired"}, {}
    gc.collect()
    started = time.perf_counter()
    for number in range(SUBJECTS * TURNS):
        key = f"vyvx/{number % SUBJECTS}"
        kept[key] = model.Subject(
            key=key, source="vyvx", fields=fields, previous=previous, labels=labels, since=START
        )
    return SUBJECTS * TURNS / (time.perf_counter() - started)


def limit_of_expressions():
    source = 'state == "offline" && labels.customer != "test" && 1 > 0'
    programs = [cel.compile(source) for _ in range(20)]
    started = time.perf_counter()
    for _ in range(SUBJECTS):
        context = cel.Context({"state": "online", "labels": {"customer": ""}})
        for program in programs:
            program.execute(context)
    seconds = (time.perf_counter() - started) / SUBJECTS
    return 1 / (seconds + 1 / limit_of_subjects())


def report(case, budget, rules, limit):
    rate, effects = best_of_three(measure, rules)
    line = {
        "benchmark": "step",
        "case": case,
        "changes_per_second": round(rate),
        "budget": budget,
        "within": rate >= budget,
        "limit_per_second": round(limit),
        "ratio": round(limit / rate, 2),
        "effects": effects,
    }
    print(json.dumps(line))


def main():
    report(
        "20 rules, 2 match",
        50_000,
        load([QUIET] * 18 + [MATCHING] * 2),
        best_of_three(limit_of_subjects),
    )
    report("20 rules, none matches", 50_000, load([QUIET] * 20), best_of_three(limit_of_subjects))
    expressions = [EXPRESSION.replace("{n}", str(number + 1)) for number in range(20)]
    report("20 expressions", 20_000, load(expressions), best_of_three(limit_of_expressions))


if __name__ == "__main__":
    main()
