"""Scenario files: which services the simulated world has, and what happens to them when.

A scenario is validated completely before anything starts; every problem names its file and key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from watcher import config_words, system_words
from watcher.simulator.quotas import Latency, Quota, Vendor
from watcher.simulator.scenario_schema import (
    Diagnosable,
    Diagnostics,
    Evpl,
    Iod,
    Note,
    Offset,
    Premises,
    Preorder,
    Reservation,
    Slack,
    Span,
    Strict,
    Test,
    Tokens,
    Vyvx,
    VyvxState,
)

# Of a fault, beside http_NNN.
KINDS = (
    *("answer", "hang", "stall", "reset", "torn", "drop", "slow", "redirect", "truncated", "html"),
    *("empty", "huge", "gzip", "mistyped", "doubled", "extra"),
)


class ScenarioError(Exception):
    """A scenario cannot be played; `problems` has one line for each reason."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class VyvxChange(Strict):
    """A reservation changes; keys that are absent stay as they are, a new id is a new one."""

    id: str
    state: VyvxState | None = None
    ingress_state: VyvxState | None = None
    message: str = Field("TS Loss", description="What the history says about the new state")
    name: str | None = None
    notes: tuple[Note, ...] | None = None
    reservations: tuple[Reservation, ...] | None = None
    active: bool | None = None
    raw: Any = None
    details_state: VyvxState | None = None
    gone: Literal[0, 400, 404] | None = None


class EvplChange(Strict):
    """A line's load moves to another level, at once or `over` some time; or the line goes."""

    id: str
    to: float | None = Field(None, ge=0)
    over: Span = timedelta(0)
    active: bool | None = None
    raw: Any = None


class DiagnosticsChange(Strict):
    """Service Diagnostics will answer differently about a service; absent keys stay."""

    id: str
    takes: Span | None = None
    disposition: str | None = None
    actions: tuple[str, ...] | None = None
    tests: tuple[Test, ...] | None = None
    pdf: str | None = None
    shape: str | None = None

    @model_validator(mode="after")
    def _check_values(self) -> Self:
        Diagnosable.model_validate(self.model_dump(exclude={"id"}, exclude_none=True))
        return self


class IodChange(Strict):
    """A connection changes by itself; absent keys stay as they are, a new id is a new one."""

    id: str
    status: str | None = None
    bandwidth: str | None = None
    active: bool | None = None
    nameless: bool | None = None
    raw: Any = None


class PreorderChange(Premises):
    """PX will answer differently about an address."""

    address: str


def _check_kind(kind: str) -> str:
    if kind in KINDS or re.fullmatch(r"http_[45]\d\d", kind):
        return kind
    raise ValueError(config_words.no_such_word(str(("http_NNN", *KINDS)), kind))


class Fault(Strict):
    """A vendor misbehaves for some time, for some requests, or until it is cleared.

    `http_NNN` answers with that status in the vendor's own way; `answer` with `status` and `body`;
    `hang` never answers, `stall` stops in the middle; `reset` cuts the connection, `torn` in the
    middle; `drop` does what was asked and then cuts it; `slow` does it and holds the answer back;
    `redirect` leads elsewhere; `truncated`, `html`, `empty` and `huge` spoil the body of a good
    answer; `gzip`, `mistyped` (another content type), `doubled` (each key twice) and `extra`
    (unknown fields) send the same in other bytes.
    """

    vendor: Vendor
    kind: Annotated[str, AfterValidator(_check_kind)]
    endpoint: str = Field("", description="The last part of the call's name; empty: every one")
    span: Span | None = Field(None, alias="for")
    times: int | None = Field(None, ge=1, description="How many requests it hits")
    takes: Span = Field(timedelta(seconds=5), description="How long a slow answer is held back")
    skip: int = Field(0, ge=0, description="How many requests pass before")
    retry_after: str = ""
    status: int = Field(200, ge=200, le=599)
    body: Any = None


class LatencyChange(Latency):
    """A vendor answers faster or slower."""

    vendor: Vendor


class QuotaChange(Quota):
    """A vendor's account gets another quota, counted from `used` on."""

    vendor: Vendor


