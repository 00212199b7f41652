"""Vendor replies become snapshots; the poller is written once."""
