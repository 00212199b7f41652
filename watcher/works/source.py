"""The source `works`: one look at folder and mailbox, as the poller takes one at any source.

Law: a mailbox that fails is never "no works planned": the look fails, and after a while the source
is blind. A folder that fails does not hold up the mailbox, nor the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NoReturn, Protocol

from watcher import model
from watcher.clock import Clock
from watcher.works.settings import SOURCE, Works

SHARE = 3  # timeouts of one answer after which a place leaves the rest for the next look


class Checking(Protocol):
    """A folder or a mailbox."""

    async def check(self, until: float) -> tuple[str, ...]:
        """Take what is new; return remarks."""


class WorksSource:
    """Implements ports.Source; it has no subjects, only notices that go into the inbox."""

    name = SOURCE

    def __init__(
        self,
        config: Works,
        places: Sequence[Checking],
        clock: Clock,
        *,
        remarks: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self._config = config
        self._places = places
        self._clock = clock
        self._remarks = remarks

    async def poll(self) -> model.Snapshot:
        """Look everywhere. Raises what the first one raised that failed."""
        share = SHARE * self._config.timeout.total_seconds()
        remarks: list[str] = []
        errors: list[model.WatcherError] = []
        for place in self._places:
            try:
                remarks += await place.check(self._clock.monotonic() + share)
            except model.WatcherError as error:
                errors.append(error)
        if errors:
            raise next((e for e in errors if isinstance(e, model.PermanentError)), errors[0])
        remarks += self._remarks()
        return model.Snapshot(readings={}, translate=_nothing, remarks=tuple(remarks))

    def resume(self, subjects: Iterable[model.Subject]) -> None:
        """Do nothing: where the mailbox was read up to is in the store."""

    async def details(self, subject: str) -> model.Details:
        """Refuse: there are no subjects."""
        raise model.PermanentError(f"{subject}: works have no details")

    async def history(
        self, subject: str, start: datetime, end: datetime
    ) -> tuple[model.AlarmRecord, ...]:
        """Refuse: there are no subjects."""
        raise model.PermanentError(f"{subject}: works have no alarms from {start} to {end}")


def _nothing(identity: str, _: object) -> NoReturn:
    raise LookupError(identity)
