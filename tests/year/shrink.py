"""Makes a failing plan short, and writes it as a test that a person can read.

    python -m tests.year.shrink --seed 12 --days 0.25 > tests/year/found/test_what_it_is.py

What is left out or made simpler must still bring about a complaint of the same kind.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tests.year.draw import draw
from tests.year.oracle import complaints
from tests.year.plan import Plan
from tests.year.run import run

Check = Callable[[Plan], bool]
_WIDTH = 92  # of a line
_MARGIN = timedelta(minutes=10)  # at the beginning, before anything happens
_TEST = '''"""Seed {seed}: {complaint}."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

{imports}
from tests.year.oracle import complaints
from tests.year.run import run

pytestmark = pytest.mark.timeout(300)
at = datetime.fromisoformat

PLAN = {plan}


def test_it_is_shown_right():
    assert complaints(PLAN, run(PLAN)) == []
'''


def shrink(plan: Plan, still_fails: Check) -> Plan:
    """Return the plan without all that the failure does not need."""
    size = -1
    while size != (size := len(source(plan))):
        for field in fields(plan):
            if isinstance(getattr(plan, field.name), tuple):
                plan = _without_needless(plan, field.name, still_fails)
        for simpler in (_with_one_daemon, _later, *_SOONER):
            candidate = simpler(plan)
            if candidate != plan and still_fails(candidate):
                plan = candidate
        plan = _rounded(plan, still_fails)
    return plan


def _without_needless(plan: Plan, name: str, still_fails: Check) -> Plan:
    """Leave out parts of a tuple: halves at first, then smaller ones."""
    size = max(1, len(getattr(plan, name)) // 2)
    while True:
        begin = 0
        while begin < len(whole := getattr(plan, name)):
            candidate = replace(plan, **{name: whole[:begin] + whole[begin + size :]})
            if still_fails(candidate):
                plan = candidate
            else:
                begin += size
        if size == 1:
            return plan
        size = max(1, size // 2)


def _with_one_daemon(plan: Plan) -> Plan:
    return replace(plan, daemons=1)


def _later(plan: Plan) -> Plan:
    """Begin shortly before the first that happens."""
    first = min(_times(plan), default=plan.begin + _MARGIN)
    return replace(plan, begin=max(plan.begin, first.replace(second=0, microsecond=0) - _MARGIN))


def _sooner(share: float, plan: Plan) -> Plan:
    """End sooner after the last that happens."""
    last = max(_times(plan), default=plan.begin)
    return replace(plan, end=(last + share * (plan.end - last)).replace(microsecond=0))


_SOONER = tuple(functools.partial(_sooner, share) for share in (0.75, 0.5, 0.25, 0.1))


def _times(plan: Plan) -> list[datetime]:
    return [part.at for part in (*plan.facts, *plan.faults)]


def _rounded(plan: Plan, still_fails: Check) -> Plan:
    """Round the times of what is left, to minutes or to seconds."""
    for name in ("facts", "faults"):
        for number in range(len(getattr(plan, name))):
            for unit in (timedelta(minutes=1), timedelta(seconds=1)):
                parts = list(getattr(plan, name))
                before = parts[number]
                parts[number] = _round(before, plan.begin, unit)
                candidate = replace(plan, **{name: tuple(parts)})
                if parts[number] == before:
                    break
                if still_fails(candidate):
                    plan = candidate
                    break
    return plan


def _round(part: Any, begin: datetime, unit: timedelta) -> Any:
    times = {
        field.name: begin + round((getattr(part, field.name) - begin) / unit) * unit
        for field in fields(part)
        if isinstance(getattr(part, field.name), datetime)
    }
    return replace(part, **times)


def source(value: Any, indent: str = "") -> str:
    """Return a plan, or a part of it, as the Python that makes it; defaults are left out."""
    deeper = indent + "    "
    match value:
        case tuple():
            parts = [source(part, deeper) for part in value]
            one_line = f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
            text = _in_lines("", parts, indent) if any(map(is_dataclass, value)) else one_line
        case datetime():
            text = f'at("{value.isoformat(" ")}")'
        case timedelta():
            text = f"timedelta(seconds={value.total_seconds():g})"
        case str():
            text = '"' + repr(value)[1:-1].replace('"', '\\"') + '"'
        case _ if is_dataclass(value):
            parts = [f"{name}={source(part, deeper)}" for name, part in _given(value)]
            text = f"{type(value).__name__}({', '.join(parts)})"
            if len(indent) + len(text) > _WIDTH or "\n" in text:
                text = _in_lines(type(value).__name__, parts, indent)
        case _:
            text = repr(value)
    return text


def _in_lines(name: str, parts: list[str], indent: str) -> str:
    return f"{name}(\n" + "".join(f"{indent}    {part},\n" for part in parts) + f"{indent})"


def _given(value: Any) -> Iterator[tuple[str, Any]]:
    for field in fields(value):
        part = getattr(value, field.name)
        if field.default is MISSING or part != field.default:
            yield field.name, part


def as_test(plan: Plan, complaint: str) -> str:
    """Return the file of a test that runs the plan."""
    return _TEST.format(
        seed=plan.seed,
        complaint=complaint,
        imports="\n".join(_imports(plan)),
        plan=source(plan),
    )


def _imports(plan: Plan) -> Iterator[str]:
    names: dict[str, set[str]] = {}
    for part in _parts(plan):
        names.setdefault(type(part).__module__, set()).add(type(part).__name__)
    for module in sorted(names):
        yield f"from {module} import {', '.join(sorted(names[module]))}"


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for part in value:
            yield from _parts(part)
    elif is_dataclass(value):
        yield value
        for field in fields(value):
            yield from _parts(getattr(value, field.name))


def kinds(sentences: Collection[str]) -> set[str]:
    """Return what kinds of complaints there are."""
    return {complaint.partition(":")[0] for complaint in sentences}


def main() -> int:
    """Shrink a seed's plan and print it as a test; return 1 where the seed does not fail."""
    parser = argparse.ArgumentParser(prog="python -m tests.year.shrink", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--days", type=float, default=1.0)
    arguments = parser.parse_args()
    plan = draw(arguments.seed, arguments.days)
    original = complaints(plan, run(plan))
    if not original:
        return 1

    def still_fails(candidate: Plan) -> bool:
        try:
            wrong = complaints(candidate, run(candidate))
        except Exception:  # noqa: BLE001  # a plan without what its facts name
            return False
        print(f"{len(source(candidate))} characters: {wrong[:1]}", file=sys.stderr)  # noqa: T201  # its output
        return not kinds(original).isdisjoint(kinds(wrong))

    plan = shrink(plan, still_fails)
    print(as_test(plan, complaints(plan, run(plan))[0]), end="")  # noqa: T201  # its output
    return 0


if __name__ == "__main__":
    sys.exit(main())
