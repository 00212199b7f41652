"""On whose side a fault is likely to be, and which of two states is worse.

Lumen calls the ingress state "an informed estimation, not an authoritative declaration", so every
text built on this says "likely".
"""

from __future__ import annotations

from collections.abc import Mapping

from watcher.model import FaultDomain, Scalar

_GOOD_INGRESS = frozenset({"online", "impaired"})
_BAD_INGRESS = frozenset({"degraded", "offline"})
_BADNESS: Mapping[Scalar, int] = {"online": 0, "impaired": 1, "degraded": 2, "offline": 3}
STATES = tuple(_BADNESS)


def likely_domain(kind: str, fields: Mapping[str, Scalar]) -> FaultDomain:
    """Estimate the side of the fault from what the vendor says now.

    A bad state behind a good ingress is Lumen's, behind a bad ingress the source's. A full EVPL
    line is its user's own traffic and nobody's fault.
    """
    match kind:
        case "vyvx":
            return _vyvx(fields.get("state"), fields.get("ingress_state"))
        case "evpl":
            return FaultDomain.NONE
        case "internet_on_demand":
            return FaultDomain.LUMEN
        case _:
            return FaultDomain.UNDETERMINED


def _vyvx(state: Scalar, ingress: Scalar) -> FaultDomain:
    if state == "online":
        return FaultDomain.NONE
    if ingress in _BAD_INGRESS:
        return FaultDomain.SOURCE
    if state in _BADNESS and ingress in _GOOD_INGRESS:
        return FaultDomain.LUMEN
    return FaultDomain.UNDETERMINED


def badness(value: Scalar) -> int:
    """Rank a state; a word that we do not know comes before all others."""
    return _BADNESS.get(value, -1)


def is_worse(value: Scalar, before: Scalar) -> bool:
    """Whether people must notice the move; two words that we cannot compare count as worse."""
    if value in _BADNESS and before in _BADNESS:
        return _BADNESS[value] > _BADNESS[before]
    return True
