"""The keys of rule files and of the inventory, as pydantic reads them.

Law: a key stands here only when it works; one that is planned is refused by name.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    model_validator,
)

from watcher import engine, model
from watcher.fields import Duration, Section

LATER = frozenset(
    {
        "group_by",
        "group_wait",
        "repeat",
        "escalate",
        "no_data",
        "inhibited_by",
        "equal",
        "flapping",
        "alternatives",
        "bandwidth",
        "approval",
        "address",
        "internet_on_demand",
    }
)


def _some_time(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than 0")
    return value


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Span = Annotated[Duration, AfterValidator(_some_time)]


Phases = Annotated[frozenset[model.Phase], BeforeValidator(_one_or_many), Field(min_length=1)]


class Part(Section):
    """A part of a rule; keys are as they are written in the file."""

    model_config = ConfigDict(populate_by_name=False, regex_engine="rust-regex")


class Transition(Part):
    """The field is in `to`, and the last known value before it came there was in `from`."""

    field: str = Field(description="A field of the source's subjects, such as state")
    from_: Words | None = Field(None, alias="from", description="Values before; absent: any")
    to: Words = Field(description="Values that are news")


class Threshold(Part):
    """An aggregate of samples reaches a limit."""

    metric: str = Field(description="What is measured, such as utilization")
    above: Number | None = Field(None, description="Holds at or above this")
    below: Number | None = Field(None, description="Holds at or below this")
    clear: Number | None = Field(
        None, description="Once it holds, it does so until this limit is passed back"
    )
    over: Span | None = Field(None, description="Window, ending with the sample that is judged")
    aggregate: Literal["last", "avg", "min", "max", "p95"] = Field(
        "last", description="What is made of the samples in the window"
    )
    min_samples: Annotated[StrictInt, Field(ge=1)] | None = Field(
        None, description="Fewer samples in the window decide nothing; default 1, for p95 20"
    )
    consecutive: Annotated[StrictInt, Field(ge=1, le=1000)] = Field(
        1, description="So many samples in a row must reach the limit"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("needs exactly one of above and below")
        if self.over is None and (self.aggregate != "last" or self.min_samples is not None):
            raise ValueError("needs over, the window that aggregate and min_samples speak of")
        if self.clear is not None and (
            (self.above is not None and self.clear > self.above)
            or (self.below is not None and self.clear < self.below)
        ):
            raise ValueError("clear must lie on the good side of the limit")
        return self


class Rule(Part):
    """What to watch for, and what to do about it."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)
    source: str = Field(description="A source's name or kind; with blind also *, for all")
    transition: Transition | None = None
    threshold: Threshold | None = None
    expression: str | None = Field(None, description="CEL over fields and labels")
    blind: Span | None = Field(None, description="The source could not be seen for so long")
    where: str | None = Field(None, description="CEL that must be true beside the condition")
    during: Phases = Field(engine.DURING, description="Phases of a reservation in which it counts")
    for_: Duration = Field(timedelta(0), alias="for", description="How long it holds before firing")
    keep_firing_for: Duration = Field(
        timedelta(0), description="How long it is over before resolving"
    )
    severity: model.Severity = Field(model.Severity.WARNING, description="info, warning, critical")
    title: str | None = Field(None, description="Jinja template of the incident's title")
    summary: str | None = Field(None, description="Jinja template of a sentence below the title")
    diagnose: StrictBool = Field(default=False, description="Run Service Diagnostics")
    max_services: Annotated[StrictInt, Field(ge=1, le=20)] = Field(
        3, description="At most so many services are diagnosed for one incident"
    )
    notify: Words | None = Field(None, description="Receivers; absent: all of them")
    runbook: str = Field("", description="Address of the page that says what to do")

    @model_validator(mode="after")
    def _check(self) -> Self:
        conditions = (self.transition, self.threshold, self.expression, self.blind)
        if sum(condition is not None for condition in conditions) != 1:
            raise ValueError(
                "needs exactly one condition: transition, threshold, expression or blind"
            )
        if self.blind is not None:
            for name, given in {
                "where": self.where,
                "for": self.for_,
                "diagnose": self.diagnose,
            }.items():
                if given:
                    raise ValueError(f"a rule about blindness has no {name}")
        elif self.source == "*":
            raise ValueError("source: * goes with blind only; fields differ between kinds")
        return self


class RuleFile(Part):
    """One file of rules."""

    rules: tuple[object, ...] = ()  # each is read as a Rule of its own, so that all faults are told


class Entry(Part):
    """What the team knows of a subject beyond what its vendor says."""

    service_ids: Words = Field((), min_length=0, description="What Service Diagnostics examines")
    labels: dict[str, str] = Field({}, description="Added to the vendor's labels, or over them")
    contacts: dict[Literal["lumen", "orange", "source"], str] = Field(
        {}, description="Whom to call, by the side that is likely at fault"
    )
    runbook: str = Field("", description="Address of the page that says what to do")


class Match(Entry):
    """An entry for every subject whose labels fit."""

    where: str = Field(description="CEL over labels and subject")


class InventoryFile(Part):
    """The inventory: subjects by key, and by their labels."""

    subjects: dict[str, Entry] = Field({}, description="By key: SOURCE/ID")
    match: tuple[Match, ...] = Field((), description="By labels")
