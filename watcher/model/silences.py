"""Silences, and the matchers that say what one is about."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from watcher.model.quantities import format_count
from watcher.model.works import Planned


class Matcher(Struct, frozen=True, kw_only=True, gc=False):
    """What an alert must have: a `rule`, `subject`, `source`, `severity` or `labels.NAME`.

    `value` may contain `*` for any text; `negative` negates it.
    """

    name: str
    value: str
    negative: bool = False

    def __str__(self) -> str:
        """Return it as people write it: `labels.site=NYC`, `rule!=vyvx-*`."""
        return f"{self.name}{'!=' if self.negative else '='}{self.value}"


def parse_matcher(text: str) -> Matcher:
    """Parse `labels.site=NYC` or `rule!=vyvx-*`. Raises ValueError for anything else."""
    name, sign, value = text.partition("=")
    if not sign or not name.removesuffix("!"):
        raise ValueError(f"{text!r} is not a matcher: write NAME=VALUE, as in rule=vyvx-*")
    return Matcher(name=name.removesuffix("!"), value=value, negative=name.endswith("!"))


class SilenceUntil(StrEnum):
    """What ends a silence, before its `end` if it has one."""

    RESOLVED = "resolved"  # its incident is resolved
    ENDED = "ended"  # the bookings of the subjects that its matchers name are over


class Silence(Struct, frozen=True, kw_only=True, gc=False):
    """Suppresses alerts that all matchers of one of its sets match, from `begin` until `end`.

    `matchers` is the first set and `or_matchers` are the others. It ends sooner where `until` says
    so; without an `end` only `until` ends it. `incident` is what it was made for, and of which
    `until` speaks. `ticket` is for the team's own records, and `ended_by` who ended it by hand.
    """

    id: str
    matchers: tuple[Matcher, ...]
    begin: datetime
    end: datetime | None
    by: str
    comment: str = ""
    or_matchers: tuple[tuple[Matcher, ...], ...] = ()
    until: SilenceUntil | None = None
    incident: str = ""
    ticket: str = ""
    ended_by: str = ""

    @property
    def sets(self) -> tuple[tuple[Matcher, ...], ...]:
        """The sets of matchers, of which one has to match."""
        return (self.matchers, *self.or_matchers)

    @property
    def written(self) -> str:
        """Its matchers as people write them: `rule=a subject=b or labels.site=NYC`."""
        return " or ".join(" ".join(map(str, matchers)) for matchers in self.sets)

    def is_past(self, now: datetime) -> bool:
        """Whether its end has come."""
        return self.end is not None and self.end <= now


class SuppressionKind(StrEnum):
    """What holds back notifications of an incident."""

    SILENCE = "silence"
    MAINTENANCE = "maintenance"
    INHIBITION = "inhibition"
    PLANNED = "planned"  # works that a carrier has announced


class Suppression(Struct, frozen=True, kw_only=True, gc=False):
    """Why people are not notified of an incident.

    `name` is the silence's id, the window's name, the inhibiting rule, or the carrier's id of
    planned works; `by` is who silenced or announced. It ends at `until`, and a silence sooner where
    `sooner` says so; without either it ends with its reason.
    """

    kind: SuppressionKind
    name: str
    by: str = ""
    comment: str = ""
    until: datetime | None = None
    sooner: SilenceUntil | None = None
    planned: Planned | None = None

    def __str__(self) -> str:
        """Return it as the timeline has it: `silence s-1 by ann: works`."""
        match self.kind:
            case SuppressionKind.SILENCE:
                comment = f": {self.comment}" if self.comment else ""
                return f"silence {self.name} by {self.by}{comment}"
            case SuppressionKind.MAINTENANCE:
                return f"maintenance {self.name}"
            case SuppressionKind.INHIBITION:
                return f"inhibited by {self.name}"
            case SuppressionKind.PLANNED:
                return f"planned works {self.name} of {self.by}"


class SilencePreview(Struct, frozen=True, kw_only=True, gc=False):
    """What a silence matches now; `everything` says that nothing is left to notify anybody of.

    `incidents` are the unresolved ones with a firing alert that it matches. `unknown` says in words
    which of its matchers fit nothing that there is, `objection` why it cannot be added at all.
    """

    subjects: int = 0
    incidents: tuple[str, ...] = ()
    everything: bool = False
    unknown: tuple[str, ...] = ()
    objection: str = ""

    def __str__(self) -> str:
        """Return it as a sentence without its full stop."""
        if not self.subjects and not self.incidents:
            return "matches nothing now"
        of_all = " (everything)" if self.everything else ""
        subjects = format_count(self.subjects, "subject")
        return f"matches {subjects}{of_all}, {format_count(len(self.incidents), 'open incident')}"
