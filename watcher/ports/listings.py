"""What pages and programs list of the store beside one incident or one subject."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class ListingReader(Protocol):
    """Lists for the board and the API. Every verb raises TemporaryError when the database fails."""

    async def firing(self) -> Sequence[tuple[str, str]]:
        """Return each subject with a firing alert, and the unresolved incidents that it is in."""
