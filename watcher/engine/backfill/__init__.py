"""Outages learned late, from a vendor's own record."""
