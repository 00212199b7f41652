"""What changed between two snapshots of one source.

Law: a poll that changed nothing costs one comparison; only changed readings are translated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from watcher import model

TIMES_REPORTED = 3  # an absent subject, in this many complete polls; the engine needs two


class Differ:
    """Remembers one source's last readings, and which subjects are missing since when.

    `known` are the ids of the subjects that the store remembers: those that went away while the
    daemon was down are reported as absent too. A snapshot's readings must not change afterwards.
    """

    def __init__(self, source: str, known: Iterable[str] = ()) -> None:
        self._source = source
        self._readings: Mapping[str, object] = {}
        # Ids that are not in the readings, and how often each was reported absent.
        self._missing: dict[str, int] = dict.fromkeys(known, 0)

    def compare(self, snapshot: model.Snapshot) -> model.Polled:
        """Tell what is new or changed since the last snapshot, and what is no longer named."""
        before = self._readings
        now = self._carried(snapshot)
        absent: list[str] = []
        changed: list[str] = []
        if now != before:
            changed = [i for i, reading in now.items() if before.get(i) != reading]
            self._mark_missing(before, now, changed)
        if self._missing and snapshot.complete:
            absent = self._report(snapshot.unreadable)
        self._readings = now
        return model.Polled(
            source=self._source,
            seen=tuple(snapshot.translate(i, now[i]) for i in changed),
            absent=tuple(f"{self._source}/{i}" for i in absent),
            unreadable=tuple(f"{self._source}/{i}" for i in snapshot.unreadable),
            samples=snapshot.samples,
            complete=snapshot.complete,
            total=len(snapshot.readings) + len(snapshot.unreadable),
        )

    def _carried(self, snapshot: model.Snapshot) -> Mapping[str, object]:
        """Keep the last reading of what this snapshot could not read or does not cover."""
        if not snapshot.complete:
            return {**self._readings, **snapshot.readings}
        kept = {i: self._readings[i] for i in snapshot.unreadable if i in self._readings}
        return {**kept, **snapshot.readings} if kept else snapshot.readings

    def _mark_missing(
        self, before: Mapping[str, object], now: Mapping[str, object], changed: list[str]
    ) -> None:
        added = [i for i in changed if i not in before]
        for i in added:
            self._missing.pop(i, None)
        if len(before) + len(added) != len(now):
            gone = [i for i in before if i not in now]
            self._missing.update(dict.fromkeys(gone, 0))

    def _report(self, unreadable: Iterable[str]) -> list[str]:
        named = set(unreadable)
        absent = [i for i in self._missing if i not in named]
        for i in absent:
            self._missing[i] += 1
            if self._missing[i] == TIMES_REPORTED:
                del self._missing[i]
        return absent
