"""Planned works: what carriers' notices say about them, and what people say."""
