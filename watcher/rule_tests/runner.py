"""Runs files of rule tests, and reports on them: on the terminal, and as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

from msgspec import Struct

from watcher import engine, model
from watcher.rule_tests import schema
from watcher.rule_tests.assertions import Failure, check, find_incident
from watcher.rule_tests.load import LoadedTest, load
from watcher.rule_tests.scripted_world import ScriptedWorld


class Result(Struct, frozen=True, kw_only=True):
    """A test that has run; it passed if there are no failures."""

    loaded: LoadedTest
    failures: tuple[Failure, ...]


def run(paths: Sequence[Path]) -> list[Result]:
    """Run all tests of these files and directories.

    Raises model.InvalidConfigError with one line for each problem of a test, a rule, or a file.
    """
    return [Result(loaded=loaded, failures=tuple(run_test(loaded)[1])) for loaded in load(paths)]


def report(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines about a run: one for each failure, and a total."""
    failed = [result for result in results if result.failures]
    for result in failed:
        yield f"FAIL {result.loaded.document.file}: {result.loaded.test.name}"
        yield from (f"  {failure}" for failure in result.failures)
    yield f"{len(results) - len(failed)} passed, {len(failed)} failed"


def documents(results: Sequence[Result]) -> list[dict[str, object]]:
    """Return the results as programs read them: one for each test, with where it stands."""
    return [
        {
            "file": str(result.loaded.document.file),
            "line": result.loaded.place().line,
            "name": result.loaded.test.name,
            "passed": not result.failures,
            "failures": [str(failure) for failure in result.failures],
        }
        for result in results
    ]


def junit(results: Sequence[Result]) -> bytes:
    """Return the results as JUnit XML: a suite for each file."""
    root = ET.Element("testsuites", name="watcher test")
    suites: dict[Path, ET.Element] = {}
    for result in results:
        file, test = result.loaded.document.file, result.loaded.test
        if file not in suites:
            suites[file] = ET.SubElement(root, "testsuite", name=str(file))
        case = ET.SubElement(
            suites[file],
            "testcase",
            name=test.name,
            classname=file.stem,
            file=str(file),
            line=str(result.loaded.place().line),
        )
        if result.failures:
            lines = [str(failure) for failure in result.failures]
            failure = ET.SubElement(case, "failure", message=lines[0])
            failure.text = "\n".join(lines)
    for suite in (root, *suites.values()):
        suite.set("tests", str(len(suite.findall(".//testcase"))))
        suite.set("failures", str(len(suite.findall(".//failure"))))
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


_JUST_BEFORE = timedelta.resolution
_NOTICE, _ACTION, _EXPECTATION = range(3)  # what happens at one time, in this order


def run_test(loaded: LoadedTest) -> tuple[engine.Outcome, list[Failure]]:
    """Run a test; return what came of it since the last expectation of `told`, and the failures."""
    test, world, outcome = loaded.test, ScriptedWorld(loaded), engine.Outcome()
    runner = engine.Runner(engine.restore(loaded.rules), now=test.start, responder=world.answer)
    outcome.follow(runner.take(engine.Reloaded(ruleset=loaded.rules), test.start))  # as at a start
    failures: list[Failure] = []
    for at, happening in _timetable(test, world):
        match happening:
            case int() as expectation:
                outcome.follow(runner.wait(at))
                failures += check(loaded, expectation, runner.state, outcome)
            case schema.Action() as action:
                outcome.follow(runner.wait(at - _JUST_BEFORE))
                refusal = _act(action, at, runner, outcome)
                if refusal:
                    place = loaded.place("inbox", test.inbox.index(action))
                    failures.append(Failure(place, action.at, action.do, refusal))
            case schema.Notice() as notice:
                outcome.follow(runner.wait(at - _JUST_BEFORE))
                outcome.follow(runner.take(_read(notice, test), at))
            case str() as source:
                outcome.follow(runner.wait(at - _JUST_BEFORE))
                outcome.follow(runner.take(world.poll(source, at), at))
    return outcome, failures


def _timetable(
    test: schema.Test, world: ScriptedWorld
) -> Iterator[tuple[datetime, str | schema.Notice | schema.Action | int]]:
    """Yield all that happens, in order: polls, then notices, actions, and expectations."""
    rest: list[tuple[timedelta, int, int]] = [
        *((notice.at, _NOTICE, number) for number, notice in enumerate(test.notices)),
        *((action.at, _ACTION, number) for number, action in enumerate(test.inbox)),
        *((expected.at, _EXPECTATION, number) for number, expected in enumerate(test.expect)),
    ]
    waiting = sorted(rest)
    for at, source in world.polls():
        while waiting and test.start + waiting[0][0] < at:
            yield _due(test, waiting.pop(0))
        yield at, source
    for due in waiting:
        yield _due(test, due)


def _due(
    test: schema.Test, due: tuple[timedelta, int, int]
) -> tuple[datetime, schema.Notice | schema.Action | int]:
    at, kind, number = due
    if kind == _EXPECTATION:
        return test.start + at, number
    return test.start + at, test.notices[number] if kind == _NOTICE else test.inbox[number]


def _read(notice: schema.Notice, test: schema.Test) -> model.NoticeRead:
    """Return a notice as it is read: what the file has later is newer."""
    windows = [
        tuple(test.start + edge if isinstance(edge, timedelta) else edge for edge in window)
        for window in notice.windows
    ]
    return model.NoticeRead(
        notice=model.Notice(
            provider=notice.provider.casefold(),
            id=notice.id,
            status=notice.status,
            windows=tuple(model.WorkWindow(begin=begin, end=end) for begin, end in windows),
            circuits=tuple(
                model.AffectedCircuit(id=circuit, impact=notice.impact)
                for circuit in notice.circuits
            ),
            sequence=test.notices.index(notice),
            received_at=test.start + notice.at,
        )
    )


def _act(
    action: schema.Action, at: datetime, runner: engine.Runner, outcome: engine.Outcome
) -> str:
    """Do what a person does; return why it cannot be done, or an empty string."""
    incident = find_incident(outcome, action)
    if incident is None:
        return f"there is no incident of {action.rule} yet"
    steps = list(runner.take(_command(action, incident), at))
    outcome.follow(steps)
    return steps[-1].refusal


def _command(action: schema.Action, incident: str) -> model.Command:
    match action.do:
        case "ack":
            return model.Acknowledged(incident=incident, by=action.by)
        case "unack":
            return model.Unacknowledged(incident=incident, by=action.by)
        case "resolve":
            return model.ResolvedByHand(incident=incident, by=action.by, text=action.text)
        case "approve":
            return model.RemedyApproved(incident=incident, by=action.by)
        case "refuse":
            return model.RemedyRefused(incident=incident, by=action.by)
        case "note":
            return model.Noted(incident=incident, by=action.by, text=action.text)
