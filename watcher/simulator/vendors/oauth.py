"""OAuth 2.0 client credentials, the server's side: who may have a token, and for how long.

Source: RFC 6749 sections 2.3.1 and 4.4. Each vendor has its own error replies.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from aiohttp import web

from watcher.simulator.world import World

Outcome = Literal["fine", "missing", "invalid", "expired"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Issued:
    """One token."""

    text: str
    at: datetime
    seconds: int


@dataclass(kw_only=True)
class Issuer:
    """One vendor's tokens."""

    world: World
    vendor: Literal["orange", "lumen"]
    client_id: str
    client_secret: str = field(repr=False)
    life: timedelta
    _issued: dict[str, Issued] = field(default_factory=dict, repr=False)

    def issue(self) -> Issued:
        """Issue another token."""
        seed = f"{self.vendor}/{self.client_secret}/{len(self._issued)}"
        text = hashlib.sha256(seed.encode()).hexdigest()[:40]
        seconds = int(self.life.total_seconds())
        issued = Issued(text=text, at=self.world.now(), seconds=seconds)
        self._issued[text] = issued
        return issued

    def verify(self, request: web.Request) -> Outcome:
        """Return whether a request has a valid token, or what is wrong with it."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if not text:
            return "missing"
        issued = self._issued.get(text)
        if scheme.casefold() != "bearer" or issued is None:
            return "invalid"
        rotated = self.world.rotated.get(self.vendor)
        if rotated is not None and issued.at <= rotated:
            return "invalid"
        revoked = self.world.revoked.get(self.vendor)
        if revoked is not None and issued.at <= revoked:
            return "expired"
        return "fine" if self.world.now() < issued.at + self.life else "expired"

    def knows(self, credentials: tuple[str, str]) -> bool:
        """Whether these are the client's id and secret."""
        rotated = self.vendor in self.world.rotated
        return not rotated and credentials == (self.client_id, self.client_secret)

    def lifetime(self, issued: Issued, own: object) -> dict[str, object]:
        """Return `expires_in` as the scenario has it; `own` is the vendor's way."""
        match self.world.scenario.world.tokens.told:
            case "missing":
                return {}
            case "text":
                return {"expires_in": str(issued.seconds)}
            case "number":
                return {"expires_in": issued.seconds}
            case "own":
                return {"expires_in": own}


async def credentials_of(request: web.Request) -> tuple[tuple[str, str] | None, str]:
    """Return client id and secret from the Basic header or the form, and the grant type asked for.

    Raises ValueError when the Basic header cannot be decoded.
    """
    form = await request.post()
    grant = str(form.get("grant_type", ""))
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.casefold() == "basic":
        try:
            text = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ValueError("the Basic header cannot be decoded") from error
        client_id, _, secret = text.partition(":")
        return (client_id, secret), grant
    if "client_id" in form:
        return (str(form["client_id"]), str(form.get("client_secret", ""))), grant
    return None, grant
