"""Lumen PX PreOrder: what could be ordered at an address."""
