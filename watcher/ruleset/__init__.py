"""Rules and inventory: YAML -> checked, compiled rules; all faults at once."""

from watcher.ruleset.load import describe, load

__all__ = ["describe", "load"]
