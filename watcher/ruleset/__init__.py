"""Rules and inventory: YAML files become checked, compiled rules, or a list of all problems."""

from watcher.ruleset.load import describe_changes, load
from watcher.ruleset.sources import source_traits, works_policy, works_traits

__all__ = ["describe_changes", "load", "source_traits", "works_policy", "works_traits"]
