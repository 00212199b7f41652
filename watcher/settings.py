"""config.toml, the environment and the credentials directory become one checked `Settings`.

It is composed of the settings classes of the packages that use them. Secrets are SecretStr and stay
so. Every problem is reported with file, line and key, all of them at once.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)
from yarl import URL

from watcher import credentials, model, settings_problems, syntax_words, system_words
from watcher.config_types import Section
from watcher.operations.control_client import DEFAULT_PATH
from watcher.operations.settings import Drill, Packet, Silences, Ticket
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt import topics
from watcher.settings_problems import line_of
from watcher.store import settings as store_settings
from watcher.vendors import catalog
from watcher.vendors import settings as vendor_settings
from watcher.vendors.diagnostics.settings import Diagnostics
from watcher.vendors.preorder.settings import Preorder
from watcher.web import settings as web_settings
from watcher.works import settings as works_settings

__all__ = ["Settings", "as_json_schema", "line_of", "load", "store_url", "unused_credentials"]


class Control(Section):
    """The unix socket behind the command line; its file permissions are the authorisation."""

    socket: Path = Field(DEFAULT_PATH, description="Path of the socket")
    group: str = Field("", description="Group whose members may use it as themselves")


class Heartbeat(Section):
    """A dead man's switch elsewhere that expects a request while Watcher makes progress."""

    url: SecretStr = Field(
        SecretStr(""), description="Address to request while Watcher makes progress; empty: none"
    )

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: SecretStr) -> SecretStr:
        """Refuse what could never be requested; the address itself is not shown."""
        text = url.get_secret_value()
        try:
            address = URL(text)
        except ValueError:
            address = URL()
        if text and (address.scheme not in {"http", "https"} or not address.host):
            raise ValueError("not an HTTP or HTTPS address")
        return url


class Settings(BaseSettings):
    """Everything that can be configured. Paths are absolute once loaded."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_prefix=credentials.ENV_PREFIX,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
        secrets_nested_delimiter="__",
        secrets_dir_missing="ok",
    )

    instance: str = Field(
        default_factory=lambda: socket.gethostname().partition(".")[0],
        pattern=r"^[A-Za-z0-9_-]+$",
        description="This daemon's name; default: the host's name",
    )
    rules: tuple[str, ...] = Field(("rules/*.yaml",), description="Rule files, as glob patterns")
    inventory: Path | None = Field(
        None, description="File with what the team knows of the subjects"
    )
    store: store_settings.Store = store_settings.Store()
    accounts: dict[str, vendor_settings.Account] = {}
    sources: dict[str, catalog.Source] = {}
    diagnostics: Diagnostics | None = None
    preorder: Preorder | None = None
    receivers: dict[str, receiver_settings.Receiver] = {}
    slack: receiver_settings.Slack = receiver_settings.Slack()
    mqtt: receiver_settings.Mqtt = receiver_settings.Mqtt()
    web: web_settings.Web = web_settings.Web()
    control: Control = Control()
    silences: Silences = Silences()
    ticket: Ticket = Ticket()
    drill: Drill = Drill()
    packet: Packet = Packet()
    works: works_settings.Works = works_settings.Works()
    heartbeat: Heartbeat = Heartbeat()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before credentials before the file, which `load` passes as arguments."""
        del settings_cls, dotenv_settings
        return (
            env_settings,
            credentials.Credentials(file_secret_settings, init_settings),
            init_settings,
        )

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        problems = list(_broken_references(self))
        if problems:
            raise ValueError("\n".join(problems))
        return self


def _broken_references(settings: Settings) -> Iterator[str]:
    """Yield `key: what is wrong` for each name that a section uses and no section defines."""
    yield from _shared_topics(settings)
    for key, name in _account_references(settings):
        if name and name not in settings.accounts:
            yield f"{key}: there is no [accounts.{name}]"
    yield from _broken_fallbacks(settings)
    yield from _broken_works(settings)
    kinds = {receiver.kind for receiver in settings.receivers.values()}
    if settings.mqtt.discovery and "mqtt" not in kinds:
        yield "mqtt.discovery: there is no receiver of kind mqtt"
    if "slack" in kinds and not settings.slack.bot_token.get_secret_value():
        yield "slack.bot_token: is empty, but a receiver posts to Slack"
    if settings.web.listen:
        host, port = settings.web.address
        if port > 65_535:
            yield f"web.listen: {port} is not a valid port"
        if host not in web_settings.LOOPBACK and not settings.web.token.get_secret_value():
            yield f"web.token: is empty, but web.listen is {host}, which others can reach"


