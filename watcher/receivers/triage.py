"""What the vendor's own triage found, in words: briefly for the parent, whole for the thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from watcher import model
from watcher.receivers import words

MOST_SERVICES = 3
MOST_FINDINGS = 5


def brief(diagnostics: Sequence[model.Diagnosis]) -> list[str]:
    """Tell the newest run of each service with its first findings.

    One that was not run, as somebody asks again too soon, does not hide what was found before.
    """
    newest: dict[str, model.Diagnosis] = {}
    for run in diagnostics:
        if run.status is not model.DiagnosisStatus.SKIPPED or run.service_id not in newest:
            newest[run.service_id] = run
    runs = list(newest.values())[-MOST_SERVICES:]
    return [line for run in runs for line in (verdict(run), *_findings(run, MOST_FINDINGS))]


def whole(run: model.Diagnosis) -> list[str]:
    """Tell one run with everything that it found and suggests."""
    return [verdict(run), *_findings(run, len(run.findings) + len(run.actions))]


def verdict(run: model.Diagnosis) -> str:
    """Say in one line how the run of a service ended."""
    service = f"*Vendor triage* of {words.say(run.service_id, 80)}"
    message = words.say(run.message, 300)
    match run.status:
        case model.DiagnosisStatus.RUNNING:
            return f"{service}: running"
        case model.DiagnosisStatus.FAILED:
            return f"{service} failed: {message or 'no reason given'}"
        case model.DiagnosisStatus.SKIPPED:
            return f"{service} was not run: {message or 'no reason given'}"
        case model.DiagnosisStatus.NO_REPORT:
            found = f": *{words.say(run.disposition, 300)}*" if run.disposition else ""
            return f"{service}{found} (no PDF: {message or 'none came'})"
        case model.DiagnosisStatus.DONE:
            return f"{service}: *{words.say(run.disposition, 300) or 'done'}*"


def title(run: model.Diagnosis, report: model.Report) -> str:
    """Write the line above the uploaded PDF."""
    pages = f", {report.pages} page{'s' if report.pages != 1 else ''}" if report.pages else ""
    return f"Service Diagnostics report for {words.say(run.service_id, 80)}{pages}"


def _findings(run: model.Diagnosis, most: int) -> Iterator[str]:
    for finding in run.findings[:most]:
        yield f"\N{BULLET} {words.say(finding, 400)}"
    more = len(run.findings) - most
    if more > 0:
        yield f"\N{BULLET} and {more} more: see the thread" + (" and its PDF" if run.report else "")
    for action in run.actions[:most]:
        yield f"Next: {words.say(action, 400)}"
