"""As `probes/replay.py`, by the names of the build before: CPU seconds of replaying a month.

Each reservation goes bad and comes back ten times, with the details that its first alert asks
for; nine dips in ten are shorter than `for`. The limit, in the same run, is to read the same rows
from the same file and decode their JSON.
"""

import asyncio
import json
import random
import sqlite3
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from watcher import clock, engine, model, ruleset
from watcher.replay.again import Replay
from watcher.store import codec, store

SUBJECTS = int(sys.argv[1])
OUTAGES = 10
DAYS = 30
START = datetime(2026, 10, 22, tzinfo=UTC)
RULES = Path(__file__).parents[3] / ".venv" / "before" / "tree" / "rules" / "vyvx.yaml"


def happenings():
    """Yield what happens in a month, unordered: (at, key, state)."""
    dice = random.Random(1)  # noqa: S311  # the same month each time
    for number in range(SUBJECTS):
        for _ in range(OUTAGES):
            at = START + timedelta(seconds=dice.randrange(60, DAYS * 86_400))
            lasts = dice.randrange(5, 19) if dice.random() < 0.9 else dice.randrange(60, 3_600)
            yield at, f"vyvx/{number}", "offline"
            yield at + timedelta(seconds=lasts), f"vyvx/{number}", "online"


def observed(key, state):
    return model.Observed(key=key, fields={"state": state, "ingress_state": "online"})


def journal():
    """Yield the rows of the month: the first snapshot, then one poll for each change."""
    everything = tuple(observed(f"vyvx/{number}", "online") for number in range(SUBJECTS))
    yield START, model.Polled(source="vyvx", seen=everything, total=SUBJECTS)
    detailed = set()
    for at, key, state in sorted(happenings()):
        yield at, model.Polled(source="vyvx", seen=(observed(key, state),), total=SUBJECTS)
        if key not in detailed:
            detailed.add(key)
            window = model.Window(start=START, end=START + timedelta(days=DAYS))
            details = model.Details(
                labels={"name": f"Service {key}", "po_number": "4711"},
                bookings=(model.Booking(id=key, scheduled=window),),
            )
            yield at + timedelta(seconds=1), model.DetailsRead(subject=key, details=details)


async def fill(url, path):
    async with store.open(url, clock=clock.SystemClock()):
        pass
    rows = [
        (int(at.timestamp() * 1_000_000), codec.kind_of(event), codec.encode(event))
        for at, event in sorted(journal(), key=lambda row: row[0])
    ]
    with sqlite3.connect(path) as connection:
        connection.executemany("INSERT INTO journal (at, kind, data) VALUES (?, ?, ?)", rows)
    return len(rows)


async def replay(url, rules):
    replayed = Replay(rules, since=START)
    async with store.open_to_read(url, clock=clock.SystemClock()) as database:
        async for record in database.records(START):
            replayed.take(record)
    return replayed.finish(START + timedelta(days=DAYS))


def read(path):
    with sqlite3.connect(path) as connection:
        for _, _, data in connection.execute("SELECT at, kind, data FROM journal ORDER BY number"):
            msgspec.json.decode(data)


def timed(run):
    started = time.process_time()
    result = run()
    return result, time.process_time() - started


def main():
    traits = engine.SourceTraits(
        name="vyvx",
        kind="vyvx",
        blind_after=timedelta(minutes=3),
        detailed=True,
    )
    rules = ruleset.load([str(RULES)], inventory=None, sources={"vyvx": traits}, receivers=[])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "watcher.db"
        url = f"sqlite:///{path}"
        rows = asyncio.run(fill(url, path))
        incidents, seconds = timed(lambda: asyncio.run(replay(url, rules)))
        _, limit = timed(lambda: read(path))
        assert rows
        assert incidents
    print(json.dumps({"replay": seconds, "limit": limit}))


if __name__ == "__main__":
    main()
