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
    if seen.labels and any(labels.get(name) != value for name, value in seen.labels.items()):
        labels = {**labels, **seen.labels}
    if old.fields == seen.fields:
        if labels is old.labels:
            return False
        ctx.put_subject(replace(old, labels=labels, vendor_time=seen.vendor_time))
        return True
    ctx.put_subject(
        replace(
            old,
            fields=seen.fields,
            previous=ctx.previous.before(old, seen.fields),
            labels=labels,
            since=ctx.now,
            vendor_time=seen.vendor_time,
            listed_at=old.listed_at or old.since,
        )
    )
    return True
