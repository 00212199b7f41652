"""The journal through rulesets again: what would have been sent, and how two rulesets differ."""
