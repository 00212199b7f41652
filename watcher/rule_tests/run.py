"""Runs files of rule tests and says what came of them: on the terminal, and as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from watcher.rule_tests.judge import Difference
from watcher.rule_tests.load import Written, load
from watcher.rule_tests.play import play


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A test that was played; it passed where nothing differs."""

    written: Written
    differences: tuple[Difference, ...]


def run(paths: Sequence[Path]) -> list[Result]:
    """Play all tests of these files and directories.

    Raises model.FaultyConfigError with one line for each fault of a test, a rule, or a file.
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