def _broken_fallbacks(settings: Settings) -> Iterator[str]:
    fallbacks = {name: receiver.fallback for name, receiver in settings.receivers.items()}
    for name, fallback in fallbacks.items():
        key = f"receivers.{name}.fallback"
        if fallback and fallback not in fallbacks:
            yield f"{key}: there is no [receivers.{fallback}]"
            continue
        if fallback == name:
            yield f"{key}: is {name} itself; name another receiver"
            continue
        chain = [name]
        while fallback and fallback not in chain:
            chain.append(fallback)
            fallback = fallbacks.get(fallback, "")  # noqa: PLW2901  # it is followed
        if fallback == name == min(chain):  # report each circle once
            yield f"{key}: is circular: {' -> '.join((*chain, name))}"


def _broken_works(settings: Settings) -> Iterator[str]:
    if settings.works.fetches and works_settings.SOURCE in settings.sources:
        yield f"sources.{works_settings.SOURCE}: [works] is a source of this name; rename this one"
    for name in settings.works.receivers:
        if name not in settings.receivers:
            yield f"works.receivers: there is no [receivers.{name}]"


def _shared_topics(settings: Settings) -> Iterator[str]:
    """Yield the sources whose health would be published on one MQTT topic."""
    kinds = {receiver.kind for receiver in settings.receivers.values()}
    if "mqtt" not in kinds and not settings.mqtt.commands:
        return
    by_topic: dict[str, str] = {}
    works = (works_settings.SOURCE,) if settings.works.fetches else ()
    for name in (*works, *settings.sources):
        topic = topics.source(settings.mqtt.topic_prefix, name)
        other = by_topic.setdefault(topic, name)
        if other != name:
            yield f"sources.{name}: would share the MQTT topic {topic} with {other}; rename one"


def _account_references(settings: Settings) -> Iterator[tuple[str, str]]:
    for name, source in settings.sources.items():
        yield f"sources.{name}.account", source.account
    if settings.diagnostics:
        yield "diagnostics.account", settings.diagnostics.account
    if settings.preorder:
        yield "preorder.account", settings.preorder.account


def load(path: Path) -> Settings:
    """Return the settings of `path`, the environment and `$CREDENTIALS_DIRECTORY`.

    Raises model.InvalidConfigError with one line for each problem.
    """
    text, table = _read_table(path)
    problems = tuple(_unknown_variables(os.environ))
    try:
        settings = _build(table)
    except ValidationError as error:
        file = settings_problems.File(path=path, text=text, table=table)
        problems += tuple(settings_problems.lines(file, error, _build, Settings))
        raise model.InvalidConfigError(problems) from None
    except SettingsError as error:
        raise model.InvalidConfigError((_unreadable(error),)) from None
    except UnicodeDecodeError:
        raise model.InvalidConfigError(
            ("credentials: a file in $CREDENTIALS_DIRECTORY is not UTF-8 text",)
        ) from None
    if problems:
        raise model.InvalidConfigError(problems)
    return _resolved(settings, path.resolve().parent)


def _unreadable(error: SettingsError) -> str:
    """Return what is wrong with a variable that has to be JSON, as one of a list or a table has."""
    field = re.search(r'field "(\w+)"', str(error))
    variable = f"{credentials.ENV_PREFIX}{field[1]}".upper() if field else "a variable"
    return f'environment: {variable}: not valid JSON; a list is written as ["one", "two"]'


def _build(table: Mapping[str, Any]) -> Settings:
    return Settings(**table, _secrets_dir=os.environ.get("CREDENTIALS_DIRECTORY"))


def as_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a configuration, without what only pydantic and OpenAPI know."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    whole = {"$schema": dialect, **Settings.model_json_schema()}
    _make_strict(whole)
    return whole


