"""What one service costs among so many: CPU of polls and timers, and memory, for each service.

A poll goes from the vendor's bytes to the engine's effects. Measured: the first one, then one in
which nothing has changed, one in which 1 % have gone down, and one in which these recover.
"""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from multidict import CIMultiDict, CIMultiDictProxy

from watcher import engine, ruleset
from watcher.daemon import lifecycle
from watcher.http import exchange
from watcher.vendors import poller
from watcher.vendors.vyvx.source import VyvxSource
from watcher.vendors.vyvx.statuses import StatusReader

SERVICES, ROUNDS = int(sys.argv[1]), int(sys.argv[2])
START = datetime(2026, 11, 21, tzinfo=UTC)
RULES = """
storm: {incidents: 1000000}
rules:
  - {name: down, source: vyvx, transition: {field: state, to: offline}, for: 20s}
  - {name: odd, source: vyvx, expression: 'state == "impaired" && labels.customer != "test"'}
"""


def body(down: int) -> bytes:
    """Write a status reply of which so many services, spread over all, are down."""
    services = {
        str(1_000_000 + n): {"state": "online", "ingress_state": "online"} for n in range(SERVICES)
    }
    every = SERVICES // down if down else SERVICES + 1
    for service in list(services.values())[every - 1 :: every]:
        service["state"] = "offline"
    return msgspec.json.encode({"data": {"services": services, "time": "2026-03-01T12:00:00.000Z"}})


def load_rules() -> engine.Ruleset:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.yaml"
        file.write_text(RULES)
        traits = engine.SourceTraits(
            name="vyvx", kind="vyvx", blind_after=timedelta(minutes=3), detailed=False
        )
        return ruleset.load([str(file)], inventory=None, sources={"vyvx": traits}, receivers=[])


def resident() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024


class Watched:
    """One source under two rules, and the CPU seconds for each service, by what was done."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._feed = VyvxSource("vyvx", client=None)  # sends nothing
        self._reader = StatusReader()
        self._differ = poller.Differ("vyvx")
        self._runner = engine.Runner(engine.restore(load_rules()), now=START)

    @contextmanager
    def measured(self, name: str) -> Iterator[None]:
        gc.collect()
        started = time.process_time()
        yield
        spent = (time.process_time() - started) / SERVICES
        self.spent[name] = min(spent, self.spent.get(name, spent))

    def poll(self, name: str, body: bytes) -> None:
        reply = exchange.Reply(
            place="GET bench", status=200, headers=CIMultiDictProxy(CIMultiDict()), body=body
        )
        with self.measured(name):
            polled = self._differ.compare(self._feed.snapshot(self._reader.read(reply)))
            for _ in self._runner.take(polled, self._runner.now):
                pass

    def wait(self, name: str, span: timedelta) -> None:
        with self.measured(name):
            for _ in self._runner.wait(self._runner.now + span):
                pass


def main() -> None:
    lifecycle.return_large_blocks()
    quiet, down = body(0), body(SERVICES // 100)
    watched = Watched()
    gc.collect()
    empty = resident()
    watched.poll("first", quiet)
    gc.collect()
    memory = (resident() - empty) / SERVICES
    for _ in range(ROUNDS):
        watched.wait("timers", timedelta(seconds=60))
        watched.poll("unchanged", quiet)
        watched.poll("down", down)
        watched.wait("firing", timedelta(seconds=60))
        watched.poll("recovered", quiet)
        watched.wait("resolved", timedelta(minutes=20))
    print(json.dumps(watched.spent | {"memory": memory}))


if __name__ == "__main__":
    main()
