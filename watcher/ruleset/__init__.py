"""Rules and inventory: YAML -> checked, compiled rules; all faults at once."""

from watcher.ruleset.load import load

__all__ = ["load"]
