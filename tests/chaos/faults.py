"""The faults of vendors and Slack, as decks of cards: every one is played before any one again."""

from __future__ import annotations

from typing import Any

Faults = tuple[dict[str, Any], ...]


def _slack(kind: str, endpoint: str = "chat.postMessage", **more: Any) -> dict[str, Any]:
    return {"vendor": "slack", "kind": kind, "endpoint": endpoint, "times": 1, **more}


def _all_of_slack(kind: str, span: str, **more: Any) -> dict[str, Any]:
    return {"vendor": "slack", "kind": kind, "for": span, **more}


_LOST_LOOKUPS = (
    _slack("http_500", "conversations.history", times=2),
    _slack("http_503", "conversations.replies", times=2),
)
_NO_LOOKUPS = (  # for so long that a post is repeated unseen
    _slack("http_500", "conversations.history", times=6),
    _slack("http_503", "conversations.replies", times=6),
)
SLACK: tuple[Faults, ...] = (
    (_slack("drop"),),
    (_slack("drop", times=2),),
    (_slack("drop", "files.completeUploadExternal"),),
    (_slack("drop", "files.getUploadURLExternal"),),
    (_slack("drop", "upload"),),
    (_slack("drop", "chat.update"),),
    (_slack("drop"), *_LOST_LOOKUPS),
    (_slack("drop", "files.completeUploadExternal"), *_LOST_LOOKUPS),
    (_slack("drop"), *_NO_LOOKUPS),
    (_slack("http_500"),),
    (_slack("http_429", retry_after="2"),),
    (_slack("http_429", "files.completeUploadExternal", retry_after="1"),),
    (_slack("truncated"),),
    (_slack("truncated", "files.completeUploadExternal"),),
    (_slack("truncated", "conversations.replies"), _slack("drop")),
    (_slack("reset"),),
    (_slack("html"),),
    (_slack("hang"),),
    (_slack("slow", takes="3s"),),
    (_slack("slow", "files.completeUploadExternal", takes="3s"),),
    (_all_of_slack("slow", "5s", takes="800ms"),),
    (_all_of_slack("http_500", "2s"),),
    (_all_of_slack("http_503", "4s"),),
    (_all_of_slack("drop", "1s"),),
)


def _vyvx(kind: str, span: str = "", **more: Any) -> dict[str, Any]:
    return {"vendor": "vyvx", "kind": kind, **({"for": span} if span else {}), **more}


VYVX: tuple[Faults, ...] = (
    (_vyvx("http_503", "500ms"),),
    (_vyvx("http_503", "2s"),),
    (_vyvx("http_503", "6s"),),  # long enough to make the source blind
    (_vyvx("truncated", times=2),),
    (_vyvx("hang", times=1),),
    (_vyvx("slow", times=2, takes="800ms"),),  # in time
    (_vyvx("slow", times=1, takes="3s"),),  # too late
    (_vyvx("reset", times=2),),
    (_vyvx("drop", times=2),),
    (_vyvx("html", "1s"),),
    (_vyvx("http_429", times=1, retry_after="1"),),
)
LUMEN: tuple[Faults, ...] = (
    ({"vendor": "lumen", "kind": "http_503", "endpoint": "diagnostics", "times": 1},),
    ({"vendor": "lumen", "kind": "drop", "endpoint": "diagnostics", "times": 1},),
    ({"vendor": "lumen", "kind": "slow", "endpoint": "diagnostics", "times": 1},),
    ({"vendor": "lumen", "kind": "http_500", "endpoint": "token", "times": 1},),
)