class Change(Strict):
    """One change of the world: exactly one key."""

    vyvx: VyvxChange | None = None
    evpl: EvplChange | None = None
    diagnostics: DiagnosticsChange | None = None
    iod: IodChange | None = None
    preorder: PreorderChange | None = None
    fault: Fault | None = None
    clear: Vendor | Literal["all"] | None = Field(None, description="Ends a vendor's faults")
    latency: LatencyChange | None = None
    quota: QuotaChange | None = None
    revoke: Literal["orange", "lumen"] | None = Field(None, description="Makes tokens invalid")
    rotate: Literal["orange", "lumen"] | None = Field(None, description="Replaces the secret")
    skew: Offset = Field(None, description="How far the vendors' clocks are ahead of ours")
    stale: Span | None = Field(None, description="How old the time is that Vyvx's answers carry")

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        given = self.model_fields_set - {"at"}
        if len(given) != 1:
            names = ", ".join(name for name in Change.model_fields)
            raise ValueError(f"needs exactly one of {names}")
        return self


class Event(Change):
    """A change, `at` so long after the start."""

    at: Span


class InitialWorld(Strict):
    """The world before anything happens."""

    vyvx: Vyvx = Vyvx()
    evpl: Evpl = Evpl()
    diagnostics: Diagnostics = Diagnostics()
    iod: Iod = Iod()
    preorder: Preorder = Preorder()
    tokens: Tokens = Tokens()
    slack: Slack = Slack()
    latency: dict[Vendor, Latency] = Field({}, description="By vendor")
    quotas: dict[Vendor, Quota] = Field({}, description="By vendor")
    skew: Offset = Field(timedelta(0), description="How far the vendors' clocks are ahead of ours")
    seed: int = Field(1, description="Of all chance")


class Scenario(Strict):
    """A whole scenario file."""

    about: str = ""
    world: InitialWorld = InitialWorld()
    events: tuple[Event, ...] = ()

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        lines, services = set(self.world.evpl.lines), set(self.world.diagnostics.services)
        for number, event in enumerate(self.events):
            if event.evpl and event.evpl.id not in lines:
                raise ValueError(f"events.{number}.evpl.id: the world has no line {event.evpl.id}")
            if event.diagnostics and event.diagnostics.id not in services:
                name = event.diagnostics.id
                raise ValueError(f"events.{number}.diagnostics.id: the world has no service {name}")
        return self


def shipped() -> tuple[str, ...]:
    """Return the names of the scenarios that come with Watcher."""
    folder = resources.files("watcher.simulator") / "scenarios"
    return tuple(sorted(file.name.removesuffix(".yaml") for file in folder.iterdir()))


def load(file: str | Path) -> Scenario:
    """Load a scenario: a path, or the name of a shipped one. Raises ScenarioError."""
    if str(file) in shipped():
        text = (resources.files("watcher.simulator") / "scenarios" / f"{file}.yaml").read_text(
            encoding="utf-8"
        )
        return parse(text, name=f"{file}.yaml")
    try:
        return parse(Path(file).read_text(encoding="utf-8"), name=str(file))
    except FileNotFoundError:
        names = ", ".join(shipped())
        raise ScenarioError((f"{file}: there is no such file; shipped are: {names}",)) from None
    except OSError as error:
        reason = system_words.of_error(error)
        raise ScenarioError((f"{file}: cannot be read: {reason}",)) from error
    except UnicodeDecodeError as error:
        raise ScenarioError((f"{file}: is not UTF-8 text",)) from error


def parse(text: str, *, name: str) -> Scenario:
    """Parse a scenario; `name` is its name in the problems. Raises ScenarioError."""
    try:
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScenarioError((f"{name}:{line}: is not valid YAML: {error.problem}",)) from error
    except yaml.YAMLError as error:
        raise ScenarioError((f"{name}: is not valid YAML: {error}",)) from error
    try:
        return Scenario.model_validate(data or {})
    except ValidationError as error:
        raise ScenarioError(_problems(name, error)) from error


def parse_change(data: object) -> Change:
    """Validate one change that came through the control endpoint. Raises ScenarioError."""
    try:
        return Change.model_validate(data)
    except ValidationError as error:
        raise ScenarioError(_problems("change", error)) from error


def _problems(name: str, error: ValidationError) -> tuple[str, ...]:
    return tuple(f"{name}: {problem}" for problem in _describe(error))


def _describe(error: ValidationError, prefix: tuple[str, ...] = ()) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        path = (*prefix, *map(str, problem["loc"]))
        cause = problem.get("ctx", {}).get("error")
        if isinstance(cause, ValidationError):  # of a validator that has validated something else
            yield from _describe(cause, path)
            continue
        match problem["type"]:
            case "extra_forbidden":
                message = "there is no such key"
            case "string_type":
                message = f"must be text: write {str(problem['input'])!r} in quotes"
            case _:
                message = config_words.describe(problem)
        yield f"{'.'.join(path)}: {message}" if path else message
