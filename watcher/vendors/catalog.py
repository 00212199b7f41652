"""Builds the source that a `[sources.NAME]` section asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from watcher import model, ports
from watcher.vendors import settings
from watcher.vendors.evpl.client import PAGE_CAP, EvplClient
from watcher.vendors.evpl.source import EvplSource
from watcher.vendors.http.api import VendorAccount, VendorApi
from watcher.vendors.internet_on_demand.client import ConnectionsClient, InternetOnDemandClient
from watcher.vendors.internet_on_demand.naas import Contact, NaasClient
from watcher.vendors.internet_on_demand.source import InternetOnDemandSource
from watcher.vendors.vyvx.client import STATUS_CAP, VyvxClient
from watcher.vendors.vyvx.source import VyvxSource


def build(name: str, config: settings.Source, account: VendorAccount) -> ports.Source:
    """Build one source on its account; it opens nothing."""
    match config:
        case settings.VyvxSource():
            api = VendorApi(account, config.base_url, timeout=config.timeout, cap=STATUS_CAP)
            return VyvxSource(name, VyvxClient(api))
        case settings.EvplSource():
            client = EvplClient(
                VendorApi(account, config.base_url, timeout=config.timeout, cap=PAGE_CAP),
                operator_code=config.operator_code,
                application_id=config.application_id,
                granularity=config.granularity,
                job=config.job,
                report=config.report,
            )
            return EvplSource(name, config, client, account.clock)
        case settings.InternetOnDemandSource():
            return InternetOnDemandSource(name, iod_dialect(config, account))


def iod_dialect(
    config: settings.InternetOnDemandSource, account: VendorAccount
) -> InternetOnDemandClient:
    """Build the Internet On-Demand client of the dialect that a section names."""
    api = VendorApi(account, config.base_url, timeout=config.timeout)
    if config.dialect == "naas":
        return NaasClient(
            api,
            customer_number=config.customer_number,
            unit=config.bandwidth_unit,
            contact=Contact(
                name=config.contact_name, email=config.contact_email, phone=config.contact_phone
            ),
        )
    return ConnectionsClient(api, unit=config.bandwidth_unit)


_STATUSES = (
    "active",
    "provisioning",
    "suspended",
    "terminated",
    "change_pending",
    model.UNKNOWN,
)
_STATES = ("online", "impaired", "degraded", "offline", model.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The fields of a kind's subjects: words with their vocabulary, and figures.

    `metrics` are the figures that come as samples, so that a threshold can be set on them.
    """

    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    figures: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    booked: bool = False  # whether its subjects are booked for a time, and so have phases

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field's name."""
        return (*self.words, *self.figures)

    def samples(self) -> Iterator[dict[str, model.Scalar]]:
        """Give fields as the vendor may say them, to try expressions on: each word, some figures.

        The first is the most ordinary one.
        """
        longest = max((len(words) for words in self.words.values()), default=1)
        for turn in range(max(longest, 3)):
            words = {name: said[turn % len(said)] for name, said in self.words.items()}
            figures = dict.fromkeys(self.figures, (50.5, 0.0, 100.0)[turn % 3])
            yield {**words, **figures}


KINDS: Mapping[str, Kind] = {
    "vyvx": Kind(words={"state": _STATES, "ingress_state": _STATES}, booked=True),
    "evpl": Kind(figures=("utilization",), metrics=("utilization",)),
    "internet_on_demand": Kind(words={"status": _STATUSES}, figures=("bandwidth_mbps",)),
}
