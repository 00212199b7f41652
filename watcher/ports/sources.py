"""What the loops need of a source."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Protocol

from watcher import model


class Source(Protocol):
    """One configured vendor feed."""

    name: str

    async def poll(self) -> model.Snapshot:
        """Ask the vendor for everything once. Raises TemporaryError or PermanentError."""

    def resume(self, known: Iterable[model.Subject]) -> None:
        """Go on after what is known of these subjects; called before the first poll."""

    async def details(self, subject: str) -> model.Details:
        """Ask for one subject (its key) alone. Raises TemporaryError or PermanentError."""

    async def history(
        self, subject: str, start: datetime, end: datetime
    ) -> tuple[model.Alarm, ...]:
        """Ask what the vendor recorded of one subject. Raises TemporaryError or PermanentError."""


Submit = Callable[[model.Event], Awaitable[None]]
