"""The one list of vendors: everything else of a vendor is in its own folder.

To add one, copy a folder such as `evpl`, change what its `vendor.py` describes, and add its name
here.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import Field

from watcher import ports
from watcher.vendors import settings
from watcher.vendors.http.account import VendorAccount
from watcher.vendors.vendor import Vendor


def _described(folders: Iterable[str]) -> Mapping[str, Vendor[Any]]:
    modules = [importlib.import_module(f"watcher.vendors.{folder}.vendor") for folder in folders]
    return {module.VENDOR.kind: module.VENDOR for module in modules}


VENDORS = _described(
    (
        "vyvx",
        "evpl",
        "internet_on_demand",
    )
)

# What carriers are called in notices of planned works beside their own name, which their mail
# domains have as well; casefolded.
PROVIDERS: Mapping[str, tuple[str, ...]] = {
    "lumen": (
        *("lumen technologies", "centurylink", "century link", "qwest", "savvis"),
        *("level3", "level 3", "level(3)", "level 3 communications", "global crossing"),
    ),
    "orange": (
        *("orange business", "orange business services", "orange-business", "obs"),
        *("orange-ftgroup", "equant"),
    ),
}

# `Kind` is a kind that is listed; `Source` is what `[sources.NAME]` may be, by its kind.
if TYPE_CHECKING:
    Kind = str
    Source = settings.Polled
else:
    Kind = Literal[tuple(VENDORS)]
    Source = Annotated[
        Union[tuple(vendor.settings for vendor in VENDORS.values())],  # noqa: UP007  # dynamic
        Field(discriminator="kind"),
    ]


def build(name: str, config: settings.Polled, account: VendorAccount) -> ports.Source:
    """Return one source on its account; it opens nothing."""
    return VENDORS[config.kind].build(name, config, account)
