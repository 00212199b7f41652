"""Unit tests start no process, so that `make quick` stays quick."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_process() -> Iterator[None]:
    """Fail a test that starts one; asyncio starts its processes with `Popen` as well."""

    def refuse(self, *arguments, **options):
        pytest.fail("a unit test starts no process: see docs/decisions/0016")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "__init__", refuse)
        yield
