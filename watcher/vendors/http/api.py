"""How every vendor API is called: within its account's limits, with errors in words.

Only a GET is retried, and briefly. Whatever goes wrong comes out as TemporaryError or
PermanentError, without any secret. One session for each process, one account for each section:

    session = exchange.open_session()
    account = VendorAccount(name, settings.accounts[name], session, clock, counter)
    api = VendorApi(account, base_url, timeout=timedelta(seconds=30))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

import msgspec
import stamina
from yarl import URL

from watcher import model
from watcher.http import exchange
from watcher.vendors.http import errors
from watcher.vendors.http.account import CallPriority, VendorAccount


def _is_unauthorized(reply: exchange.Reply) -> bool:
    return reply.status == 401


class VendorApi:
    """One API of one vendor.

    `timeout` is for one request from end to end; `attempts` counts the first try; `cap` is the
    largest body accepted, in bytes.
    """

    def __init__(
        self,
        account: VendorAccount,
        base_url: str,
        *,
        timeout: timedelta,
        attempts: int = 3,
        cap: int = 5 * exchange.MEGABYTE,
    ) -> None:
        self.clock = account.clock
        self._account = account
        self._base_url = base_url
        self._timeout = timeout.total_seconds()
        self._attempts = attempts
        self._cap = cap

    async def get(
        self,
        path: str,
        *,
        query: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        priority: CallPriority = CallPriority.POLL,
    ) -> exchange.Reply:
        """Fetch `path` (percent-encoded, with its leading slash); the reply's status is 200.

        A failure that may be a blip is retried a few times; a timeout is not, nor an answer that
        asks for a delay. Raises TemporaryError or PermanentError.
        """
        url = URL(self._base_url + path, encoded=True).with_query(list(query))
        async for attempt in stamina.retry_context(
            on=self._is_worth_another_try,
            attempts=self._attempts,
            timeout=self._timeout,
            wait_initial=0.2,
            wait_max=2.0,
            wait_jitter=0.5,
        ):
            with attempt:
                return await self._get_once(url, headers or {}, priority)
        raise AssertionError("a retry context returns or raises")

    async def send(
        self,
        verb: str,
        path: str,
        content: object,
        *,
        headers: Mapping[str, str] | None = None,
        is_token_refused: Callable[[exchange.Reply], bool] = _is_unauthorized,
    ) -> exchange.Reply:
        """POST or PUT `content` as JSON, and return the reply whatever its status.

        The request leaves once. Only an answer by which the vendor refused the token, so did
        nothing, is followed by another try with a fresh one. Raises AmbiguousError when it left and
        no whole answer came, else TemporaryError or PermanentError.
        """
        url = URL(self._base_url + path, encoded=True)
        body = msgspec.json.encode(content)
        unsigned = {"Content-Type": "application/json", **(headers or {})}
        signed, reply = await self._exchange(verb, url, unsigned, CallPriority.LOOKUP, body)
        if is_token_refused(reply) and self._account.auth.renew(signed):
            _, reply = await self._exchange(verb, url, unsigned, CallPriority.LOOKUP, body)
        return reply

    def error_from(
        self, reply: exchange.Reply, *, is_poll: bool = False
    ) -> model.TemporaryError | model.PermanentError:
        """Return what an error reply means and who has to act."""
        error_reply = self.parse_error(reply)
        if error_reply.http != 404:
            hint = self._account.auth.hint(error_reply)
        else:
            hint = "check base_url" if is_poll else ""
        error = errors.as_exception(error_reply, hint)
        if isinstance(error, errors.RateLimitedError):
            self._account.hold_back(error.delay or errors.RATE_LIMIT_PAUSE)
        return error

    def parse_error(self, reply: exchange.Reply) -> errors.ErrorReply:
        """Parse an error reply, whatever its envelope, without the account's secrets."""
        return errors.parse_error(reply, self.clock.now(), self._account.auth.redact)

    def _is_worth_another_try(self, error: Exception) -> bool:
        return _is_blip(error) and not self._account.circuit.trouble

    async def _get_once(
        self, url: URL, headers: Mapping[str, str], priority: CallPriority
    ) -> exchange.Reply:
        signed, reply = await self._exchange("GET", url, headers, priority)
        if _is_unauthorized(reply) and self._account.auth.renew(signed):
            _, reply = await self._exchange("GET", url, headers, priority)
        if reply.status == 200:
            return reply
        is_poll = priority is CallPriority.POLL
        error = self.error_from(reply, is_poll=is_poll)
        if reply.status >= 500 and is_poll:
            self._account.circuit.failed(error)
        raise error

    async def _exchange(
        self,
        verb: str,
        url: URL,
        headers: Mapping[str, str],
        priority: CallPriority,
        content: bytes | None = None,
    ) -> tuple[dict[str, str], exchange.Reply]:
        await self._account.admit(priority)
        try:
            signed = await self._account.auth.headers(verb, url)
        except errors.RateLimitedError:
            raise
        except model.TemporaryError as error:
            self._account.circuit.failed(error)
            raise
        try:
            reply = await exchange.exchange(
                self._account.session,
                verb,
                url,
                headers={**headers, **signed},
                content=content,
                within=self._timeout,
                cap=self._cap,
            )
        except exchange.UnsentError as error:
            self._account.circuit.failed(error)
            raise
        except model.TemporaryError as error:
            if priority is CallPriority.POLL:
                self._account.circuit.failed(error)
            if verb == "GET":
                raise
            raise model.AmbiguousError(
                f"{error}: it may have been carried out: check before repeating it"
            ) from error
        if reply.status < 500:
            self._account.circuit.answered()
        return signed, reply


def _is_blip(error: Exception) -> bool:
    return (
        isinstance(error, model.TemporaryError)
        and not isinstance(error, exchange.TimedOutError)
        and error.delay is None
    )
