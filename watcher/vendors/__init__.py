"""Clients that speak the vendors' wire formats, and nothing else."""
