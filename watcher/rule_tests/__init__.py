"""Tests of rules: rules/tests/*.yaml, played on the engine without a vendor or a clock."""
