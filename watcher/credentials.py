"""Secrets as files: which of them belong to a section, and which are left of one that is gone."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic_settings import NestedSecretsSettingsSource, PydanticBaseSettingsSource

ENV_PREFIX = "WATCHER_"
TABLES_OF_KINDS = {"accounts", "sources", "receivers"}  # [TABLE.NAME] with a `kind`


class Credentials(NestedSecretsSettingsSource):
    """The files of the credentials directory, without those of sections that are gone.

    A secret alone makes no account and no receiver: without the rest of its section it would be
    reported as a fault of the file, and the daemon would not start.
    """

    def __init__(
        self, files: PydanticBaseSettingsSource, of_file: PydanticBaseSettingsSource
    ) -> None:
        super().__init__(files)
        self._of_file = of_file

    def __call__(self) -> dict[str, Any]:
        """Return the values by section."""
        values = super().__call__()
        for key in list(_gone(values, self._of_file(), os.environ)):
            table, name = key.split(".", 1)
            del values[table][name]
        return values


def _gone(
    credentials: Mapping[str, Any], table: Mapping[str, Any], environ: Mapping[str, str]
) -> Iterator[str]:
    """Yield `TABLE.NAME` for each section of which nothing but a credential is left."""
    variables = {variable.lower() for variable in environ}
    for section in sorted(TABLES_OF_KINDS):
        configured = table.get(section)
        names = {str(name).lower() for name in configured} if isinstance(configured, dict) else ()
        inside = credentials.get(section)
        for name in inside if isinstance(inside, dict) else ():
            kind = f"{ENV_PREFIX}{section}__{name}__kind".lower()
            if str(name).lower() not in names and kind not in variables:
                yield f"{section}.{name}"


def origin(key: str) -> str | None:
    """Return what sets SECTION.KEY in place of the file: a variable or a credential."""
    wanted = f"{ENV_PREFIX}{key.replace('.', '__')}".lower()
    for variable in os.environ:
        if variable.lower() == wanted:
            return f"environment: {variable}"
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return f"credentials: {wanted}" if folder and Path(folder, wanted).is_file() else None


def unused(table: Mapping[str, Any], sections: Collection[str]) -> list[str]:
    """Return one line for each credential of a section that is not configured (any more)."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder or not Path(folder).is_dir():
        return []
    lines = []
    for file in sorted(Path(folder).glob(f"{ENV_PREFIX}*".lower())):
        section, *rest = file.name.removeprefix(ENV_PREFIX.lower()).split("__")
        if section not in sections:
            lines.append(f"credentials: {file.name}: there is no section [{section}]: ignored")
        elif len(rest) > 1:
            values: dict[str, Any] = {section: {rest[0]: {}}}
            lines += [
                f"credentials: {file.name}: there is no [{key}]: ignored; delete the file"
                for key in _gone(values, table, os.environ)
            ]
    return lines
