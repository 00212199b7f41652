"""The settings of `[works]`: where notices of planned works come from, and what they do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from watcher.config_types import Duration, Section, Span, Zone

SOURCE = "works"  # the name of the source that looks for notices
MEGABYTE = 1_000_000


class Tls(Section):
    """What signs the certificate of a mail server; the path is relative to the config file."""

    ca_file: Path | None = Field(None, description="Authority that signed the server's certificate")


class Imap(Section):
    """A mailbox that carriers' notices arrive in; it is only read."""

    host: str = Field("", description="The mail server's host; empty: no mailbox is read")
    port: int = Field(993, ge=1, le=65535, description="The server's port, TLS from the first byte")
    username: str = Field("", description="Whose mailbox it is")
    password: SecretStr = Field(SecretStr(""), description="With username")
    mailbox: str = Field("INBOX", min_length=1, description="The folder that is read")
    tls: bool | Tls = Field(default=True, description="true: the system's authorities; or a table")
    since: Span = Field(timedelta(days=60), description="How old a mail may be that is read")

    @model_validator(mode="after")
    def _has_host(self) -> Self:
        if not self.host and self.username:
            raise ValueError("username is set, but host is empty")
        return self


class Works(Section):
    """Planned works that carriers announce."""

    directory: Path | None = Field(
        None, description="Folder that new files are read from; absent: none is watched"
    )
    imap: Imap = Imap()
    interval: Span = Field(
        timedelta(minutes=1), description="Time between two looks at directory and mailbox"
    )
    blind_after: Duration = Field(
        timedelta(minutes=15), description="How long looks must fail before it is an incident"
    )
    timeout: Span = Field(timedelta(seconds=30), description="For one answer of the mail server")
    max_bytes: int = Field(
        10 * MEGABYTE, ge=1_000, le=10 * MEGABYTE, description="Largest mail or file that is read"
    )
    zone: Zone = Field("UTC", description="Clocks of times that name no zone, and of announcements")
    parser_python: Path | None = Field(
        None, description="Python with circuit-maintenance-parser, for mails of other carriers"
    )
    grace: Duration = Field(
        timedelta(minutes=10),
        le=timedelta(hours=24),
        description="How long works may overrun before people are called",
    )
    receivers: tuple[str, ...] = Field(
        (), description="Receivers that are notified of works ahead; empty: all"
    )
    providers: dict[str, str] = Field(
        {}, description="Who else writes notices for a provider, as in 'zayo.com' = 'zayo'"
    )

    @property
    def fetches(self) -> bool:
        """Whether there is anything to look at, and so a source `works`."""
        return self.directory is not None or bool(self.imap.host)

    def resolved(self, folder: Path) -> Self:
        """Return them with paths made absolute, from the folder of the config file."""
        imap = self.imap
        if isinstance(imap.tls, Tls) and imap.tls.ca_file is not None:
            tls = imap.tls.model_copy(update={"ca_file": folder / imap.tls.ca_file})
            imap = imap.model_copy(update={"tls": tls})
        directory = self.directory and folder / self.directory
        python = self.parser_python and folder / self.parser_python
        return self.model_copy(
            update={"imap": imap, "directory": directory, "parser_python": python}
        )
