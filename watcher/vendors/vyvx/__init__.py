"""Lumen Vyvx video reservations."""
