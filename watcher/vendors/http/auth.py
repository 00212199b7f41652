"""How a request proves who sends it: OAuth 2.0 client credentials, signed requests, or nothing.

Law: no secret, token or signature appears in an error, a log line or a repr.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import math
from datetime import timedelta
from email.utils import format_datetime
from typing import Protocol

import aiohttp
from yarl import URL

from watcher import model
from watcher.clock import Clock
from watcher.http import exchange
from watcher.http.redaction import Redactor
from watcher.vendors import settings
from watcher.vendors.http import errors

DEFAULT_LIFETIME = 300.0  # seconds, when a token does not say how long it lives
TOKEN_TIMEOUT = 20.0
_TOKEN_CAP = exchange.MEGABYTE
_CLIENT_AT_FAULT = {
    "invalid_client",
    "invalid_grant",
    "invalid_grant_type",  # Lumen's /oauth/v1/token says it with a 500
    "invalid_request",
    "invalid_scope",
    "missingCredentials",
    "unauthorized_client",
    "unsupported_grant_type",
}


class Auth(Protocol):
    """What the HTTP layer asks of an account."""

    async def headers(self, verb: str, url: URL) -> dict[str, str]:
        """Return the headers for one request. Raises TemporaryError or PermanentError."""

    def renew(self, used: dict[str, str]) -> bool:
        """After a 401: return whether another try with new headers may help."""

    def hint(self, reply: errors.ErrorReply) -> str:
        """Return what a person has to check after a 401 or 403."""

    def redact(self, text: str) -> str:
        """Blot out every secret that a vendor's reply may have repeated."""


class NoAuth:
    """For sources without an account: simulators and tests."""

    async def headers(self, verb: str, url: URL) -> dict[str, str]:  # noqa: ARG002  # the Protocol
        """Add nothing."""
        return {}

    def renew(self, used: dict[str, str]) -> bool:  # noqa: ARG002  # the Protocol
        """Return False: there is nothing to renew."""
        return False

    def hint(self, reply: errors.ErrorReply) -> str:  # noqa: ARG002  # the Protocol
        """Name the likely mistake."""
        return "no account is configured: set `account`"

    def redact(self, text: str) -> str:
        """Return the text: there is nothing to hide."""
        return text


def sign(
    secret: str, *, verb: str, path: str, date: str, content_type: str, content_md5: str = ""
) -> str:
    """Sign a request as Lumen Media Portal asks: base64(HMAC-SHA1(secret, date...MD5)).

    `path` starts with a slash, includes the API's version and excludes the query. An empty MD5
    leaves a trailing line feed. Source: Lumen help, "Constructing an API signature".
    """
    text = f"{date}\n{path}\n{content_type}\n{verb}\n{content_md5}"
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


class Mpa:
    """`Authorization: MPA KEY:SIGNATURE` (Lumen Media Portal, ws.lumen.com)."""

    def __init__(self, name: str, account: settings.MpaAccount, clock: Clock) -> None:
        self._name = name
        self._account = account
        self._clock = clock

    async def headers(self, verb: str, url: URL) -> dict[str, str]:
        """Sign verb, path and the time of now."""
        date = format_datetime(self._clock.now(), usegmt=True)
        signature = sign(
            self._account.secret.get_secret_value(),
            verb=verb,
            path=url.raw_path,
            date=date,
            content_type=self._account.content_type,
        )
        headers = {
            "Date": date,
            "Authorization": f"MPA {self._account.key_id}:{signature}",
            "Content-Length": "0",
        }
        if self._account.content_type:
            headers["Content-Type"] = self._account.content_type
        if self._account.accept:
            headers["Accept"] = self._account.accept
        return headers

    def renew(self, used: dict[str, str]) -> bool:  # noqa: ARG002  # the Protocol
        """Return False: a second signature would not be better than the first."""
        return False

    def hint(self, reply: errors.ErrorReply) -> str:
        """Explain a refused signature, with the clock's deviation where the reply shows it."""
        check = (
            f"check key_id and secret of [accounts.{self._name}], and that the key may read this"
            " product"
        )
        refused = f"the signature was rejected: {check}"
        if reply.date is None:
            return f"{refused}, and this machine's clock"
        skew = self._clock.now() - reply.date
        if abs(skew) < timedelta(minutes=2):
            return refused
        side = "ahead of" if skew > timedelta(0) else "behind"
        span = model.format_duration(abs(skew))
        return (
            f"this machine's clock is {span} {side} the vendor's: correct it; if the"
            f" signature is still rejected, {check}"
        )

    def redact(self, text: str) -> str:
        """Blot out the secret, though it is never sent."""
        return Redactor([self._account.secret.get_secret_value()])(text)


