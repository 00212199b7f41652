"""The settings of `[diagnostics]`: how runs are paid for and limited."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from watcher.config_types import Address, Duration, Section, Span


class Diagnostics(Section):
    """Service Diagnostics is not a state check: every run counts against a budget."""

    account: str = Field("", description="Name under [accounts]; empty: no credentials (tests)")
    base_url: Address = Field("https://api.lumen.com", description="The API's address")
    timeout: Span = Field(timedelta(seconds=120), description="For one run, from end to end")
    cooldown: Duration = Field(
        timedelta(minutes=15), description="Between two runs for the same service"
    )
    runs_per_incident: int = Field(6, ge=1, description="Maximum runs for one incident")
    runs_per_hour: int = Field(30, ge=1, description="Maximum runs per hour, in total")
    parallel: int = Field(4, ge=1, description="Maximum concurrent runs, over all services")
