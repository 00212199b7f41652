"""The private names of aiomqtt that decision 14 lists: those that we use, unchanged.

When a new aiomqtt fails here, read the hook that is named, adapt `Client` if it has to be, and
record the new fingerprint.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import textwrap
from pathlib import Path

import aiomqtt
import pytest

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
PAGE = ROOT / "docs" / "decisions" / "0014-a-subclass-of-aiomqtts-client.md"
CLIENT = ROOT / "watcher" / "receivers" / "mqtt" / "broker" / "client.py"
LISTED = set(re.findall(r"^\| `(_\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
FINGERPRINTS = {  # of aiomqtt 2.5.1
    "_on_connect": "0ed97ea76ed81c81",
    "_on_disconnect": "a09b52559f033a10",
    "_on_message": "fb29950cbe291402",
    "_on_publish": "1877cde5b233873f",
    "_on_socket_register_write": "704a005641e8fd4c",
    "_wait_for": "1bbfd9b4b9e830a1",
}


def fingerprint(name: str) -> str:
    """Digest what a method does, whatever its comments and its layout."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(getattr(aiomqtt.Client, name))))
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:16]


def set_in_the_constructor() -> set[str]:
    return set(re.findall(r"self\.(_\w+)", inspect.getsource(aiomqtt.Client.__init__)))


def private_names_of_aiomqtt() -> set[str]:
    return {name for name in vars(aiomqtt.Client) if re.match("_[a-z]", name)} | (
        set_in_the_constructor()
    )


def used() -> set[str]:
    """Collect aiomqtt's private names that our subclass defines or reads."""
    tree = ast.parse(CLIENT.read_text(encoding="utf-8"))
    [ours] = [
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Client"
    ]
    defined = {
        node.name for node in ours.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    read = {node.attr for node in ast.walk(ours) if isinstance(node, ast.Attribute)}
    return (defined | read) & private_names_of_aiomqtt()


def test_the_page_lists_the_private_names_that_we_use():
    assert used() == LISTED


@pytest.mark.parametrize("name", sorted(FINGERPRINTS))
def test_a_hook_is_the_one_that_we_know(name):
    assert hasattr(aiomqtt.Client, name), f"aiomqtt has dropped {name}"
    assert fingerprint(name) == FINGERPRINTS[name], f"aiomqtt has changed {name}"


def test_each_method_that_we_override_has_a_fingerprint():
    methods = {name for name in LISTED if callable(getattr(aiomqtt.Client, name, None))}
    assert methods == set(FINGERPRINTS)
