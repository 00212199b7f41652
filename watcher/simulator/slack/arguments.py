"""What a caller of Slack's Web API sends: arguments in a query, a form or JSON, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from watcher.simulator.slack import limits
from watcher.simulator.slack.workspace import Message

_LONGEST_TEXT = 40_000
Arguments = Mapping[str, Any]


class SlackError(Exception):
    """Slack answers 200 with `ok: false`; the first argument is its `error`."""

    def __init__(
        self,
        error: str,
        messages: list[str] | None = None,
        wait: int = 0,
        errors: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(error)
        self.error = error
        self.messages = messages or []
        self.errors = errors or []
        self.wait = wait


async def parse_arguments(request: web.Request) -> Arguments:
    """Return the arguments of the query, then those of the body, be it JSON or a form."""
    arguments: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = await request.json()
        except json.JSONDecodeError:
            return arguments
        return arguments | body if isinstance(body, dict) else arguments
    return arguments | dict(await request.post())


def parse_argument(arguments: Arguments, key: str) -> Any:
    """Return a structured argument, which a form or a query carries as JSON text."""
    value = arguments.get(key)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        raise SlackError("invalid_arguments", [f"{key} is not JSON"]) from None


def parse_content(arguments: Arguments) -> Message:
    """Return the content of a message, checked against Slack's limits."""
    content: Message = {}
    if "text" in arguments:
        content["text"] = str(arguments["text"])[:_LONGEST_TEXT]
    for key in ("blocks", "attachments"):
        value = parse_argument(arguments, key)
        if value is None:
            continue
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise SlackError(f"invalid_{key}", [f"[ERROR] must be a list of objects: {key}"])
        content[key] = value
    blocks_in_all = list(content.get("blocks", []))
    problems = list(limits.problems_in(content.get("blocks", [])))
    for number, attachment in enumerate(content.get("attachments", [])):
        blocks = attachment.get("blocks", [])
        blocks_in_all += blocks
        problems += limits.problems_in(blocks, f"/attachments/{number}/blocks")
    if problems:
        raise SlackError("invalid_blocks", [f"[ERROR] {problem}" for problem in problems])
    if len(blocks_in_all) > limits.MOST_BLOCKS or limits.too_much(blocks_in_all):
        raise SlackError("msg_blocks_too_long")
    metadata = parse_argument(arguments, "metadata")
    if metadata is not None:
        content["metadata"] = _metadata(metadata)
    return content


def _metadata(metadata: Any) -> Any:
    if metadata == {}:
        return None
    has_payload = isinstance(metadata, dict) and isinstance(metadata.get("event_payload"), dict)
    if not has_payload or not isinstance(metadata.get("event_type"), str):
        raise SlackError("invalid_metadata_format")
    return metadata
