"""What a command over MQTT says and what it is answered (docs/reference/mqtt.md). Pure.

Law: whatever a stranger sends, it is read or refused in words; nothing of it is kept unbounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

import msgspec

from watcher import model

LONGEST = 4_096  # bytes of a payload
LONGEST_SILENCE = timedelta(days=30)

_ONE_LINE = r"^[^\x00-\x1f\x7f]+$"
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=_ONE_LINE)]
Sentence = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every command says: who wants it, which wish it is, where the answer goes."""

    by: Word
    id: Word = ""
    response_topic: Word = ""


class OfIncident(Request, frozen=True, kw_only=True):
    """`ack` and `diagnose`."""

    incident: Word


class Silence(Request, frozen=True, kw_only=True):
    """`silence`: matchers as on the command line, all of which must fit; `for` is a span."""

    matchers: Annotated[tuple[Word, ...], msgspec.Meta(min_length=1, max_length=20)]
    for_: Word = msgspec.field(default="1h", name="for")
    comment: Sentence = ""

    def __post_init__(self) -> None:
        """Raise ValueError for what is no matcher, no duration, or too long."""
        _ = self.fitting
        try:
            too_long = self.length > LONGEST_SILENCE
        except OverflowError:
            too_long = True
        if too_long:
            raise ValueError(f"a silence lasts at most {LONGEST_SILENCE.days} days")

    @property
    def fitting(self) -> tuple[model.Matcher, ...]:
        """The matchers, read."""
        return tuple(map(model.parse_matcher, self.matchers))

    @property
    def length(self) -> timedelta:
        """How long it lasts."""
        return model.parse_duration(self.for_)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a command: `message` is a sentence, and `id` that of the request."""

    command: str
    ok: bool
    message: str
    id: str = ""
    incident: str | None = None
    silence: str | None = None


FORMS: Mapping[str, type[OfIncident | Silence]] = {
    "ack": OfIncident,
    "silence": Silence,
    "diagnose": OfIncident,
}
TOPICS: Mapping[str, type[msgspec.Struct]] = {
    **{f"PREFIX/commands/{name}": form for name, form in FORMS.items()},
    "PREFIX/answers": Answer,
}


def read(command: str, payload: bytes) -> OfIncident | Silence:
    """Read a command's payload. Raises ValueError in words for its sender."""
    form = FORMS.get(command)
    if form is None:
        raise ValueError(f"there is no command {command}, but {', '.join(FORMS)}")
    if len(payload) > LONGEST:
        raise ValueError(f"a command has at most {LONGEST} bytes")
    try:
        return msgspec.json.decode(payload, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"this is no command {command}: {error}") from error
