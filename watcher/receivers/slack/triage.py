"""What the vendor's own triage found, in the lines of a Slack message. Pure.

A person reads it at 3 am: what failed comes first, what passed is only counted, and a run that was
not made stands behind those that found something.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from watcher import model
from watcher.receivers.slack.blocks import escape

MOST_SERVICES = 3
MOST_FINDINGS = 5
_NAMES = 300  # characters for the names of passed checks
_ORDER = (
    model.DiagnosisStatus.DONE,
    model.DiagnosisStatus.NO_REPORT,
    model.DiagnosisStatus.RUNNING,
    model.DiagnosisStatus.FAILED,
    model.DiagnosisStatus.SKIPPED,
)


def summarise_triage(diagnostics: Sequence[model.Diagnosis]) -> list[str]:
    """Return the newest run of each service with its worst findings, line by line.

    A run that was skipped, because the last one was too recent, does not hide earlier findings.
    """
    newest: dict[str, model.Diagnosis] = {}
    for run in diagnostics:
        if run.status is not model.DiagnosisStatus.SKIPPED or run.service_id not in newest:
            newest[run.service_id] = run
    runs = sorted(newest.values(), key=_rank)
    lines = [
        line for run in runs[:MOST_SERVICES] for line in (_outcome(run), *_worst_findings(run))
    ]
    left_out = [escape(run.service_id, 80) for run in runs[MOST_SERVICES:]]
    more = ", ".join(left_out[:MOST_FINDINGS])
    return [*lines, f"and {len(left_out)} more: {more}"] if left_out else lines


def render_diagnosis(run: model.Diagnosis) -> list[str]:
    """Return one run with its findings and suggested actions, line by line."""
    shown, passed = model.split_passed(run.findings)
    lines = [_outcome(run), *(_bullet(finding) for finding in shown)]
    if passed:
        names = ", ".join(finding.partition(": ")[0] for finding in passed)
        lines.append(f"{_bullet(f'{len(passed)} passed')}: {escape(names, _NAMES)}")
    return [*lines, *_actions(run, len(run.actions))]


def _rank(run: model.Diagnosis) -> tuple[int, bool]:
    shown, _ = model.split_passed(run.findings)
    return _ORDER.index(run.status), not (shown or run.disposition)


def _outcome(run: model.Diagnosis) -> str:
    """Return in one line how the run of a service ended."""
    service = f"*Vendor triage* of {escape(run.service_id, 80)}"
    message = escape(run.message, 300)
    match run.status:
        case model.DiagnosisStatus.RUNNING:
            return f"{service}: running"
        case model.DiagnosisStatus.FAILED:
            return f"{service} failed: {message or 'no reason given'}"
        case model.DiagnosisStatus.SKIPPED:
            return f"{service} was not run: {message or 'no reason given'}"
        case model.DiagnosisStatus.NO_REPORT:
            disposition = f": *{escape(run.disposition, 300)}*" if run.disposition else ""
            return f"{service}{disposition} (no PDF: {message or 'none received'})"
        case model.DiagnosisStatus.DONE:
            return f"{service}: *{escape(run.disposition, 300) or 'done'}*"


def report_title(run: model.Diagnosis, report: model.Report) -> str:
    """Return the comment above the uploaded PDF."""
    pages = f", {report.pages} page{'s' if report.pages != 1 else ''}" if report.pages else ""
    return f"Service Diagnostics report for {escape(run.service_id, 80)}{pages}"


def _worst_findings(run: model.Diagnosis) -> Iterator[str]:
    shown, passed = model.split_passed(run.findings)
    yield from (_bullet(finding) for finding in shown[:MOST_FINDINGS])
    more = len(shown) - MOST_FINDINGS
    if more > 0:
        yield _bullet(f"and {more} more: see the thread" + (" and its PDF" if run.report else ""))
    if passed:
        yield _bullet(f"{len(passed)} passed")
    yield from _actions(run, MOST_FINDINGS)


def _actions(run: model.Diagnosis, most: int) -> Iterator[str]:
    yield from (f"Next: {escape(action, 400)}" for action in run.actions[:most])


def _bullet(text: str) -> str:
    return f"\N{BULLET} {escape(text, 400)}"
