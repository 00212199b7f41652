"""The keys of `[sources.NAME]`: which feed is polled, how often, and with which account."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from watcher.fields import Address, Duration, Section


class Polled(Section):
    """What every source has, whatever its kind."""

    account: str = Field("", description="Name under [accounts]; empty: no credentials (tests)")
    interval: Duration = Field(timedelta(seconds=60), description="Time between polls")
    fast_interval: Duration = Field(
        timedelta(seconds=10), description="Time between polls while an alert is pending"
    )
    blind_after: Duration = Field(
        timedelta(minutes=3), description="How long polls must fail before the source is blind"
    )
    timeout: Duration = Field(timedelta(seconds=30), description="For one request, from end to end")


class VyvxSource(Polled):
    """Lumen Vyvx video reservations: state transitions."""

    kind: Literal["vyvx"]
    base_url: Address = Field("https://ws.lumen.com/vyvx/v1.0", description="The API's address")
    pre_roll: Duration = Field(
        timedelta(minutes=15), description="How long before its start a reservation is in pre-roll"
    )
    history: Duration = Field(
        timedelta(minutes=15),
        description="How often Lumen's own alarm record of a reservation on air is read; 0: never",
    )


class EvplSource(Polled):
    """Orange EVPL lines: utilisation samples."""

    kind: Literal["evpl"]
    base_url: Address = Field(
        "https://api.orange.com/api-monitoring-live/v1", description="The API's address"
    )
    interval: Duration = Field(timedelta(minutes=15), description="Time between polls")
    fast_interval: Duration = Field(
        timedelta(minutes=5), description="Time between polls while an alert is pending"
    )
    blind_after: Duration = Field(
        timedelta(minutes=45), description="How long polls must fail before the source is blind"
    )
    operator_code: str = Field(description="The operator code on the bill (codeOpe)")
    application_id: str = Field(description="ApplicationID that Orange wholesale gave you")
    job: str = Field("JOBV", description="Performance job in the path")
    report: str = Field("UTILIZATION", description="Report in the path")
    granularity: Duration = Field(timedelta(seconds=300), description="Spacing of the samples")
    window: Duration = Field(
        timedelta(hours=1), description="How far back each poll asks, so that late samples are seen"
    )
    unit: Literal["percent", "ratio"] = Field("percent", description="What a value of 1 means")


class InternetOnDemandSource(Polled):
    """Lumen Internet On-Demand connections: status and bandwidth."""

    kind: Literal["internet_on_demand"]
    base_url: Address = Field("https://api.lumen.com", description="The API's address")
    dialect: Literal["connections", "naas"] = Field(
        "connections", description="Which of Lumen's two APIs; `naas` is the one its how-to shows"
    )
    customer_number: str = Field("", description="x-customer-number, for the dialect naas")
    bandwidth_unit: Literal["", "kbps", "Mbps", "Gbps"] = Field(
        "", description="What a bandwidth without a unit is counted in; empty: it is not guessed"
    )
    contact_name: str = Field("", description="Whom Lumen calls about an order (naas)")
    contact_email: str = Field("", description="The same, by mail")
    contact_phone: str = Field("", description="The same, by phone")

    changes_per_day: int = Field(
        24, ge=1, description="Changes that Lumen takes of a customer in a day (UTC)"
    )

    @property
    def customer(self) -> str:
        """Whose changes are counted together: the customer number, else the account."""
        return self.customer_number or self.account

    @model_validator(mode="after")
    def _check_customer(self) -> Self:
        if self.dialect == "naas" and not self.customer_number:
            raise ValueError("customer_number is empty: the dialect naas needs it")
        return self


Source = Annotated[VyvxSource | EvplSource | InternetOnDemandSource, Field(discriminator="kind")]
