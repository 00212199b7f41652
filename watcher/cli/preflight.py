"""What works without the daemon: try every connection, run one diagnosis, count an order.

Trying a connection changes nothing at a vendor, posts nothing and runs no diagnostics.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
from msgspec import Struct
from yarl import URL

from watcher import engine, model, ports
from watcher.cli.setup import slack_check
from watcher.cli.setup.reachability import reach
from watcher.clock import SystemClock, token
from watcher.daemon import factories
from watcher.http import exchange
from watcher.oncall import examine
from watcher.oncall.rota import Rota
from watcher.operations import control_socket
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt import check as mqtt_check
from watcher.receivers.slack.api import SlackApi
from watcher.receivers.slack.message import SlackMessage
from watcher.settings import Settings
from watcher.store import store
from watcher.vendors import settings as vendor_settings
from watcher.vendors.catalog import VENDORS
from watcher.vendors.http.account import Uncounted, VendorAccount
from watcher.vendors.internet_on_demand.settings import InternetOnDemandSource
from watcher.works import check as works_check

TRY_SECONDS = 30.0
MOST_SKEW = timedelta(minutes=2)
MOST_WORDS = 6  # of one field, listed one by one
MONTH = timedelta(days=31)

Outcome = tuple[str, tuple[str, ...]]  # a sentence, and remarks


class Result(Struct, frozen=True, kw_only=True):
    """Whether one connection works, in words; `remarks` are what a person should look into."""

    name: str
    ok: bool
    sentence: str
    remarks: tuple[str, ...] = ()


async def connect(
    settings: Settings, rules: engine.Ruleset, report: Callable[[Result, int, int], None]
) -> list[Result]:
    """Try everything that the daemon would connect to, at once; return a result for each.

    `report` gets each as it comes: the result, its number, and how many there are.
    """
    async with open_accounts(settings) as accounts:
        attempts: dict[str, Awaitable[Outcome]] = {"store": _open_store(settings.store.url)}
        for name, account in settings.accounts.items():
            remarks = tuple(_budget(settings, name, account))
            attempts[f"accounts.{name}"] = _authenticate(accounts[name], account, remarks)
        for name, source in factories.build_sources(settings, accounts).items():
            section = settings.sources[name]
            attempts[f"sources.{name}"] = _poll(source, section, accounts[section.account])
        if settings.diagnostics:
            attempts["diagnostics"] = _authenticate_only(
                accounts[settings.diagnostics.account], "no diagnosis was run"
            )
        if settings.preorder:
            remarks = () if settings.preorder.sales_code else ("sales_code is empty",)
            attempts["preorder"] = _authenticate_only(
                accounts[settings.preorder.account], "no address was asked for", remarks
            )
        attempts |= _try_receivers(settings, accounts)
        attempts |= works_check.attempts(settings.works, accounts.clock)
        for name, rota in rules.rotas.items():
            if rota.calendar:
                attempts[f"rotas.{name}"] = _read_calendar(rota, accounts.session)
        return await _in_order_of_completion(attempts, report)


def _try_receivers(
    settings: Settings, accounts: factories.VendorAccounts
) -> dict[str, Awaitable[Outcome]]:
    """Return an attempt for everybody who is notified, and for the heartbeat."""
    attempts: dict[str, Awaitable[Outcome]] = {}
    for name, receiver in settings.receivers.items():
        if isinstance(receiver, receiver_settings.SlackReceiver):
            slack = SlackApi(
                settings=settings.slack,
                channel=receiver.channel,
                session=accounts.session,
                clock=accounts.clock,
            )
            attempts[f"receivers.{name}"] = slack_check.check(slack, receiver, settings.slack)
        elif isinstance(receiver, receiver_settings.WebhookReceiver):
            attempts[f"receivers.{name}"] = reach(receiver.url, "nothing was posted")
    if heartbeat := settings.heartbeat.url.get_secret_value():
        attempts["heartbeat"] = reach(heartbeat, "it was not pinged")
    if settings.slack.app_token.get_secret_value():
        slack = SlackApi(settings=settings.slack, session=accounts.session, clock=accounts.clock)
        attempts["slack.app_token"] = _without_remarks(slack.check_socket())
    kinds = {receiver.kind for receiver in settings.receivers.values()}
    if "mqtt" in kinds or settings.mqtt.commands:
        attempts["mqtt"] = mqtt_check.check(settings.mqtt, settings.instance)
    return attempts


async def _in_order_of_completion(
    attempts: Mapping[str, Awaitable[Outcome]], report: Callable[[Result, int, int], None]
) -> list[Result]:
    results: list[Result] = []
    for attempt in asyncio.as_completed([_try(name, of) for name, of in attempts.items()]):
        results.append(await attempt)
        report(results[-1], len(results), len(attempts))
    return results


async def _read_calendar(rota: Rota, session: aiohttp.ClientSession) -> Outcome:
    """Read the calendar of a rota, and look for gaps in it."""
    problems = await examine.problems_ahead({rota.name: rota}, SystemClock().now(), session)
    if problems:
        raise model.PermanentError("; ".join(problems))
    return "its calendar can be read, and has somebody for the next 30 days", ()


async def validate(settings: Settings, name: str, message: SlackMessage) -> tuple[str, ...]:
    """Return what Slack finds wrong with a message's blocks; it is not posted.

    Raises TemporaryError or PermanentError.
    """
    async with exchange.open_session() as session:
        receiver = settings.receivers[name]
        channel = receiver.channel if isinstance(receiver, receiver_settings.SlackReceiver) else ""
        api = SlackApi(
            settings=settings.slack, channel=channel, session=session, clock=SystemClock()
        )
        return await api.validate(message)


async def rota_problems(rules: engine.Ruleset, *, connect: bool) -> list[str]:
    """Return what is wrong with the rotas in the next days; `connect` reads calendars itself."""
    rotas = {name: rota for name, rota in rules.rotas.items() if not (connect and rota.calendar)}
    return await examine.problems_ahead(rotas, SystemClock().now())


async def diagnose(settings: Settings, service_id: str) -> ports.DiagnosticsResult:
    """Run Service Diagnostics once for a service.

    Raises InvalidConfigError without a [diagnostics] section, else what running it raises.
    """
    async with open_accounts(settings) as accounts:
        runner = factories.build_diagnostics_runner(settings, accounts)
        if runner is None:
            missing = "there is no [diagnostics] section in the configuration"
            raise model.InvalidConfigError(
                (f"{missing}: write one, as config.example.toml has it",)
            )
        return await runner.diagnose(run=f"by-hand-{token()}", service_id=service_id)


@asynccontextmanager
async def open_accounts(settings: Settings) -> AsyncIterator[factories.VendorAccounts]:
    """Open the configured accounts for a command; their monthly budgets are not counted."""
    async with exchange.open_session() as session:
        yield factories.VendorAccounts(settings, session, SystemClock(), Uncounted())


async def count_change(
    settings: Settings, name: str, source: InternetOnDemandSource, *, by: str, what: str
) -> str:
    """Count a manual order among the changes of the day; return why it could not be counted.

    The daemon counts it, because one process writes the database; without a daemon this one may.
    Raises PermanentError when the changes of the day are used up.
    """
    try:
        counted = await _count_by_daemon(settings, {"source": name, "by": by, "what": what})
    except model.PermanentError:
        clock = SystemClock()
        try:
            async with store.open_alone(settings.store.url, clock=clock) as database:
                counted = await factories.count_change(
                    settings, database.call_counter, name, clock.now()
                )
        except model.WatcherError as error:
            return str(error)
    if not counted:
        raise model.PermanentError(
            f"all {source.changes_per_day} changes of today are used up, so nothing was ordered;"
            " the limit resets at 00:00 UTC"
        )
    return ""


async def _count_by_daemon(settings: Settings, change: dict[str, str]) -> bool:
    """Return whether the order is within the changes of the day. Raises PermanentError."""
    answer = await control_socket.ask(settings.control.socket, "POST", "/changes", change)
    return bool(answer["counted"])


def describe(snapshot: model.Snapshot) -> str:
    """Return what a poll saw, in words: how many subjects, and their states."""
    count = len(snapshot.readings)
    parts = [f"sees {model.format_count(count, 'subject')}"]
    subjects = [snapshot.translate(*item).fields for item in snapshot.readings.items()]
    names = subjects[0] if subjects else ()
    parts += [f"{name} {_summarize([fields[name] for fields in subjects])}" for name in names]
    if snapshot.samples:
        parts.append(model.format_count(len(snapshot.samples), "sample"))
    if snapshot.unreadable:
        parts.append(f"{len(snapshot.unreadable)} more are unreadable")
    if not snapshot.complete:
        parts.append("the answer is incomplete")
    return ", ".join(parts)


def _summarize(values: list[model.Scalar]) -> str:
    """Return the range of a field's figures, or how often it has each word."""
    figures = [
        value for value in values if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    unknown = values.count(None)
    if figures:
        least, most = min(figures), max(figures)
        summary = f"{least:g}" if least == most else f"{least:g} to {most:g}"
    else:
        counted = Counter(str(value) for value in values if value is not None)
        words = counted.most_common(MOST_WORDS)
        summary = ", ".join(f"{word} ({count})" for word, count in words)
    if not summary:
        return "unknown"
    return f"{summary} ({unknown} unknown)" if unknown else summary


async def _open_store(url: str) -> Outcome:
    """Read the database; nothing is created or migrated, and the daemon may be running."""
    return await store.inspect(url), ()


async def _poll(
    source: ports.Source, settings: vendor_settings.Polled, account: VendorAccount
) -> Outcome:
    vendor = VENDORS[settings.kind]
    try:
        snapshot = await source.poll()
    except model.WatcherError as error:
        hint = await vendor.hint(settings, account)
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
    account: VendorAccount, settings: vendor_settings.Account, remarks: tuple[str, ...]
) -> Outcome:
    """Get a token; the keys of a signature can only be tried by its sources."""
    if isinstance(settings, vendor_settings.MpaAccount):
        return "signs each request: its sources show whether that is accepted", remarks
    await account.auth.headers("GET", URL(settings.token_url))
    return "credentials accepted", remarks


