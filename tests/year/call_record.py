"""Counts what daemons ask of others, as the network sees it: how much at once, and what too early.

What is kept does not grow with the time: the most calls in any span, and those that left although
the other side had asked to wait.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.year.loop import OWNER
from tests.year.network import Answer, Request
from tests.year.world import World

SPANS = (1, 5, 60)  # seconds
_MOST_KEPT = 100
_MOMENT = timedelta(milliseconds=1)  # a refusal that has just come in was not read yet
_MESSAGE = "chat.postMessage"
_POSTS = {_MESSAGE, "files.completeUploadExternal"}


class CallRecord:
    """The calls of all daemons; those of each process are counted for themselves."""

    def __init__(self, world: World, slack: str) -> None:
        self._world = world
        self._slack = slack
        self._recent: dict[tuple[object, str, int], deque[datetime]] = defaultdict(deque)
        self._most: Counter[tuple[str, int]] = Counter()
        self._months: Counter[tuple[str, str]] = Counter()
        self._quiet: dict[tuple[object, str], tuple[datetime, datetime]] = {}
        self._early: list[Mapping[str, Any]] = []

    def leaves(self, request: Request) -> None:
        """Count a call."""
        now, owner, place = self._world.now(), OWNER.get(), self._place(request)
        since, until = self._quiet.get((owner, place), (now, now))
        if since + _MOMENT < now < until and len(self._early) < _MOST_KEPT:
            self._early.append({"at": now, "place": place, "until": until})
        host = request.url.host or ""
        self._months[host, f"{now:%Y-%m}"] += 1
        counted = self._channel(request) if host == self._slack else host
        for span in SPANS if counted else ():
            recent = self._recent[owner, counted, span]
            recent.append(now)
            while now - recent[0] >= timedelta(seconds=span):
                recent.popleft()
            self._most[counted, span] = max(self._most[counted, span], len(recent))

    def arrives(self, request: Request, answer: Answer) -> None:
        """Note how long an answer asks to wait."""
        if answer.status == 429 and (seconds := answer.headers.get("Retry-After")):
            now = self._world.now()
            until = now + timedelta(seconds=float(seconds))
            self._quiet[OWNER.get(), self._place(request)] = now, until

    def record(self) -> None:
        """Write down what was counted."""
        self._world.record(
            "calls",
            most={f"{place} in {span} s": n for (place, span), n in sorted(self._most.items())},
            months={f"{host} in {month}": n for (host, month), n in sorted(self._months.items())},
            early=self._early,
        )

    def _place(self, request: Request) -> str:
        """Return what a wait is for: a method of Slack, for messages in a channel, or a vendor."""
        host, method = request.url.host or "", request.url.name
        if host != self._slack:
            return host
        return f"{method} {self._channel(request)}" if method == _MESSAGE else method

    def _channel(self, request: Request) -> str:
        if request.url.name not in _POSTS:
            return ""
        channel = request.arguments.get("channel") or request.arguments.get("channel_id")
        return str(channel)
