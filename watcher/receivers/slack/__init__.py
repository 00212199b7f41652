"""Slack: threads for people, and the buttons they press."""
