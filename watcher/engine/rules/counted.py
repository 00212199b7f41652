"""Works as they stand beside the carrier's other works about the same windows, to be shown.

Law: what is shown counts as it does for calls: WorksIndex decides both.
"""

from __future__ import annotations

from collections.abc import Iterable

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
        **{name: getattr(work, name) for name in Work.__struct_fields__},
        counting=counting,
        is_spoken_for=bool(work.windows) and not counting,
        others=tuple(index.works[key] for key in related if key in index.works),
    )
