"""Rules and inventory: YAML files become checked, compiled rules, or a list of all problems."""

from watcher.ruleset.load import describe_changes, load

__all__ = ["describe_changes", "load"]
