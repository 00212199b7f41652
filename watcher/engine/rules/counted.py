"""Works as they stand beside the carrier's other works about the same windows, to be shown.

Law: what is shown counts as it does for calls: WorksIndex decides both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from watcher.engine.rules.works import WorksIndex, wholes_of
from watcher.model import CountedWork, Work


def counted(works: Iterable[Work]) -> list[CountedWork]:
    """Return works in their order, each with the windows that no others speak for."""
    index = WorksIndex()
    for work in works:
        index.put(work)
    return [_counted(index, work) for work in index.works.values()]


def _counted(index: WorksIndex, work: Work) -> CountedWork:
    counting = index.counting(work.key)
    related = (*sorted(index.parts.get(work.key, ())), *wholes_of(work.key))
    return CountedWork(
        **{field.name: getattr(work, field.name) for field in fields(Work)},
        counting=counting,
        is_spoken_for=bool(work.windows) and not counting,
        others=tuple(index.works[key] for key in related if key in index.works),
    )
