"""How times, figures, sides and endings are written, the same for every reader.

Pure text without markup: receivers, the board, the timeline and the command line take it from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from watcher.model.alerts import IncidentAlert
from watcher.model.incidents import Resolution
from watcher.model.quantities import format_duration
from watcher.model.subjects import FaultDomain, Scalar
from watcher.model.works import Planned

ENDINGS: Mapping[Resolution, str] = {
    Resolution.RECOVERED: "recovered",
    Resolution.LAPSED: "no longer what its rule watches for",
    Resolution.ENDED: "ended with its booked window",
    Resolution.VANISHED: "no longer listed by the vendor",
    Resolution.MANUAL: "resolved by hand",
    Resolution.RULE_REMOVED: "resolved because its rule was removed",
    Resolution.MERGED: "merged into a storm",
}
# Carriers whose names are not one word with a capital letter, by what works know them as.
_CARRIERS: Mapping[str, str] = {
    "aquacomms": "Aqua Comms",
    "att": "AT&T",
    "aws": "AWS",
    "bso": "BSO",
    "crowncastle": "Crown Castle",
    "eunetworks": "euNetworks",
    "flag": "FLAG",
    "globalcloudxchange": "Global Cloud Xchange",
    "gtt": "GTT",
    "hgc": "HGC",
    "ntt": "NTT",
    "packetfabric": "PacketFabric",
    "pccw": "PCCW",
    "retn": "RETN",
    "summitig": "SummitIG",
}
_SIDES: Mapping[FaultDomain, tuple[str, str]] = {
    FaultDomain.LUMEN: ("likely", "Lumen side"),
    FaultDomain.ORANGE: ("likely", "Orange side"),
    FaultDomain.SOURCE: ("likely", "source side"),
    FaultDomain.UNDETERMINED: ("side at fault", "undetermined"),
}


def format_time(at: datetime, now: datetime | None = None, *, seconds: bool = True) -> str:
    """Return a time in UTC, with its date when that is not the date of `now`: `03:10:22 UTC`."""
    at = at.astimezone(UTC)
    pattern = "%H:%M:%S" if seconds else "%H:%M"
    if now is not None and at.date() != now.astimezone(UTC).date():
        pattern = f"%Y-%m-%d {pattern}"
    return at.strftime(f"{pattern} UTC")


def format_date_time(at: datetime, *, seconds: bool = True) -> str:
    """Return a time in UTC with its date; the zone is left to the caller: `2026-11-21 03:10:22`."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def format_timestamp(at: datetime) -> str:
    """Return a time as programs read it (RFC 3339): `2026-11-21T03:10:22.125Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"  # without +00:00


def format_number(number: float) -> str:
    """Return a number with at most two decimals: `12.5`, `40`."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def format_value(value: Scalar) -> str:
    """Return a subject's value: text as it is, a number as `format_number` writes it."""
    if isinstance(value, float):
        return format_number(value)
    return "unknown" if value is None else str(value)


def format_figure(value: float | None, unit: str = "") -> str:
    """Return a measured value with its unit: `97 %`."""
    return f"{format_value(value)} {unit}".strip()


def format_direction(direction: str) -> str:
    """Return how a direction is spoken of: `outbound`; one without a word as it is."""
    return {"in": "inbound", "out": "outbound"}.get(direction, direction)


def format_window(aggregate: str, over: timedelta | None, covered: timedelta | None) -> str:
    """Return what a value is of a window, or of what is covered of it: `p95 of 1 h 40 min`."""
    if over is None:
        return ""
    if covered is not None:
        return f"{aggregate} of {format_duration(covered)}"
    return f"{aggregate} over {'24 h' if over == timedelta(days=1) else format_duration(over)}"


def format_metric(metric: str, direction: str, window: str) -> str:
    """Return what is measured: `outbound utilization (p95 over 24 h)`."""
    what = f"{format_direction(direction)} {metric}".strip()
    return f"{what} ({window})" if window else what


def format_measurement(alert: IncidentAlert) -> str:
    """Return what was measured where: `outbound utilization at POP PARIS (FR) is 97 %`."""
    what = format_metric(alert.metric, alert.direction, alert.window)
    place = f" at {alert.place}" if alert.place else ""
    return f"{what}{place} is {format_figure(alert.value, alert.unit)}"


def format_mbps(mbps: float | None) -> str:
    """Return a bandwidth as people say it: `500 Mbps`, `2 Gbps`."""
    if mbps is None:
        return "unknown"
    return f"{mbps / 1000:g} Gbps" if mbps >= 1000 else f"{mbps:g} Mbps"


def format_side(domain: FaultDomain, mark: str = "") -> str:
    """Return whose side is at fault, with `mark` around the answer; empty where none is named."""
    if domain not in _SIDES:
        return ""
    lead, answer = _SIDES[domain]
    return f"{lead} {mark}{answer}{mark}"


def format_ending(resolution: Resolution | None) -> str:
    """Return how an incident ended, in lower case: `recovered`, `merged into a storm`."""
    return ENDINGS[resolution] if resolution else "resolved"


def format_carrier(provider: str) -> str:
    """Return who sends notices as people write it: `Lumen` for `lumen`; a domain as it is."""
    name = _CARRIERS.get(provider, provider)
    return name.capitalize() if name.islower() and name.isalpha() else name


def format_planned(planned: Planned, now: datetime | None = None) -> str:
    """Return planned works as people call them: `planned works 123 of Lumen until 04:00 UTC`."""
    until = format_time(planned.end, now, seconds=False)
    return f"planned works {planned.id} of {format_carrier(planned.provider)} until {until}"
