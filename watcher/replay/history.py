"""The vendor's own alarm history of one Vyvx service, as the records of a journal. Pure.

Law: it holds nothing but alarms, so between two of them the service was online; of two at once the
worse one counts. The ingress state of then is not known, and said so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from watcher import engine, model, ports
from watcher.vendors.vyvx_details import Alarm

_ONLINE = "online"
_BADNESS = {"impaired": 1, "degraded": 2, "offline": 3}


def records(
    key: str, alarms: Sequence[Alarm], details: model.Details | None, since: datetime
) -> Iterator[ports.Recorded]:
    """Give what a daemon would have recorded of this service (SOURCE/ID) since then."""
    known = [alarm for alarm in alarms if alarm.state in _BADNESS]
    edges = {at for alarm in known for at in (alarm.start, alarm.end) if at and at > since}
    # A service that was bad all along has come from good: else a rule with `from` would pass it by.
    yield _poll(key, _ONLINE, since - timedelta(seconds=1))
    if details is not None:
        yield ports.Recorded(
            at=since - timedelta(seconds=1), what=model.DetailsRead(subject=key, details=details)
        )
    before = _ONLINE
    for at in sorted({since, *edges}):
        state = _state(known, at)
        if state != before:
            yield _poll(key, state, at)
            before = state


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


def _state(alarms: Sequence[Alarm], at: datetime) -> str:
    there = [
        alarm.state
        for alarm in alarms
        if (alarm.start is None or alarm.start <= at) and (alarm.end is None or alarm.end > at)
    ]
    return max(there, key=_BADNESS.__getitem__, default=_ONLINE)


def _poll(key: str, state: str, at: datetime) -> ports.Recorded:
    fields = {"state": state, "ingress_state": model.UNKNOWN}
    seen = model.Observed(key=key, fields=fields)
    source = key.partition("/")[0]
    return ports.Recorded(at=at, what=model.Polled(source=source, seen=(seen,), total=1))
