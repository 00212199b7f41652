"""Posts the incident document to a URL, signed, whenever the incident has changed.

A repetition is harmless, as it carries the same version, so nothing is looked up here. The URL may
contain a secret in its path: errors name its host only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

import aiohttp
from msgspec.structs import replace
from yarl import URL

from watcher import model, ports
from watcher.clock import Clock
from watcher.http import exchange
from watcher.http.headers import parse_retry_after
from watcher.operations import documents
from watcher.operations.links import NOWHERE, Addresses
from watcher.receivers import settings as receiver_settings

TIMEOUT_SECONDS = 20.0
WHSEC = b"whsec_"  # before a secret in base64, by Standard Webhooks
_REASONS = {
    401: model.FailureReason.AUTH,
    403: model.FailureReason.AUTH,
    429: model.FailureReason.RATE_LIMITED,
}
_TEMPORARY = {408, 425, 429}


class WebhookReceiver:
    """One URL; `name` is the receiver's name in the settings."""

    def __init__(
        self,
        *,
        name: str,
        settings: receiver_settings.WebhookReceiver,
        session: aiohttp.ClientSession,
        clock: Clock,
        addresses: Addresses = NOWHERE,
    ) -> None:
        self._addresses = addresses
        self.name = name
        self._url = URL(settings.url)
        self._secret = settings.secret.get_secret_value().encode()
        self._session = session
        self._clock = clock
        self._place = f"webhook {name} ({self._url.host})"

    async def deliver(
        self, view: model.IncidentView, receipt: model.Receipt, delivery: ports.DeliverySession
    ) -> model.Receipt:
        """Post the document if its version is new. Raises TemporaryError or PermanentError."""
        del delivery  # one request, which is harmless to repeat
        incident = view.incident
        # What takes it may page, so nothing is posted while the incident is suppressed.
        held_back = incident.suppressed_by and not incident.notifies(self.name)
        if receipt.parent_version != incident.version and not held_back:
            await self._post(
                documents.incident(
                    view, links=self._addresses.elsewhere(incident), now=self._clock.now()
                ).encode(),
                {
                    "X-Watcher-Incident": incident.id,
                    "X-Watcher-Version": str(incident.version),
                    "X-Watcher-Event-Id": f"{incident.id}-{incident.entries}",
                    "webhook-id": f"{incident.id}-{incident.entries}.{incident.version}",
                },
            )
        return replace(receipt, parent_version=incident.version, told_through=incident.entries)

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> None:
        timestamp = str(int(self._clock.now().timestamp()))
        signed = {
            "X-Watcher-Timestamp": timestamp,
            "webhook-timestamp": timestamp,
            "Content-Type": "application/json",
        }
        if self._secret:
            signed["X-Watcher-Signature"] = signature(self._secret, timestamp, body)
            identity = headers["webhook-id"]
            signed["webhook-signature"] = standard_signature(
                self._secret, identity, timestamp, body
            )
        reply = await exchange.exchange(
            self._session,
            "POST",
            self._url,
            headers={**headers, **signed},
            content=body,
            within=TIMEOUT_SECONDS,
            cap=0,  # only the status counts
            secrets=(self._secret.decode(), self._secret.removeprefix(WHSEC).decode()),
            place=self._place,
            hide_url=True,
        )
        self._check(reply)

    def _check(self, reply: exchange.Reply) -> None:
        status = reply.status
        if 200 <= status < 300:
            return
        if status >= 500 or status in _TEMPORARY:
            delay = parse_retry_after(reply.headers.get("Retry-After", ""), self._clock.now())
            refusal = model.TemporaryError(f"{self._place} answered {status}", delay=delay)
            raise refusal.because(_REASONS[status]) if status in _REASONS else refusal
        raise model.PermanentError(
            f"{self._place} answered {status}: check receivers.{self.name}.url and .secret"
        ).because(_REASONS.get(status, model.FailureReason.REFUSED))


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return the signature of `TIMESTAMP.BODY`; readers compare it in constant time."""
    digest = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


def standard_signature(secret: bytes, identity: str, timestamp: str, body: bytes) -> str:
    """Return the signature of Standard Webhooks, of `ID.TIMESTAMP.BODY`.

    The key is what a secret `whsec_BASE64` stands for, or else the bytes of the secret.
    """
    key = secret
    if secret.startswith(WHSEC):
        key = base64.b64decode(secret[len(WHSEC) :], validate=True)
    signed = b".".join((identity.encode(), timestamp.encode(), body))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"
