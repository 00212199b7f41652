"""What Slack refuses in a message: Block Kit's limits.

Source: docs.slack.dev, Block Kit reference and chat.postMessage; the limit on a message's blocks
taken together is not documented, but seen near 13,000 characters (slackapi/bolt-js issue 2509).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

MOST_BLOCKS = 50
MOST_IN_A_VIEW = 100
MOST_CHARACTERS = 13_000
_TYPES = {
    "section", "header", "context", "divider", "actions", "image", "rich_text", "markdown", "video",
}  # fmt: skip
_FIELDS = {"plain_text_input", "url_text_input", "static_select", "datetimepicker"}


def problems_in(
    blocks: Any,
    pointer: str = "/blocks",
    *,
    most: int = MOST_BLOCKS,
    types: Collection[str] = frozenset(_TYPES),
) -> Iterator[str]:
    """Yield every problem in a list of blocks, in the words of Slack's `response_metadata`."""
    if not isinstance(blocks, list):
        yield f"must be an array [json-pointer:{pointer}]"
        return
    if len(blocks) > most:
        yield f"no more than {most} items allowed [json-pointer:{pointer}]"
    ids = [block.get("block_id") for block in blocks if isinstance(block, dict)]
    for number, block in enumerate(blocks):
        here = f"{pointer}/{number}"
        if not isinstance(block, dict) or block.get("type") not in types:
            yield f"unsupported type [json-pointer:{here}/type]"
            continue
        name = block.get("block_id")
        if name is not None and ids.count(name) > 1:
            yield f"block_id must be unique [json-pointer:{here}/block_id]"
        yield from _too_long(name, 255, f"{here}/block_id")
        yield from _input(block, here) if block["type"] == "input" else _block(block, here)


def view_problems(view: Any) -> Iterator[str]:
    """Yield every problem in a modal."""
    if not isinstance(view, dict) or view.get("type") != "modal":
        yield "must be a modal [json-pointer:/view/type]"
        return
    for key in ("title", "submit", "close"):
        if key == "title" or key in view:
            if _kind(view.get(key)) != "plain_text":
                yield f"must be plain_text [json-pointer:/view/{key}/type]"
            yield from _text(view.get(key), 24, f"/view/{key}")
    yield from _too_long(view.get("private_metadata"), 3000, "/view/private_metadata")
    yield from _too_long(view.get("callback_id"), 255, "/view/callback_id")
    blocks = view.get("blocks")
    yield from problems_in(blocks, "/view/blocks", most=MOST_IN_A_VIEW, types=_TYPES | {"input"})
    inputs = [block for block in blocks or () if _kind(block) == "input"]
    if inputs and "submit" not in view:
        yield "a submit is required with input blocks [json-pointer:/view/submit]"


def too_much(blocks: Any) -> bool:
    """Return whether the text of all blocks together is more than Slack accepts."""
    return sum(len(text) for text in _texts(blocks)) > MOST_CHARACTERS


def _block(block: dict[str, Any], here: str) -> Iterator[str]:
    match block["type"]:
        case "section":
            yield from _section(block, here)
        case "header":
            if _kind(block.get("text")) != "plain_text":
                yield f"must be plain_text [json-pointer:{here}/text/type]"
            yield from _text(block.get("text"), 150, f"{here}/text")
        case "context":
            elements = block.get("elements")
            yield from _count(elements, 10, f"{here}/elements")
            for number, element in enumerate(elements or ()):
                if _kind(element) != "image":
                    yield from _text(element, 3000, f"{here}/elements/{number}")
        case "actions":
            yield from _actions(block.get("elements"), here)
        case "image":
            yield from _picture(block, here)
        case "markdown":
            yield from _too_long(block.get("text"), 12_000, f"{here}/text")


def _section(block: dict[str, Any], here: str) -> Iterator[str]:
    text, fields = block.get("text"), block.get("fields")
    if text is None and fields is None:
        yield f"missing required field: text [json-pointer:{here}]"
    if text is not None:
        yield from _text(text, 3000, f"{here}/text")
    if fields is not None:
        yield from _count(fields, 10, f"{here}/fields")
        for number, field in enumerate(fields or ()):
            yield from _text(field, 2000, f"{here}/fields/{number}")
    accessory = block.get("accessory")
    if isinstance(accessory, dict) and _kind(accessory) == "button":
        yield from _button(accessory, f"{here}/accessory")


