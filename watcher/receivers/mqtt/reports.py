"""The PDFs of diagnostics runs on the broker: retained like their incident, raw bytes.

Events and documents go first: a PDF is published before the document that names it only if it is
small, or no larger than what this connection has taken already. Any other waits until nothing else
is pending, and the document is then published once more, with its topic.

How far each PDF is stands in its receipt, so that it is known after a restart: on a broker that
can only hang up, three connections are spent on the first PDF that is too large, and none on later
ones of that size for a day.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from watcher import model

MOST_TRIES = 3  # during which the connection was lost
SMALL = 65_536  # bytes: most brokers take that


class Progress(StrEnum):
    """How far a PDF is."""

    NEW = "new"
    TRIED = "tried"  # the connection was lost meanwhile
    DONE = "done"  # it lies on its topic
    WITHHELD = "withheld"  # the broker does not take it, or it is lost


class ReportState(Struct, frozen=True, kw_only=True, gc=False):
    """One PDF's progress, as it stands in the receipt under the run: WORD [SIZE TRIES TIME]."""

    progress: Progress = Progress.NEW
    suffixed: bool = False  # it also lies on the topic of earlier versions
    size: int = 0  # that the broker hung up on
    tries: int = 0
    at: float = 0.0  # when, in seconds since 1970

    @classmethod
    def parse(cls, words: str) -> ReportState:
        """Read what a receipt says; one of an earlier version has the first word alone."""
        word, *figures = words.split() or [""]
        if word == "published":  # by an earlier version, on the topic with a suffix
            return cls(suffixed=True)
        try:
            size, tries, at = (int(figure) for figure in figures)
            progress = Progress(word.removesuffix("+"))
        except ValueError:
            return cls(progress=Progress.WITHHELD) if word == "withheld" else cls()
        return cls(
            progress=progress, suffixed=word.endswith("+"), size=size, tries=tries, at=float(at)
        )

    def __str__(self) -> str:
        """Return it as it stands in a receipt."""
        plus = "+" if self.suffixed else ""
        return f"{self.progress}{plus} {self.size} {self.tries} {self.at:.0f}"

    @property
    def settled(self) -> bool:
        """Whether nothing more is tried."""
        return self.progress in (Progress.DONE, Progress.WITHHELD)

    def lost(self, size: int, now: datetime) -> ReportState:
        """Return what it is after a connection was lost while the PDF was sent."""
        tries = self.tries + 1
        progress = Progress.WITHHELD if tries >= MOST_TRIES else Progress.TRIED
        return replace(self, progress=progress, size=size, tries=tries, at=now.timestamp())


def refused_sizes(files: Iterable[str]) -> Iterable[tuple[int, datetime]]:
    """Yield the sizes that the broker hung up on, and when, of a receipt's files."""
    for words in files:
        state = ReportState.parse(words)
        if state.progress is Progress.WITHHELD and state.size:
            yield state.size, datetime.fromtimestamp(state.at, UTC)


def reports_of(incident: model.Incident) -> list[model.Report]:
    """Return the PDFs of an incident's diagnostics."""
    return [run.report for run in incident.diagnostics if run.report is not None]
