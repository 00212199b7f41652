"""The settings of `[sources.NAME]` of kind "toy"."""

from __future__ import annotations

from typing import Literal

from watcher.config_types import Address
from watcher.vendors.settings import Polled


class ToySource(Polled):
    """Lighthouses: whether their lamps are lit."""

    kind: Literal["toy"]
    base_url: Address
