"""Accounts of the simulated vendors, for the clients and sources that ask through them."""

from __future__ import annotations

import aiohttp

from watcher import simulator
from watcher.clock import Clock
from watcher.vendors import settings
from watcher.vendors.http.account import VendorAccount


class NoCallCounter:
    """Fails when asked, as no account has a budget."""

    async def spend(self, account: str, month: str, budget: int) -> bool:
        raise AssertionError("nothing has a budget here")


def make_account(
    sim: simulator.Simulator, vendor: str, session: aiohttp.ClientSession, clock: Clock
) -> VendorAccount:
    """Make an account that the simulated vendor takes, as fast as it answers."""
    credentials = sim.credentials
    keys: settings.Account
    if vendor == "vyvx":
        keys = settings.MpaAccount(
            kind="mpa", key_id=credentials.vyvx_key_id, secret=credentials.vyvx_secret
        )
    else:
        keys = settings.OAuth2Account(
            kind="oauth2",
            token_url=getattr(sim, f"{vendor}_token_url"),
            client_id=getattr(credentials, f"{vendor}_client_id"),
            client_secret=getattr(credentials, f"{vendor}_client_secret"),
        )
    fast = keys.model_copy(update={"calls_per_second": 10_000})
    return VendorAccount(vendor, fast, session, clock, NoCallCounter())
