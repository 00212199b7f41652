"""As `probes/poll.py`, by the names of the build before: CPU of one poll of Vyvx services.

The limit, measured in the same run: msgspec decodes the same bytes into the same structs, and one
pass over the dict finds what differs. Measured: the client's reading of the reply, the source's
snapshot, the differ with its translation of what changed, and the engine's step.
"""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from multidict import CIMultiDict, CIMultiDictProxy

from watcher import engine, ruleset
from watcher.sources import diff
from watcher.sources import vyvx as source
from watcher.vendors import vyvx, wire

SERVICES, ROUNDS = int(sys.argv[1]), int(sys.argv[2])
STATES = ("online", "online", "online", "impaired", "degraded", "offline")
START = datetime(2026, 11, 21, tzinfo=UTC)
RULE = """
  - name: rule-{number}
    source: vyvx
    transition: {{field: state, from: [online], to: [unknown]}}
    for: {number}m
"""


class Data(msgspec.Struct, gc=False):
    """The least that must be decoded."""

    services: dict[str, vyvx.Service]


class Root(msgspec.Struct, gc=False):
    """The whole reply."""

    data: Data


LIMIT = msgspec.json.Decoder(Root)


def body(changed: int) -> bytes:
    """Write a status reply whose last services differ from `body(0)`: no comparison ends early."""
    services = {
        str(1_000_000 + n): {"state": STATES[n % 6], "ingress_state": STATES[n // 6 % 6]}
        for n in range(SERVICES)
    }
    for service in list(services.values())[SERVICES - changed :]:
        service["state"] = "unknown"
    return msgspec.json.encode({"data": {"services": services, "time": "2026-03-01T12:00:00.000Z"}})


def cpu(act: Callable[[], object]) -> float:
    gc.collect()
    started = time.process_time()
    act()
    return time.process_time() - started


def limit(before: dict[str, vyvx.Service], now: bytes) -> list[str]:
    services = LIMIT.decode(now).data.services
    return [i for i, service in services.items() if before.get(i) != service]


class Watched:
    """One source under 20 rules, from the vendor's bytes to the effects."""

    def __init__(self, rules: engine.Ruleset) -> None:
        self._feed = source.VyvxSource("vyvx", client=None)  # sends nothing
        self._differ = diff.Differ("vyvx")
        self._state = engine.restore(rules)
        self._now = START

    def poll(self, body: bytes) -> object:
        reply = wire.Reply(
            place="GET bench", status=200, headers=CIMultiDictProxy(CIMultiDict()), body=body
        )
        self._now += timedelta(seconds=60)
        polled = self._differ.compare(self._feed.snapshot(vyvx.read_statuses(reply)))
        return engine.step(self._state, polled, self._now)


def load_rules() -> engine.Ruleset:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.yaml"
        file.write_text("rules:" + "".join(RULE.format(number=n) for n in range(1, 21)))
        traits = engine.SourceTraits(name="vyvx", kind="vyvx", blind_after=timedelta(minutes=3))
        return ruleset.load([str(file)], inventory=None, sources={"vyvx": traits}, receivers=[])


def measure(changed: int) -> tuple[float, float]:
    """Return the least CPU seconds of the limit and of a poll, measured in turn."""
    before, now = body(0), body(changed)
    previous = LIMIT.decode(before).data.services
    rules = load_rules()
    limits, polls = [], []
    for _ in range(ROUNDS):
        watched = Watched(rules)
        watched.poll(before)
        limits.append(cpu(lambda: limit(previous, now)))
        polls.append(cpu(lambda watched=watched: watched.poll(now)))
    return min(limits), min(polls)


def main():
    figures = {}
    for name, changed in (("unchanged", 0), ("changed", SERVICES // 100)):
        least, spent = measure(changed)
        figures |= {name: spent, f"{name}_limit": least}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
