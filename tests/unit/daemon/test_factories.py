"""Accounts: shared by all who name one, because their vendor counts them together."""

from types import SimpleNamespace

from watcher.clock import SystemClock
from watcher.daemon import factories
from watcher.vendors import settings


def test_who_names_no_account_shares_none():
    keys = settings.MpaAccount(kind="mpa", key_id="k", secret="s")
    accounts = factories.VendorAccounts(
        SimpleNamespace(accounts={"vyvx": keys}),
        session=None,
        clock=SystemClock(),
        call_counter=None,
    )
    assert accounts["vyvx"] is accounts["vyvx"]
    assert (
        accounts[""] is not accounts[""]
    )  # one dead vendor would keep the others from being asked
