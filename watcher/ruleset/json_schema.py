"""The JSON Schema of rule files, for editors.

Law: what `watcher check` accepts fits the schema. It cannot know names (sources, fields, receivers)
nor what an expression holds; those are for `watcher check`.
"""

from __future__ import annotations

from typing import Any

from watcher.ruleset import schema

CONDITIONS = ("transition", "threshold", "expression", "no_data", "blind")
_ADDRESS = "https://json-schema.org/draft/2020-12/schema"


def rules() -> dict[str, Any]:
    """Give the schema of one file of rules."""
    file = schema.RuleFile.model_json_schema()
    rule = schema.Rule.model_json_schema()
    parts = {**file.pop("$defs", {}), **rule.pop("$defs", {}), "Rule": rule}
    rule["oneOf"] = [{"required": [name]} for name in CONDITIONS]
    parts["Threshold"]["oneOf"] = [{"required": ["above"]}, {"required": ["below"]}]
    file["properties"]["rules"] = {
        "type": "array",
        "items": {"$ref": "#/$defs/Rule"},
        "description": "What to watch for, and what to do about it",
    }
    whole = {"$schema": _ADDRESS, **file, "title": "Watcher rules", "$defs": parts}
    _loosen(whole)
    return whole


def _loosen(node: Any) -> None:
    """Let a list of words be written as one word, as the files may; and null is not a value."""
    if isinstance(node, list):
        for part in node:
            _loosen(part)
        return
    if not isinstance(node, dict):
        return
    for part in list(node.values()):
        _loosen(part)
    choices = node.get("anyOf", [])
    if {"type": "null"} in choices:
        rest = [choice for choice in choices if choice != {"type": "null"}]
        del node["anyOf"]
        node.pop("default", None)
        node.update(rest[0] if len(rest) == 1 else {"anyOf": rest})
    if str(node.get("default", "")).startswith("PT"):
        del node["default"]  # a span that is not as people write it
    items = node.get("items", {})
    if node.get("type") == "array" and (
        items.get("type") == "string" or items.get("$ref", "").endswith("/Phase")
    ):
        fewest = node.pop("minLength", 0)
        del node["type"], node["items"]
        node.pop("default", None)
        node["anyOf"] = [items, {"type": "array", "items": items, "minItems": fewest}]
