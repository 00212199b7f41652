"""The settings that vendors share: `[accounts.NAME]`, and what every `[sources.NAME]` has."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, SecretStr

from watcher.config_types import Address, Duration, Section, Span


class Budgeted(Section):
    """The settings of every account, whatever its kind."""

    calls_per_month: int = Field(
        0,
        ge=0,
        description="Budget of calls per calendar month (UTC), kept across restarts; 0: none",
    )
    calls_per_second: float = Field(
        10, gt=0, description="Maximum requests per second to this account"
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


class Polled(Section):
    """The settings of every source, whatever its kind."""

    if TYPE_CHECKING:
        kind: str  # a Literal of each product's own

    account: str = Field("", description="Name under [accounts]; empty: no credentials (tests)")
    interval: Span = Field(timedelta(seconds=60), description="Time between polls")
    fast_interval: Span = Field(
        timedelta(seconds=10), description="Time between polls while an alert is pending"
    )
    blind_after: Duration = Field(
        timedelta(minutes=3), description="How long polls must fail before the source is blind"
    )
    timeout: Span = Field(timedelta(seconds=30), description="For one request, from end to end")
    clock_tolerance: Duration = Field(
        timedelta(minutes=10),
        description="How far ahead of this machine a vendor's times may be; later ones are dropped",
    )
