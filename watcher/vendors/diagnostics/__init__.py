"""Lumen Service Diagnostics and its PDF report."""
