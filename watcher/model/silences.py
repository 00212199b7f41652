"""Silences, and the matchers that say what one is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Suppresses alerts that all `matchers` match, from `begin` until `end`."""

    id: str
    matchers: tuple[Matcher, ...]
    begin: datetime
    end: datetime
    by: str
    comment: str = ""
