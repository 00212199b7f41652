"""What every document has: it can be written as JSON, with times in one form."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from watcher import model

Timestamp = Annotated[
    str,
    msgspec.Meta(
        description="RFC 3339, UTC, milliseconds", extra_json_schema={"format": "date-time"}
    ),
]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What every document has: it can be written as JSON."""

    def encode(self) -> bytes:
        """Return it as JSON in UTF-8; characters that are not valid Unicode are replaced."""
        try:
            return msgspec.json.encode(self)
        except UnicodeEncodeError:
            return msgspec.json.encode(_without_surrogates(msgspec.to_builtins(self)))


def timestamp_or_none(at: datetime | None) -> str | None:
    """Return a time as documents write it; None where there is none."""
    return model.format_timestamp(at) if at else None


def _without_surrogates(value: Any) -> Any:
    """Replace lone surrogates, which JSON cannot contain."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list():
            return [_without_surrogates(item) for item in value]
        case dict():
            return {
                _without_surrogates(key): _without_surrogates(item) for key, item in value.items()
            }
        case _:
            return value
