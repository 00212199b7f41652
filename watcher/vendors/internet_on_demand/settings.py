"""The settings of `[sources.NAME]` of kind "internet_on_demand"."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from watcher.config_types import Address
from watcher.vendors.settings import Polled


class InternetOnDemandSource(Polled):
    """Lumen Internet On-Demand connections: status and bandwidth."""

    kind: Literal["internet_on_demand"]
    base_url: Address = Field("https://api.lumen.com", description="The API's address")
    dialect: Literal["connections", "naas"] = Field(
        "connections", description="Which of Lumen's two APIs; `naas` is the one its how-to shows"
    )
    customer_number: str = Field("", description="x-customer-number, for the dialect naas")
    bandwidth_unit: Literal["", "kbps", "Mbps", "Gbps"] = Field(
        "", description="Unit of a bandwidth that comes without one; empty: it is not guessed"
    )
    contact_name: str = Field("", description="Whom Lumen calls about an order (naas)")
    contact_email: str = Field("", description="The same, by mail")
    contact_phone: str = Field("", description="The same, by phone")

    changes_per_day: int = Field(
        24, ge=1, description="Changes that Lumen accepts from a customer per day (UTC)"
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
