"""What came of a plan: what the vendor was asked, and what a reader of each channel saw.

Times are true time, not a daemon's wall clock.
By `what`, its `fields`:

- `polled`: `source`; `asked`, the true time for which the vendor answered; `whole`: the answer
  arrived and can be read. What it says is what the facts of the plan say at `asked`.
- `slack`: a write: `method`, `channel`, `ts`, `thread_ts`, `text` (of a file its id, name and
  comment, of a list its rows), `done` (Slack did it), `answered` (the daemon learnt so), `error`
  (Slack's word).
- `mqtt`: `topic`, `payload` (text), as a subscriber got it, where it is not what it got before.
- `pressed`: `verb`, `circuit`, `incident`, when it `opened`, `by`, `id`, and `silenced`: `circuit`,
  `id`: a command was sent; a press in Slack has `arrived` as well: a daemon had a socket open.
- `answered`: `id`, `text`: what the person who pressed reads.
- `remarked`: a press below planned works: `id`, `circuit`, `button`, and whether it `arrived`.
- `asked`, `opened`, `sent off`, `refused`: a press for a form, what opened, the form as it was
  filled in, and what Slack shows in its place; `id`, `by`.
- `status`: what `daemon` answered to `watcher status`: `code` as of HTTP, 0: nobody listened, and
  the `report`.
- `why`: what `daemon` answered to `watcher why` about a `circuit` (`code`, `answer`) and about the
  `incident` that it named, or that MQTT showed last; `asked`: when.
- `why line`: the same about a `line`.
- `run`: a `service` was asked about in Service Diagnostics, which goes as its `kind` says;
  `found`: the `result` was sent, with a report if it is `done`.
- `retained`: at the end, what a new subscriber gets: `topics`, each with its payload.
- `held`: what the database and the engine hold at the end (memory.py): `rows` of each table, those
  `overdue`, `live` incidents, and of the `engines` how many objects. This alone is taken from
  inside Watcher.
- `calls`: at the end, as the network has counted: the `most` calls of one process to a vendor, or
  posts in a channel, in a span; those to each host in the `months`; and those that left `early`:
  the other side had asked to wait (call_record.py).
- `ledger`: at the end: of each of the `circuits` what it was, from when to when, and whether that
  is from the vendor's own record; or the `error`.
- `job failed`: the scheduler's `text` about it (job_errors.py).
- `broker gone`: it restarts; `forgets`: without what it has retained.
- `started`, `crashed`, `stopped`, `frozen`, `thawed`: what became of which `daemon`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing that somebody outside of Watcher saw."""

    at: datetime
    what: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """Return it as one line of JSON, always the same for the same record."""
        content = [self.at.isoformat(), self.what, self.fields]
        return json.dumps(content, sort_keys=True, default=str, ensure_ascii=False)


@dataclass(slots=True, kw_only=True)
class Trace:
    """The records in the order in which they came."""

    records: list[Record] = field(default_factory=list)
    _by_kind: dict[str, list[Record]] = field(default_factory=dict, repr=False, compare=False)
    _added: int = field(default=0, repr=False, compare=False)

    def add(self, at: datetime, what: str, **fields: Any) -> None:
        """Write down one thing."""
        record = Record(at=at, what=what, fields=fields)
        self.records.append(record)
        self._by_kind.setdefault(what, []).append(record)
        self._added += 1

    def forget(self) -> None:
        """Forget all of them."""
        self.records.clear()
        self._by_kind.clear()
        self._added = 0

    def of(self, *kinds: str) -> Iterator[Record]:
        """Return the records of these kinds."""
        if len(kinds) == 1 and self._added == len(self.records):  # laws ask for each circuit
            return iter(self._by_kind.get(kinds[0], ()))
        return (record for record in self.records if record.what in kinds)

    def digest(self) -> str:
        """Return a hash that is the same for the same run, byte for byte."""
        hashed = hashlib.sha256()
        for record in self.records:
            hashed.update(record.line().encode() + b"\n")
        return hashed.hexdigest()
