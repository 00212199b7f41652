"""What is different between two rulesets, said for whoever has reloaded them. Pure."""

from __future__ import annotations

from watcher import engine


def describe(before: engine.Ruleset, after: engine.Ruleset) -> str:
    """Name the rules that were added, changed and removed, in one sentence."""
    old = {rule.name: rule.digest for rule in before.rules}
    new = {rule.name: rule.digest for rule in after.rules}
    parts = [
        f"{what} {', '.join(sorted(names))}"
        for what, names in (
            ("added", new.keys() - old.keys()),
            ("changed", {name for name in new.keys() & old.keys() if new[name] != old[name]}),
            ("removed, what fires is resolved:", old.keys() - new.keys()),
        )
        if names
    ]
    if parts:
        return "; ".join(parts)
    if before.version != after.version:
        return "no rule changed, but something beside the rules did"
    return "nothing changed"
