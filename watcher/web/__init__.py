"""The board, its pages, the JSON API, health and metrics over HTTP, read-only."""
