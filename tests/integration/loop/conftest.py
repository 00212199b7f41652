"""How the daemon collects garbage, for what is measured in this process."""

from __future__ import annotations

import gc

import pytest

from watcher.cli import common


@pytest.fixture
def as_in_the_daemon():
    """Collect garbage as `watcher run` does."""
    before = gc.get_threshold()
    common.collect_briefly()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()  # what the daemon keeps until it ends
