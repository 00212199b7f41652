"""Watcher."""
