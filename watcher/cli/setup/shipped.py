"""Where the files that come with Watcher are: examples, rules and their tests, the systemd unit.

A wheel carries them in watcher/share; in a clone they are at the top of the tree.
"""

from __future__ import annotations

from pathlib import Path

import watcher

_PACKAGE = Path(watcher.__file__).parent


def folder() -> Path:
    """Return the folder of the files that come with Watcher."""
    share = _PACKAGE / "share"
    return share if share.is_dir() else _PACKAGE.parent
