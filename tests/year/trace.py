"""What came of a plan: what the vendors were asked, and what a reader of each channel saw.

Nothing in a trace is taken from inside Watcher. Times are true time, not a daemon's wall clock.
By `what`, its `fields` (and `who`, where it is no daemon):

- `polled`: `source`; `asked`, the true time for which the vendor answered; `whole`: the answer came
  in time and can be read; `missing`: keys that it left out although they are listed. What it says
  of the others is what the facts of the plan say at `asked`, so it is not repeated here.
- `called`: any other call to a vendor: `account`, `call` (`details`, `history`, `diagnostics`,
  `token`), `target`, `whole`.
- `slack`: a write: `method`, `channel`, `ts`, `thread_ts`, `text`, `incident` and `numbers` (from
  the metadata; first and last), `done` (Slack did it), `answered` (the daemon learnt so).
- `mqtt` (`broker`): `topic`, `payload` (text), `retained`, as a subscriber got it.
- `started`, `ready`, `leads`, `crashed`, `stopped` (`code`), `frozen`, `thawed`.
- `status`: `ok`, `problems` (sentences), `document`: what `watcher status --json` says.
- `pressed`, `silenced`, `noted`, `reloaded` (`people`): a deed that was carried out: `circuit`,
  `incident`, `person`, `answer`.
- `fault`, `over` (`world`): `kind`, `detail`: a fault of the plan began or ended.
- `memory`: what the state holds, by kind: `subjects`, `alerts`, `incidents`, `timers`, `samples`.
- `ledger` (`end`): `month`, `document`: what `watcher report` says of one month.
- `why` (`end`): `circuit`, `text`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing that somebody outside of Watcher saw."""

    at: datetime
    who: str
    what: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """Return it as one line of JSON, always the same for the same record."""
        content = [self.at.isoformat(), self.who, self.what, self.fields]
        return json.dumps(content, sort_keys=True, default=str, ensure_ascii=False)


@dataclass(slots=True, kw_only=True)
class Trace:
    """The records in the order in which they came."""

    records: list[Record] = field(default_factory=list)

    def add(self, at: datetime, who: str, what: str, **fields: Any) -> None:
        """Write down one thing."""
        self.records.append(Record(at=at, who=who, what=what, fields=fields))

    def of(self, *kinds: str) -> Iterator[Record]:
        """Return the records of these kinds."""
        return (record for record in self.records if record.what in kinds)

    def digest(self) -> str:
        """Return a hash that is the same for the same run, byte for byte."""
        return digest(record.line() for record in self.records)


def digest(lines: Iterable[str]) -> str:
    """Return the SHA-256 of lines."""
    hashed = hashlib.sha256()
    for line in lines:
        hashed.update(line.encode() + b"\n")
    return hashed.hexdigest()
