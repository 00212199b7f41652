"""The doors of each daemon, opened from within its process: there are no sockets here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from aiohttp import web

from tests.year.loop import OWNER
from watcher.daemon import leader
from watcher.daemon.availability import LedgerReader
from watcher.operations import control_listener

_Leader = leader.Leader


class Doors:
    """What listens on the control socket of each process that runs."""

    def __init__(self) -> None:
        self._open: dict[object, web.Application] = {}
        self._ledgers: dict[object, LedgerReader] = {}

    def patches(self) -> list[tuple[Any, str, object]]:
        """Return what stands in for listening: module, name and value."""
        return [
            (control_listener, "listen", self._listen),
            (leader, "Leader", self._keep_leader),
        ]

    async def ask(self, resource: str, **names: str) -> tuple[int, Any]:
        """Return the status and the answer to a GET; 0 where nobody listens.

        Ask in the context of the process that is to answer. `names` are parts of the resource.
        """
        application = self._open.get(OWNER.get())
        if application is None:
            return 0, None
        handler = next(
            route.handler
            for route in application.router.routes()
            if route.method == "GET" and route.resource and route.resource.canonical == resource
        )
        request: Any = SimpleNamespace(method="GET", path=resource, match_info=names, query={})
        try:
            answer: Any = await control_listener.answer_refusals(request, handler)
        except Exception as error:  # noqa: BLE001  # aiohttp says 500 then
            return 500, {"error": repr(error)}
        return answer.status, json.loads(answer.body)

    async def read_ledger(self, begin: datetime, end: datetime) -> dict[str, Any]:
        """Return of each circuit what it was, from when to when, and whether that is recorded."""
        return await self._ledgers[OWNER.get()].between(begin, end, _conditions)

    def _keep_leader(self, *, store: Any, clock: Any, **others: Any) -> leader.Leader:
        """Return what leads, and keep a reader of the ledger by its rules, as the board has one."""
        leading = _Leader(store=store, clock=clock, **others)
        reader = LedgerReader(store=store, rules=lambda: leading.rules, clock=clock)
        self._ledgers[OWNER.get()] = reader
        return leading

    @asynccontextmanager
    async def _listen(self, application: web.Application, *_: object) -> AsyncIterator[None]:
        owner = OWNER.get()
        self._open[owner] = application
        try:
            yield
        finally:
            self._open.pop(owner, None)


def _conditions(ledger: Any) -> dict[str, Any]:
    return {
        circuit.key: [
            (
                span.start.isoformat(),
                span.end.isoformat(),
                span.value.condition.value,
                span.value.recorded,
            )
            for span in circuit.course.spans
        ]
        for circuit in ledger.circuits
    }
