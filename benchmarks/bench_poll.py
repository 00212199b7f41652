"""CPU of one poll of 100,000 Vyvx services, as a ratio to the least that it could cost.

The limit, measured in the same run: msgspec decodes the same bytes into the same structs, and one
pass over the dict finds what differs. Measured: the client's reading of the reply, the source's
snapshot, and the differ with its translation of what changed.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable

import msgspec
from multidict import CIMultiDict, CIMultiDictProxy

from watcher.sources import diff
from watcher.sources import vyvx as source
from watcher.vendors import vyvx, wire

SERVICES = 100_000
ROUNDS = 11
STATES = ("online", "online", "online", "impaired", "degraded", "offline")
BUDGETS = {"unchanged": (0, 2.0), "one_percent_changed": (SERVICES // 100, 4.0)}


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
    for each in list(services.values())[SERVICES - changed :]:
        each["state"] = "unknown"
    return msgspec.json.encode({"data": {"services": services, "time": "2026-03-01T12:00:00.000Z"}})


def cpu(act: Callable[[], object]) -> float:
    gc.collect()
    began = time.process_time()
    act()
    return time.process_time() - began


def limit(before: dict[str, vyvx.Service], now: bytes) -> list[str]:
    services = LIMIT.decode(now).data.services
    return [i for i, service in services.items() if before.get(i) != service]


def poll(feed: source.VyvxSource, differ: diff.Differ, now: bytes) -> object:
    reply = wire.Reply(
        place="GET bench", status=200, headers=CIMultiDictProxy(CIMultiDict()), body=now
    )
    return differ.compare(feed.snapshot(vyvx.read_statuses(reply)))


def measure(changed: int) -> tuple[float, float]:
    """Tell the median CPU seconds of the limit and of a poll, measured in turn."""
    before, now = body(0), body(changed)
    known = LIMIT.decode(before).data.services
    feed = source.VyvxSource("vyvx", client=None)  # type: ignore[arg-type] # nothing is asked
    limits, polls = [], []
    for _ in range(ROUNDS):
        differ = diff.Differ("vyvx")
        poll(feed, differ, before)
        limits.append(cpu(lambda: limit(known, now)))
        polls.append(cpu(lambda differ=differ: poll(feed, differ, now)))
    return statistics.median(limits), statistics.median(polls)


def main() -> int:
    within = True
    for name, (changed, budget) in BUDGETS.items():
        least, spent = measure(changed)
        figures = {
            "benchmark": f"poll_{name}",
            "services": SERVICES,
            "changed": changed,
            "limit_ms": round(least * 1_000, 2),
            "poll_ms": round(spent * 1_000, 2),
            "ratio": round(spent / least, 3),
            "budget": budget,
            "within": spent / least <= budget,
        }
        print(json.dumps(figures))
        within = within and bool(figures["within"])
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
