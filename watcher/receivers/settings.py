"""The settings of `[receivers.NAME]`, `[slack]` and `[mqtt]`: where incidents are delivered."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from watcher.config_types import Address, Duration, Section


class _Receiver(Section):
    """What every receiver has."""

    fallback: str = Field("", description="Receiver that is notified in its place; empty: none")
    fallback_after: Duration = Field(
        timedelta(minutes=5),
        description="How long this one must have been failing before the others are notified",
    )


class SlackReceiver(_Receiver):
    """One Slack channel."""

    kind: Literal["slack"]
    channel: str = Field(
        pattern=r"^[CGD][A-Z0-9]{6,}$",
        description="The channel's id, not its name: C0123456789",
    )
    mention: str = Field(
        "<!here>",
        description="Who is mentioned for a critical incident, or oncall: ROTA; empty: nobody",
    )
    template: Path | None = Field(
        None, description="A file with the team's own text of the message; absent: the built-in one"
    )


class MqttReceiver(_Receiver):
    """The broker of [mqtt]."""

    kind: Literal["mqtt"]


_KEY_BYTES = (24, 64)  # of a key of Standard Webhooks


class WebhookReceiver(_Receiver):
    """An address that takes incident documents."""

    kind: Literal["webhook"]
    url: Address = Field(description="Where incident documents are posted")
    secret: SecretStr = Field(
        SecretStr(""),
        description="Signs each post (HMAC-SHA256): any text, or whsec_ and standard base64; "
        "empty: posts are not signed",
    )

    @field_validator("secret")
    @classmethod
    def _is_base64(cls, secret: SecretStr) -> SecretStr:
        """Refuse a key that readers decode differently, or to nothing."""
        scheme, _, encoded = secret.get_secret_value().partition("_")
        if scheme != "whsec" or not encoded:
            return secret
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            raise ValueError(
                "what follows whsec_ is not standard base64 (A-Z a-z 0-9 + / =)"
            ) from None
        if not _KEY_BYTES[0] <= len(key) <= _KEY_BYTES[1]:
            raise ValueError(
                f"what follows whsec_ must be 24 to 64 bytes in base64, not {len(key)}"
            )
        return secret


Receiver = Annotated[SlackReceiver | MqttReceiver | WebhookReceiver, Field(discriminator="kind")]


class Slack(Section):
    """The Slack app that posts."""

    bot_token: SecretStr = Field(SecretStr(""), description="xoxb-..., the app's bot token")
    app_token: SecretStr = Field(
        SecretStr(""), description="xapp-..., for Socket Mode; empty: buttons are left out"
    )
    api_url: Address = Field("https://slack.com/api", description="Slack's Web API")
    allowed_users: tuple[str, ...] = Field(
        (),
        description="Member ids who may press buttons; empty: everybody in the channel",
    )


class Tls(Section):
    """Certificates for the broker's TLS port; each path is relative to the config file."""

    ca_file: Path | None = Field(None, description="Authority that signed the broker's certificate")
    cert_file: Path | None = Field(None, description="Client certificate, with key_file")
    key_file: Path | None = Field(None, description="Private key of cert_file")


class Mqtt(Section):
    """The broker that programs subscribe to."""

    host: str = Field("localhost", description="The broker's host")
    port: int = Field(1883, ge=1, le=65535, description="The broker's port")
    protocol: Literal["5", "3.1.1"] = Field("5", description="MQTT version to speak")
    topic_prefix: str = Field(
        "watcher",
        pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$",
        description="Before every topic",
    )
    client_id: str = Field("", description="Unique on the broker; empty: watcher-INSTANCE")
    username: str = Field("", description="Empty: none")
    password: SecretStr = Field(SecretStr(""), description="With username")
    tls: bool | Tls = Field(default=False, description="true: the system's authorities; or a table")
    max_report_bytes: int = Field(
        0, ge=0, description="Largest PDF that is published; 0: whatever the broker accepts"
    )
    discovery: bool = Field(
        default=False, description="Whether Home Assistant finds its devices by itself"
    )
    discovery_prefix: str = Field(
        "homeassistant",
        pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$",
        description="Home Assistant's discovery prefix",
    )
    commands: bool = Field(
        default=False,
        description="Whether clients that may publish to PREFIX/commands/# can send commands",
    )
    commands_token: SecretStr = Field(
        SecretStr(""), description="What each command has to have as `token`; empty: nothing"
    )
