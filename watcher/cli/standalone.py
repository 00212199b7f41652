"""What a person tries by hand before or beside the daemon: every connection, one diagnosis.

Law: it changes nothing at a vendor, posts nothing, and runs no diagnostics unless asked by name.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta

from yarl import URL

from watcher import model, ports
from watcher.clock import SystemClock, token
from watcher.daemon import factories
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt import connection
from watcher.receivers.slack.api import SlackApi
from watcher.settings import Settings
from watcher.store import store
from watcher.vendors import settings as vendor_settings
from watcher.vendors.catalog import VENDORS
from watcher.vendors.http import exchange
from watcher.vendors.http.api import Uncounted, VendorAccount
from watcher.vendors.internet_on_demand.settings import InternetOnDemandSource

TRY_SECONDS = 30.0
MOST_SKEW = timedelta(minutes=2)
MOST_WORDS = 6  # of one field, told one by one
MONTH = timedelta(days=31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one connection did, in words; `remarks` are what a person should look into."""

    name: str
    fine: bool
    sentence: str
    remarks: tuple[str, ...] = ()


async def connect(settings: Settings) -> list[Finding]:
    """Try every account, source and receiver, and what responds to incidents, all at once."""
    async with by_hand(settings) as accounts:
        tries: dict[str, Awaitable[tuple[str, tuple[str, ...]]]] = {}
        for name, account in settings.accounts.items():
            remarks = tuple(_budget(settings, name, account))
            tries[f"accounts.{name}"] = _authenticate(accounts[name], account, remarks)
        for name, source in factories.build_sources(settings, accounts).items():
            keys = settings.sources[name]
            tries[f"sources.{name}"] = _poll(source, keys, accounts[keys.account])
        if settings.diagnostics:
            tries["diagnostics"] = _untried(
                accounts[settings.diagnostics.account], "no diagnosis was run"
            )
        if settings.preorder:
            remarks = () if settings.preorder.sales_code else ("sales_code is empty",)
            tries["preorder"] = _untried(
                accounts[settings.preorder.account], "no address was asked for", remarks
            )
        for name, receiver in settings.receivers.items():
            if isinstance(receiver, receiver_settings.SlackReceiver):
                slack = SlackApi(
                    keys=settings.slack,
                    channel=receiver.channel,
                    session=accounts.session,
                    clock=accounts.clock,
                )
                tries[f"receivers.{name}"] = _plain(slack.check())
        if settings.slack.app_token.get_secret_value():
            opener = SlackApi(keys=settings.slack, session=accounts.session, clock=accounts.clock)
            tries["slack.app_token"] = _plain(opener.check_socket())
        if any(receiver.kind == "mqtt" for receiver in settings.receivers.values()):
            name = f"watcher-{settings.instance}-check"
            tries["mqtt"] = _plain(connection.check(settings.mqtt, name))
        return list(await asyncio.gather(*(_attempt(name, one) for name, one in tries.items())))


async def diagnose(settings: Settings, service_id: str) -> ports.DiagnosticsResult:
    """Run Service Diagnostics once for a service.

    Raises InvalidConfigError without a [diagnostics] section, else what the examiner raises.
    """
    async with by_hand(settings) as accounts:
        examiner = factories.build_examiner(settings, accounts)
        if examiner is None:
            raise model.InvalidConfigError(("diagnostics: there is no [diagnostics] section",))
        return await examiner.examine(run=f"by-hand-{token()}", service_id=service_id)


@asynccontextmanager
async def by_hand(settings: Settings) -> AsyncIterator[factories.VendorAccounts]:
    """Open the configured accounts for a command; their monthly budgets are not counted."""
    async with exchange.open_session() as session:
        yield factories.VendorAccounts(settings, session, SystemClock(), Uncounted())


async def count_change(settings: Settings, keys: InternetOnDemandSource) -> str:
    """Count an order by hand among those of the day; say why it could not be counted.

    Raises PermanentError when the day's are used up.
    """
    clock = SystemClock()
    try:
        async with store.open_to_read(settings.store.url, clock=clock) as database:
            day = clock.now().astimezone(UTC).date()
            counted = await database.spend_change(keys.customer, day, keys.changes_per_day)
    except model.WatcherError as error:
        return str(error)
    if not counted:
        raise model.PermanentError(
            f"all {keys.changes_per_day} changes of today are used up, so nothing was ordered;"
            " the vendor counts anew from 00:00 UTC"
        )
    return ""


