"""The files that CONTRIBUTING names exist."""

from __future__ import annotations

import re
from pathlib import Path

REPO = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())


def test_every_target_that_contributing_names_is_in_the_makefile():
    targets = re.findall(r"make (\w+)", (REPO / "CONTRIBUTING.md").read_text())
    makefile = (REPO / "Makefile").read_text()
    assert {"test", "check", "demo"} <= set(targets)
    assert [
        target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)
    ] == []
