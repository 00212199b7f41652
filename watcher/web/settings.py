"""The settings of `[web]`: where the board, the API, health and metrics are served."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, SecretStr

from watcher.config_types import Duration, Section

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Web(Section):
    """Read-only HTTP; loopback by default."""

    listen: str = Field(
        "127.0.0.1:9464",
        pattern=r"^(\[[0-9a-fA-F:]+\]|[^:\[\]]+):\d{1,5}$|^$",
        description="HOST:PORT; empty: not served",
    )
    token: SecretStr = Field(
        SecretStr(""), description="What readers present; required when it listens beyond loopback"
    )

    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s<>|?#]+[^\s<>|?#/])?$",
        description="The board's address for people, which Slack, documents and the packet link to",
    )
    availability_every: Duration = Field(
        timedelta(hours=1),
        description="How often this month's availability is measured for /metrics; 0: never",
    )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)
