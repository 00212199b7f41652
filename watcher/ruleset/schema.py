"""The keys of rule files and of the inventory as pydantic models, and their JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, model_validator

from watcher import engine, model
from watcher.config_types import Duration, Span
from watcher.ruleset import rotas as on_call
from watcher.ruleset.schema_types import (
    Address,
    Bandwidth,
    Connection,
    Equals,
    Labels,
    Number,
    Orderable,
    Part,
    Phases,
    Spans,
    Words,
)
from watcher.ruleset.windows.schema import Hours, Maintenance

CONDITIONS = ("transition", "threshold", "expression", "no_data", "blind")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
STORM = "storm"  # stands for the rule in the incident of a storm


class Transition(Part):
    """The field is in `to`, and its last known value before was in `from`."""

    field: str = Field(description="A field of the source's subjects, such as state")
    from_: Words | None = Field(None, alias="from", description="Values before; absent: any")
    to: Words = Field(description="Values for which the condition is true")


class Threshold(Part):
    """An aggregate of samples reaches a limit."""

    metric: str = Field(description="What is measured, such as utilization")
    above: Number | None = Field(None, description="True at or above this")
    below: Number | None = Field(None, description="True at or below this")
    clear: Number | None = Field(
        None, description="Once true, it stays so until the value is back past this limit"
    )
    over: Span | None = Field(None, description="Window that ends with the sample being evaluated")
    aggregate: Literal["last", "avg", "min", "max", "p95"] = Field(
        "last", description="How the samples in the window are combined"
    )
    min_samples: Annotated[StrictInt, Field(ge=1)] | None = Field(
        None,
        description="With fewer samples in the window nothing is decided; default 1, for p95 20",
    )
    coverage: Annotated[Number, Field(ge=0, le=1)] | None = Field(
        None,
        description="With samples for less than this share of the window nothing is decided;"
        " default 0.8, for last 0",
    )
    consecutive: Annotated[StrictInt, Field(ge=1, le=1000)] = Field(
        1, description="How many samples in a row must reach the limit"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("needs exactly one of above and below")
        of_window = self.min_samples is not None or self.coverage is not None
        if self.over is None and (self.aggregate != "last" or of_window):
            raise ValueError(
                "needs over, the window that aggregate, min_samples and coverage apply to"
            )
        if self.clear is not None and (
            (self.above is not None and self.clear > self.above)
            or (self.below is not None and self.clear < self.below)
        ):
            raise ValueError("clear must lie on the good side of the limit")
        return self


class Escalation(Part):
    """Whom else to notify when nobody has acknowledged for a while."""

    after: Span = Field(description="How long nobody has acknowledged although somebody could")
    notify: Words = Field((), min_length=0, description="Receivers")
    oncall: str | None = Field(None, description="A rota; who has it at that time is called")
    acks: Annotated[StrictInt, Field(ge=1, le=10)] = Field(
        1, description="How many people have to acknowledge from then on"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.notify and self.oncall is None:
            raise ValueError("needs notify, oncall, or both")
        return self


class Flapping(Part):
    """A condition that keeps changing is notified once, as flapping."""

    flips: Annotated[StrictInt, Field(ge=1, le=100)] = Field(
        5, description="More changes than this are flapping"
    )
    within: Span = Field(
        timedelta(minutes=10), description="Within this time; it must be stable for as long to end"
    )


class Remedy(Part):
    """A change of an Internet On-Demand connection's bandwidth that may solve the problem."""

    connection: Connection | None = Field(
        None,
        description="The connection's key; absent: the one that the inventory has for the subject",
    )
    to: Orderable = Field(description="The new bandwidth, as in 2 Gbps")
    max: Orderable = Field(description="The bandwidth is never raised above this")
    approval: Literal["cli", "none"] = Field(
        "cli", description="cli: a person has to approve it; none: no approval"
    )
    revert: Literal["on_resolve", "never"] = Field(
        "never", description="on_resolve: back to the old bandwidth once the incident is resolved"
    )


def _as_windows(value: object) -> object:
    return (value,) if isinstance(value, dict) else value


HoursOfRule = Annotated[tuple[Hours, ...], BeforeValidator(_as_windows), Field(min_length=1)]


class Storm(Part):
    """When many new incidents of one source become one incident."""

    incidents: Annotated[StrictInt, Field(ge=1)] = Field(
        20, description="More new incidents than this are a storm"
    )
    window: Span = Field(timedelta(seconds=30), description="Within this time")


