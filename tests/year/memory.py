"""What a daemon still holds at the end of a plan: rows of its tables, and its engine's memory."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import FunctionType, ModuleType
from typing import Any

from tests.year.database import Disk
from watcher.daemon.ingest import Ingest
from watcher.store import tables

PRUNED_EVERY = timedelta(days=1)
_LATE = timedelta(hours=6)  # a night on which clocks change, and a restart meanwhile
_RULES = {"ruleset", "rule_index", "rules", "inhibiting"}  # of the engine's memory: as configured
# By what the rows of a table are old; what belongs to an incident goes with it.
_OLD = {
    "incidents": "status = 'resolved' AND resolved_at < :before",
    "papers": "at < :before",
    "runs": "started_at < :before",
    "silences": '"end" < :before',
    "inbox": "consumed_at < :before",
    # The last checkpoint before stays, with what came between it and the next thing.
    "journal": "at < :before - :day",
}
_OF_INCIDENTS = ("entries", "incident_alerts", "notifications", "receipts")


def held(disk: Disk, now: datetime, retention: timedelta) -> dict[str, Any]:
    """Return how many rows are overdue or belong to nothing, and what leading engines hold."""
    before = now - retention - PRUNED_EVERY - _LATE
    overdue = {
        table: _count(disk, table, where, before=_moment(before), day=86_400_000_000)
        for table, where in _OLD.items()
    }
    overdue |= {
        f"{table} of no incident": _count(disk, table, "incident NOT IN (SELECT id FROM incidents)")
        for table in _OF_INCIDENTS
    }
    live = "status != 'resolved' OR resolved_at > :lately"
    lately = _moment(now - timedelta(hours=1))
    return {
        "live": _count(disk, "incidents", live, lately=lately),
        "rows": {table: _count(disk, table, "TRUE") for table in tables.metadata.tables},
        "overdue": {what: count for what, count in overdue.items() if count},
        "engines": [_sizes(ingest.state) for ingest in _leading()],
    }


def _count(disk: Disk, table: str, where: str, **values: int) -> int:
    query = f"SELECT count(*) FROM {table} WHERE {where}"  # noqa: S608  # ours
    return int(sqlite3.Connection.execute(disk.connection, query, values).fetchone()[0])


def _moment(at: datetime) -> int:
    return round(at.timestamp() * 1e6)


def _leading() -> Iterator[Ingest]:
    """Yield the writers that are running: what has been killed is never told that it is over."""
    loop: Any = asyncio.get_running_loop()
    for task in asyncio.all_tasks(loop):
        running: Any = task.get_coro()
        while (frame := getattr(running, "cr_frame", None)) is not None:
            if task.owner in loop.dead:
                break
            if isinstance(ingest := frame.f_locals.get("self"), Ingest):
                yield ingest
                break
            running = running.cr_await


def _sizes(state: Any) -> dict[str, int]:
    """Return how many objects each part of an engine's memory consists of."""
    parts = [name for name in state.__struct_fields__ if name not in _RULES]
    return {name: _objects(getattr(state, name)) for name in parts}


def _objects(root: object) -> int:
    """Return how many objects can be reached from another."""
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) not in seen and not isinstance(thing, type | ModuleType | FunctionType):
            seen[id(thing)] = thing
            waiting += _parts(thing)
    return len(seen)


def _parts(thing: object) -> list[object]:
    """Return what an object holds; what holds nothing is not tracked."""
    if isinstance(thing, Mapping):
        return [*thing, *thing.values()]
    fields = getattr(thing, "__struct_fields__", None)
    return [getattr(thing, name) for name in fields] if fields else gc.get_referents(thing)
