"""What breaks inside the store: it refuses, or a daemon dies between two statements."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

from tests.year.faults import StoreFault
from tests.year.loop import OWNER
from tests.year.world import World

_ERRORS = {
    "locked": ("database is locked", sqlite3.SQLITE_BUSY, ("BEGIN",)),
    "full": ("database or disk is full", sqlite3.SQLITE_FULL, ("INSERT", "UPDATE", "DELETE")),
    "broken": ("disk I/O error", sqlite3.SQLITE_IOERR, ("",)),
    "unsure": ("disk I/O error", sqlite3.SQLITE_IOERR, ("COMMITTED",)),
}


class Died(BaseException):  # nothing may handle it
    """The process ended here. What is still run of it comes to nothing."""


class Storage:
    """Stands between all daemons and their database."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._loop: Any = asyncio.get_running_loop()
        self._faults = [fault for fault in world.plan.faults if isinstance(fault, StoreFault)]
        self._doomed: dict[object, int] = {}

    def doom(self, owner: object, statements: int) -> None:
        """Let a daemon die before its so-manieth statement inside a transaction."""
        self._doomed[owner] = statements

    def before(self, statement: str) -> None:
        """Raise what becomes of a statement."""
        now = self._world.now()
        for fault in self._faults:
            text, code, verbs = _ERRORS[fault.kind]
            if fault.at <= now < fault.until and statement.startswith(verbs):
                error = sqlite3.OperationalError(text)
                error.sqlite_errorcode = code
                raise error
        if self._doomed:
            self._count(OWNER.get(), statement)

    def _count(self, owner: object, statement: str) -> None:
        left = self._doomed.get(owner)
        if left is None or statement.startswith(("BEGIN", "SELECT", "COMMITTED")):
            return
        self._doomed[owner] = left - 1
        if left > 1:
            return
        del self._doomed[owner]
        self._loop.kill_now(owner)
        raise Died
