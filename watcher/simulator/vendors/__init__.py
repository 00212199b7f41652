"""The simulated vendors."""
