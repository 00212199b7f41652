"""The keys of `[accounts.NAME]`: how requests to a vendor are signed, and how many there may be."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from watcher.config_types import Address, Duration, Section


class Budgeted(Section):
    """What every account has, whatever its kind."""

    calls_per_month: int = Field(
        0, ge=0, description="Budget of calls a calendar month (UTC), kept across restarts; 0: none"
    )
    calls_per_second: float = Field(
        10, gt=0, description="Requests to this account are spread out to at most so many a second"
    )


class MpaAccount(Budgeted):
    """Signed requests (Lumen Media Portal): a key id and its secret."""

    kind: Literal["mpa"]
    key_id: str = Field(description="The key's id, as Media Portal shows it")
    secret: SecretStr = Field(description="The key's secret; sign only, never sent")
    content_type: str = Field("text/xml", description="Content-Type sent and signed, even on GET")
    accept: str = Field("", description="Accept header; empty: none is sent")


class OAuth2Account(Budgeted):
    """OAuth 2.0 client credentials (Lumen, Orange)."""

    kind: Literal["oauth2"]
    token_url: Address = Field(description="Where tokens are issued")
    client_id: str = Field(description="The application's id")
    client_secret: SecretStr = Field(description="The application's secret")
    scope: str = Field("", description="Scopes to ask for, separated by spaces; empty: none")


Account = Annotated[MpaAccount | OAuth2Account, Field(discriminator="kind")]


class PreorderFields(Section):
    """How the request of pxQualify names its fields: the document names them without their form."""

    sales_code: str = "salesCode"
    agent_id: str = "agentId"
    market_segment: str = "marketSegment"
    partner_id: str = "partnerId"
    transaction_id: str = "transactionId"
    address_detail_id: str = "addressDetailId"
    qual_for_video: str = "qualForVideo"
    street: str = "streetAddress"
    city: str = "city"
    state: str = "state"
    zip: str = "zip"

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = list(self.model_dump().values())
        for name in names:
            if sum(f"{one}.".startswith(f"{name}.") for one in names) > 1:
                raise ValueError(f"{name!r} names two fields, or a field and what it lies in")
        return self


class Preorder(Section):
    """PX PreOrder: what Lumen could deliver to an address as a backup. It qualifies and no more."""

    account: str = Field("", description="Name under [accounts]; empty: no credentials (tests)")
    url: Address | Literal[""] = Field(
        "", description="Of pxQualify, as the portal shows it; empty: /pxQualify at Lumen's host"
    )
    sandbox: bool = Field(
        False, description="Lumen's test system, which needs an account of its own, instead"
    )
    timeout: Duration = Field(timedelta(seconds=60), description="For one request, from end to end")
    sales_code: str = Field("", description="As Lumen gave it to you; so with the next three")
    agent_id: str = ""
    market_segment: str = ""
    partner_id: str = ""
    fields: PreorderFields = PreorderFields()

    @property
    def address(self) -> str:
        """Where pxQualify is."""
        host = "api-test.lumen.com" if self.sandbox else "api.lumen.com"
        return self.url or f"https://{host}/pxQualify"


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


class Diagnostics(Section):
    """Service Diagnostics is no state check: every run is budgeted (law 7)."""

    account: str = Field("", description="Name under [accounts]; empty: no credentials (tests)")
    base_url: Address = Field("https://api.lumen.com", description="The API's address")
    timeout: Duration = Field(timedelta(seconds=120), description="For one run, from end to end")
    cooldown: Duration = Field(
        timedelta(minutes=15), description="Between two runs for the same service"
    )
    runs_per_incident: int = Field(6, ge=1, description="At most so many runs for one incident")
    runs_per_hour: int = Field(30, ge=1, description="At most so many runs an hour, over all")
    parallel: int = Field(4, ge=1, description="At most so many runs at once, over all services")
