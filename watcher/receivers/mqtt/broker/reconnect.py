"""When to connect again, and whether another client has taken over the session. Pure.

Law: only the broker's word (MQTT 5, reason 142) or the other client's own claim is believed. Three
connections that end soon after another are a broker that restarts or dislikes a message.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct, field

from watcher.backoff import Backoff, Jitter

BACKOFF = Backoff(first=1.0, longest=30.0, jitter=Jitter(0.5, 1.0))  # seconds
STEADY_SECONDS = 30.0  # a connection that lasted this long resets the count of failures
PERMANENT_PAUSE = 60.0  # until a person has fixed something
_PERMANENT_JITTER = Jitter(0.75, 1.25)
# Doubles, so that a tool that was started once with our client id costs seconds, and two daemons
# that go on disconnecting each other do so every few minutes.
TAKEN_OVER = Backoff(first=10.0, longest=300.0, jitter=Jitter(1.0, 2.0))
_TAKEN_OVER_RESET = 600.0  # seconds of peace after which a take-over is the first again


class Reconnects(Struct):
    """Counts how connections end, and says how long to wait before the next."""

    backoff: Backoff = BACKOFF
    failures: int = 0
    take_overs: int = 0

    def pause(self, lasted: float, chance: float, *, permanent: bool, taken_over: bool) -> float:
        """Return the seconds to wait after a connection that lasted for `lasted` seconds.

        It is 0 for one that failed.
        """
        if lasted >= _TAKEN_OVER_RESET:
            self.take_overs = 0
        self.failures = 1 if lasted >= STEADY_SECONDS else self.failures + 1
        if taken_over:
            self.take_overs += 1
            return TAKEN_OVER.delay(self.take_overs, chance)
        if permanent:
            return _PERMANENT_JITTER.spread(PERMANENT_PAUSE, chance)
        return self.backoff.delay(self.failures, chance)


class _Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Retained on PREFIX/clients/CLIENT_ID: who has connected with this client id, as the last."""

    client_id: str
    instance: str
    session: str  # one for each process
    connects: int


class ClientClaim(Struct):
    """What this process says of its client id, and who else has said so since."""

    client_id: str
    instance: str
    session: str
    made: bool = False  # the broker has acknowledged it, and a newer one can only be a rival's
    _connects: int = 0
    _seen: dict[str, int] = field(default_factory=dict)  # session -> connects

    def next(self) -> bytes:
        """Return the claim to publish after a connect."""
        self._connects += 1
        return msgspec.json.encode(
            _Claim(
                client_id=self.client_id,
                instance=self.instance,
                session=self.session,
                connects=self._connects,
            )
        )

    def rival(self, payload: bytes) -> str:
        """Return the instance that has claimed our client id since our own claim; else empty.

        A claim that was there before ours is an earlier process, unless it claims once more; and
        one that was seen before is a rival that has not been back since.
        """
        try:
            claim = msgspec.json.decode(payload, type=_Claim)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return ""
        if claim.session == self.session or claim.client_id != self.client_id:
            return ""
        before = self._seen.get(claim.session)
        self._seen[claim.session] = claim.connects
        is_new = claim.connects != before
        return claim.instance if is_new and (self.made or before is not None) else ""
