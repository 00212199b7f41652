"""How a subject was seen: its fields, what each changed one was before, and its labels."""

from __future__ import annotations

from msgspec.structs import replace

from watcher import model
from watcher.engine import details
from watcher.engine.backfill import schedule
from watcher.engine.context import StepContext


def observe(ctx: StepContext, seen: model.Observed) -> bool:
    """Record how a subject was seen; return True when its fields or labels have changed."""
    old = ctx.state.subjects.get(seen.key)
    if old is None:
        ctx.put_subject(
            model.Subject(
                key=seen.key,
                source=model.source_of(seen.key),
                fields=seen.fields,
                previous=ctx.state.subject_index.no_labels,
                labels=seen.labels or ctx.state.subject_index.no_labels,
                since=ctx.now,
                vendor_time=seen.vendor_time,
                judged_until=schedule.counts_from(ctx, seen.key),
                listed_at=ctx.now,
            )
        )
        if ctx.state.ruleset.inventory.knows(seen.key):
            details.request(ctx, seen.key)
        return True
    labels = old.labels
    if any(labels.get(name) != value for name, value in seen.labels.items()):
        labels = {**labels, **seen.labels}
    if old.fields == seen.fields:
        if labels is old.labels:
            return False
        ctx.put_subject(replace(old, labels=labels, vendor_time=seen.vendor_time))
        return True
    last_known = {
        name: value
        for name, value in old.fields.items()
        if value is not None and value != model.UNKNOWN and seen.fields.get(name) != value
    }
    ctx.put_subject(
        model.Subject(
            key=old.key,
            source=old.source,
            fields=seen.fields,
            previous={**old.previous, **last_known},
            labels=labels,
            bookings=old.bookings,
            notes=old.notes,
            asked_at=old.asked_at,
            detailed_at=old.detailed_at,
            answered_at=old.answered_at,
            since=ctx.now,
            vendor_time=seen.vendor_time,
            missed=old.missed,
            judged_until=old.judged_until,
            listed_at=old.listed_at or old.since,
            told=old.told,
            silent_since=old.silent_since,
        )
    )
    return True
