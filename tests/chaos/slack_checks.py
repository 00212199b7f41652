"""What a Slack reader must find: one parent for each incident, each entry once and in order.

A repetition that says "possible duplicate" is allowed; anything else that is there twice is not.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]
OVER = ("\N{LARGE GREEN CIRCLE}", "\N{MEDIUM BLACK CIRCLE}", "\N{CLOCK FACE FOUR OCLOCK}")
NOT_POSTED = {"opened", "detailed", "diagnosing"}  # the parent itself shows them


def about(message: Message) -> Mapping[str, Any]:
    """Read the metadata by which a message can be found again."""
    return (message.get("metadata") or {}).get("event_payload") or {}


def is_marked(message: Message) -> bool:
    return "possible duplicate" in json.dumps(message)


def span(message: Message) -> range:
    """Name the entries that a reply shows; none for a file."""
    entries = str(about(message).get("entries", ""))
    if not entries:
        return range(0)
    first, _, last = entries.partition("-")
    return range(int(first), int(last or first) + 1)


def threads_of(threads: Sequence[Sequence[Message]]) -> dict[str, list[Sequence[Message]]]:
    """Sort the threads by their incident."""
    by_incident: dict[str, list[Sequence[Message]]] = {}
    for thread in threads:
        by_incident.setdefault(about(thread[0]).get("incident", ""), []).append(thread)
    return by_incident


def check(
    document: Mapping[str, Any],
    kinds: Mapping[int, tuple[str, bool]],
    threads: Sequence[Sequence[Message]],
    files: Mapping[str, str],
) -> Iterator[str]:
    """Judge the threads of one incident; `kinds` are its entries: kind, and whether people must
    notice it.
    """
    if not threads:
        yield "has no thread"
        return
    unmarked = [thread for thread in threads if not is_marked(thread[0])]
    if len(unmarked) > 1:
        yield f"has {len(unmarked)} parents that are not marked as possible duplicates"
    yield from _parent(document, threads[-1][0])
    replies = [reply for thread in threads for reply in thread[1:]]
    yield from _replies(document, kinds, replies)
    yield from _order(threads)
    yield from _files(document, replies, files)


def _parent(document: Mapping[str, Any], parent: Message) -> Iterator[str]:
    over = str(parent["text"]).startswith(OVER)
    if over != (document["status"] == "resolved"):
        yield f"is {document['status']}, and its parent says: {parent['text']}"


def _replies(
    document: Mapping[str, Any],
    kinds: Mapping[int, tuple[str, bool]],
    replies: Sequence[Message],
) -> Iterator[str]:
    strangers = [
        reply for reply in replies if about(reply).get("incident", document["id"]) != document["id"]
    ]
    for reply in strangers:
        yield f"another incident's reply stands in its thread: {reply['text']}"
    times = Counter(number for reply in replies if not is_marked(reply) for number in span(reply))
    marked = {number for reply in replies if is_marked(reply) for number in span(reply)}
    for number, (kind, notify) in kinds.items():
        if kind == "opened" or (kind in NOT_POSTED and not notify):
            continue
        if not times[number] and number not in marked:
            yield f"entry {number} ({kind}) has no reply"
        if times[number] > 1:
            yield f"entry {number} ({kind}) has {times[number]} replies"


def _order(threads: Sequence[Sequence[Message]]) -> Iterator[str]:
    for thread in threads:
        last = 0
        for reply in thread[1:]:
            entries = span(reply)
            if entries and not is_marked(reply):
                if entries[0] <= last:
                    yield f"entry {entries[0]} comes after entry {last}"
                last = entries[-1]


def _files(
    document: Mapping[str, Any], replies: Sequence[Message], files: Mapping[str, str]
) -> Iterator[str]:
    shown = [(file, is_marked(reply)) for reply in replies for file in reply.get("files") or ()]
    wanted = {
        run["report"]["sha256"]: run["report"]["filename"]
        for run in document["diagnostics"]
        if run["report"]
    }
    for digest, name in wanted.items():
        same = [marked for file, marked in shown if files.get(file["id"]) == digest]
        if not same:
            yield f"its thread lacks {name}"
        if same.count(False) > 1:
            yield f"its thread shows {name} {same.count(False)} times"
    drawn = [marked for file, marked in shown if file["name"].endswith(".png")]
    if drawn.count(False) > len(wanted) or (wanted and not drawn):
        yield f"its thread shows {drawn.count(False)} pictures of {len(wanted)} reports"
