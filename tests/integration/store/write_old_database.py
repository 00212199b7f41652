"""`python -m tests.integration.store.write_old_database FILE.sql`: a database for later versions.

Done once for each version of the tables, before the next step is added: an outage that one receiver
was notified of, with a diagnosis to run and an acknowledgement that waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from msgspec.structs import replace

from tests.fakes import factories
from watcher import model
from watcher.store import store


async def write(file: Path) -> None:
    clock = SimpleNamespace(now=lambda: factories.NOW, monotonic=lambda: 0.0)
    async with store.open(f"sqlite:///{file}", clock=clock) as opened:
        token = await opened.leadership.acquire("old")
        assert token is not None
        diagnosis = model.DiagnosisNeeded(run="r2", incident="i1", service_id="SVC2")
        await opened.commits.commit(token, factories.commit(*factories.outage_effects(), diagnosis))
        (pending,) = await opened.outbox.claim(
            now=factories.NOW, receivers=["noc"], lease=factories.MINUTE, limit=1
        )
        handle = {"channel": "C1", "ts": "1.0"}
        delivered = replace(pending.receipt, parent_version=1, told_through=1, handle=handle)
        await opened.outbox.release(delivered, pending.token, again_at=None)
        await opened.inbox.submit(
            "cli/1", model.Acknowledged(incident="i1", by="ada"), factories.NOW
        )


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "watcher.db")
        asyncio.run(write(file))
        with contextlib.closing(sqlite3.connect(file)) as connection:
            target.write_text("\n".join((*connection.iterdump(), "")))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