def describe(snapshot: model.Snapshot) -> str:
    """Say what a poll saw: how many subjects, and how they are."""
    count = len(snapshot.readings)
    said = [f"sees {count} subject{'' if count == 1 else 's'}"]
    seen = [snapshot.translate(*item).fields for item in snapshot.readings.items()]
    names = seen[0] if seen else ()
    said += [f"{name} {_summary([fields[name] for fields in seen])}" for name in names]
    if snapshot.samples:
        said.append(f"{len(snapshot.samples)} samples")
    if snapshot.unreadable:
        said.append(f"{len(snapshot.unreadable)} more cannot be read")
    if not snapshot.complete:
        said.append("something is missing")
    return ", ".join(said)


def _summary(values: list[model.Scalar]) -> str:
    figures = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    unknown = values.count(None)
    if figures:
        least, most = min(figures), max(figures)
        said = f"{least:g}" if least == most else f"{least:g} to {most:g}"
    else:
        counted = Counter(str(one) for one in values if one is not None).most_common(MOST_WORDS)
        said = ", ".join(f"{word} ({count})" for word, count in counted)
    return f"{said} ({unknown} unknown)" if unknown and said else said or "unknown"


async def _poll(
    source: ports.Source, keys: vendor_settings.Polled, account: VendorAccount
) -> tuple[str, tuple[str, ...]]:
    vendor = VENDORS[keys.kind]
    try:
        snapshot = await source.poll()
    except model.WatcherError as error:
        hint = await vendor.hint(keys, account)
        if hint:
            raise model.PermanentError(f"{error}; {hint}") from error
        raise
    remarks = list(snapshot.remarks)
    lag = account.clock.now() - snapshot.vendor_time if snapshot.vendor_time else timedelta(0)
    if vendor.stamped and abs(lag) > MOST_SKEW:
        span, side = model.format_duration(abs(lag)), "behind" if lag > timedelta(0) else "ahead of"
        remarks.append(f"the vendor's time is {span} {side} this machine's: check the clock")
    return describe(snapshot), tuple(remarks)


async def _authenticate(
    account: VendorAccount, keys: vendor_settings.Account, remarks: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    """Get a token; a signature can only be tried by asking for something."""
    if isinstance(keys, vendor_settings.MpaAccount):
        return "signs each request: its sources tell whether that is accepted", remarks
    await account.auth.headers("GET", URL(keys.token_url))
    return "its credentials are accepted", remarks


def _budget(settings: Settings, name: str, account: vendor_settings.Account) -> Iterator[str]:
    """Compare an account's monthly budget with what its sources ask by themselves."""
    sources = [one for one in settings.sources.values() if one.account == name]
    calls = sum(int(MONTH / one.interval) for one in sources)
    if account.calls_per_month and calls > account.calls_per_month:
        yield (
            f"its sources ask {calls} times a month or more, and calls_per_month is"
            f" {account.calls_per_month}: they will be blind before the month is over"
        )


async def _untried(
    account: VendorAccount, left_out: str, remarks: tuple[str, ...] = ()
) -> tuple[str, tuple[str, ...]]:
    """Get a token and no more: what costs something is not spent on a try."""
    await account.auth.headers("GET", URL())
    entitled = "so whether the account is entitled to it is not known"
    return f"its account is accepted; {left_out}, {entitled}", remarks


async def _plain(attempt: Awaitable[str]) -> tuple[str, tuple[str, ...]]:
    return await attempt, ()


async def _attempt(name: str, attempt: Awaitable[tuple[str, tuple[str, ...]]]) -> Finding:
    try:
        async with asyncio.timeout(TRY_SECONDS):
            sentence, remarks = await attempt
            return Finding(name=name, fine=True, sentence=sentence, remarks=remarks)
    except TimeoutError:
        return Finding(name=name, fine=False, sentence=f"no answer within {TRY_SECONDS:g} s")
    except model.WatcherError as error:
        return Finding(name=name, fine=False, sentence=str(error))
