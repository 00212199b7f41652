"""What the laws of `watcher why` have in common: how answers read, and when there may be none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.year.laws.timing import due
from tests.year.plan import Plan
from tests.year.trace import Record

QUIET_AFTER = timedelta(minutes=90)  # a fault
POSTED = re.compile(r"receiver noc: notified of .*\(channel (\S+), ts ([\d.]+)")
LIVE = ("open since", "acknowledged by")
_SINCE = re.compile(r"since (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")


def refused(
    plan: Plan, record: Record, subject: str, interval: timedelta | None = None
) -> Iterator[str]:
    """Yield where there was no answer though there had to be: about a subject, or its incident.

    `interval` is how often its vendor is asked, if it is not Vyvx.
    """
    fields, at = record.fields, record.fields["asked"]
    is_quiet = not any(fault.at <= at <= fault.until + QUIET_AFTER for fault in plan.faults)
    asked = [(subject, fields["code"], fields["answer"])]
    if fields["incident"]:
        asked += [(fields["incident"], fields["incident_code"], fields["incident_answer"])]
    for key, code, answer in asked:
        if code == 500:
            yield f"broken: why {key} at {at}: {answer}"
        elif code == 404 and key != subject:
            yield f"unexplained: {key} is shown at {at}, and nobody knows it"
        elif code != 200 and is_quiet and at > due(plan, plan.begin, timedelta(), interval):
            yield f"unanswered: why {key} at {at} in quiet times: {code}"


def since(line: str) -> datetime:
    """Return since when a line of an answer says that something is so."""
    match = _SINCE.search(line)
    if match is None:
        return datetime.min.replace(tzinfo=UTC)
    return datetime.fromisoformat(match.group(1)).replace(tzinfo=UTC)
