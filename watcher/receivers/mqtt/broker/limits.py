"""What a broker has been seen to refuse by hanging up: messages of a size, or a topic. Pure.

A broker without a word for it (every MQTT 3.1.1 broker, some with MQTT 5) closes the connection
when it dislikes a message. One lost connection proves nothing, because brokers restart. A topic
during whose publishing the connection is lost TRIES times in a row is to blame: for its size if
nothing that large has been accepted on this connection before, else for itself. What is too large
may be made smaller; a topic is set aside for a while, so that all others go on.

That is an experiment until a connection has been steady without it. A loss that no message explains
(nothing was in flight, or what the broker accepts later) is a broker that restarts, or another
client that takes over the session, and so may the others have been: it acquits every suspect.
"""

from __future__ import annotations

from msgspec import Struct, field

from watcher import model
from watcher.backoff import Backoff

TRIES = 3
STEADY_SECONDS = 30.0  # a connection that lasted this long was lost for no message before
SMALL = 1_024  # bytes: a message that every broker accepts, so its size is not to blame
FORGOTTEN_AFTER = 24 * 3_600.0  # seconds: the broker may have been given another limit
_OVERHEAD = 512  # bytes of a packet beside topic and payload: properties
_ASIDE = Backoff(first=30.0, longest=600.0)  # seconds until a topic is tried again
_MOST_TOPICS = 1_000


class TooLargeError(model.PermanentError):
    """The broker accepts no message of this size; a smaller one may be."""


class SetAsideError(model.PermanentError):
    """The broker hangs up on this topic: it is not tried for a while."""


class _Suspect(Struct):
    """A topic during whose publishing the connection was lost."""

    losses: int = 0  # in a row
    size: int = 0  # of the last of them; 0 for a subscription
    too_large: bool = False  # a larger message there was: the next loss is believed at once
    rounds: int = 0  # how often it was set aside: the next loss is then believed at once
    aside_until: float = 0.0
    reason: str = ""
    proven: bool = False  # a connection was steady without it


class BrokerLimits(Struct):
    """One broker's limits; times are monotonic seconds, and sizes those of topic and payload."""

    stated: int | None = None  # MQTT 5: the largest packet, as the broker says on every connect
    acquittals: int = 0  # counts them, for those who count losses as well
    refused: int | None = None  # the smallest size that it was seen to hang up on
    _refused_at: float = 0.0
    _refused_by: str = ""  # the topic that taught it
    _largest: int = 0  # that was accepted on this connection
    _suspects: dict[str, _Suspect] = field(default_factory=dict)

    def connected(self, stated: int | None) -> None:
        """Start again with what a new connection says; the broker may have been reconfigured."""
        self.stated, self._largest = stated, 0

    def remember(self, size: int, at: float, now: float) -> None:
        """Take over what was learned before this process started."""
        if now - at < FORGOTTEN_AFTER and (self.refused is None or size < self.refused):
            self.refused, self._refused_at, self._refused_by = size, at, ""

    def fits(self, topic: str, size: int, now: float) -> bool:
        """Return whether a payload of this many bytes may be published on the topic."""
        if self.refused is not None and now - self._refused_at >= FORGOTTEN_AFTER:
            self.refused = None
        message = size + len(topic.encode())
        return (self.stated is None or message + _OVERHEAD <= self.stated) and (
            self.refused is None or message < self.refused
        )

    def proven(self, size: int) -> bool:
        """Return whether a message of this size was accepted on this connection."""
        return size <= self._largest

    def accepted(self, topic: str, size: int) -> None:
        """Record that the broker acknowledged a message."""
        message = size + len(topic.encode())
        self._largest = max(self._largest, message)
        suspect = self._suspects.get(topic)
        if suspect and (size or not suspect.size):  # a subscription says nothing about a publish
            del self._suspects[topic]
            if suspect.losses and suspect.size <= max(SMALL, size):
                self.acquit()
        if self.refused is not None and message >= self.refused:
            self.refused = None

    def ended(self, lasted: float) -> None:
        """Record that a connection was lost after so many seconds, for whatever reason."""
        if lasted >= STEADY_SECONDS:
            for suspect in self._suspects.values():
                suspect.proven = suspect.proven or suspect.too_large or suspect.rounds > 0

    def acquit(self) -> None:
        """Record that no message explains a lost connection, nor perhaps those before."""
        self.acquittals += 1
        for topic, suspect in list(self._suspects.items()):
            suspect.losses = 0
            if not suspect.proven:
                del self._suspects[topic]
                if self._refused_by == topic:
                    self.refused, self._refused_by = None, ""

    def lost(self, topic: str, size: int, now: float, *, certain: bool = False) -> str:
        """Record that the connection was lost meanwhile; return what follows, if anything does.

        `certain`: the broker said that this message was the reason (MQTT 5).
        """
        if len(self._suspects) >= _MOST_TOPICS and topic not in self._suspects:
            del self._suspects[next(iter(self._suspects))]
        suspect = self._suspects.setdefault(topic, _Suspect())
        suspect.losses += 1
        suspect.size = size
        message = size + len(topic.encode())
        for_size = message > max(SMALL, self._largest)
        enough = certain or suspect.rounds or (for_size and suspect.too_large)
        if suspect.losses < (1 if enough else TRIES):
            return ""
        suspect.losses = 0
        if for_size:
            suspect.too_large = True
            if self.refused is None or message < self.refused:
                self.refused, self._refused_at, self._refused_by = message, now, topic
            return f"it hangs up on messages of {message} bytes: smaller ones are sent from now on"
        if suspect.too_large:  # it was not the size: a small message fails as well
            suspect.too_large = False
            if self._refused_by == topic:
                self.refused, self._refused_by = None, ""
        suspect.rounds += 1
        delay = _ASIDE.delay(suspect.rounds)
        suspect.aside_until = now + delay
        suspect.reason = (
            f"it hangs up whenever {topic} ({size} bytes) is published"
            if certain or suspect.proven
            else f"it hung up {TRIES} times in a row while {topic} ({size} bytes) was published"
        )
        return f"{suspect.reason}: not tried again for {delay:.0f} s"

    def set_aside(self, topic: str, now: float) -> str:
        """Return why a topic is set aside; empty when it may be published."""
        suspect = self._suspects.get(topic)
        return suspect.reason if suspect and now < suspect.aside_until else ""

    def remarks(self, now: float) -> list[str]:
        """Return in words what is held back now."""
        remarks = [
            suspect.reason for suspect in self._suspects.values() if now < suspect.aside_until
        ]
        if self.refused is not None:
            remarks.append(
                f"it hangs up on messages of {self.refused} bytes, so larger ones are shortened or"
                " left out: raise its maximum packet size"
            )
        return remarks
