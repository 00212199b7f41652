"""PX PreOrder: what Lumen could deliver to an address. It asks, and orders nothing.

Law: the configure call is never made: it runs a credit check on a person. A wrong sales code comes
with HTTP 401 and has nothing to do with tokens. Source: Lumen API Marketplace, "PX PreOrder".

Alone:

    config = settings.OAuth2Account(
        kind="oauth2",
        token_url="https://api.lumen.com/oauth/v2/token",
        client_id="ID",
        client_secret="SECRET",
    )
    async with open_account(config) as account:
        px = Preorder(
            url="https://api.lumen.com/pxQualify",
            sales_code="SALES",
            agent_id="AGENT",
            market_segment="SMB",
            partner_id="PARTNER",
        )
        address = parse_address("1 Main St, Denver, CO 80202")
        answer = await PreorderClient(account, px).qualify(address)
        print(answer.outcome, [offer.name for offer in answer.offers])
"""

from __future__ import annotations

import re
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec
import stamina
import structlog
from msgspec import Struct

from watcher import model
from watcher.http import exchange
from watcher.vendors.http.account import VendorAccount
from watcher.vendors.http.api import VendorApi
from watcher.vendors.preorder import codes
from watcher.vendors.preorder.codes import Meaning, NearMatch, Offer
from watcher.vendors.preorder.settings import Preorder

log = structlog.get_logger()

_RETIRED = (
    "PX PreOrder is retired or has moved: compare `url` of [preorder] with docs.lumen.com, or take"
    " `alternatives` out of the rules"
)
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


class Address(Struct, frozen=True, kw_only=True):
    """A postal address in the United States."""

    street: str
    city: str
    state: str
    zip: str

    @property
    def key(self) -> str:
        """The same however it was spelt, to remember it by."""
        text = f"{self.street}, {self.city}, {self.state} {self.zip[:5]}"
        return " ".join(text.casefold().split())


class Qualification(Struct, frozen=True, kw_only=True):
    """What can be had at an address. `day` is the vendor's, at whose end `transaction` expires."""

    outcome: Outcome
    words: str = ""
    transaction: str = ""
    offers: tuple[Offer, ...] = ()
    near: tuple[NearMatch, ...] = ()
    day: date


class RetiredError(model.PermanentError):
    """Nothing answers at the address of pxQualify any more."""


class _ExpiredError(model.PermanentError):
    """The transaction is of an earlier day."""


class _VendorDownError(model.TemporaryError):
    """The vendor's own systems fail; worth so many tries."""

    def __init__(self, message: str, tries: int) -> None:
        super().__init__(message)
        self.tries = tries


