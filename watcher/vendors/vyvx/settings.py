"""The settings of `[sources.NAME]` of kind "vyvx"."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from watcher.config_types import Address, Duration
from watcher.vendors.settings import Polled


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
