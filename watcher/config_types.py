"""The field types that settings and rules share: durations, addresses, zones, strict sections."""

from __future__ import annotations

import difflib
import zoneinfo
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import timedelta
from functools import cache
from typing import Annotated, Any, Self, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from yarl import URL

from watcher import model
from watcher.config_words import shown


def _parse_duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return model.parse_duration(value)
    raise ValueError(
        f"{shown(value)} is not a duration: write it with its unit, as in 15s, 5m, 4h, 30d"
    )


def _check_span(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than 0")
    return value


def _check_address(value: str) -> str:
    try:
        address = URL(value)
    except ValueError:
        address = URL()
    if address.scheme not in {"http", "https"} or not address.host:
        raise ValueError("not an HTTP or HTTPS address")  # it may hold a secret
    if address.user or address.password:
        raise ValueError("an address must not carry a user or password; use the account's settings")
    return value.rstrip("/")


@cache
def _zones() -> frozenset[str]:
    """Return the names of all time zones; it takes reading many files."""
    return frozenset(zoneinfo.available_timezones())


def zone_problem(value: str) -> str:
    """Return what is wrong with the name of a time zone; empty: nothing."""
    zones = _zones()
    if value in zones:
        return ""
    cities = {zone.rpartition("/")[2].casefold(): zone for zone in sorted(zones)}
    city = value.strip().replace(" ", "_").rpartition("/")[2].casefold()
    near = difflib.get_close_matches(city, cities, n=1, cutoff=0.75)
    hint = (
        f"did you mean {cities[near[0]]}?" if near else "expected one such as Europe/Paris or UTC"
    )
    return f"there is no time zone {value!r}; {hint}"


def _check_zone(value: str) -> str:
    if problem := zone_problem(value):
        raise ValueError(problem)
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(_parse_duration),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|[dhms]))+$|^0$"}),
]
Span = Annotated[Duration, AfterValidator(_check_span)]
Address = Annotated[str, AfterValidator(_check_address)]
Zone = Annotated[str, AfterValidator(_check_zone)]


class Section(BaseModel):
    """A part of config or rules: unknown keys are errors, values do not change after loading.

    Errors do not show the input, which may be a secret.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        defer_build=True,  # most are parts of others, which build them once more
    )

    @model_validator(mode="wrap")
    @classmethod
    def _keep_what_is_valid(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Within `lenient`, make a section that is not valid of its valid keys."""
        try:
            return handler(value)
        except ValidationError:
            compare = _LENIENT.get()
            if compare is None or not isinstance(value, Mapping):
                raise
            return _valid_part(cls, value, compare=compare)


_S = TypeVar("_S", bound=Section)
_LENIENT: ContextVar[bool | None] = ContextVar("lenient", default=None)


@contextmanager
def lenient(*, compare: bool) -> Iterator[None]:
    """Within the context a section needs no key, so that what compares sections can be looked at.

    `compare`: what compares valid keys of such a section is still an error of it.
    """
    before = _LENIENT.set(compare)
    try:
        yield
    finally:
        _LENIENT.reset(before)


def _valid_part(section: type[_S], given: Mapping[str, Any], *, compare: bool) -> _S:
    values: dict[str, Any] = {}
    invalid: list[str] = []
    for name, field in section.model_fields.items():
        if name not in given and not field.is_required():
            continue
        kind: Any = field.annotation
        if field.metadata:
            kind = Annotated[(kind, *field.metadata)]
        try:
            values[name] = TypeAdapter(kind).validate_python(given.get(name))
        except ValidationError:
            invalid.append(name)
    part = cast("_S", section.model_construct(**values))
    for name in invalid:
        part.__dict__.pop(name, None)
    validators = section.__pydantic_decorators__.model_validators.values() if compare else ()
    for validator in validators:
        if validator.info.mode == "after":
            with suppress(AttributeError):  # it compares what is not valid
                validator.func(part)
    for name in invalid:
        field = section.model_fields[name]
        part.__dict__[name] = "" if field.is_required() else field.get_default()
    return part
