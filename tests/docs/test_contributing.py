from __future__ import annotations

import re
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
PATH = re.compile(r"`([\w.*-]+(?:/[\w.*-]*)+|[\w-]+\.(?:md|toml|txt|py))`")


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "CHANGELOG.md", "systemd/README.md"])
def test_a_page_names_only_files_that_exist(page):
    named = PATH.findall((REPO / page).read_text())
    assert [path for path in named if not (REPO / path).exists()] == []


def test_every_target_that_contributing_names_is_in_the_makefile():
    targets = re.findall(r"make (\w+)", (REPO / "CONTRIBUTING.md").read_text())
    makefile = (REPO / "Makefile").read_text()
    assert {"test", "check", "demo"} <= set(targets)
    assert [one for one in targets if not re.search(rf"^{one}:", makefile, re.MULTILINE)] == []
