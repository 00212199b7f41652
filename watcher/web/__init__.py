"""Health and metrics over HTTP, read-only."""
