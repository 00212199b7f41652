"""Runs files of rule tests and says what came of them: on the terminal, and as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

from watcher import engine, model
from watcher.rule_tests import schema
from watcher.rule_tests.assertions import Difference, evaluate, find
from watcher.rule_tests.load import Written, load
from watcher.rule_tests.scripted_world import ScriptedWorld


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A test that was played; it passed where nothing differs."""

    written: Written
    differences: tuple[Difference, ...]


def run(paths: Sequence[Path]) -> list[Result]:
    """Play all tests of these files and directories.

    Raises model.InvalidConfigError with one line for each fault of a test, a rule, or a file.
    """
    return [Result(written=each, differences=tuple(play(each))) for each in load(paths)]


def told(results: Sequence[Result]) -> Iterator[str]:
    """Say how the tests went: a line for each difference, and one about all."""
    failed = [result for result in results if result.differences]
    for result in failed:
        yield f"FAIL {result.written.document.file}: {result.written.test.name}"
        yield from (f"  {difference}" for difference in result.differences)
    yield f"{len(results) - len(failed)} passed, {len(failed)} failed"


def junit(results: Sequence[Result]) -> bytes:
    """Write the results as JUnit XML: a suite for each file."""
    root = ET.Element("testsuites", name="watcher test")
    suites: dict[Path, ET.Element] = {}
    for result in results:
        file, test = result.written.document.file, result.written.test
        if file not in suites:
            suites[file] = ET.SubElement(root, "testsuite", name=str(file))
        case = ET.SubElement(
            suites[file],
            "testcase",
            name=test.name,
            classname=file.stem,
            file=str(file),
            line=str(result.written.place().line),
        )
        if result.differences:
            lines = [str(difference) for difference in result.differences]
            failure = ET.SubElement(case, "failure", message=lines[0])
            failure.text = "\n".join(lines)
    for suite in (root, *suites.values()):
        suite.set("tests", str(len(suite.findall(".//testcase"))))
        suite.set("failures", str(len(suite.findall(".//failure"))))
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


_JUST_BEFORE = timedelta.resolution


def play(written: Written) -> list[Difference]:
    """Play a test; give what is not as expected."""
    _, found = run_through(written)
    return found


def run_through(written: Written) -> tuple[engine.Outcome, list[Difference]]:
    """Play a test; give also what came of it since the last expectation that says `told`."""
    test, script, account = written.test, ScriptedWorld(written), engine.Outcome()
    drive = engine.Runner(engine.restore(written.rules), now=test.start, answer=script.answer)
    account.follow(drive.take(engine.Reloaded(ruleset=written.rules), test.start))  # as at a start
    found: list[Difference] = []
    for at, what in _plan(test, script):
        match what:
            case int():
                account.follow(drive.wait(at))
                found += evaluate(written, what, drive.state, account)
            case schema.Act():
                account.follow(drive.wait(at - _JUST_BEFORE))
                refusal = _act(what, at, drive, account)
                if refusal:
                    place = written.place("inbox", test.inbox.index(what))
                    found.append(Difference(place, what.at, what.do, refusal))
            case str():
                account.follow(drive.wait(at - _JUST_BEFORE))
                account.follow(drive.take(script.poll(what, at), at))
    return account, found


def _plan(
    test: schema.Test, script: ScriptedWorld
) -> Iterator[tuple[datetime, str | schema.Act | int]]:
    """Order a test: at one time the polls come first, then what people do, then what must be so."""
    rest: list[tuple[timedelta, int, int]] = [
        *((act.at, 0, number) for number, act in enumerate(test.inbox)),
        *((each.at, 1, number) for number, each in enumerate(test.expect)),
    ]
    waiting = sorted(rest)
    for at, source in script.polls():
        while waiting and test.start + waiting[0][0] < at:
            yield _due(test, waiting.pop(0))
        yield at, source
    for each in waiting:
        yield _due(test, each)


def _due(test: schema.Test, due: tuple[timedelta, int, int]) -> tuple[datetime, schema.Act | int]:
    at, is_expectation, number = due
    return test.start + at, number if is_expectation else test.inbox[number]


def _act(act: schema.Act, at: datetime, drive: engine.Runner, account: engine.Outcome) -> str:
    """Do what a person does; say why it cannot be done."""
    incident = find(account, act)
    if incident is None:
        return f"there is no incident of {act.rule} yet"
    steps = list(drive.take(_command(act, incident), at))
    account.follow(steps)
    return steps[-1].refusal


def _command(act: schema.Act, incident: str) -> model.Command:
    match act.do:
        case "ack":
            return model.Acknowledged(incident=incident, by=act.by)
        case "unack":
            return model.Unacknowledged(incident=incident, by=act.by)
        case "resolve":
            return model.ResolvedByHand(incident=incident, by=act.by)
        case "approve":
            return model.RemedyApproved(incident=incident, by=act.by)
        case "refuse":
            return model.RemedyRefused(incident=incident, by=act.by)
        case "note":
            return model.Noted(incident=incident, by=act.by, text=act.text)
