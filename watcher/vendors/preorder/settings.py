"""The settings of `[preorder]`: whose name asks, and how pxQualify names its fields."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from watcher.config_types import Address, Section, Span


class PreorderFields(Section):
    """How the request of pxQualify names its fields, which Lumen has not documented."""

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
            if sum(f"{other}.".startswith(f"{name}.") for other in names) > 1:
                raise ValueError(
                    f"{name!r} names two fields, or a field and the object that contains it"
                )
        return self


class Preorder(Section):
    """PX PreOrder: what Lumen could deliver to an address as a backup. It never orders."""

    account: str = Field("", description="Name under [accounts]; empty: no credentials (tests)")
    url: Address | Literal[""] = Field(
        "",
        description="As the portal shows pxQualify's; empty: /pxQualify at Lumen's host",
    )
    sandbox: bool = Field(False, description="Use Lumen's test system, which needs its own account")
    timeout: Span = Field(timedelta(seconds=60), description="For one request, from end to end")
    sales_code: str = Field("", description="Assigned to you by Lumen, as are the next three")
    agent_id: str = ""
    market_segment: str = ""
    partner_id: str = ""
    fields: PreorderFields = PreorderFields()

    @property
    def address(self) -> str:
        """Where pxQualify is."""
        host = "api-test.lumen.com" if self.sandbox else "api.lumen.com"
        return self.url or f"https://{host}/pxQualify"
