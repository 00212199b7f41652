"""What can be bought in a scenario's world: On-Demand connections, and what PX offers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from pydantic import Field

from watcher.simulator.scene import Offset, Span, Strict


class Connection(Strict):
    """One Internet On-Demand connection; both dialects show it."""

    status: str = "active"
    bandwidth: str = "500 Mbps"
    location: str = "111 8th Ave, New York, NY 10011"
    created: Offset = timedelta(days=-30)
    site: str = "PL0000000001"
    site_key: Literal["masterSiteid", "masterSiteId"] = "masterSiteid"
    data_center: bool = True
    flat: bool = Field(False, description="Status and characteristics beside `product`, not in it")
    nameless: bool = Field(False, description="Whether it is shown without its id")
    active: bool = Field(True, description="Whether it is shown at all")
    raw: Any = Field(None, description="JSON that stands in its place in every list")


class Iod(Strict):
    """The Internet On-Demand part of the world."""

    connections: dict[str, Connection] = Field({}, description="By their ids")
    takes: Span = Field(timedelta(seconds=5), description="How long a change is pending")
    changes_per_day: int = Field(24, ge=0, description="Changes a day (UTC) that are taken")
    page_size: int = Field(100, ge=1, description="The largest page of the inventory")
    paging: Literal["obeyed", "ignored"] = Field(
        "obeyed", description="ignored: every page is the first one"
    )
    lookup: Literal["found", "empty"] = Field(
        "empty", description="What a look-up by id finds while a change is pending"
    )


class Offer(Strict):
    """Something that could be ordered."""

    name: str
    price: str = ""


class Premises(Strict):
    """What PX says about one address; a code other than 0 is one of its own table."""

    offers: tuple[Offer, ...] = ()
    near: dict[str, str] = Field({}, description="Near matches: addressDetailId to address")
    status: int = 200
    code: int = 0
    message: str = ""


class Preorder(Strict):
    """The PX part of the world; addresses as in `1 Main St, Denver, CO 80202`."""

    addresses: dict[str, Premises] = Field({}, description="By their addresses")
