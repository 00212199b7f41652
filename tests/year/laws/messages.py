"""How the messages about one circuit or line read: what is down, has recovered, is shown now."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from tests.year.plan import NOC
from tests.year.trace import Record, Trace

_OVER = "\N{MEDIUM BLACK CIRCLE}"  # it has ended otherwise, and need not be well

_ACKNOWLEDGED = "acknowledged by"


def about(trace: Trace, name: str, channel: str = NOC) -> list[Record]:
    """Return what a channel of Slack took of what names a circuit or a line."""
    return [
        record
        for record in trace.of("slack")
        if record.fields["done"]
        and record.fields.get("channel", NOC) == channel
        and name in text(record)
    ]


def of_storms(trace: Trace, vendor: str, channel: str = NOC) -> list[Record]:
    """Return what a channel took about storms, which need not name a circuit."""
    return about(trace, f"Storm on {vendor}", channel)


def kept(trace: Trace) -> dict[str, datetime]:
    """Return from when on which messages could not be edited: each may get a successor."""
    refused = (r for r in trace.of("slack") if r.fields.get("error") == "edit_window_closed")
    return {record.fields["ts"]: record.at for record in reversed(list(refused))}


def shows(records: Sequence[Record], at: datetime, but_not: Collection[str] = ()) -> bool:
    """Return whether a thread shows it as down at a time."""
    return bool(shown(records, at, but_not))


def shown(records: Sequence[Record], at: datetime, but_not: Collection[str] = ()) -> list[Record]:
    """Return what threads show it as down at a time: the newest text of each first message.

    A thread that goes on elsewhere does not count, nor what is named in `but_not`.
    """
    parents: dict[str, Record] = {}
    left = {r.fields["thread_ts"] for r in records if r.at <= at and "continued in" in text(r)}
    for record in records:
        if record.at <= at and not record.fields["thread_ts"]:
            parents[record.fields["ts"]] = record
    left.update(but_not)
    return [record for ts, record in parents.items() if ts not in left and is_down(record)]


def repetitions(
    records: Sequence[Record], name: str, kept_since: Mapping[str, datetime]
) -> Iterator[str]:
    """Yield what was told twice: a second thread while one is open, a text again in a thread.

    Once it has failed again, or somebody took it back, it may be acknowledged again; once somebody
    else has acknowledged it, by the first one again.
    """
    texts: set[tuple[str, str]] = set()
    for record in records:
        if record.fields["method"] == "chat.update":
            continue
        thread = record.fields["thread_ts"]
        just_before = record.at - timedelta(microseconds=1)
        succeeded = {ts for ts, since in kept_since.items() if since <= record.at}
        if not thread and is_down(record) and shows(records, just_before, succeeded):
            yield f"twice: a second thread about {name} at {record.at}"
        if "again:" in text(record) or "withdrawn" in text(record):
            texts = {text_ for text_ in texts if text_[0] != thread}
        if thread and (thread, text(record)) in texts:
            yield f"twice: {text(record)!r} at {record.at}"
        if _ACKNOWLEDGED in text(record):
            texts = {
                text_ for text_ in texts if text_[0] != thread or _ACKNOWLEDGED not in text_[1]
            }
        texts.add((thread, text(record)))


def all_clears(records: Sequence[Record]) -> list[Record]:
    """Return the messages that say that it has recovered, without edits of what said so before."""
    shown_as: dict[str, Record] = {}
    news = []
    for record in records:
        before = shown_as.get(record.fields["ts"])
        if is_clear(record) and not (before and is_clear(before)):
            news.append(record)
        shown_as[record.fields["ts"]] = record
    return news


def is_clear(record: Record) -> bool:
    """Return whether a message says that it has recovered."""
    return "recovered" in text(record)


def opens_thread(record: Record) -> bool:
    """Return whether a message was posted and is no reply: a thread begins with it."""
    return record.fields["method"] == "chat.postMessage" and not record.fields["thread_ts"]


def is_down(record: Record) -> bool:
    """Return whether a first message says that it is down."""
    is_past = text(record).startswith(_OVER) or "reported late" in text(record)
    return not is_clear(record) and not is_past


def text(record: Record) -> str:
    """Return what a message says."""
    words: str = record.fields["text"]
    return words
