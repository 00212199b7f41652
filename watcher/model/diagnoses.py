"""Runs of Service Diagnostics, how their checks ended, and what changed between two of them.

Only runs that found something out are compared: one that failed or was skipped says nothing about
the service.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum, StrEnum

from msgspec import Struct


class DiagnosisStatus(StrEnum):
    """How a run of Service Diagnostics ended."""

    RUNNING = "running"
    DONE = "done"
    NO_REPORT = "no_report"  # findings, but no PDF or a broken one: `message` says which
    FAILED = "failed"
    SKIPPED = "skipped"  # a budget or a cooldown said no: `message` says which


class Report(Struct, frozen=True, kw_only=True, gc=False):
    """The decoded PDF of one run: `size` in bytes, `sha256` in hex; its bytes are in the store."""

    run: str
    filename: str
    size: int
    sha256: str
    pages: int = 0
    preview: bool = False  # whether a PNG of the first page could be drawn


class Diagnosis(Struct, frozen=True, kw_only=True, gc=False):
    """One run of Lumen Service Diagnostics for one service id."""

    run: str
    incident: str
    service_id: str
    status: DiagnosisStatus
    disposition: str = ""
    findings: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    message: str = ""
    report: Report | None = None
    started_at: datetime
    finished_at: datetime | None = None


class Outcome(IntEnum):
    """What a finding says of its check; the worst comes first."""

    FAILED = 0
    UNCLEAR = 1
    PASSED = 2


_FAILED = {"fail", "failed", "failure", "error", "down", "critical", "major", "not ok", "nok"}
_PASSED = {
    "pass",
    "passed",
    "ok",
    "okay",
    "success",
    "successful",
    "succeeded",
    "normal",
    "good",
    "up",
}


def outcome(finding: str) -> Outcome:
    """Return how a check ended, by the words of its result; one failing word outweighs the rest.

    A finding is `NAME: RESULT`, where a result may have several parts: `Power: Passed, both feeds`.
    """
    name, colon, result = finding.partition(": ")
    words = {word.strip(" .!").casefold() for word in (result if colon else name).split(", ")}
    if words & _FAILED:
        return Outcome.FAILED
    return Outcome.PASSED if words & _PASSED else Outcome.UNCLEAR


def worst_first(findings: Iterable[str]) -> tuple[str, ...]:
    """Return findings of failed checks first and of passed ones last, else in their order."""
    return tuple(sorted(findings, key=outcome))


def split_passed(findings: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return what a person has to read, the worst first, and the findings of passed checks."""
    ordered = worst_first(findings)
    passed = [finding for finding in ordered if outcome(finding) is Outcome.PASSED]
    return list(ordered[: len(ordered) - len(passed)]), passed


_CONCLUSIVE = {DiagnosisStatus.DONE, DiagnosisStatus.NO_REPORT}


class Comparison(Struct, frozen=True, kw_only=True, gc=False):
    """What changed from one run to a later one; of each pair, the earlier value comes first."""

    disposition: tuple[str, str] | None = None  # None while it is the same
    changed: tuple[tuple[str, str], ...] = ()  # one test with another result
    appeared: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether the later run found nothing else than the earlier one."""
        return self == Comparison()


def compare(before: Diagnosis, after: Diagnosis) -> Comparison | None:
    """Compare two runs of one service; None when they cannot be compared.

    A finding is `NAME: RESULT` where its test has a name; it changed when the name stands once in
    each run, with another result.
    """
    if before.service_id != after.service_id or not {before.status, after.status} <= _CONCLUSIVE:
        return None
    old = [line for line in before.findings if line not in after.findings]
    new = [line for line in after.findings if line not in before.findings]
    once = _named_once(before.findings) & _named_once(after.findings)
    was = {_name(line): line for line in old if _name(line) in once}
    changed = tuple((was[_name(line)], line) for line in new if _name(line) in was)
    moved = {line for pair in changed for line in pair}
    differs = before.disposition != after.disposition
    return Comparison(
        disposition=(before.disposition, after.disposition) if differs else None,
        changed=changed,
        appeared=tuple(line for line in new if line not in moved),
        gone=tuple(line for line in old if line not in moved),
    )


def _name(line: str) -> str:
    name, colon, _ = line.partition(": ")
    return name if colon else ""


def _named_once(lines: tuple[str, ...]) -> set[str]:
    counted = Counter(_name(line) for line in lines)
    return {name for name, count in counted.items() if name and count == 1}
