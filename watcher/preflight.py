"""What a person tries by hand before or beside the daemon: every connection, one diagnosis.

Law: it changes nothing, posts nothing, and runs no diagnostics unless it is asked for by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from yarl import URL

from watcher import adapters, model, ports
from watcher import clock as time
from watcher.receivers import broker, slack_api
from watcher.receivers import settings as receivers_keys
from watcher.settings import Settings
from watcher.vendors import http, wire

TRY_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one connection did, in words."""

    name: str
    fine: bool
    sentence: str


class _Uncounted:
    """A meter that always says yes: a try by hand is not held back by the month's budget."""

    async def spend(self, account: str, month: str, budget: int) -> bool:  # noqa: ARG002  # the port
        return True


async def connect(settings: Settings) -> list[Finding]:
    """Try every source, the diagnostics account and every receiver, all at once."""
    async with by_hand(settings) as accounts:
        tries: dict[str, Awaitable[str]] = {
            f"sources.{name}": _poll(source)
            for name, source in adapters.build_sources(settings, accounts).items()
        }
        if settings.diagnostics:
            keys = settings.diagnostics
            tries["diagnostics"] = _authenticate(accounts[keys.account], keys.base_url)
        for name, receiver in settings.receivers.items():
            if isinstance(receiver, receivers_keys.SlackReceiver):
                tries[f"receivers.{name}"] = slack_api.SlackApi(
                    keys=settings.slack, channel=receiver.channel, session=accounts.session
                ).check()
        if any(receiver.kind == "mqtt" for receiver in settings.receivers.values()):
            tries["mqtt"] = broker.check(settings.mqtt, f"watcher-{settings.instance}-check")
        return list(await asyncio.gather(*(_attempt(name, one) for name, one in tries.items())))


async def diagnose(settings: Settings, service_id: str) -> ports.Examination:
    """Run Service Diagnostics once for a service.

    Raises FaultyConfigError without a [diagnostics] section, else what the examiner raises.
    """
    async with by_hand(settings) as accounts:
        examiner = adapters.build_examiner(settings, accounts)
        if examiner is None:
            raise model.FaultyConfigError(("diagnostics: there is no [diagnostics] section",))
        return await examiner.examine(run=f"by-hand-{time.token()}", service_id=service_id)


@asynccontextmanager
async def by_hand(settings: Settings) -> AsyncIterator[adapters.Accounts]:
    """Open the configured accounts for a command; their monthly budgets are not counted."""
    async with wire.open_session() as session:
        yield adapters.Accounts(settings, session, time.SystemClock(), _Uncounted())


async def _poll(source: ports.Source) -> str:
    snapshot = await source.poll()
    count = len(snapshot.readings)
    unreadable = len(snapshot.unreadable)
    rest = f", {unreadable} more cannot be read" if unreadable else ""
    pages = "" if snapshot.complete else ", and pages are missing"
    return f"sees {count} subjects{rest}{pages}"


async def _authenticate(account: http.Account, base_url: str) -> str:
    """Get a token and no more: a run of diagnostics is not spent on a try."""
    await account.auth.headers("GET", URL(base_url))
    return "its account is accepted; no diagnosis was run"


async def _attempt(name: str, attempt: Awaitable[str]) -> Finding:
    try:
        async with asyncio.timeout(TRY_SECONDS):
            return Finding(name=name, fine=True, sentence=await attempt)
    except TimeoutError:
        return Finding(name=name, fine=False, sentence=f"no answer within {TRY_SECONDS:g} s")
    except (model.TemporaryError, model.PermanentError) as error:
        return Finding(name=name, fine=False, sentence=str(error))
