"""Rules and inventory: YAML -> checked, compiled rules; all faults at once."""

from watcher.ruleset.changes import describe
from watcher.ruleset.load import load

__all__ = ["describe", "load"]
