"""Tests of rules: rules/tests/*.yaml, run through the engine without a vendor or a clock."""
