"""Silences: what people do not want to be told of for a while. Nothing is watched any less."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """One thing that must be so: `rule`, `subject`, `source`, `severity` or `labels.NAME`.

    `value` may hold `*` for any text; `negative` turns it round.
    """

    name: str
    value: str
    negative: bool = False

    def __str__(self) -> str:
        """Write it as people do: `labels.site=NYC`, `rule!=vyvx-*`."""
        return f"{self.name}{'!=' if self.negative else '='}{self.value}"


def parse_matcher(text: str) -> Matcher:
    """Read `labels.site=NYC` or `rule!=vyvx-*`. Raises ValueError for anything else."""
    name, sign, value = text.partition("=")
    if not sign or not name.removesuffix("!"):
        raise ValueError(f"{text!r} is no matcher: write NAME=VALUE, as in rule=vyvx-*")
    return Matcher(name=name.removesuffix("!"), value=value, negative=name.endswith("!"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Holds back alerts that all `matchers` fit, from `begin` until `end`."""

    id: str
    matchers: tuple[Matcher, ...]
    begin: datetime
    end: datetime
    by: str
    comment: str = ""
