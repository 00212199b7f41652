"""What changed between two diagnoses of one service: before and after a change, or a repair.

Law: only runs that said something are compared; one that failed or was skipped is no news of the
service.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from watcher.model.incidents import Diagnosis, DiagnosisStatus

_TELLING = {DiagnosisStatus.DONE, DiagnosisStatus.NO_REPORT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """From one run to a later one. Every pair is what was said before, and after."""

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
    if before.service_id != after.service_id or not {before.status, after.status} <= _TELLING:
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
