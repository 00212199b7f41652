"""`python -m tests.integration.upgrade.write_database FILE.sql`: a database of before faults.

Run once, with the code of commit 7a19df6, whose incidents were about a rule: the daemon of then
watches a bad quarter of an hour with the rules of then, and Slack has been notified of all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from tests.unit.replay.installation import START, FakeClock, Installation
from watcher import engine, model
from watcher.store import store

RULES = Path(__file__).parents[3] / "rules" / "vyvx.yaml"
CONFIG = """\
instance = "test"
rules = ["rules.yaml"]
[sources.vyvx]
kind = "vyvx"
base_url = "http://127.0.0.1:9/vyvx/v1.0"
[slack]
bot_token = "xoxb-0"
[receivers.noc]
kind = "slack"
channel = "C0000NOC"
"""
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


class WrittenInstallation(Installation):
    """Its states are `STATE` or `STATE INGRESS_STATE`; it has the shipped rules."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.config.write_text(CONFIG)
        (directory / "rules.yaml").write_text(RULES.read_text())

    def poll(self, **states: str) -> model.Polled:
        self.states |= states
        return model.Polled(
            source="vyvx",
            seen=tuple(
                model.Observed(
                    key=f"vyvx/{name}",
                    fields=dict(
                        zip(("state", "ingress_state"), (*state.split(), "online")[:2], strict=True)
                    ),
                )
                for name, state in self.states.items()
            ),
            total=len(self.states),
        )


@contextlib.asynccontextmanager
async def opened_at(installation: Installation, after: float) -> AsyncIterator[store.Store]:
    clock = FakeClock()
    clock.at = START + timedelta(seconds=after)
    async with store.open(installation.url, clock=clock) as opened:
        yield opened


async def notify(installation: Installation, after: float) -> None:
    """Deliver what is pending, as Slack would have taken it."""
    async with opened_at(installation, after) as opened:
        pending = await opened.outbox.claim(
            now=START + timedelta(seconds=after), receivers=["noc"], lease=MINUTE, limit=100
        )
        for number, delivery in enumerate(pending):
            view = await opened.queries.incident_view(delivery.receipt.incident)
            assert view is not None
            handle = {"channel": "C0000NOC", "ts": f"{after:.0f}.00000{number}"}
            receipt = replace(
                delivery.receipt,
                parent_version=view.incident.version,
                told_through=view.incident.entries,
                handle=delivery.receipt.handle or handle,
            )
            await opened.outbox.release(receipt, delivery.token, again_at=None)


async def checkpoint(installation: Installation, after: float) -> None:
    async with opened_at(installation, after) as opened:
        await opened.journal.checkpoint(
            START + timedelta(seconds=after), reopen_within=engine.REOPEN_WITHIN, keep_samples=HOUR
        )


def play(installation: Installation) -> None:
    """Leave behind an acknowledged outage (1), and one fault with two threads (2).

    Then a pending alert (3), one that was resolved by hand (4), one that only clears (5), and two
    faces that hold at the same time (6).
    """
    installation.run(
        (0, dict.fromkeys("123456", "online")),
        (20, {"4": "offline"}),
        (60, "resolve"),
        (80, {"1": "offline"}),
        (120, "ack"),
        (130, {}),
    )
    asyncio.run(notify(installation, 131))
    asyncio.run(checkpoint(installation, 132))
    installation.run(
        (133, {}),
        (190, {"6": "impaired"}),
        (520, {"6": "impaired offline"}),
        (600, {}),
        (700, {"5": "offline"}),
        (730, {}),
        (800, {"2": "degraded"}),
        (830, {}),
        (870, {"5": "online"}),
        (880, {"2": "offline"}),
        (905, {"3": "offline"}),
        (910, {}),
    )
    asyncio.run(notify(installation, 912))


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        installation = WrittenInstallation(Path(folder))
        play(installation)
        file = Path(folder, "watcher.db")
        with contextlib.closing(sqlite3.connect(file)) as connection:
            target.write_text("\n".join((*connection.iterdump(), "")))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
