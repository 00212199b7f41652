"""Incidents: opened, joined, suppressed, notified, remedied and resolved."""