class PreorderClient:
    """pxQualify, with OAuth 2.0. Every verb raises TemporaryError or PermanentError."""

    def __init__(self, account: VendorAccount, config: Preorder) -> None:
        self._api = VendorApi(account, config.address, timeout=config.timeout)
        self._config = config

    async def qualify(self, address: Address) -> Qualification:
        """`POST pxQualify`: ask what can be had at an address."""
        return await self._with_retries(address, "", "")

    async def choose(
        self, address: Address, *, choice: str, transaction: str, day: date | None = None
    ) -> Qualification:
        """Ask about one of the near matches of a qualification.

        One of an earlier day, by Lumen's Central time, has expired: the address is then qualified
        again, once, and the choice is made again if it is still among the near matches.
        """
        if day is None or day == central_day(self._api.clock.now()):
            try:
                return await self._with_retries(address, transaction, choice)
            except _ExpiredError:
                pass  # it is qualified again below
        fresh = await self._with_retries(address, "", "")
        if fresh.outcome is Outcome.NEAR_MATCHES and choice in {near.id for near in fresh.near}:
            return await self._with_retries(address, fresh.transaction, choice)
        return fresh

    async def _with_retries(self, address: Address, transaction: str, choice: str) -> Qualification:
        """Qualify, with retries while the vendor's own systems fail: a question changes nothing."""
        tried = 0

        def is_worth_another_try(error: Exception) -> bool:
            nonlocal tried
            tried += 1
            return isinstance(error, _VendorDownError) and tried < error.tries

        async for attempt in stamina.retry_context(
            on=is_worth_another_try,
            attempts=max(TRIES.values()),
            timeout=self._config.timeout.total_seconds(),
            wait_initial=1.0,
            wait_max=10.0,
        ):
            with attempt:
                return await self._ask(address, transaction, choice)
        raise AssertionError("a retry context returns or raises")

    async def _ask(self, address: Address, transaction: str, choice: str) -> Qualification:
        now = self._api.clock.now()
        request = qualification_request(
            self._config, address, transaction=transaction, choice=choice
        )
        try:
            reply = await self._api.send(
                "POST",
                "",
                request,
                headers={"Accept": "application/json"},
                is_token_refused=lambda reply: reply.status == 401 and not self._parse(reply).code,
            )
        except model.AmbiguousError as error:
            raise model.TemporaryError(str(error.__cause__)) from error
        content = self._parse(reply)
        row = codes.CODES.get(content.code)
        if row is not None:
            outcome, words = self._outcome(reply, content, row), row.words
        elif reply.status != 200 or content.status >= 400:
            raise self._error(reply, content)
        elif content.offers:
            outcome, words = Outcome.OFFERS, ""
        elif content.near and not choice:
            outcome, words = Outcome.NEAR_MATCHES, "the address is not unique: choose one"
        elif content.offers is not None:
            outcome, words = Outcome.NO_OFFERS, codes.CODES[6000].words
        else:
            raise self._error(reply, content)
        return Qualification(
            outcome=outcome,
            words=words,
            transaction=content.transaction or transaction,
            offers=content.offers or () if outcome is Outcome.OFFERS else (),
            near=content.near if outcome is Outcome.NEAR_MATCHES else (),
            day=central_day(now),
        )

    def _outcome(self, reply: exchange.Reply, content: codes.Content, row: codes.Row) -> Outcome:
        """Turn a known code into an answer, or raise what it means."""
        if row.meaning in _ANSWERS:
            return _ANSWERS[row.meaning]
        message = f"{reply.place} answered {reply.status}: code {content.code}, {row.words}"
        match row.meaning:
            case Meaning.CONFIG:
                raise model.PermanentError(f"{message} of [preorder]")
            case Meaning.EXPIRED:
                raise _ExpiredError(message)
            case Meaning.DOWN | Meaning.FAILED:
                raise _VendorDownError(message, TRIES[row.meaning])
            case _:
                raise model.PermanentError(message)

    def _error(self, reply: exchange.Reply, content: codes.Content) -> Exception:
        """Return what a reply without code and content means; its own status goes before HTTP's."""
        if reply.status in {404, 410} and not content.unknown_code:
            return RetiredError(self._api.parse_error(reply).with_advice(_RETIRED))
        if reply.status != 200:
            return self._api.error_from(reply)
        exchange.parse_object(reply)  # raises for what is no JSON
        message = f"{reply.place} answered 200"
        if 400 <= content.status < 500:
            return model.PermanentError(f"{message}: status {content.status}, {content.message}")
        if content.status >= 500:
            return _VendorDownError(f"{message}: status {content.status}, {content.message}", 2)
        return model.TemporaryError(
            f"{message} with neither offers nor near matches nor a known code:"
            " check url of [preorder]"
        )

    def _parse(self, reply: exchange.Reply) -> codes.Content:
        try:
            body = msgspec.json.decode(reply.body)
        except exchange.MALFORMED:
            return codes.Content()
        return codes.parse(
            body,
            transaction_key=self._config.fields.transaction_id,
            choice_key=self._config.fields.address_detail_id,
        )


def qualification_request(
    config: Preorder, address: Address, *, transaction: str = "", choice: str = ""
) -> dict[str, object]:
    """Return the body; a name such as `address.city` puts a field into an object of its own."""
    names = config.fields
    values: dict[str, object] = {
        names.sales_code: config.sales_code,
        names.agent_id: config.agent_id,
        names.market_segment: config.market_segment,
        names.partner_id: config.partner_id,
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
    """Parse `1 Main St, Denver, CO 80202`. Raises PermanentError."""
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise model.PermanentError(
            f"{text!r} is not an address: write it as in '1 Main St, Denver, CO 80202'"
        )
    return Address(
        street=match["street"], city=match["city"], state=match["state"].upper(), zip=match["zip"]
    )


def central_day(now: datetime) -> date:
    """Return the day by which Lumen counts."""
    return now.astimezone(CENTRAL).date()