def _make_strict(node: Any) -> None:
    for value in node.values() if isinstance(node, dict) else node:
        if isinstance(value, dict | list):
            _make_strict(value)
    if isinstance(node, dict):
        if node.get("format") == "path":
            del node["format"]
        if isinstance(node.get("discriminator"), dict):
            del node["discriminator"]


def unused_credentials(path: Path) -> list[str]:
    """Return one line for each credential of a section that is not configured (any more)."""
    _, table = _read_table(path)
    return credentials.unused(table, Settings.model_fields)


def store_url(path: Path) -> str:
    """Return [store] url of a config, without loading the settings, which need every secret.

    Raises model.InvalidConfigError.
    """
    _, table = _read_table(path)
    section = dict(table.get("store") or {})
    if variable := os.environ.get(f"{credentials.ENV_PREFIX}STORE__URL"):
        section["url"] = variable
    elif folder := os.environ.get("CREDENTIALS_DIRECTORY"):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            credential = Path(folder, f"{credentials.ENV_PREFIX}STORE__URL".lower())
            section["url"] = credential.read_text(encoding="utf-8").strip()
    try:
        url = store_settings.Store.model_validate(section).url
    except ValidationError as error:
        problems = settings_problems.described(error, store_settings.Store)
        raise model.InvalidConfigError(
            tuple(
                f"{credentials.origin(f'store.{key}') or f'{path}: store.{key}'}: {what}"
                for key, what in problems
            )
        ) from None
    return _absolute(url, path.resolve().parent)


def _absolute(url: str, directory: Path) -> str:
    """Return an address of a database, with a file's path made absolute."""
    if url.startswith("sqlite:///"):
        return f"sqlite:///{directory / url.removeprefix('sqlite:///')}"
    return url


def _read_table(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except FileNotFoundError:
        raise model.InvalidConfigError(
            (f"{path}: there is no such file; `watcher init` writes one",)
        ) from None
    except IsADirectoryError:
        raise model.InvalidConfigError((f"{path}: is a folder; name the file in it",)) from None
    except OSError as error:
        raise model.InvalidConfigError(
            (f"{path}: cannot be read: {system_words.of_error(error)}",)
        ) from None
    except UnicodeDecodeError:
        raise model.InvalidConfigError((f"{path}: is not UTF-8 text",)) from None
    except tomllib.TOMLDecodeError as error:
        place, what = syntax_words.of_toml(str(error))
        raise model.InvalidConfigError((f"{path}{place}: not valid TOML: {what}",)) from None


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield misspelt sections in the environment, which pydantic ignores without a word."""
    for variable in sorted(environ):
        section, delimiter, _ = variable.removeprefix(credentials.ENV_PREFIX).partition("__")
        if (
            variable.startswith(credentials.ENV_PREFIX)
            and delimiter
            and section.lower() not in Settings.model_fields
        ):
            yield f"environment: {variable}: there is no section [{section.lower()}]"


def _resolved(settings: Settings, directory: Path) -> Settings:
    """Return the settings with paths made absolute, from the directory of the config file."""
    url = _absolute(settings.store.url, directory)
    updates: dict[str, Any] = {
        "rules": tuple(str(directory / pattern) for pattern in settings.rules),
        "inventory": settings.inventory and directory / settings.inventory,
        "works": settings.works.resolved(directory),
        "store": settings.store.model_copy(update={"url": url}),
        "control": settings.control.model_copy(
            update={"socket": directory / settings.control.socket}
        ),
    }
    updates["receivers"] = {
        name: _with_absolute_template(receiver, directory)
        for name, receiver in settings.receivers.items()
    }
    if isinstance(settings.mqtt.tls, receiver_settings.Tls):
        files = {
            name: directory / file
            for name, file in settings.mqtt.tls.model_dump().items()
            if file is not None
        }
        tls = settings.mqtt.tls.model_copy(update=files)
        updates["mqtt"] = settings.mqtt.model_copy(update={"tls": tls})
    return settings.model_copy(update=updates)


def _with_absolute_template(
    receiver: receiver_settings.Receiver, directory: Path
) -> receiver_settings.Receiver:
    if not isinstance(receiver, receiver_settings.SlackReceiver) or receiver.template is None:
        return receiver
    return receiver.model_copy(update={"template": directory / receiver.template})
