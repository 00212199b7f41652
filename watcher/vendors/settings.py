"""The keys of `[accounts.NAME]`: how requests to a vendor are signed, and how many there may be."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from watcher.fields import Address, Duration, Section


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
