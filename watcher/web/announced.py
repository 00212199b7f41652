"""Reads the planned works that pages and documents show of subjects."""

from __future__ import annotations

from collections.abc import Sequence

from watcher import engine, model, ports
from watcher.clock import Clock
from watcher.operations import subject_works, works
from watcher.operations.subject_works import SubjectWorks


class AnnouncedWorks:
    """Works as they count, and the subjects that they name."""

    def __init__(
        self, *, reader: ports.IncidentReader, subjects: works.ReadSubjects, clock: Clock
    ) -> None:
        self._reader = reader
        self._subjects = subjects
        self._clock = clock

    async def all(self) -> tuple[Sequence[model.Work], works.FindSubjects]:
        """Return all works, and what looks up their subjects."""
        return engine.counted(await self._reader.works()), await self._subjects()

    async def by_subject(self) -> SubjectWorks:
        """Return the works of each subject that are under way or ahead."""
        kept = engine.counted(await self._reader.works())
        if not kept:  # then nobody has to know which circuits there are
            return {}
        return subject_works.by_subject(kept, await self._subjects(), self._clock.now())