class Rule(Part):
    """What to watch for, and what to do about it."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)
    source: str = Field(description="A source's name or kind; * for all sources, with blind only")
    transition: Transition | None = None
    threshold: Threshold | None = None
    expression: str | None = Field(None, description="CEL expression over fields and labels")
    no_data: Span | None = Field(None, description="How long there were no new samples")
    blind: Span | None = Field(None, description="How long the source has been blind")
    where: str | None = Field(None, description="CEL expression that must be true as well")
    during: Phases = Field(
        engine.DURING, description="Phases of a reservation in which the rule applies"
    )
    hours: HoursOfRule | None = Field(
        None, description="Times of the week in which the rule applies; absent: always"
    )
    for_: Duration = Field(
        timedelta(0),
        alias="for",
        description="How long the condition must be true before the alert fires",
    )
    keep_firing_for: Duration = Field(
        timedelta(0), description="How long the condition must be false before the alert resolves"
    )
    severity: model.Severity = Field(model.Severity.WARNING, description="info, warning, critical")
    title: str | None = Field(None, description="Jinja template of the incident's title")
    summary: str | None = Field(None, description="Jinja template of a sentence below the title")
    diagnose: StrictBool = Field(default=False, description="Run Service Diagnostics")
    max_services: Annotated[StrictInt, Field(ge=1, le=20)] = Field(
        3, description="How many services are diagnosed for one incident at most"
    )
    alternatives: StrictBool = Field(
        default=False, description="Ask PX PreOrder what could be ordered as a backup"
    )
    bandwidth: Remedy | None = Field(
        None, description="Propose to raise an Internet On-Demand connection's bandwidth"
    )
    notify: Words | None = Field(None, description="Receivers; absent: all of them")
    group_by: Labels | None = Field(
        None, description="Labels; alerts with the same values share an incident"
    )
    group_wait: Duration = Field(
        timedelta(0), description="How long to wait for more alerts before the first notification"
    )
    repeat: Spans | None = Field(
        None,
        description="When to remind people until somebody acknowledges: one span, or several that"
        " grow, of which the last is repeated",
    )
    ack_expires: Span | None = Field(
        None, description="How long an acknowledgement lasts unless it is renewed; absent: forever"
    )
    escalate: tuple[Escalation, ...] = Field((), description="Whom else to notify, and when")
    flapping: Flapping | None = Field(
        None, description="Notify once of a condition that keeps changing"
    )
    inhibited_by: Words | None = Field(
        None, description="Rules; while one of them fires, nobody is notified of this one"
    )
    equal: Equals | None = Field(
        None, description="What must be the same in both alerts for inhibited_by"
    )
    fault: str | None = Field(
        None,
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=80,
        description="Rules of a source with the same fault share one incident for each subject",
    )
    well: str | None = Field(
        None, description="CEL expression that says when a subject is well; absent: its vendor does"
    )
    labels: dict[str, str] = Field({}, description="Labels added to the rule's alerts")
    runbook: str = Field("", description="Address of the page that says what to do")

    @model_validator(mode="after")
    def _check(self) -> Self:
        conditions = [name for name in CONDITIONS if getattr(self, name) is not None]
        if len(conditions) != 1:
            raise ValueError(
                "needs exactly one condition: transition, threshold, expression, no_data or blind"
            )
        if self.name == STORM:
            raise ValueError(
                f"{STORM} is reserved for the incidents of the storm guard; take another name"
            )
        if self.equal is not None and self.inhibited_by is None:
            raise ValueError("equal needs inhibited_by, the rules that it compares with")
        if self.blind is not None:
            for name, value in {
                "where": self.where,
                "for": self.for_,
                "diagnose": self.diagnose,
                "alternatives": self.alternatives,
                "bandwidth": self.bandwidth,
                "group_by": self.group_by,
                "fault": self.fault,
                "well": self.well,
            }.items():
                if value:
                    raise ValueError(f"a rule with blind cannot have {name}")
        elif self.source == "*":
            raise ValueError("source: * is allowed with blind only; fields differ between kinds")
        return self


class RuleFile(Part):
    """One file of rules."""

    rules: tuple[object, ...] = ()  # validated one by one, so that all problems are reported
    maintenance: tuple[Maintenance, ...] = Field(
        (), description="Times of the week in which nobody is notified"
    )
    storm: Storm | None = Field(None, description="When many incidents become one; in one file")
    people: dict[str, on_call.Person] = Field({}, description="Who may be on call, by name")
    rotas: tuple[on_call.Rota, ...] = Field((), description="Who is on call")


class Entry(Part):
    """What the team knows of a subject beyond what the vendor reports."""

    service_ids: Words = Field((), min_length=0, description="What Service Diagnostics examines")
    circuit_ids: Words = Field(
        (), min_length=0, description="What the carrier's notices of planned works call it as well"
    )
    provider: str = Field(
        "", description="Who sends those notices, as in zayo; default: its source's carrier"
    )
    redundancy_group: str = Field(
        "", description="Circuits that stand in for each other have the same one"
    )
    labels: dict[str, str] = Field(
        {}, description="Added to the vendor's labels; replace those of the same name"
    )
    contacts: dict[Literal["lumen", "orange", "source"], str] = Field(
        {}, description="Whom to call, by the side that is likely at fault"
    )
    runbook: str = Field("", description="Address of the page that says what to do")
    bandwidth: Bandwidth | None = Field(
        None, description="What was bought, as in 500 Mbps; rules read it as expected_mbps"
    )
    address: Address = Field(
        "", description="Where backups are looked up, as in 1 Main St, Denver, CO 80202"
    )
    connection: Connection | None = Field(
        None, description="Key of the Internet On-Demand connection that a remedy may raise"
    )
    contract: str = Field("", description="Number of the contract, for the carrier packet")
    sla: float | None = Field(
        None, gt=0, le=100, description="Availability that was agreed, in percent, as in 99.95"
    )


class Match(Entry):
    """An entry for every subject that matches."""

    where: str = Field(description="CEL expression over labels and subject")


class InventoryFile(Part):
    """The inventory: subjects by key, and by their labels."""

    subjects: dict[str, Entry] = Field({}, description="Entries by key: SOURCE/ID")
    match: tuple[Match, ...] = Field((), description="Entries by labels")


def as_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a rule file, for editors.

    It accepts what loading accepts: pydantic's own schema is stricter where a validator takes more
    than the type of the field says, and more lenient where a validator compares fields.
    """
    file = RuleFile.model_json_schema()
    rule = Rule.model_json_schema()
    parts = {**file.pop("$defs", {}), **rule.pop("$defs", {}), "Rule": rule}
    rule["oneOf"] = _exactly_one(CONDITIONS)
    parts["Threshold"]["oneOf"] = _exactly_one(("above", "below"))
    file["properties"]["rules"] = {
        "type": "array",
        "items": {"$ref": "#/$defs/Rule"},
        "description": "What to watch for, and what to do about it",
    }
    whole = {"$schema": _DIALECT, **file, "title": "Watcher rules", "$defs": parts}
    _loosen(whole)
    return whole


