"""Describes Lumen Vyvx, video reservations, to the rest of Watcher."""

from __future__ import annotations

from collections.abc import Mapping

from watcher.model import UNKNOWN, FaultDomain, Scalar
from watcher.vendors.http.account import VendorAccount
from watcher.vendors.http.api import VendorApi
from watcher.vendors.vendor import Fields, Traits, Vendor
from watcher.vendors.vyvx import settings
from watcher.vendors.vyvx.client import STATUS_CAP, VyvxClient
from watcher.vendors.vyvx.source import STATES, VyvxSource

_GOOD = frozenset({"online", "impaired"})
_BAD = frozenset({"degraded", "offline"})


def _build(name: str, config: settings.VyvxSource, account: VendorAccount) -> VyvxSource:
    api = VendorApi(account, config.base_url, timeout=config.timeout, cap=STATUS_CAP)
    return VyvxSource(name, VyvxClient(api), clock_tolerance=config.clock_tolerance)


def well(fields: Mapping[str, Scalar], _: float | None) -> bool | None:
    """Return whether the picture is there; impaired is, and every text says so in that word."""
    state = fields.get("state")
    return state in _GOOD if state in STATES else None


def likely_domain(fields: Mapping[str, Scalar]) -> FaultDomain:
    """Return the likely side: a bad state behind a good ingress is Lumen's fault.

    A bad ingress is the source's, whatever the state. Lumen calls the ingress state "an informed
    estimation, not an authoritative declaration", so every text built on this says "likely".
    """
    state, ingress = fields.get("state"), fields.get("ingress_state")
    if ingress in _BAD:
        return FaultDomain.SOURCE
    if state == "online":
        return FaultDomain.NONE
    if state in STATES and ingress in _GOOD:
        return FaultDomain.LUMEN
    return FaultDomain.UNDETERMINED


VENDOR = Vendor(
    kind="vyvx",
    carrier="Lumen",
    settings=settings.VyvxSource,
    build=_build,
    fields=Fields(words=dict.fromkeys(("state", "ingress_state"), (*STATES, UNKNOWN))),
    likely_domain=likely_domain,
    well=well,
    states=STATES,
    down=("offline",),
    booked=True,
    detailed=True,
    stamped=True,
    traits=lambda config: Traits(history=config.history, pre_roll=config.pre_roll),
)
