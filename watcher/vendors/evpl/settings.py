"""The settings of `[sources.NAME]` of kind "evpl"."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from watcher.config_types import Address, Duration, Span
from watcher.vendors.settings import Polled


class EvplSource(Polled):
    """Orange EVPL lines: utilisation samples."""

    kind: Literal["evpl"]
    base_url: Address = Field(
        "https://api.orange.com/api-monitoring-live/v1", description="The API's address"
    )
    interval: Span = Field(timedelta(minutes=15), description="Time between polls")
    fast_interval: Span = Field(
        timedelta(minutes=5), description="Time between polls while an alert is pending"
    )
    blind_after: Duration = Field(
        timedelta(minutes=45), description="How long polls must fail before the source is blind"
    )
    operator_code: str = Field(description="The operator code on the bill (codeOpe)")
    application_id: str = Field(description="ApplicationID that Orange wholesale gave you")
    job: str = Field("JOBV", description="Performance job in the path")
    report: str = Field("UTILIZATION", description="Report in the path")
    granularity: Span = Field(timedelta(seconds=300), description="Spacing of the samples")
    window: Span = Field(
        timedelta(hours=1), description="How far back each poll asks, so that late samples are seen"
    )
    settle: Duration = Field(
        timedelta(0), description="How old samples must be, where the newest ones still change"
    )
    unit: Literal["percent", "ratio"] = Field("percent", description="What a value of 1 means")

    @model_validator(mode="after")
    def _check_settle(self) -> Self:
        if self.settle and self.settle >= self.window:
            raise ValueError("settle is not shorter than window: no sample would ever settle")
        return self