class OAuth2:
    """A bearer token by client credentials (RFC 6749, 4.4), fetched once for all who wait for it.

    The token is kept until a little before it expires. Lumen's and Orange's token URLs both take
    the client id and secret as Basic authorization.
    """

    def __init__(
        self,
        name: str,
        account: settings.OAuth2Account,
        session: aiohttp.ClientSession,
        clock: Clock,
    ) -> None:
        self._name = name
        self._account = account
        self._session = session
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = ""
        self._expires = 0.0
        self._fetches = 0  # that have ended
        self._failure: model.WatcherError | None = None

    async def headers(self, verb: str, url: URL) -> dict[str, str]:  # noqa: ARG002  # the Protocol
        """Return the token at hand, or fetch one."""
        return {"Authorization": f"Bearer {await self._valid_token()}"}

    def renew(self, used: dict[str, str]) -> bool:
        """Drop the token that was refused, unless somebody has fetched a new one meanwhile."""
        if used.get("Authorization") == f"Bearer {self._token}":
            self._token = ""
        return True

    def hint(self, reply: errors.ErrorReply) -> str:
        """Distinguish a refused token from a missing entitlement."""
        who = "contact the vendor"
        if (URL(self._account.token_url).host or "").endswith(".lumen.com"):
            who = "an administrator ticks the products of a key in Lumen Connect (docs.lumen.com)"
        if reply.http == 401:
            return (
                f"a fresh token of account {self._name!r} was rejected: check that its application"
                f" is approved for this API; {who}"
            )
        return f"account {self._name!r} is not entitled to this product: {who}"

    def redact(self, text: str) -> str:
        """Blot out the token and the secret."""
        return Redactor([self._token, self._account.client_secret.get_secret_value()])(text)

    async def _valid_token(self) -> str:
        fetches = self._fetches
        async with self._lock:
            if self._token and self._clock.monotonic() < self._expires:
                return self._token
            if self._failure is not None and self._fetches != fetches:
                # The fetch that this caller waited for has failed; another one would fail as well.
                raise self._failure from None
            try:
                self._token, lifetime = await self._fetch()
            except model.WatcherError as error:
                self._token, self._failure = "", error
                self._fetches += 1
                raise
            self._fetches += 1
            self._failure = None
            early = min(30.0, lifetime / 10)
            self._expires = self._clock.monotonic() + lifetime - early
            return self._token

    async def _fetch(self) -> tuple[str, float]:
        form = {"grant_type": "client_credentials"}
        if self._account.scope:
            form["scope"] = self._account.scope
        basic = aiohttp.encode_basic_auth(
            self._account.client_id, self._account.client_secret.get_secret_value()
        )
        reply = await exchange.exchange(
            self._session,
            "POST",
            URL(self._account.token_url),
            headers={"Authorization": basic, "Accept": "application/json"},
            content=form,
            within=TOKEN_TIMEOUT,
            cap=_TOKEN_CAP,
        )
        error_reply = errors.parse_error(reply, self._clock.now(), self.redact)
        if reply.status != 200:
            raise self._refusal(error_reply)
        answer = exchange.parse_object(reply)
        token = answer.get("access_token")
        if isinstance(token, str) and token and token.isascii() and token.isprintable():
            return token, parse_lifetime(answer.get("expires_in"))
        if "error" in answer or "ErrorCode" in answer:
            raise self._refusal(error_reply)
        raise model.TemporaryError(
            f"{reply.place} answered 200 without an access_token for account {self._name!r}"
        )

    def _refusal(self, reply: errors.ErrorReply) -> model.WatcherError:
        place = f"[accounts.{self._name}]"
        if reply.code in _CLIENT_AT_FAULT or reply.http == 401:
            advice = f"no token: check client_id and client_secret of {place}"
            return model.PermanentError(reply.with_advice(advice))
        if reply.http == 404:
            return model.PermanentError(reply.with_advice(f"check token_url of {place}"))
        return errors.as_exception(reply, f"no token: check the application of {place}")


def parse_lifetime(value: object) -> float:
    """Parse `expires_in`, seconds, which some gateways write as text; 300 for anything else."""
    try:
        seconds = float(value) if isinstance(value, str | int | float) else 0.0
    except ValueError:
        return DEFAULT_LIFETIME
    return seconds if math.isfinite(seconds) and seconds > 0 else DEFAULT_LIFETIME