def _budget(settings: Settings, name: str, account: vendor_settings.Account) -> Iterator[str]:
    """Yield a remark when polling alone needs more calls a month than an account's budget."""
    sources = [source for source in settings.sources.values() if source.account == name]
    calls = sum(int(MONTH / source.interval) for source in sources)
    if account.calls_per_month and calls > account.calls_per_month:
        yield (
            f"polling its sources takes at least {calls} calls a month, and calls_per_month is"
            f" {account.calls_per_month}: they will go blind before the month ends"
        )


async def _authenticate_only(
    account: VendorAccount, left_out: str, remarks: tuple[str, ...] = ()
) -> Outcome:
    """Get a token and no more, for a service whose use costs something."""
    await account.auth.headers("GET", URL())
    return f"credentials accepted; {left_out}, so the entitlement is not verified", remarks


async def _without_remarks(attempt: Awaitable[str]) -> Outcome:
    return await attempt, ()


async def _try(name: str, attempt: Awaitable[Outcome]) -> Result:
    try:
        async with asyncio.timeout(TRY_SECONDS):
            sentence, remarks = await attempt
            return Result(name=name, ok=True, sentence=sentence, remarks=remarks)
    except TimeoutError:
        return Result(name=name, ok=False, sentence=f"no reply within {TRY_SECONDS:g} s")
    except model.WatcherError as error:
        return Result(name=name, ok=False, sentence=str(error))


async def idle_rules(settings: Settings, rules: engine.Ruleset, *, connect: bool) -> list[str]:
    """Return the rules that match no subject which the database has; none where it has nothing.

    A database on a server is asked only where connections are wanted.
    """
    if not (connect or store.is_file(settings.store.url)):
        return []
    clock = SystemClock()
    now = clock.now()
    try:
        async with store.open_to_read(settings.store.url, clock=clock) as opened:
            loaded = await opened.commits.load(
                now=now, reopen_within=engine.REOPEN_WITHIN, keep_samples=timedelta(0)
            )
    except model.WatcherError:  # as before the first start; --connect says what is wrong with it
        return []
    matches = engine.rule_matches(engine.restore(rules, loaded), now)
    return [rule.name for rule in rules.rules if rule.sources and not matches.get(rule.name, True)]
