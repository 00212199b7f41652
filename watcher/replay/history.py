"""The vendor's own alarm history of one Vyvx service, as the records of a journal. Pure.

Law: it holds nothing but alarms, so between two of them the service was online; of two at once the
worse one counts. The ingress state of then is not known, and said so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from watcher import engine, model, ports
from watcher.engine import faults, stretches


def records(
    key: str, alarms: Sequence[model.Alarm], details: model.Details | None, since: datetime
) -> Iterator[ports.Recorded]:
    """Give what a daemon would have recorded of this service (SOURCE/ID) since then."""
    # A service that was bad all along has come from good: else a rule with `from` would pass it by.
    yield _poll(key, stretches.ONLINE, since - timedelta(seconds=1))
    if details is not None:
        yield ports.Recorded(
            at=since - timedelta(seconds=1), what=model.DetailsRead(subject=key, details=details)
        )
    before, at = stretches.ONLINE, since
    for each in stretches.in_order(alarm for alarm in alarms if faults.badness(alarm.state) > 0):
        if each.end is not None and each.end <= since:
            continue
        start = max(each.start or since, since)
        if before != stretches.ONLINE and at < start:
            yield _poll(key, stretches.ONLINE, at)
            before = stretches.ONLINE
        if each.state != before:
            yield _poll(key, each.state, start)
        before, at = each.state, each.end or start
        if each.end is None:
            return
    if before != stretches.ONLINE:
        yield _poll(key, stretches.ONLINE, at)


def key_of(name: str, rules: engine.Ruleset) -> str:
    """Find the subject's key for a service's id, or for SOURCE/ID. Raises PermanentError."""
    source, slash, _ = name.partition("/")
    known = [each for each, traits in rules.sources.items() if traits.kind == "vyvx"]
    if slash and source in known:
        return name
    if not slash and len(known) == 1:
        return f"{known[0]}/{name}"
    raise model.PermanentError(
        f"{name!r} is of no source of Vyvx: write SOURCE/ID; there is {', '.join(known) or 'none'}"
    )


def _poll(key: str, state: str, at: datetime) -> ports.Recorded:
    fields = {"state": state, "ingress_state": model.UNKNOWN}
    seen = model.Observed(key=key, fields=fields)
    source = key.partition("/")[0]
    return ports.Recorded(at=at, what=model.Polled(source=source, seen=(seen,), total=1))