def _exactly_one(names: Iterable[str]) -> list[dict[str, Any]]:
    """Return what `oneOf` says; a strict validator wants each key named where it is required."""
    return [{"required": [name], "properties": {name: True}} for name in names]


_OF_LISTS = ("minItems", "maxItems", "uniqueItems")


def _loosen(node: Any) -> None:
    """Accept one item where a list of such is expected, and no null; change `node` in place."""
    if isinstance(node, list):
        for item in node:
            _loosen(item)
        return
    if not isinstance(node, dict):
        return
    for value in list(node.values()):
        _loosen(value)
    choices = node.get("anyOf", [])
    if {"type": "null"} in choices:
        rest = [choice for choice in choices if choice != {"type": "null"}]
        del node["anyOf"]
        node.pop("default", None)
        node.update(rest[0] if len(rest) == 1 else {"anyOf": rest})
    if str(node.get("default", "")).startswith("PT"):
        del node["default"]  # an ISO 8601 duration, which is not how rules write one
    items = node.get("items", {})
    if node.get("type") == "array" and (
        items.get("type") == "string" or items.get("$ref", "").endswith(("/Phase", "/Hours"))
    ):
        fewest = node.pop("minLength", 0)
        del node["type"], node["items"]
        node.pop("default", None)
        several = {"type": "array", "items": items, "minItems": fewest}
        several |= {key: node.pop(key) for key in _OF_LISTS if key in node}
        node["anyOf"] = [items, several]
