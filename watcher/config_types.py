"""The field types that settings and rules share: durations, HTTP addresses, strict sections."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from yarl import URL

from watcher import model


def _parse_duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return model.parse_duration(value)
    raise ValueError(f"{value!r} is not a duration: write it with its unit, as in 15s, 5m, 4h, 30d")


def _check_address(value: str) -> str:
    address = URL(value)
    if address.scheme not in {"http", "https"} or not address.host:
        raise ValueError(f"{value!r} is not an HTTP or HTTPS address")
    if address.user or address.password:
        raise ValueError("an address must not carry a user or password; use the account's settings")
    return value.rstrip("/")


Duration = Annotated[
    timedelta,
    BeforeValidator(_parse_duration),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|[dhms]))+$|^0$"}),
]
Address = Annotated[str, AfterValidator(_check_address)]


class Section(BaseModel):
    """A part of config or rules: unknown keys are errors, values do not change after loading.

    Errors do not show the input, which may be a secret.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
