"""PX PreOrder: what Lumen could deliver to an address. It asks, and orders nothing.

Law: the configure call is never made: it runs a credit check on a person. A wrong sales code comes
with HTTP 401 and is no matter of tokens. Source: Lumen API Marketplace, "PX PreOrder".

Alone:

    keys = settings.OAuth2Account(
        kind="oauth2",
        token_url="https://api.lumen.com/oauth/v2/token",
        client_id="ID",
        client_secret="SECRET",
    )
    async with open_account(keys) as account:
        px = Preorder(
            url="https://api.lumen.com/pxQualify",
            sales_code="SALES",
            agent_id="AGENT",
            market_segment="SMB",
            partner_id="PARTNER",
        )
        address = parse_address("1 Main St, Denver, CO 80202")
        found = await PreorderClient(account, px).qualify(address)
        print(found.outcome, [offer.name for offer in found.offers])
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec
import stamina

from watcher import model, ports
from watcher.clock import Clock
from watcher.vendors.http import exchange
from watcher.vendors.http.account import VendorAccount
from watcher.vendors.http.api import VendorApi
from watcher.vendors.preorder import codes
from watcher.vendors.preorder.codes import Meaning, NearMatch, Offer
from watcher.vendors.preorder.settings import Preorder

CENTRAL = ZoneInfo("America/Chicago")  # whose midnight ends a qualification
TRIES = {Meaning.DOWN: 3, Meaning.FAILED: 2}
_ADDRESS = re.compile(
    r"\s*(?P<street>[^,]+?)\s*,\s*(?P<city>[^,]+?)\s*,\s*"
    r"(?P<state>[A-Za-z]{2})[\s,]+(?P<zip>\d{5}(?:-\d{4})?)\s*"
)


class Outcome(StrEnum):
    """How a qualification ended; each is an answer."""

    OFFERS = "offers"
    NO_OFFERS = "no_offers"
    NEAR_MATCHES = "near_matches"  # choose one
    NO_MATCH = "no_match"  # check the address; this one cannot be asked again
    OUTSIDE = "outside"  # will not change soon: worth remembering for 30 days
    ORDERED = "ordered"


_ANSWERS = {
    Meaning.NO_MATCH: Outcome.NO_MATCH,
    Meaning.OUTSIDE: Outcome.OUTSIDE,
    Meaning.ORDERED: Outcome.ORDERED,
    Meaning.NO_OFFERS: Outcome.NO_OFFERS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A postal address in the United States."""

    street: str
    city: str
    state: str
    zip: str

    @property
    def key(self) -> str:
        """Write it the same way however it was spelt, to remember it by."""
        text = f"{self.street}, {self.city}, {self.state} {self.zip[:5]}"
        return " ".join(text.casefold().split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Qualification:
    """What can be had at an address. `day` is the vendor's, at whose end `transaction` expires."""

    outcome: Outcome
    words: str = ""
    transaction: str = ""
    offers: tuple[Offer, ...] = ()
    near: tuple[NearMatch, ...] = ()
    day: date


class _ExpiredError(model.PermanentError):
    """The transaction is of an earlier day."""


class _TroubleError(model.TemporaryError):
    """The vendor's own systems fail; worth so many tries."""

    def __init__(self, message: str, tries: int) -> None:
        super().__init__(message)
        self.tries = tries


class PreorderClient:
    """pxQualify, with OAuth 2.0. Every verb raises TemporaryError or PermanentError."""

    def __init__(self, account: VendorAccount, keys: Preorder) -> None:
        self._api = VendorApi(account, keys.address, timeout=keys.timeout)
        self._keys = keys

    async def qualify(self, address: Address) -> Qualification:
        """`POST pxQualify`: ask what can be had at an address."""
        return await self._patiently(address, "", "")

    async def choose(
        self, address: Address, *, choice: str, transaction: str, day: date | None = None
    ) -> Qualification:
        """Ask about one of the near matches of a qualification.

        One of an earlier day, by Lumen's Central time, has expired: the address is then asked anew,
        once, and the choice is made again if it is still among the near matches.
        """
        if day is None or day == central_day(self._api.clock.now()):
            try:
                return await self._patiently(address, transaction, choice)
            except _ExpiredError:
                pass  # it is asked anew below
        anew = await self._patiently(address, "", "")
        if anew.outcome is Outcome.NEAR_MATCHES and choice in {near.id for near in anew.near}:
            return await self._patiently(address, anew.transaction, choice)
        return anew

    async def _patiently(self, address: Address, transaction: str, choice: str) -> Qualification:
        """Ask, and ask again while the vendor's own systems fail: a question changes nothing."""
        tried = 0

        def is_worth_another_try(error: Exception) -> bool:
            nonlocal tried
            tried += 1
            return isinstance(error, _TroubleError) and tried < error.tries

        async for attempt in stamina.retry_context(
            on=is_worth_another_try,
            attempts=max(TRIES.values()),
            timeout=self._keys.timeout.total_seconds(),
            wait_initial=1.0,
            wait_max=10.0,
        ):
            with attempt:
                return await self._ask(address, transaction, choice)
        raise AssertionError("a retry context returns or raises")

    async def _ask(self, address: Address, transaction: str, choice: str) -> Qualification:
        now = self._api.clock.now()
        content = qualification_request(self._keys, address, transaction=transaction, choice=choice)
        try:
            reply = await self._api.send(
                "POST",
                "",
                content,
                headers={"Accept": "application/json"},
                is_token_refused=lambda reply: reply.status == 401 and not self._read(reply).code,
            )
        except model.AmbiguousError as error:
            raise model.TemporaryError(str(error.__cause__)) from error
        found = self._read(reply)
        row = codes.CODES.get(found.code)
        if row is not None:
            outcome, words = self._judge(reply, found, row), row.words
        elif reply.status != 200 or found.status >= 400:
            raise self._trouble(reply, found)
        elif found.offers:
            outcome, words = Outcome.OFFERS, ""
        elif found.near and not choice:
            outcome, words = Outcome.NEAR_MATCHES, "the address is not unique: choose one"
        elif found.offers is not None:
            outcome, words = Outcome.NO_OFFERS, codes.CODES[6000].words
        else:
            raise self._trouble(reply, found)
        return Qualification(
            outcome=outcome,
            words=words,
            transaction=found.transaction or transaction,
            offers=found.offers or () if outcome is Outcome.OFFERS else (),
            near=found.near if outcome is Outcome.NEAR_MATCHES else (),
            day=central_day(now),
        )

    def _judge(self, reply: exchange.Reply, found: codes.Content, row: codes.Row) -> Outcome:
        """Turn a known code into an answer, or raise what it means."""
        if row.meaning in _ANSWERS:
            return _ANSWERS[row.meaning]
        said = f"{reply.place} answered {reply.status}: code {found.code}, {row.words}"
        match row.meaning:
            case Meaning.CONFIG:
                raise model.PermanentError(f"{said} of [preorder]")
            case Meaning.EXPIRED:
                raise _ExpiredError(said)
            case Meaning.DOWN | Meaning.FAILED:
                raise _TroubleError(said, TRIES[row.meaning])
            case _:
                raise model.PermanentError(said)

    def _trouble(self, reply: exchange.Reply, found: codes.Content) -> Exception:
        """Say what a reply without code and content means; its own status goes before HTTP's."""
        if reply.status != 200:
            return self._api.error_from(reply)
        exchange.parse_object(reply)  # raises for what is no JSON
        said = f"{reply.place} answered 200"
        if 400 <= found.status < 500:
            return model.PermanentError(f"{said}: status {found.status}, {found.message}")
        if found.status >= 500:
            return _TroubleError(f"{said}: status {found.status}, {found.message}", 2)
        return model.TemporaryError(
            f"{said} with neither offers nor near matches nor a known code: check url of [preorder]"
        )

    def _read(self, reply: exchange.Reply) -> codes.Content:
        try:
            body = msgspec.json.decode(reply.body)
        except exchange.MALFORMED:
            return codes.Content()
        return codes.read(
            body,
            transaction_key=self._keys.fields.transaction_id,
            choice_key=self._keys.fields.address_detail_id,
        )


def qualification_request(
    keys: Preorder, address: Address, *, transaction: str = "", choice: str = ""
) -> dict[str, object]:
    """Build the body; a name such as `address.city` puts a field into an object of its own."""
    names = keys.fields
    values: dict[str, object] = {
        names.sales_code: keys.sales_code,
        names.agent_id: keys.agent_id,
        names.market_segment: keys.market_segment,
        names.partner_id: keys.partner_id,
        names.qual_for_video: False,
        names.street: address.street,
        names.city: address.city,
        names.state: address.state,
        names.zip: address.zip,
        names.transaction_id: transaction,
        names.address_detail_id: choice,
    }
    body: dict[str, object] = {}
    for name, value in values.items():
        if value == "":
            continue
        *outer, last = name.split(".")
        place = body
        for part in outer:
            inner = place.setdefault(part, {})
            assert isinstance(inner, dict)  # noqa: S101  # only this loop fills it
            place = inner
        place[last] = value
    return body


def parse_address(text: str) -> Address:
    """Read `1 Main St, Denver, CO 80202`. Raises PermanentError."""
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise model.PermanentError(
            f"{text!r} is not an address: write it as in '1 Main St, Denver, CO 80202'"
        )
    return Address(
        street=found["street"], city=found["city"], state=found["state"].upper(), zip=found["zip"]
    )


def central_day(now: datetime) -> date:
    """Give the day by which Lumen counts."""
    return now.astimezone(CENTRAL).date()


REMEMBER = timedelta(days=30)
_NEAR = 3  # near matches in a sentence


class PreorderBackupFinder:
    """Asks pxQualify about an address of the inventory."""

    def __init__(
        self, client: PreorderClient, unserved_addresses: ports.UnservedAddresses, clock: Clock
    ) -> None:
        self._client = client
        self._unserved_addresses = unserved_addresses
        self._clock = clock

    async def find(self, address: str) -> ports.BackupOptions:
        """Ask about one address, unless Lumen has said lately that it does not serve it.

        Raises TemporaryError or PermanentError.
        """
        asked = parse_address(address)
        now = self._clock.now()
        told_at = await self._unserved_addresses.last_reported(asked.key, since=now - REMEMBER)
        if told_at is not None:
            span = model.format_duration(REMEMBER)
            return ports.BackupOptions(
                why=f"the address is outside the area served, as Lumen said on"
                f" {told_at:%Y-%m-%d}; it is asked again after {span}"
            )
        found = await self._client.qualify(asked)
        if found.outcome is Outcome.OUTSIDE:
            await self._unserved_addresses.record(asked.key, now, since=now - REMEMBER)
        return backups(found)


def backups(found: Qualification) -> ports.BackupOptions:
    """Say what an answer means to somebody who needs a backup."""
    if found.outcome is Outcome.NEAR_MATCHES:
        near = "; ".join(each.address for each in found.near[:_NEAR])
        why = f"Lumen knows only similar addresses, like {near}: correct it in the inventory"
        return ports.BackupOptions(why=why)
    offers = tuple(f"{each.name} {each.price}".strip() for each in found.offers)
    return ports.BackupOptions(offers=offers, why="" if offers else found.words)
