"""Lumen Internet On-Demand connections, in both dialects."""
