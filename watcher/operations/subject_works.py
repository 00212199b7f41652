"""The planned works of each subject that are under way or ahead, as people read them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct

from watcher import model
from watcher.operations import works


class SubjectWork(Struct, frozen=True, kw_only=True):
    """Works that name a subject: the window that is open, or comes next, and what is announced."""

    work: model.Work
    window: model.WorkWindow
    impact: model.WorkImpact

    def is_running(self, now: datetime) -> bool:
        """Whether the window is open."""
        return self.window.begin <= now < self.window.end


SubjectWorks = Mapping[str, tuple[SubjectWork, ...]]


def by_subject(kept: Iterable[model.Work], find: works.FindSubjects, now: datetime) -> SubjectWorks:
    """Return the works of each subject that has some, the soonest first."""
    matches: defaultdict[str, list[SubjectWork]] = defaultdict(list)
    for work in works.listed(kept, now):
        window = works.next_window(work, now)
        if window is None or works.state_of(work, now) not in works.EXCUSING:
            continue
        worst: dict[str, model.WorkImpact] = {}
        named = find(work)
        for circuit in work.notice.circuits:
            for key in named.get(circuit.id, ()):
                before = worst.get(key)
                if before is None or before.rank < circuit.impact.rank:
                    worst[key] = circuit.impact
        for key, impact in worst.items():
            matches[key].append(SubjectWork(work=work, window=window, impact=impact))
    return {key: tuple(sorted(several, key=_by_time)) for key, several in matches.items()}


def describe(shown: SubjectWork, now: datetime) -> str:
    """Return works of a subject: `works 123 of Lumen until 04:00 UTC: outage announced`."""
    window, title = shown.window, works.title(shown.work)
    announced = f"{works.IMPACTS[shown.impact]} announced"
    if shown.is_running(now):
        until = model.format_time(window.end, now, seconds=False)
        return f"works {title} under way until {until}: {announced}"
    return f"works {title} on {works.describe_window(window)}: {announced}"


def _by_time(shown: SubjectWork) -> tuple[datetime, datetime, str]:
    return shown.window.begin, shown.window.end, shown.work.key
