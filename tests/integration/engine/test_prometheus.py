"""`for`, `keep_firing_for` and gaps against Prometheus itself, over hundreds of series.

Each series is played here and evaluated by `promtool test rules`, which expects the state that it
had here at every step: pending, firing, or neither. Where we differ on purpose, a series ends:
while an alert is pending or fires, Prometheus takes a gap for the end, and we treat it as unknown
(docs/decisions/0001).
"""

import itertools
import json
import random
import subprocess
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from tests.fakes.engine_world import START, rule, ruleset, sample
from tests.servers.programs import program
from watcher import engine, model

STEP = 10  # seconds; both sides evaluate once a step
STEPS = 45
HOLDS = (0, 10, 20, 50)
KEEPS = (0, 10, 30, 60)
CASES = list(itertools.product(HOLDS, KEEPS))
GROUPS = 25
STATES = {"0": "online", "1": "offline", "stale": "unknown"}
CONDITIONS = {
    "transition": engine.Transition(field="state", to=frozenset({"offline"})),
    "expression": engine.Expression(holds=lambda context: context["state"] == "offline"),
    "threshold": engine.Threshold(metric="load", limit=1.0),
}


@dataclass
class Series:
    """The values of one case, and the state at each step for as long as both sides must agree."""

    values: list[str]
    states: list[str] = field(default_factory=list)


def series(dice, *, gaps):
    """Return runs of good, bad and missing values, about as long as the waits of the rules."""
    values = []
    while len(values) < STEPS:
        value = dice.choices(["0", "1", "stale"], [4, 5, gaps])[0]
        values += [value] * (1 if value == "stale" else dice.choice([1, 1, 2, 3, 4, 6, 7, 9]))
    return Series(values[:STEPS])


def only(number):
    return lambda context: context["subject"] == f"vyvx/{number}"


def rules(condition):
    return ruleset(
        *(
            rule(
                name=f"case-{number}",
                condition=CONDITIONS[condition],
                where=only(number),
                hold=timedelta(seconds=hold),
                keep_firing_for=timedelta(seconds=keep),
            )
            for number, (hold, keep) in enumerate(CASES)
        )
    )


def play(group, ruleset):
    """Play a group of series, one for each case, through our engine."""
    runner = engine.Runner(engine.restore(ruleset), now=START)
    ended = set()
    for step in range(STEPS):
        at = START + timedelta(seconds=step * STEP)
        seen = tuple(
            model.Observed(key=f"vyvx/{number}", fields={"state": STATES[row.values[step]]})
            for number, row in enumerate(group)
        )
        samples = tuple(
            sample(f"vyvx/{number}", "load", at, row.values[step])
            for number, row in enumerate(group)
            if row.values[step] != "stale"
        )
        poll = model.Polled(source="vyvx", seen=seen, samples=samples, total=len(seen))
        list(runner.take(poll, at))
        list(runner.wait(at))
        for number, row in enumerate(group):
            alert = runner.state.alerts.get(f"vyvx/{number}", {}).get(f"case-{number}")
            state = "inactive" if alert is None else alert.state.value
            if state != "inactive" and row.values[step] == "stale":
                ended.add(number)
            if number not in ended:
                row.states.append(state)


def rule_file():
    return {
        "groups": [
            {
                "name": "cases",
                "rules": [
                    {
                        "alert": f"case-{number}",
                        "expr": f'down{{case="{number}"}} == 1',
                        "for": f"{hold}s",
                        "keep_firing_for": f"{keep}s",
                    }
                    for number, (hold, keep) in enumerate(CASES)
                ],
            }
        ]
    }


def expectation(group, step):
    """Return what promtool has to find at a step: the states of all series that still compare."""
    compared = [number for number, row in enumerate(group) if step < len(row.states)]
    pattern = "|".join(map(str, compared))
    return {
        "expr": f'ALERTS{{case=~"{pattern}"}}',
        "eval_time": f"{step * STEP}s",
        "exp_samples": [
            {
                "labels": f'ALERTS{{alertname="case-{number}", alertstate="{state}",'
                f' case="{number}"}}',
                "value": 1,
            }
            for number in compared
            if (state := group[number].states[step]) in {"pending", "firing"}
        ],
    }


def promtool(directory, groups):
    """Run promtool; return its exit code and output."""
    (directory / "rules.yml").write_text(json.dumps(rule_file()))
    tests = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": f"{STEP}s",
        "tests": [
            {
                "interval": f"{STEP}s",
                "input_series": [
                    {"series": f'down{{case="{number}"}}', "values": " ".join(row.values)}
                    for number, row in enumerate(group)
                ],
                "promql_expr_test": [expectation(group, step) for step in range(STEPS)],
            }
            for group in groups
        ],
    }
    file = directory / "tests.yml"
    file.write_text(json.dumps(tests))
    ended = subprocess.run(
        [program("promtool", "prometheus"), "test", "rules", str(file)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def make_groups(seed, *, gaps=True):
    dice = random.Random(seed)  # noqa: S311  # the same series each time
    return [[series(dice, gaps=gaps) for _ in CASES] for _ in range(GROUPS)]


@pytest.mark.prometheus
@pytest.mark.parametrize("condition", CONDITIONS)
def test_for_and_keep_firing_for_are_prometheus_own(tmp_path, condition):
    # A missing sample is not a gap for a threshold until three granularities have passed.
    groups = make_groups(condition, gaps=condition != "threshold")
    for group in groups:
        play(group, rules(condition))
    states = [state for group in groups for row in group for state in row.states]
    assert min(map(states.count, ("pending", "firing", "inactive"))) > 1_000
    code, output = promtool(tmp_path, groups)
    assert code == 0, output[:3_000]


@pytest.mark.prometheus
def test_the_comparison_notices_one_wrong_step(tmp_path):
    groups = make_groups("wrong")[:1]
    play(groups[0], rules("transition"))
    row = next(row for row in groups[0] if "firing" in row.states)
    row.states[row.states.index("firing")] = "pending"
    code, output = promtool(tmp_path, groups)
    assert code == 1
    assert "FAILED" in output