def _actions(elements: Any, here: str) -> Iterator[str]:
    yield from _count(elements, 25, f"{here}/elements")
    ids = [element.get("action_id") for element in elements or () if isinstance(element, dict)]
    for number, element in enumerate(elements or ()):
        place = f"{here}/elements/{number}"
        if _kind(element) == "button":
            yield from _button(element, place)
        if _kind(element) == "overflow":
            yield from _options(element.get("options"), 5, f"{place}/options")
        if isinstance(element, dict) and element.get("action_id"):
            if ids.count(element["action_id"]) > 1:
                yield f"action_id must be unique [json-pointer:{place}/action_id]"
            yield from _too_long(element["action_id"], 255, f"{place}/action_id")


def _button(button: dict[str, Any], here: str) -> Iterator[str]:
    if _kind(button.get("text")) != "plain_text":
        yield f"must be plain_text [json-pointer:{here}/text/type]"
    yield from _text(button.get("text"), 75, f"{here}/text")
    yield from _too_long(button.get("value"), 2000, f"{here}/value")
    yield from _too_long(button.get("url"), 3000, f"{here}/url")
    if button.get("style") not in {None, "primary", "danger"}:
        yield f"must be primary or danger [json-pointer:{here}/style]"


def _options(options: Any, most: int, here: str) -> Iterator[str]:
    yield from _count(options, most, here)
    for number, option in enumerate(options or ()):
        yield from _text(option.get("text"), 75, f"{here}/{number}/text")
        yield from _too_long(option.get("value"), 150, f"{here}/{number}/value")
        if not option.get("value"):
            yield f"must be more than 0 characters [json-pointer:{here}/{number}/value]"


def _input(block: dict[str, Any], here: str) -> Iterator[str]:
    element = block.get("element")
    yield from _text(block.get("label"), 2000, f"{here}/label")
    if block.get("hint") is not None:
        yield from _text(block["hint"], 2000, f"{here}/hint")
    if not isinstance(element, dict) or element.get("type") not in _FIELDS:
        yield f"unsupported element [json-pointer:{here}/element/type]"
    elif element["type"] == "static_select":
        yield from _options(element.get("options"), 100, f"{here}/element/options")
        if element.get("initial_option", None) not in (None, *(element.get("options") or ())):
            yield f"must be one of the options [json-pointer:{here}/element/initial_option]"
    elif element["type"] == "url_text_input":
        yield from _too_long(element.get("initial_value"), 3000, f"{here}/element/initial_value")
    elif element["type"] == "plain_text_input":
        yield from _too_long(element.get("initial_value"), 3000, f"{here}/element/initial_value")
        if not 0 < element.get("max_length", 3000) <= 3000:
            yield f"must be from 1 to 3000 [json-pointer:{here}/element/max_length]"


def _picture(block: dict[str, Any], here: str) -> Iterator[str]:
    if not block.get("image_url") and not block.get("slack_file"):
        yield f"missing required field: image_url [json-pointer:{here}]"
    if not block.get("alt_text"):
        yield f"missing required field: alt_text [json-pointer:{here}]"
    yield from _too_long(block.get("alt_text"), 2000, f"{here}/alt_text")


def _kind(thing: Any) -> Any:
    return thing.get("type") if isinstance(thing, dict) else None


def _text(thing: Any, most: int, here: str) -> Iterator[str]:
    if _kind(thing) not in {"mrkdwn", "plain_text"}:
        yield f"must be a text object [json-pointer:{here}]"
    elif not thing.get("text"):
        yield f"must be more than 0 characters [json-pointer:{here}/text]"
    else:
        yield from _too_long(thing["text"], most, f"{here}/text")


def _too_long(text: Any, most: int, here: str) -> Iterator[str]:
    if text is not None and not isinstance(text, str):
        yield f"must be a string [json-pointer:{here}]"
    elif text is not None and len(text) > most:
        yield f"must be less than {most + 1} characters [json-pointer:{here}]"


def _count(things: Any, most: int, here: str) -> Iterator[str]:
    if not isinstance(things, list) or not things:
        yield f"no less than 1 items allowed [json-pointer:{here}]"
    elif len(things) > most:
        yield f"no more than {most} items allowed [json-pointer:{here}]"


def _texts(thing: Any) -> Iterator[str]:
    if isinstance(thing, list):
        for item in thing:
            yield from _texts(item)
    elif isinstance(thing, dict):
        for key, value in thing.items():
            if key == "text" and isinstance(value, str):
                yield value
            else:
                yield from _texts(value)
